//! Content negotiation: does the client take what we have?
//!
//! Invariants: an absent or empty `Accept` takes everything; the most specific matching range decides (RFC 9110,
//! section 12.5.1); a range that cannot be read matches nothing.

use actix_web::http::header::{ACCEPT, HeaderMap};

/// A media type on offer, as type and subtype.
pub(super) type Media = (&'static str, &'static str);

/// What nearly every operation answers.
pub(super) const JSON: Media = ("application", "json");
/// What operations that change a resource in part may be asked for as well.
pub(super) const JSON_PATCH: Media = ("application", "json-patch+json");
/// Plain text.
pub(super) const TEXT: Media = ("text", "plain");
/// A zone file.
pub(super) const DNS: Media = ("text", "dns");
/// A page for people.
pub(super) const HTML: Media = ("text", "html");

/// True if the client takes one of `offers`.
pub(super) fn accepts(headers: &HeaderMap, offers: &[Media]) -> bool {
    if headers.get(ACCEPT).is_none() {
        return true;
    }
    let ranges = || {
        headers
            .get_all(ACCEPT)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
    };
    ranges().next().is_none() || offers.iter().any(|offer| weight(ranges(), *offer) > 0.0)
}

/// The quality that the most specific range gives to `offer`; zero if none matches.
fn weight<'a>(ranges: impl Iterator<Item = &'a str>, offer: Media) -> f32 {
    let mut best = (0_u8, 0.0_f32);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let Some((kind, subtype)) = parts.next().and_then(|media| media.split_once('/')) else { continue };
        let specificity = match (kind, subtype) {
            ("*", "*") => 1,
            (kind, "*") if kind.eq_ignore_ascii_case(offer.0) => 2,
            (kind, subtype)
                if kind.eq_ignore_ascii_case(offer.0) && subtype.eq_ignore_ascii_case(offer.1) =>
            {
                3
            }
            _ => continue,
        };
        let quality = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(1.0, |(_, value)| value.trim().parse().unwrap_or(0.0));
        if specificity > best.0 {
            best = (specificity, quality);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn takes_json(accept: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        accepts(&headers, &[JSON])
    }

    #[test]
    fn ranges_are_matched_by_specificity() {
        assert!(accepts(&HeaderMap::new(), &[JSON]));
        for accept in [
            "",
            "*/*",
            "application/*",
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/html, */*;q=0.1",
            "text/html,application/json",
        ] {
            assert!(takes_json(accept), "{accept}");
        }
        for accept in [
            "text/html",
            "text/plain",
            "image/png",
            "application/json;q=0, */*",
            "application/json-patch+json",
            "nonsense",
            "text/*",
        ] {
            assert!(!takes_json(accept), "{accept}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json-patch+json"));
        assert!(accepts(&headers, &[JSON, JSON_PATCH]));
    }
}
