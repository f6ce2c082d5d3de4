//! What a resource knows of the request it serves.
//!
//! Invariants: made by the pipeline, taken once by the handler; taking it also settles that the client takes what
//! the handler has.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::Api;
use super::accept::{DNS, HTML, JSON, JSON_PATCH, Media, TEXT, accepts};
use super::error::ApiError;
use super::links;
use super::query::Query;
use crate::actors::central::api::Central;
use crate::domain::credentials::Catalogue;
use crate::domain::ids::ProjectId;
use crate::domain::policy::{Decision, Rule, Target};
use crate::remote::http::Token;
use crate::transport::{Cx, Fault, FaultCode, Message, Service};

/// What the pipeline found out, on its way to the handler.
pub(super) struct Prepared {
    pub(super) cx: Cx,
    pub(super) query: Query,
    pub(super) hide_counts: bool,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) token: Option<Token>,
}

/// The request as a handler sees it.
pub(super) struct Ctx {
    /// The deployment's API.
    pub(super) api: web::Data<Api>,
    /// Caller, deadline, ids.
    pub(super) cx: Cx,
    /// The query without the switches.
    pub(super) query: Query,
    /// Lists of recordsets show no count.
    pub(super) hide_counts: bool,
    /// Where the caller finds other services, if his token says so.
    pub(super) catalogue: Arc<Catalogue>,
    /// What he shows to them.
    pub(super) token: Option<Token>,
    /// The start of links.
    pub(super) base: String,
}

impl Ctx {
    /// Asks central.
    pub(super) async fn central<M: Message<To = Central>>(&self, message: M) -> Result<M::Reply, ApiError> {
        Ok(self.api.central.call(&self.cx, message).await.map_err(|fault| self.blame(fault))?)
    }

    /// Refuses whoever is no administrator, before anything is looked up.
    pub(super) fn only_for_admins(&self) -> Result<(), ApiError> {
        let (caller, policy) = (&self.cx.caller, self.api.policy.load());
        match policy.decide(Rule::Admin, caller, &Target::owned_by(caller.project.as_ref())) {
            Decision::Allowed => Ok(()),
            Decision::Forbidden => Err(ApiError::forbidden()),
            // What it is to be done to says what is wrong with it.
            Decision::WrongScope => Ok(()),
        }
    }

    /// Refuses a project that the identity service says there is not.
    pub(super) async fn expect_project(&self, project: &ProjectId) -> Result<(), ApiError> {
        match self.api.auth.may_have_project(self.token.as_ref(), project).await {
            true => Ok(()),
            false => Err(Fault::invalid("invalid_project", "There is no such project").into()),
        }
    }

    /// Where nobody answered because nobody is there, the client may try again: 503 instead of 504.
    fn blame(&self, fault: Fault) -> Fault {
        if fault.code == FaultCode::Timeout && self.api.health.health.is_missing(Central::NAME) {
            let away = Fault::unavailable("unreachable", "central did not answer, and is not there now");
            return Fault { maybe_done: fault.maybe_done, ..away };
        }
        fault
    }

    fn take(request: &HttpRequest, offers: &[Media]) -> Result<Self, ApiError> {
        let prepared = request.extensions_mut().remove::<Prepared>();
        let api = request.app_data::<web::Data<Api>>();
        let (Some(Prepared { cx, query, hide_counts, catalogue, token }), Some(api)) = (prepared, api) else {
            return Err(Fault::internal("unknown", "the request did not pass the pipeline").into());
        };
        if !accepts(request.headers(), offers) {
            return Err(ApiError::NotAcceptable { html: accepts(request.headers(), &[HTML]) });
        }
        Ok(Self {
            base: links::base(request, &api.settings),
            api: api.clone(),
            cx,
            query,
            hide_counts,
            catalogue,
            token,
        })
    }
}

impl FromRequest for Ctx {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let offers: &[_] = if request.method() == Method::PATCH { &[JSON, JSON_PATCH] } else { &[JSON] };
        ready(Self::take(request, offers))
    }
}

/// The request as a handler sees it that has plain text besides JSON.
pub(super) struct AnyCtx(pub(super) Ctx);

impl FromRequest for AnyCtx {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ctx::take(request, &[JSON, TEXT]).map(Self))
    }
}

/// The request as a handler sees it that has a zone file and nothing else.
pub(super) struct DnsCtx(pub(super) Ctx);

impl FromRequest for DnsCtx {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ctx::take(request, &[DNS]).map(Self))
    }
}

/// The request as a handler sees it that changes something in part, although not by PATCH.
pub(super) struct PatchCtx(pub(super) Ctx);

impl FromRequest for PatchCtx {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ctx::take(request, &[JSON, JSON_PATCH]).map(Self))
    }
}
