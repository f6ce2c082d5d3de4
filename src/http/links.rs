//! The start of every link: scheme and host of the request, of the proxy in front of us, or as configured.
//!
//! Invariants: never ends with `/`; what a client sends is used only where it reads as a host, a scheme or a path.

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;

use super::forwarded::{Origin, is_host};
use super::settings::ApiSettings;

/// The base of a request's links, such as `http://dns.example:9001` or `https://cloud.example/dns`.
pub(super) fn base(request: &HttpRequest, settings: &ApiSettings) -> String {
    let origin = Origin::of(request.headers(), request.peer_addr(), &settings.trusted_proxies);
    let prefix = origin.prefix.unwrap_or_default();
    if !settings.enable_host_header {
        return format!("{}{prefix}", settings.base_uri);
    }
    let scheme = origin.scheme.unwrap_or_else(|| own_scheme(request));
    let host = origin.host.or_else(|| own_host(request));
    match (host, origin.port.filter(|port| *port != default_port(scheme))) {
        (Some(host), Some(port)) if !has_port(host) => format!("{scheme}://{host}:{port}{prefix}"),
        (Some(host), _) => format!("{scheme}://{host}{prefix}"),
        (None, _) => format!("{}{prefix}", settings.base_uri),
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// True if a port follows the name or the address in brackets.
fn has_port(host: &str) -> bool {
    host.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
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
    header.or_else(|| request.uri().authority().map(Authority::as_str)).filter(|host| is_host(host))
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

    fn behind(headers: &[(&'static str, &'static str)], peer: &str) -> String {
        let request =
            headers.iter().fold(TestRequest::get(), |request, header| request.insert_header(*header));
        let request = request.peer_addr(peer.parse().unwrap()).to_http_request();
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        base(&request, &ApiSettings { trusted_proxies, ..settings() })
    }

    #[test]
    fn proxy_headers_count_only_from_a_trusted_proxy() {
        let headers = [
            ("Host", "inner"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "cloud.example"),
            ("X-Forwarded-Prefix", "/dns/"),
        ];
        assert_eq!(with(&headers, &settings()), "http://inner");
        assert_eq!(behind(&headers, "10.1.2.3:4711"), "https://cloud.example/dns");
        assert_eq!(behind(&headers, "[2001:db8::7]:4711"), "https://cloud.example/dns");
        assert_eq!(behind(&headers, "[::ffff:10.1.2.3]:4711"), "https://cloud.example/dns");
        for stranger in ["192.0.2.1:4711", "[2001:db9::7]:4711", "[::1]:4711", "11.0.0.1:1"] {
            assert_eq!(behind(&headers, stranger), "http://inner");
        }
    }

    #[test]
    fn a_port_is_shown_if_it_says_something() {
        let port = |proto, host, port| {
            let headers =
                [("X-Forwarded-Proto", proto), ("X-Forwarded-Host", host), ("X-Forwarded-Port", port)];
            behind(&headers, "10.1.2.3:4711")
        };
        assert_eq!(port("https", "cloud.example", "8443"), "https://cloud.example:8443");
        assert_eq!(port("https", "cloud.example", "443"), "https://cloud.example");
        assert_eq!(port("http", "[2001:db8::1]", "8080"), "http://[2001:db8::1]:8080");
        assert_eq!(port("http", "[2001:db8::1]:81", "8080"), "http://[2001:db8::1]:81");
        assert_eq!(port("http", "cloud.example", "70000"), "http://cloud.example");
    }

    #[test]
    fn the_configured_base_keeps_the_prefix_of_a_proxy() {
        let request = TestRequest::get().insert_header(("X-Forwarded-Prefix", "/dns"));
        let request = request.peer_addr("10.0.0.1:1".parse().unwrap()).to_http_request();
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let fixed = ApiSettings { enable_host_header: false, trusted_proxies, ..settings() };
        assert_eq!(base(&request, &fixed), "http://127.0.0.1:9001/dns");
    }
}
