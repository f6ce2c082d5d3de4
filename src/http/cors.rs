//! Web pages of other origins (Fetch standard, section 3.2, "CORS protocol"): what their browsers are told.
//!
//! Invariants: nothing is told unless the origin is configured, and a request is answered all the same; a browser that asks
//! beforehand is allowed all it asks for or nothing; to all origins at once nobody's credentials are ever allowed.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::web;

use super::Api;
use crate::config::CorsConfig;

/// What pages may do.
const METHODS: [&str; 6] = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"];
/// What they may send, besides what all pages may.
const HEADERS: [&str; 8] = [
    "x-auth-token",
    "x-auth-sudo-tenant-id",
    "x-auth-sudo-project-id",
    "x-auth-all-projects",
    "x-designate-edit-managed-records",
    "x-designate-hard-delete",
    "x-designate-delete-shares",
    "openstack-dns-hide-counts",
];
/// What all pages may send; of content types only three, so that it is asked for.
const SIMPLE: [&str; 5] = ["accept", "accept-language", "content-language", "content-type", "range"];
/// What they may read, besides what all pages may.
const EXPOSED: &str = "X-OpenStack-Request-ID,Host";

type Told = Vec<(HeaderName, HeaderValue)>;

/// Middleware around everything.
pub(super) async fn run<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let told = match request.app_data::<web::Data<Api>>() {
        Some(api) => tell(&api.settings.cors, request.method(), request.headers()),
        None => None,
    };
    let mut response = next.call(request).await?;
    for (name, value) in told.into_iter().flatten() {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// What a browser is told; `None` if nothing.
fn tell(config: &CorsConfig, method: &Method, headers: &HeaderMap) -> Option<Told> {
    if config.allowed_origin.is_empty() {
        return None;
    }
    let origin = headers.get(ORIGIN)?;
    let is_named = config.allowed_origin.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    let mut told = Told::new();
    if *method == Method::OPTIONS {
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        METHODS.iter().find(|method| method.as_bytes() == wanted.as_bytes())?;
        told.push((ACCESS_CONTROL_ALLOW_METHODS, wanted.clone()));
        if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            let names = wanted.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty());
            let known =
                |name: &str| HEADERS.iter().chain(&SIMPLE).any(|known| known.eq_ignore_ascii_case(name));
            if !names.into_iter().all(known) {
                return None;
            }
            told.push((ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone()));
        }
        told.push((ACCESS_CONTROL_MAX_AGE, HeaderValue::from(config.max_age.as_secs())));
    } else {
        told.push((ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)));
    }
    if is_named {
        told.push((ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        told.push((VARY, HeaderValue::from_static("Origin")));
        if config.allow_credentials {
            told.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
        }
    } else if config.allowed_origin.iter().any(|allowed| allowed == "*") {
        told.push((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")));
    } else {
        return None;
    }
    Some(told)
}
