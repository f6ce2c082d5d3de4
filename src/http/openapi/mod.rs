//! `/openapi.json`: what the API is, for programs, made of the table that it is served by.
//!
//! Invariants: nobody is asked who he is; the document is made once; its octets change only with the program, its
//! configuration, and the address it was asked for.

mod document;
mod example;
mod operation;
mod parameters;
mod schemas;

use std::sync::OnceLock;

use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, HeaderValue, IF_NONE_MATCH, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(super) use document::Manner;
pub(super) use operation::{Body, Count, Operation};
pub(super) use parameters::Parameter;
pub(super) use schemas::{
    ActionWord, AnyId, EffectWord, HealthWord, Hosts, RecordTypeWord, StatusWord, StepWord, TaskStatusWord,
    TransferStatusWord, TsigAlgorithmWord, TsigScopeWord, ZoneKindWord,
};

use super::root::not_allowed;
use super::routes::Routes;
use super::{Api, links, root};

/// How long it may be kept without asking again.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");
const DEPENDS_ON: HeaderValue = HeaderValue::from_static(
    "Host, Forwarded, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, X-Forwarded-Prefix",
);

/// The document, once somebody wanted it.
#[derive(Debug, Default)]
pub(super) struct Document {
    whole: OnceLock<Value>,
    /// The octets behind the servers.
    rest: OnceLock<String>,
}

impl Document {
    /// The document of these routes, without servers.
    pub(super) fn get(&self, tables: impl FnOnce() -> Vec<Routes>, manner: Manner) -> &Value {
        self.whole.get_or_init(|| document::document(&tables(), manner))
    }

    fn text(&self, base: &str, tables: impl FnOnce() -> Vec<Routes>, manner: Manner) -> String {
        let rest = self.rest.get_or_init(|| self.get(tables, manner).to_string());
        let servers = json!([{"url": base}]);
        // The document is an object with members.
        format!("{{\"servers\":{servers},{}", rest.strip_prefix('{').unwrap_or(rest))
    }
}

/// Adds the document's own path.
pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/openapi.json", serve)
        .described(Method::GET, || {
            Operation::new("getOpenApi", "This document").answers::<Value>(200).done(304)
        })
        .described(Method::HEAD, || {
            Operation::new("headOpenApi", "Whether this document has changed").done(200).done(304)
        });
}

async fn serve(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return not_allowed("GET, HEAD");
    }
    let base = links::base(&request, &api.settings);
    let text = api.document.text(&base, || root::tables(&api.settings), api.manner());
    let digest: String = Sha256::digest(&text).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = EntityTag::new_strong(digest).to_string();
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let known = known.is_some_and(|known| known.split(',').any(|one| one.trim() == "*" || one.trim() == tag));
    let mut response = match known {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    response
        .insert_header((CACHE_CONTROL, CACHE))
        .insert_header((VARY, DEPENDS_ON))
        .insert_header((ETAG, tag));
    if known {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json"))).body(text)
}
