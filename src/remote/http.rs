//! A client of HTTP/1.1, plain or over TLS.
//!
//! Invariants: a request takes no longer than its time-out, from connecting to the last byte of the answer; redirections
//! are not followed; certificates are always checked, against the system's authorities or the file's; ring is the provider.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Longest answer, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// How long a connection without a request is kept.
const IDLE: Duration = Duration::from_secs(20);
/// How many of them are kept per server.
const KEPT: usize = 8;

/// A client; cheap to clone. Connections live on the runtime of whoever sends.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// A token of a caller, for services that know it; it is never printed.
#[derive(Debug, Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// The token, if it can be sent.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// The header that carries it.
    #[must_use]
    pub fn header(&self) -> (HeaderName, HeaderValue) {
        (HeaderName::from_static("x-auth-token"), self.0.clone())
    }
}

/// What is sent.
#[derive(Debug, Default)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Where to: scheme, host, path, query.
    pub url: String,
    /// Headers; mark secrets as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// JSON, if there is a body.
    pub body: Option<Bytes>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It took too long.
    #[error("no answer within {} ms", limit.as_millis())]
    Timeout {
        /// How long it might have taken.
        limit: Duration,
    },
    /// The connection failed.
    #[error("{reason}")]
    Failed {
        /// How.
        reason: String,
    },
    /// The address is none.
    #[error("not an address of the form http://host:port/path")]
    Address,
}

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the certificates of {file} cannot be used: {reason}")]
pub struct TrustError {
    /// Which file.
    pub file: String,
    /// Why not.
    pub reason: String,
}

impl HttpClient {
    /// A client whose requests take `timeout` at most. It trusts the authorities of the file, or those of the system.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn new(authorities: Option<&Path>, timeout: Duration) -> Result<Self, TrustError> {
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        plain.set_nodelay(true);
        plain.set_connect_timeout(Some(timeout));
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls(authorities)?);
        let connector = tls.https_or_http().enable_http1().wrap_connector(plain);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(KEPT)
            .build(connector);
        Ok(Self { client, timeout })
    }

    /// Sends one request. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// If there is no complete answer in time.
    pub async fn send(&self, ask: Ask) -> Result<Answer, HttpError> {
        let Ask { method, url, headers, body } = ask;
        let url: Uri = url.parse().map_err(|_| HttpError::Address)?;
        let mut request = hyper::Request::new(Full::new(body.clone().unwrap_or_default()));
        *request.method_mut() = method;
        *request.uri_mut() = url;
        request.headers_mut().extend(headers);
        request.headers_mut().insert(hyper::header::ACCEPT, HeaderValue::from_static("application/json"));
        if body.is_some() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
        }
        let exchange = async {
            let (head, body) = self.client.request(request).await.map_err(|e| failed(&e))?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|e| failed(&*e))?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        let limit = self.timeout;
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(HttpError::Timeout { limit }))
    }
}

/// The text as one step of a path or one value in a query (RFC 3986, section 2).
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The error with its causes, which alone say what happened.
fn failed(error: &dyn std::error::Error) -> HttpError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    HttpError::Failed { reason }
}

fn tls(authorities: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let file = authorities.map_or_else(|| String::from("the system"), |path| path.display().to_string());
    let unusable = |reason: String| TrustError { file: file.clone(), reason };
    let mut roots = RootCertStore::empty();
    match authorities {
        // A plain address needs none, so none is no mistake: an encrypted one will then be refused.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        Some(path) => {
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unusable(e.to_string()))? {
                let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
                roots.add(certificate).map_err(|e| unusable(e.to_string()))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| unusable(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn a_text_in_an_address_ends_nowhere_early() {
        assert_eq!(encoded("a-b_c.d~e"), "a-b_c.d~e");
        assert_eq!(encoded("p&all=1#/ü "), "p%26all%3D1%23%2F%C3%BC%20");
    }
}
