//! Request bodies: read within limits, and JSON objects in the order they were written.
//!
//! Invariants: never more than the configured bytes are held; a client that sends too slowly is dropped; whatever
//! arrives ends in an object or in a typed error.

use std::fmt;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::Api;
use super::error::ApiError;
use crate::transport::{Fault, FaultCode};

/// A JSON object, its members in the client's order. Two may have one name: who sets fields in order lets the later
/// count.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Object {
    members: Vec<(String, Value)>,
}

impl Object {
    /// Reads a body that must hold one object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(Fault::new(FaultCode::Invalid, "empty_request_body").into());
        }
        match serde_json::from_slice::<Parsed>(body) {
            Ok(Parsed::Object(object)) => Ok(object),
            Ok(Parsed::Null) => Err(Fault::new(FaultCode::Invalid, "empty_request_body").into()),
            Ok(Parsed::Other) => Err(ApiError::invalid_object("Provided object is not a JSON object")),
            Err(error) => Err(Fault::invalid("invalid_json", error.to_string()).into()),
        }
    }

    /// An object that is a member of another.
    pub(super) fn of(members: &serde_json::Map<String, Value>) -> Self {
        Self { members: members.iter().map(|(name, value)| (name.clone(), value.clone())).collect() }
    }

    /// The members in order.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }
}

enum Parsed {
    Object(Object),
    Null,
    Other,
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parsed, A::Error> {
        let mut members: Vec<(String, Value)> = Vec::with_capacity(8);
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Parsed::Object(Object { members }))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Parsed, A::Error> {
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Parsed::Other)
    }

    fn visit_unit<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Parsed, E> {
        Ok(Parsed::Other)
    }
}

impl FromRequest for Object {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (payload, request) = (payload.take(), request.clone());
        Box::pin(async move {
            check_content_type(request.method(), request.headers())?;
            Self::parse(&received(&request, payload).await?)
        })
    }
}

/// An object that need not be given: a body that is empty or null is none.
#[derive(Debug)]
pub(super) struct MaybeObject(pub(super) Object);

impl FromRequest for MaybeObject {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (payload, request) = (payload.take(), request.clone());
        Box::pin(async move {
            check_content_type(request.method(), request.headers())?;
            let body = received(&request, payload).await?;
            match body.trim_ascii() {
                b"" | b"null" => Ok(Self(Object::default())),
                body => Object::parse(body).map(Self),
            }
        })
    }
}

/// A body as it came, and of which type the client says it is.
#[derive(Debug)]
pub(super) struct Raw {
    /// The media type in small letters, without parameters.
    pub(super) media: String,
    /// The octets.
    pub(super) body: Bytes,
}

impl FromRequest for Raw {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (payload, request) = (payload.take(), request.clone());
        Box::pin(async move {
            let media = media(request.headers()).to_ascii_lowercase();
            Ok(Self { media, body: received(&request, payload).await? })
        })
    }
}

/// The body, if it is not too long and does not take too long.
async fn received(request: &HttpRequest, payload: Payload) -> Result<Bytes, ApiError> {
    let Some(api) = request.app_data::<web::Data<Api>>() else {
        return Err(Fault::internal("unknown", "no application state").into());
    };
    let read = read(payload, api.settings.most_body(request.path()));
    match tokio::time::timeout(api.settings.client_timeout, read).await {
        Ok(body) => body,
        Err(_) => Err(Fault::new(FaultCode::Other(408), "request_timeout").into()),
    }
}

fn media(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// A type of body that is not read here.
pub(super) fn unsupported(media: &str) -> ApiError {
    let message = format!("Content-type {media} is not supported here");
    Fault::new(FaultCode::Other(415), "unsupported_content_type").with_message(message).into()
}

/// JSON, or a JSON patch; the latter is refused where it would mean one.
fn check_content_type(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let media = media(headers);
    let patch = media.eq_ignore_ascii_case("application/json-patch+json");
    if media.eq_ignore_ascii_case("application/json") || (patch && method != Method::PATCH) {
        return Ok(());
    }
    Err(unsupported(media))
}

async fn read(mut payload: Payload, most: usize) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| ApiError::bad_request(format!("body not received: {error}")))?;
        if body.len() + chunk.len() > most {
            return Err(ApiError::BodyTooLarge);
        }
        if body.is_empty() {
            body = BytesMut::from(chunk);
        } else {
            body.extend_from_slice(&chunk);
        }
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(body: &[u8]) -> String {
        match Object::parse(body).unwrap_err() {
            ApiError::Fault(fault) => fault.kind.into_owned(),
            other => other.to_string(),
        }
    }

    #[test]
    fn an_object_keeps_the_order_of_its_members() {
        let object = Object::parse(br#" {"z": 1, "a": {"y": null}, "z": [2]} "#).unwrap();
        let members: Vec<_> = object.members().map(|(name, value)| (name, value.clone())).collect();
        assert_eq!(members, [("z", json!(1)), ("a", json!({"y": null})), ("z", json!([2]))]);
    }

    #[test]
    fn everything_else_is_a_typed_error() {
        for body in ["", " \n", "null"] {
            assert_eq!(kind(body.as_bytes()), "empty_request_body", "{body}");
        }
        for body in ["[]", "[{\"name\": 1}, []]", "1", "-1", "1.5", "true", "\"x\""] {
            assert_eq!(kind(body.as_bytes()), "invalid_object", "{body}");
        }
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
        for body in
            ["{", "{\"a\"}", "nul", "{} {}", "{'a': 1}", "[1, 2", "{\"a\": NaN}", "{\"a\": 1e999}", &deep]
        {
            assert_eq!(kind(body.as_bytes()), "invalid_json", "{body}");
        }
        assert_eq!(kind(b"{\"a\": \"\xff\"}"), "invalid_json");
        assert_eq!(kind(b"\xff\xfe"), "invalid_json");
        assert_eq!(kind(br#"{"a": "\ud800"}"#), "invalid_json");
    }
}
