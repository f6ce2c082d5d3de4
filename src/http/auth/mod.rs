//! Who is calling: proved by a token, or claimed by headers where nobody checks.
//!
//! Invariants: where tokens are asked for, nothing that a client says of itself counts; no failure lets anybody in; a token
//! is passed to whoever knows tokens and is in no log line and no answer.

mod bounded;
mod cache;
mod keystone;
mod revocations;
mod static_tokens;

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::RequestHead;
use actix_web::http::header::{HeaderMap, HeaderValue};
use tokio::runtime::Handle;

pub(super) use self::bounded::Bounded;
use self::cache::{Limits, TokenCache, TokenSource};
pub use self::revocations::RevocationWatch;
use self::static_tokens::StaticTokens;
use super::error::ApiError;
use super::identity;
use crate::actors::central::api::Central;
use crate::clock::Clock;
use crate::config::{AuthConfig, AuthStrategy};
use crate::domain::credentials::{Catalogue, Verified};
use crate::domain::identity::Identity;
use crate::domain::ids::ProjectId;
use crate::remote::http::{Token, TrustError};
use crate::remote::keystone::Keystone;
use crate::transport::{Fault, ServiceRef};

/// How long central may take to look a token up.
const CENTRAL: Duration = Duration::from_secs(5);
/// Questions to central that are under way at once.
const QUESTIONS: usize = 64;
/// Longest time that a token which an operator made counts without being asked about.
const STATIC_TTL: Duration = Duration::from_secs(5);
/// Longest token that is asked about, in bytes.
const MAX_TOKEN: usize = 4096;

/// How callers are known.
#[derive(Debug, Clone)]
pub struct Authentication(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Claims,
    Tokens(Gate),
}

/// What lets in who has a token.
#[derive(Debug, Clone)]
struct Gate {
    cache: TokenCache,
    challenge: HeaderValue,
    service_roles: Arc<[String]>,
    /// What access rules call us.
    service: Arc<str>,
    keystone: Option<Arc<Keystone>>,
    /// Where questions run that are not the cache's.
    runtime: Handle,
}

/// A caller, and what his token opens elsewhere.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    pub(super) catalogue: Arc<Catalogue>,
    /// What he may show to those other services.
    pub(super) token: Option<Token>,
}

impl Authentication {
    /// Whoever says who he is, is it.
    #[must_use]
    pub const fn none() -> Self {
        Self(Kind::Claims)
    }

    /// Callers are known by tokens of Keystone; questions to it run on `runtime`.
    ///
    /// # Errors
    /// If the authorities that its certificate must be from cannot be read.
    pub fn keystone(config: &AuthConfig, clock: Clock, runtime: Handle) -> Result<Self, TrustError> {
        let keystone = Arc::new(Keystone::new(config.keystone.clone(), clock)?);
        let source: Arc<dyn TokenSource> = Arc::clone(&keystone) as _;
        let (questions, patience) = (config.keystone.max_requests, config.keystone.timeout);
        Ok(Self(Kind::Tokens(Gate {
            cache: TokenCache::new(source, limits(config, questions, patience), clock, runtime.clone()),
            challenge: challenge(&config.keystone.challenge()),
            service_roles: config.keystone.service_token_roles.clone().into(),
            service: config.keystone.service_type.as_str().into(),
            keystone: Some(keystone),
            runtime,
        })))
    }

    /// Callers are known by tokens that operators made; questions to central run on `runtime`.
    #[must_use]
    pub fn tokens(config: &AuthConfig, central: ServiceRef<Central>, clock: Clock, runtime: Handle) -> Self {
        let source: Arc<dyn TokenSource> = Arc::new(StaticTokens { central, patience: CENTRAL });
        let limits = limits(config, QUESTIONS, CENTRAL);
        // Asking costs little here, and nobody tells when a token is revoked.
        let limits = Limits { ttl: limits.ttl.min(STATIC_TTL), ..limits };
        Self(Kind::Tokens(Gate {
            cache: TokenCache::new(source, limits, clock, runtime.clone()),
            challenge: HeaderValue::from_static("X-Auth-Token realm=\"ordain\""),
            service_roles: Arc::default(),
            service: Arc::default(),
            keystone: None,
            runtime,
        }))
    }

    /// What is to be done beside, so that revoked tokens are forgotten soon; none if nothing is.
    #[must_use]
    pub fn revocations(&self, config: &AuthConfig, clock: Clock) -> Option<RevocationWatch> {
        let Kind::Tokens(Gate { cache, keystone: Some(keystone), .. }) = &self.0 else { return None };
        let interval = config.keystone.revocation_interval;
        let wanted = config.strategy == AuthStrategy::Keystone && !interval.is_zero();
        wanted.then(|| RevocationWatch::new(Arc::clone(keystone), cache.clone(), interval, clock))
    }

    /// True if callers prove who they are.
    pub(super) const fn is_by_token(&self) -> bool {
        matches!(self.0, Kind::Tokens(_))
    }

    /// False if the identity service says that there is no such project. Where it may not tell the caller, or nobody can be
    /// asked, there may be one.
    pub(super) async fn may_have_project(&self, token: Option<&Token>, project: &ProjectId) -> bool {
        let Kind::Tokens(Gate { keystone: Some(keystone), runtime, .. }) = &self.0 else { return true };
        let (Some(token), false) = (token.cloned(), project.as_str().is_empty()) else { return true };
        let (keystone, project) = (Arc::clone(keystone), project.clone());
        let asking = runtime.spawn(async move { keystone.may_have_project(&token, &project).await });
        match asking.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::warn!(%error, "nobody says whether there is such a project");
                true
            }
            Err(_) => true,
        }
    }

    /// The caller of a request.
    pub(super) async fn caller(&self, request: &RequestHead) -> Result<Caller, ApiError> {
        match &self.0 {
            Kind::Claims => Ok(Caller {
                identity: identity::claimed(request.headers()),
                catalogue: Arc::default(),
                token: None,
            }),
            Kind::Tokens(gate) => gate.caller(request).await,
        }
    }
}

impl Gate {
    async fn caller(&self, request: &RequestHead) -> Result<Caller, ApiError> {
        let headers = request.headers();
        let brought_by_service = match headers.contains_key("x-service-token") {
            true => {
                let service = self.verified(headers, "x-service-token", false).await?;
                let known = self.service_roles.iter().any(|role| service.identity.has_role(role));
                if !known {
                    return Err(self.stranger());
                }
                true
            }
            false => false,
        };
        let verified = self.verified(headers, "x-auth-token", brought_by_service).await?;
        let (method, path) = (request.method.as_str(), request.uri.path());
        if !verified.covers(&self.service, method, path, brought_by_service) {
            return Err(self.stranger());
        }
        // Only Keystone's tokens mean anything to others, and ours are nobody else's business.
        let token = headers.get("x-auth-token").filter(|_| self.keystone.is_some());
        let token = token.and_then(|token| Token::new(token.to_str().ok()?.trim()));
        let (identity, catalogue) = (verified.identity.clone(), Arc::clone(&verified.catalogue));
        Ok(Caller { identity, catalogue, token })
    }

    async fn verified(
        &self,
        headers: &HeaderMap,
        name: &str,
        even_expired: bool,
    ) -> Result<Arc<Verified>, ApiError> {
        let mut tokens = headers.get_all(name);
        let (Some(token), None) = (tokens.next(), tokens.next()) else { return Err(self.stranger()) };
        let readable = token.to_str().ok().map(str::trim);
        let plausible = readable.filter(|token| {
            (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
        });
        let Some(token) = plausible else { return Err(self.stranger()) };
        match self.cache.look_up(token, even_expired).await {
            Ok(Some(verified)) => Ok(verified),
            Ok(None) => Err(self.stranger()),
            Err(cache::NobodyKnows) => Err(ApiError::from(Fault::unavailable(
                "identity_unavailable",
                "The identity service cannot be asked about the token now",
            ))),
        }
    }

    fn stranger(&self) -> ApiError {
        ApiError::Unauthorized(self.challenge.clone())
    }
}

const fn limits(config: &AuthConfig, questions: usize, patience: Duration) -> Limits {
    Limits {
        ttl: config.cache_ttl,
        negative_ttl: config.cache_negative_ttl,
        grace: config.outage_grace,
        capacity: config.cache_capacity,
        questions,
        patience,
    }
}

/// The configuration has checked that it is text.
fn challenge(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Keystone"))
}

#[cfg(test)]
mod tests;
