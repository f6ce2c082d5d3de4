//! Keystone v3: which tokens are good.
//!
//! We ask with a token of our own service user, which is got with its password and got again before it ends or when it is
//! refused. Invariants: only an answer 200 that is fully understood makes a token good, only 404 and 400 make it bad;
//! everything else is "nobody knows". Tokens and passwords are sent to Keystone alone and are in no error and no log line.

mod token;

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::http::{Answer, Ask, HttpClient, HttpError, Token, TrustError, encoded};
use crate::clock::Clock;
use crate::config::KeystoneConfig;
use crate::domain::credentials::{Revocation, Verified};
use crate::domain::ids::ProjectId;
use crate::domain::time::Timestamp;

const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// Says that we know what access rules are: Keystone calls tokens with some no good for others.
const ACCESS_RULES: HeaderName = HeaderName::from_static("openstack-identity-access-rules");
const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");
/// Our token is renewed this long before it ends.
const MARGIN: Duration = Duration::from_secs(60);
/// The pause after a login of ours failed: a wrong password does not lock the account at once, and of many who wait for a
/// Keystone that hangs only one waits for long.
const PAUSE: Duration = Duration::from_secs(2);

/// Nobody knows whether a token is good.
#[derive(Debug, thiserror::Error)]
pub enum KeystoneError {
    /// Keystone does not answer.
    #[error("keystone does not answer: {0}")]
    Silent(#[from] HttpError),
    /// Keystone answers something else than it should.
    #[error("keystone answers {status} to {asked}")]
    Unexpected {
        /// The status.
        status: u16,
        /// The question.
        asked: &'static str,
    },
    /// Keystone does not take our own user.
    #[error("keystone does not take the service user ({status})")]
    Stranger {
        /// The status.
        status: u16,
    },
    /// Our login failed a moment ago, and is not tried again yet.
    #[error("the login of the service user failed just now")]
    Paused,
    /// An answer is not understood.
    #[error("keystone's answer to {asked} is not understood")]
    Unreadable {
        /// The question.
        asked: &'static str,
    },
}

/// A client of one Keystone.
#[derive(Debug)]
pub struct Keystone {
    http: HttpClient,
    clock: Clock,
    config: KeystoneConfig,
    base: String,
    own: Mutex<Own>,
}

/// Our own token.
#[derive(Debug, Default)]
struct Own {
    token: Option<OwnToken>,
    failed: Option<Instant>,
}

#[derive(Clone)]
struct OwnToken {
    header: HeaderValue,
    ends: Timestamp,
}

impl std::fmt::Debug for OwnToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnToken").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Keystone {
    /// A client as configured. Keystone need not be there yet.
    ///
    /// # Errors
    /// If the file of authorities cannot be used.
    pub fn new(config: KeystoneConfig, clock: Clock) -> Result<Self, TrustError> {
        let http = HttpClient::new(config.ca_file.as_deref(), config.timeout)?;
        let base = config.base();
        Ok(Self { http, clock, config, base, own: Mutex::default() })
    }

    /// What Keystone says of a token; `None` if it is not good. One that has ended is described only if `even_expired`,
    /// and as long as Keystone itself allows that.
    ///
    /// # Errors
    /// If nobody knows.
    pub async fn validate(&self, token: &str, even_expired: bool) -> Result<Option<Verified>, KeystoneError> {
        const ASKED: &str = "the question about a token";
        let Ok(mut subject) = HeaderValue::from_str(token) else { return Ok(None) };
        subject.set_sensitive(true);
        let query = if even_expired { "?allow_expired=1" } else { "" };
        let path = format!("/auth/tokens{query}");
        let answer = self
            .ask_as_ourselves(
                &path,
                &[(SUBJECT_TOKEN, subject), (ACCESS_RULES, HeaderValue::from_static("1"))],
            )
            .await?;
        match answer.status {
            StatusCode::OK => match token::parse(&answer.body) {
                Some(verified) => Ok(Some(verified)),
                None => Err(KeystoneError::Unreadable { asked: ASKED }),
            },
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Ok(None),
            status => Err(KeystoneError::Unexpected { status: status.as_u16(), asked: ASKED }),
        }
    }

    /// What was revoked at or after a time.
    ///
    /// # Errors
    /// If nobody knows.
    pub async fn revoked_since(&self, since: Timestamp) -> Result<Vec<Revocation>, KeystoneError> {
        const ASKED: &str = "the question what was revoked";
        let since = jiff::Timestamp::from_second(since.seconds()).unwrap_or_default();
        let path = format!("/OS-REVOKE/events?since={}", since.strftime("%Y-%m-%dT%H:%M:%S.000000Z"));
        let answer = self.ask_as_ourselves(&path, &[]).await?;
        match answer.status {
            StatusCode::OK => {
                token::revocations(&answer.body).ok_or(KeystoneError::Unreadable { asked: ASKED })
            }
            status => Err(KeystoneError::Unexpected { status: status.as_u16(), asked: ASKED }),
        }
    }

    /// Whether there is such a project, as far as the holder of this token is told: what he may not see may be there.
    ///
    /// # Errors
    /// If Keystone does not answer.
    pub async fn may_have_project(&self, token: &Token, project: &ProjectId) -> Result<bool, KeystoneError> {
        let url = format!("{}/projects/{}", self.base, encoded(project.as_str()));
        let answer = self.http.send(Ask { url, headers: vec![token.header()], ..Ask::default() }).await?;
        Ok(answer.status != StatusCode::NOT_FOUND)
    }

    /// Asks with our own token; with a new one, once, if that is refused.
    async fn ask_as_ourselves(
        &self,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Answer, KeystoneError> {
        let mut refused = None;
        loop {
            let own = self.own_token(refused.as_ref()).await?;
            let mut all = headers.to_vec();
            all.push((AUTH_TOKEN, own.clone()));
            let url = format!("{}{path}", self.base);
            let answer = self.http.send(Ask { url, headers: all, ..Ask::default() }).await?;
            match (answer.status, &refused) {
                (StatusCode::UNAUTHORIZED, None) => refused = Some(own),
                (status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), _) => {
                    return Err(KeystoneError::Stranger { status: status.as_u16() });
                }
                _ => return Ok(answer),
            }
        }
    }

    /// A token of our own that is not the one refused; whoever needs a new one first gets it for all.
    async fn own_token(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, KeystoneError> {
        let mut own = self.own.lock().await;
        if let Some(OwnToken { header, ends }) = &own.token {
            let lasts = *ends > self.clock.now().plus(MARGIN);
            if lasts && refused != Some(header) {
                return Ok(header.clone());
            }
        }
        own.token = None;
        if own.failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(KeystoneError::Paused);
        }
        match self.log_in().await {
            Ok(token) => {
                *own = Own { token: Some(token.clone()), failed: None };
                Ok(token.header)
            }
            Err(error) => {
                own.failed = Some(Instant::now());
                Err(error)
            }
        }
    }

    async fn log_in(&self) -> Result<OwnToken, KeystoneError> {
        const ASKED: &str = "our login";
        let config = &self.config;
        let domain = |name: &str| json!({ "name": name });
        let user = json!({
            "name": config.username, "domain": domain(&config.user_domain_name), "password": config.password.secret(),
        });
        let project = json!({ "name": config.project_name, "domain": domain(&config.project_domain_name) });
        let body = json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": user } },
            "scope": { "project": project },
        }});
        let url = format!("{}/auth/tokens", self.base);
        let body = Some(body.to_string().into());
        let answer = self.http.send(Ask { method: Method::POST, url, headers: Vec::new(), body }).await?;
        match answer.status {
            StatusCode::CREATED => {
                let unreadable = || KeystoneError::Unreadable { asked: ASKED };
                let mut header = answer.headers.get(SUBJECT_TOKEN).cloned().ok_or_else(unreadable)?;
                header.set_sensitive(true);
                let ends =
                    token::parse(&answer.body).and_then(|own| own.expires_at).ok_or_else(unreadable)?;
                Ok(OwnToken { header, ends })
            }
            status if status.is_client_error() => Err(KeystoneError::Stranger { status: status.as_u16() }),
            status => Err(KeystoneError::Unexpected { status: status.as_u16(), asked: ASKED }),
        }
    }
}
