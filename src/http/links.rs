//! The start of every link: scheme and host of the request, of the proxy in front of us, or as configured.
//!
//! Invariants: never ends with `/`; what a client sends is used only where it reads as a host, a scheme or a path.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap};
use actix_web::http::uri::Authority;

use super::settings::ApiSettings;

/// The base of a request's links, such as `http://dns.example:9001` or `https://cloud.example/dns`.
pub(super) fn base(request: &HttpRequest, settings: &ApiSettings) -> String {
    let forwarded =
        if settings.enable_proxy_headers { Forwarded::read(request.headers()) } else { Forwarded::default() };
    let prefix = forwarded.prefix.unwrap_or_default();
    if !settings.enable_host_header {
        return format!("{}{prefix}", settings.base_uri);
    }
    match forwarded.host.or_else(|| own_host(request)) {
        Some(host) => format!("{}://{host}{prefix}", forwarded.scheme.unwrap_or_else(|| own_scheme(request))),
        None => format!("{}{prefix}", settings.base_uri),
    }
}

/// The base for redirects, which always follow the request's host.
pub(super) fn redirect_base(request: &HttpRequest, settings: &ApiSettings) -> String {
    if settings.enable_host_header {
        return base(request, settings);
    }
    let by_host = ApiSettings { enable_host_header: true, ..settings.clone() };
    base(request, &by_host)
}

fn own_scheme(request: &HttpRequest) -> &'static str {
    if request.app_config().secure() { "https" } else { "http" }
}

fn own_host(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    header.or_else(|| request.uri().authority().map(Authority::as_str)).filter(|h| is_host(h))
}

/// What a proxy says about the request it was sent.
#[derive(Debug, Default)]
struct Forwarded<'a> {
    scheme: Option<&'static str>,
    host: Option<&'a str>,
    prefix: Option<&'a str>,
}

impl<'a> Forwarded<'a> {
    /// `Forwarded` (RFC 7239, its first element) wins over the `X-Forwarded-…` headers.
    fn read(headers: &'a HeaderMap) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(first);
        let mut found = match header("forwarded") {
            Some(element) => Self::read_element(element),
            None => Self {
                scheme: header("x-forwarded-proto").and_then(scheme),
                host: header("x-forwarded-host").filter(|host| is_host(host)),
                prefix: None,
            },
        };
        found.prefix = header("x-forwarded-prefix").and_then(prefix);
        found
    }

    fn read_element(element: &'a str) -> Self {
        let mut found = Self::default();
        for pair in element.split(';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "proto" => found.scheme = scheme(value),
                "host" => found.host = Some(value).filter(|host| is_host(host)),
                _ => {}
            }
        }
        found
    }
}

fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| scheme.eq_ignore_ascii_case(text))
}

/// A path below which this service is seen, without a slash at its end.
fn prefix(text: &str) -> Option<&str> {
    let text = text.trim_end_matches('/');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~');
    Some(text).filter(|text| text.starts_with('/') && text.bytes().all(plain))
}

fn is_host(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn settings() -> ApiSettings {
        ApiSettings { base_uri: "http://127.0.0.1:9001".into(), ..ApiSettings::default() }
    }

    fn with(headers: &[(&'static str, &'static str)], settings: &ApiSettings) -> String {
        let request =
            headers.iter().fold(TestRequest::get(), |request, header| request.insert_header(*header));
        base(&request.to_http_request(), settings)
    }

    #[test]
    fn the_host_header_makes_the_base() {
        assert_eq!(with(&[("Host", "dns.example:8080")], &settings()), "http://dns.example:8080");
        assert_eq!(with(&[("Host", "[::1]:9001")], &settings()), "http://[::1]:9001");
        let bad = with(&[("Host", "evil/<script>")], &settings());
        assert!(!bad.contains('<'), "{bad}");
    }

    #[test]
    fn the_configured_base_is_used_when_the_header_is_not() {
        let fixed = ApiSettings { enable_host_header: false, ..settings() };
        assert_eq!(with(&[("Host", "dns.example")], &fixed), "http://127.0.0.1:9001");
        let request = TestRequest::get().insert_header(("Host", "dns.example")).to_http_request();
        assert_eq!(redirect_base(&request, &fixed), "http://dns.example");
    }

    #[test]
    fn proxy_headers_count_only_when_enabled() {
        let headers = [
            ("Host", "inner"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "cloud.example, other"),
            ("X-Forwarded-Prefix", "/dns/"),
        ];
        assert_eq!(with(&headers, &settings()), "http://inner");
        let proxied = ApiSettings { enable_proxy_headers: true, ..settings() };
        assert_eq!(with(&headers, &proxied), "https://cloud.example/dns");
        let forwarded = [
            ("Host", "inner"),
            ("Forwarded", "for=1.2.3.4;proto=https;host=\"a.example\", host=b"),
            ("X-Forwarded-Host", "c"),
        ];
        assert_eq!(with(&forwarded, &proxied), "https://a.example");
    }
}
