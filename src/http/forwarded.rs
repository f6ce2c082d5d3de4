//! Where a request comes from and what its client asked for, as the proxies in front of us say: `Forwarded` (RFC 7239) or,
//! without it, the `X-Forwarded-…` headers.
//!
//! A list grows to the right, one item per proxy: the last is from our peer, the one before from whom our peer names as
//! its client, and so on. Items are believed from the right as long as the one who wrote them is a trusted proxy; the
//! leftmost of these tells what the client itself asked for.
//!
//! Invariants: nothing is believed that did not come through trusted proxies alone; what cannot be read is not guessed at;
//! only what reads as a host, a scheme, a port or a path is passed on.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;

use crate::config::Network;

/// What is known of a request's origin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Origin<'h> {
    /// The client's address; none if a proxy hides it.
    pub(super) client: Option<IpAddr>,
    /// `http` or `https`, if a proxy tells.
    pub(super) scheme: Option<&'static str>,
    /// Host and perhaps port that the client asked for, if a proxy tells.
    pub(super) host: Option<&'h str>,
    /// The port that the client connected to, if a proxy tells.
    pub(super) port: Option<u16>,
    /// The path below which the client sees us, without a slash at its end, if a proxy tells.
    pub(super) prefix: Option<&'h str>,
}

impl<'h> Origin<'h> {
    /// The origin of a request from `peer`.
    pub(super) fn of(headers: &'h HeaderMap, peer: Option<SocketAddr>, trusted: &[Network]) -> Self {
        let peer = peer.map(|peer| peer.ip().to_canonical());
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        if !peer.is_some_and(is_trusted) {
            return Self { client: peer, ..Self::default() };
        }
        let mut origin = match lines(headers, "forwarded").map(|list| elements(&list)) {
            Some(elements) => Self::from_elements(&elements.unwrap_or_default(), peer, &is_trusted),
            None => Self::from_lists(headers, peer, &is_trusted),
        };
        let hops = origin.hops;
        origin.found.prefix = believed(headers, "x-forwarded-prefix", hops).and_then(prefix);
        origin.found
    }

    fn from_elements(
        elements: &[Element<'h>],
        peer: Option<IpAddr>,
        is_trusted: &impl Fn(IpAddr) -> bool,
    ) -> Walked<'h> {
        let clients = elements.iter().map(|element| element.client.and_then(address));
        let (client, hops) = walk(clients.rev(), peer, is_trusted);
        let believed = || elements.iter().skip(elements.len().saturating_sub(hops));
        let found = Self {
            client,
            scheme: believed().find_map(|element| element.proto.and_then(scheme)),
            host: believed().find_map(|element| element.host.filter(|host| is_host(host))),
            port: None,
            prefix: None,
        };
        Walked { found, hops }
    }

    fn from_lists(
        headers: &'h HeaderMap,
        peer: Option<IpAddr>,
        is_trusted: &impl Fn(IpAddr) -> bool,
    ) -> Walked<'h> {
        let clients: Vec<_> = lines(headers, "x-forwarded-for").unwrap_or_default();
        let clients = clients.iter().flat_map(|line| line.split(',')).map(|item| address(item.trim()));
        let clients: Vec<_> = clients.collect();
        let (client, hops) = walk(clients.into_iter().rev(), peer, is_trusted);
        let found = Self {
            client,
            scheme: believed(headers, "x-forwarded-proto", hops).and_then(scheme),
            host: believed(headers, "x-forwarded-host", hops).filter(|host| is_host(host)),
            port: believed(headers, "x-forwarded-port", hops).and_then(|port| port.parse().ok()),
            prefix: None,
        };
        Walked { found, hops }
    }
}

/// An origin, and how many items of each list are believed.
struct Walked<'h> {
    found: Origin<'h>,
    hops: usize,
}

/// Goes from our peer, which is trusted, towards the client: its address, and how many items were written by trusted
/// proxies. `clients` come from the right.
fn walk(
    clients: impl Iterator<Item = Option<IpAddr>>,
    peer: Option<IpAddr>,
    is_trusted: &impl Fn(IpAddr) -> bool,
) -> (Option<IpAddr>, usize) {
    let (mut client, mut hops) = (peer, 0);
    for named in clients {
        hops += 1;
        client = named;
        if !named.is_some_and(is_trusted) {
            break;
        }
    }
    // Also one who names no client may say what it was asked for.
    (client, hops.max(1))
}

/// The header's lines in order; none if one of them is no text.
fn lines<'h>(headers: &'h HeaderMap, name: &str) -> Option<Vec<&'h str>> {
    headers.contains_key(name).then(|| {
        let lines: Result<_, _> = headers.get_all(name).map(|value| value.to_str()).collect();
        lines.unwrap_or_default()
    })
}

/// The leftmost of the last `hops` items of a list.
fn believed<'h>(headers: &'h HeaderMap, name: &str, hops: usize) -> Option<&'h str> {
    let items: Vec<_> =
        lines(headers, name)?.into_iter().flat_map(|line| line.split(',')).map(str::trim).collect();
    items.get(items.len().saturating_sub(hops)).copied()
}

/// One element of `Forwarded`.
#[derive(Debug, Default)]
struct Element<'h> {
    client: Option<&'h str>,
    proto: Option<&'h str>,
    host: Option<&'h str>,
}

/// The elements of all lines of `Forwarded`; none if one cannot be read.
fn elements<'h>(lines: &[&'h str]) -> Option<Vec<Element<'h>>> {
    let mut elements = Vec::new();
    for line in lines {
        let mut rest = *line;
        loop {
            let mut element = Element::default();
            loop {
                rest = rest.trim_start();
                if !rest.is_empty() && !rest.starts_with([';', ',']) {
                    rest = pair(rest, &mut element)?.trim_start();
                }
                match rest.strip_prefix(';') {
                    Some(more) => rest = more,
                    None => break,
                }
            }
            elements.push(element);
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None if rest.is_empty() => break,
                None => return None,
            }
        }
    }
    Some(elements)
}

/// Reads `name=value` and answers what follows. A value is a token or in quotes; one that needs a backslash is none of
/// ours and is left out.
fn pair<'h>(text: &'h str, element: &mut Element<'h>) -> Option<&'h str> {
    let (name, value) = text.split_once('=')?;
    let (value, rest) = match value.strip_prefix('"') {
        None => {
            let end = value.find([',', ';']).unwrap_or(value.len());
            let (value, rest) = value.split_at_checked(end)?;
            let value = value.trim_end();
            (Some(value).filter(|value| !value.contains(['"', ' '])), rest)
        }
        Some(quoted) => {
            let mut escaped = false;
            let end = quoted.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            let (value, rest) = quoted.split_at_checked(end)?;
            (Some(value).filter(|value| !value.contains('\\')), rest.strip_prefix('"')?)
        }
    };
    let place = match name.trim_end() {
        name if name.eq_ignore_ascii_case("for") => &mut element.client,
        name if name.eq_ignore_ascii_case("proto") => &mut element.proto,
        name if name.eq_ignore_ascii_case("host") => &mut element.host,
        name if name.is_empty() || name.contains([',', ';', '"', ' ']) => return None,
        _ => return Some(rest),
    };
    *place = value;
    Some(rest)
}

/// The address of a node: with or without port, an IPv6 one in brackets or not; names and `unknown` have none.
fn address(node: &str) -> Option<IpAddr> {
    let address = node.parse::<IpAddr>().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|at| at.ip()));
    let bracketed = || node.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address.or_else(bracketed).map(|address| address.to_canonical())
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| scheme.eq_ignore_ascii_case(text))
}

fn prefix(text: &str) -> Option<&str> {
    let text = text.trim_end_matches('/');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~');
    Some(text).filter(|text| text.starts_with('/') && !text.starts_with("//") && text.bytes().all(plain))
}

/// True if it may stand as the host of a link.
pub(super) fn is_host(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    /// Client, scheme and host of a request from `peer` with these headers.
    fn origin(
        peer: &str,
        headers: &[(&str, &str)],
    ) -> (Option<String>, Option<&'static str>, Option<String>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
        let origin = Origin::of(&map, Some(SocketAddr::new(peer.parse().unwrap(), 4711)), &trusted);
        (origin.client.map(|ip| ip.to_string()), origin.scheme, origin.host.map(str::to_owned))
    }

    fn from(client: &str) -> (Option<String>, Option<&'static str>, Option<String>) {
        (Some(client.to_owned()), None, None)
    }

    fn full(
        client: &str,
        scheme: &'static str,
        host: &str,
    ) -> (Option<String>, Option<&'static str>, Option<String>) {
        (Some(client.to_owned()), Some(scheme), Some(host.to_owned()))
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let spoofed = [
            ("Forwarded", "for=10.9.9.9;proto=https;host=evil.example"),
            ("X-Forwarded-For", "10.9.9.9"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil.example"),
        ];
        assert_eq!(origin("192.0.2.1", &spoofed), from("192.0.2.1"));
        assert_eq!(origin("::ffff:192.0.2.1", &spoofed), from("192.0.2.1"));
        assert_eq!(origin("2001:db9::1", &spoofed), from("2001:db9::1"));
    }

    #[test]
    fn what_a_client_makes_up_before_its_proxy_is_not_believed() {
        // The client claims to be a proxy itself; ours appends what it saw.
        let headers = [
            ("X-Forwarded-For", "203.0.113.66, 192.0.2.1"),
            ("X-Forwarded-Proto", "http, https"),
            ("X-Forwarded-Host", "evil.example, cloud.example"),
        ];
        assert_eq!(origin("10.0.0.1", &headers), full("192.0.2.1", "https", "cloud.example"));
        let forwarded = [(
            "Forwarded",
            "for=203.0.113.66;host=evil.example;proto=http, for=192.0.2.1;host=cloud.example;proto=https",
        )];
        assert_eq!(origin("10.0.0.1", &forwarded), full("192.0.2.1", "https", "cloud.example"));
    }

    #[test]
    fn several_trusted_hops_lead_to_the_client() {
        let headers = [
            ("X-Forwarded-For", "203.0.113.66, 192.0.2.1, 10.0.0.2"),
            ("X-Forwarded-For", "2001:db8::3"),
            ("X-Forwarded-Proto", "ftp, https, http, http"),
            ("X-Forwarded-Host", "evil.example, cloud.example, inner-1, inner-2"),
        ];
        assert_eq!(origin("10.0.0.1", &headers), full("192.0.2.1", "https", "cloud.example"));
        let forwarded = [
            ("Forwarded", "for=203.0.113.66;host=evil.example"),
            ("Forwarded", "for=192.0.2.1;proto=https;host=cloud.example, for=10.0.0.2;host=inner"),
            ("Forwarded", "For=\"[2001:db8::3]:8080\";proto=http"),
        ];
        assert_eq!(origin("10.0.0.1", &forwarded), full("192.0.2.1", "https", "cloud.example"));
        // A proxy that only replaces, behind one that appends.
        let replaced = [("X-Forwarded-For", "192.0.2.1, 10.0.0.2"), ("X-Forwarded-Proto", "https")];
        assert_eq!(origin("10.0.0.1", &replaced), (Some("192.0.2.1".into()), Some("https"), None));
    }

    #[test]
    fn quoted_values_and_ipv6_are_read() {
        for (text, expected) in [
            ("for=\"[2001:db9::17]:4711\"", from("2001:db9::17")),
            (
                "for=\"[2001:db9::17]\";host=\"[2001:db9::1]:9001\";proto=\"https\"",
                full("2001:db9::17", "https", "[2001:db9::1]:9001"),
            ),
            ("for=192.0.2.43, for=198.51.100.17", from("198.51.100.17")),
            ("by=203.0.113.43;FOR=192.0.2.60 ; PROTO=HTTP;host=a", full("192.0.2.60", "http", "a")),
            ("for=192.0.2.1;note=\"a, b; for=10.1.1.1\"", from("192.0.2.1")),
            ("for=192.0.2.1;note=\"\\\"\";proto=http;host=h", full("192.0.2.1", "http", "h")),
            ("for=192.0.2.1:80;;", from("192.0.2.1")),
        ] {
            assert_eq!(origin("10.0.0.1", &[("Forwarded", text)]), expected, "{text}");
        }
    }

    #[test]
    fn a_hidden_client_stays_hidden_and_nothing_before_it_counts() {
        for hidden in ["unknown", "_hidden", "\"_SEVKISEK\"", "proxy.example"] {
            let text =
                format!("for=192.0.2.9;host=evil.example, for={hidden};host=cloud.example;proto=https");
            let expected = (None, Some("https"), Some("cloud.example".to_owned()));
            assert_eq!(origin("10.0.0.1", &[("Forwarded", &text)]), expected, "{hidden}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed_at() {
        for text in [
            "for",
            "for=\"192.0.2.1",
            "for=1.2.3.4;proto=https host=a.example",
            "for=\"a\"b",
            "=;=",
            ";, x y=z",
        ] {
            let (_, scheme, host) = origin("10.0.0.1", &[("Forwarded", text)]);
            assert_eq!((scheme, host), (None, None), "{text}");
        }
        for (host, proto) in [("evil/<script>", "javascript"), ("a b", ""), ("", "https,")] {
            let headers = [("X-Forwarded-Host", host), ("X-Forwarded-Proto", proto)];
            assert_eq!(origin("10.0.0.1", &headers), from("10.0.0.1"), "{host}");
        }
    }
}
