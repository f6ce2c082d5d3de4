//! From a failure to the response that clients know.
//!
//! Invariants: one function decides what every failure looks like; nothing of an unexpected failure is told to the
//! client but its request id; a structured validation has `errors` and then no `message`.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::domain::ids::RequestId;
use crate::domain::violation::{PathElement, ValidatorValue, Violation};
use crate::transport::{Fault, FaultCode};

/// Seconds after which a client may try again when a part of the service is not there or has too much to do.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("1");
/// The same during maintenance.
const RETRY_LATER: HeaderValue = HeaderValue::from_static("60");
/// Types of status 500 that clients know; any other failure of ours is `unknown`.
const KNOWN_INTERNAL: [&str; 6] = [
    "no_servers_configured",
    "no_filters_configured",
    "multiple_pools_found",
    "no_pool_targets_configured",
    "configuration_error",
    "quota_resource_unknown",
];

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(super) enum ApiError {
    /// Anything with a code and a type.
    Fault(Fault),
    /// The client takes nothing that we have; true if it would read a page.
    NotAcceptable { html: bool },
    /// The body is over the limit.
    BodyTooLarge,
    /// No token, or none that is good; what the client is told about getting one.
    Unauthorized(HeaderValue),
    /// A rule says no to a switch of a caller with a token.
    SwitchRefused,
    /// The project has made too many; after so many seconds it may try again.
    TooMany(u64),
    /// Only the maintenance role is served now.
    Maintenance,
}

impl ApiError {
    /// The path leads nowhere.
    pub(super) fn no_such_path() -> Self {
        Fault::not_found("not_found", "resource not found").into()
    }

    /// The path is known, the method is not one of its own.
    pub(super) fn method_not_allowed() -> Self {
        Fault::new(FaultCode::Other(405), "method_not_allowed").into()
    }

    /// A rule says no.
    pub(super) fn forbidden() -> Self {
        Fault::new(FaultCode::Forbidden, "forbidden").into()
    }

    /// Malformed without a type of its own.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Fault::invalid("bad_request", message).into()
    }

    /// The body has not the shape of its resource.
    pub(super) fn invalid_object(message: impl Into<String>) -> Self {
        Fault::invalid("invalid_object", message).into()
    }

    /// True if the failure is of this type.
    pub(super) fn is(&self, kind: &str) -> bool {
        matches!(self, Self::Fault(fault) if fault.kind == kind)
    }

    /// The response, with the id of its request.
    pub(super) fn respond(&self, request: Option<RequestId>) -> HttpResponse {
        match self {
            Self::Fault(fault) => respond_fault(fault, request),
            Self::NotAcceptable { html: true } => HttpResponse::NotAcceptable()
                .content_type("text/html; charset=UTF-8")
                .body("<!DOCTYPE html><title>Not Acceptable</title><h1>406 Not Acceptable</h1>"),
            Self::NotAcceptable { html: false } => HttpResponse::NotAcceptable()
                .content_type("text/plain; charset=UTF-8")
                .body("406 Not Acceptable"),
            Self::BodyTooLarge => HttpResponse::PayloadTooLarge()
                .content_type("text/plain; charset=UTF-8")
                .body("Request body is too large."),
            Self::Unauthorized(challenge) => {
                let error = Stranger {
                    code: 401,
                    title: "Unauthorized",
                    message: "The request you have made requires authentication.",
                };
                let mut response = HttpResponse::Unauthorized();
                response.insert_header((WWW_AUTHENTICATE, challenge.clone()));
                json(&mut response, &StrangerBody { error })
            }
            Self::TooMany(seconds) => {
                let fault = Fault::new(FaultCode::Other(429), "too_many_requests");
                let mut response = respond_fault(&fault, request);
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
                response
            }
            Self::SwitchRefused => {
                HttpResponse::Forbidden().content_type("text/html; charset=UTF-8").finish()
            }
            Self::Maintenance => {
                HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, RETRY_LATER)).finish()
            }
        }
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::NotAcceptable { .. } => f.write_str("not acceptable"),
            Self::BodyTooLarge => f.write_str("body too large"),
            Self::Unauthorized(_) => f.write_str("unauthorized"),
            Self::TooMany(_) => f.write_str("too many requests"),
            Self::SwitchRefused => f.write_str("a switch is refused"),
            Self::Maintenance => f.write_str("maintenance"),
        }
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Fault(fault) => status(fault.code),
            Self::NotAcceptable { .. } => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::SwitchRefused => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Maintenance => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A place holder: the pipeline renders the error once it is back there, where the request id is known.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

fn status(code: FaultCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn respond_fault(fault: &Fault, request: Option<RequestId>) -> HttpResponse {
    let status = status(fault.code);
    let unexpected =
        status == StatusCode::INTERNAL_SERVER_ERROR && !KNOWN_INTERNAL.contains(&fault.kind.as_ref());
    if status.is_server_error() {
        let request = request.map(tracing::field::display);
        tracing::error!(request, code = ?fault.code, kind = %fault.kind, message = fault.message, "request failed");
    }
    let body = ErrorBody {
        code: status.as_u16(),
        kind: if unexpected { "unknown" } else { &fault.kind },
        message: fault.message.as_deref().filter(|_| !unexpected && fault.details.is_empty()),
        errors: (!fault.details.is_empty()).then_some(Errors { errors: Findings(&fault.details) }),
        request_id: request.map(Printed),
    };
    let mut response = HttpResponse::build(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, RETRY_SOON));
    }
    json(&mut response, &body)
}

/// Completes a response with a JSON body.
pub(super) fn json<T: Serialize + ?Sized>(
    response: &mut actix_web::HttpResponseBuilder,
    body: &T,
) -> HttpResponse {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json"))).body(bytes)
        }
        Err(error) => {
            tracing::error!(%error, "response not encoded");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// What identity services say to strangers, and clients know.
#[derive(Serialize)]
struct StrangerBody {
    error: Stranger,
}

#[derive(Serialize)]
struct Stranger {
    code: u16,
    title: &'static str,
    message: &'static str,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: u16,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Errors<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Printed<RequestId>>,
}

/// An object that holds the list: clients know it so.
#[derive(Serialize)]
struct Errors<'a> {
    errors: Findings<'a>,
}

struct Findings<'a>(&'a [Violation]);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for violation in self.0 {
            list.serialize_element(&Finding {
                path: Path(&violation.path),
                message: &violation.message,
                validator: &violation.validator,
                validator_value: match &violation.validator_value {
                    ValidatorValue::Text(text) => Wanted::One(text),
                    ValidatorValue::List(list) => Wanted::Many(list),
                },
            })?;
        }
        list.end()
    }
}

#[derive(Serialize)]
struct Finding<'a> {
    path: Path<'a>,
    message: &'a str,
    validator: &'a str,
    validator_value: Wanted<'a>,
}

struct Path<'a>(&'a [PathElement]);

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for element in self.0 {
            match element {
                PathElement::Name(name) => list.serialize_element(name)?,
                PathElement::Index(index) => list.serialize_element(index)?,
            }
        }
        list.end()
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Wanted<'a> {
    One(&'a str),
    Many(&'a [Option<String>]),
}

/// A value that goes into JSON as it prints.
pub(super) struct Printed<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Printed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use serde_json::{Value, json};

    use super::*;

    async fn rendered(error: impl Into<ApiError>) -> (u16, Option<String>, Value) {
        let response = error.into().respond(None);
        let status = response.status().as_u16();
        let retry = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let bytes = to_bytes(response.into_body()).await.unwrap();
        (status, retry, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    #[actix_web::test]
    async fn a_fault_keeps_its_type_and_message() {
        let (status, retry, body) = rendered(Fault::not_found("zone_not_found", "Could not find Zone")).await;
        assert_eq!((status, retry), (404, None));
        assert_eq!(body, json!({"code": 404, "type": "zone_not_found", "message": "Could not find Zone"}));
        let (_, _, body) = rendered(ApiError::forbidden()).await;
        assert_eq!(body, json!({"code": 403, "type": "forbidden"}));
        let request = RequestId::random();
        let response = ApiError::method_not_allowed().respond(Some(request));
        let bytes = to_bytes(response.into_body()).await.unwrap();
        let text = format!(r#"{{"code":405,"type":"method_not_allowed","request_id":"{request}"}}"#);
        assert_eq!(bytes, text);
    }

    #[actix_web::test]
    async fn an_unexpected_failure_tells_nothing() {
        for fault in [Fault::internal("store", "table zones is gone"), Fault::unknown_schema("get_zone", 9)] {
            assert_eq!(rendered(fault).await, (500, None, json!({"code": 500, "type": "unknown"})));
        }
        let (status, _, body) = rendered(Fault::internal("no_servers_configured", "none")).await;
        assert_eq!((status, &body["type"]), (500, &json!("no_servers_configured")));
    }

    #[actix_web::test]
    async fn what_may_work_later_says_so() {
        for fault in
            [Fault::overloaded("central"), Fault::unreachable("central"), Fault::unavailable("x", "y")]
        {
            let (status, retry, _) = rendered(fault).await;
            assert_eq!((status, retry.as_deref()), (503, Some("1")));
        }
        let (status, _, body) = rendered(Fault::timeout()).await;
        assert_eq!((status, &body["type"]), (504, &json!("timeout")));
    }

    #[actix_web::test]
    async fn findings_are_an_object_with_a_list() {
        let finding = |index, wanted| Violation {
            path: vec![PathElement::Name("records".into()), PathElement::Index(index)],
            message: "'x' is not a 'A' Record".into(),
            validator: "format".into(),
            validator_value: wanted,
        };
        let (status, _, body) = rendered(Fault::violations(vec![
            finding(2, ValidatorValue::List(vec![Some("A".into()), None])),
            finding(3, ValidatorValue::Text("email".into())),
        ]))
        .await;
        assert_eq!(status, 400);
        assert_eq!(
            body,
            json!({"code": 400, "type": "invalid_object", "errors": {"errors": [
                {"path": ["records", 2], "message": "'x' is not a 'A' Record", "validator": "format",
                 "validator_value": ["A", null]},
                {"path": ["records", 3], "message": "'x' is not a 'A' Record", "validator": "format",
                 "validator_value": "email"},
            ]}})
        );
    }
}
