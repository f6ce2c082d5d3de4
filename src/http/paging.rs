//! Lists: limit, marker, order and filters of the request; envelope, links and count of the answer.
//!
//! Invariants: an unknown or repeated parameter is refused, never ignored; no filter gets through that is too much for a
//! database; `links.next` is there exactly when as
//! many items were returned as were asked for.

use std::fmt;

use actix_web::HttpResponse;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::context::Ctx;
use super::error::{ApiError, Printed, json};
use super::path_id::uuid;
use super::query::Query;
use super::settings::ApiSettings;
use crate::domain::generation::Generation;
use crate::domain::page::{Direction, PageRequest};
use crate::transport::{Fault, FaultCode};

const PAGING: [&str; 4] = ["limit", "marker", "sort_key", "sort_dir"];
/// Most wildcards of one filter: databases match them by recursion, and one of many thousands would end the process.
const MAX_WILDCARDS: usize = 64;
/// Most bytes of a filter with wildcards; databases refuse much longer patterns.
const MAX_PATTERN: usize = 8192;

/// Reads what part of a list is wanted. `keys` are the names that `sort_key` may have; the first is the default.
pub(super) fn page<K: Copy>(
    query: &Query,
    settings: &ApiSettings,
    keys: &[(&str, K)],
    default: K,
) -> Result<PageRequest<K>, ApiError> {
    let (limit, marker, sort_key, direction) = part(query, settings, keys, default, uuid)?;
    Ok(PageRequest { limit, marker, sort_key, direction })
}

/// As [`page`], of a list whose items are numbered, and in the order of their numbers: limit, marker, direction.
pub(super) fn page_of_numbers(
    query: &Query,
    settings: &ApiSettings,
    keys: &[(&str, ())],
) -> Result<(u64, Option<Generation>, Direction), ApiError> {
    let number = |text: &str| text.parse().ok().map(Generation::new);
    let (limit, marker, (), direction) = part(query, settings, keys, (), number)?;
    Ok((limit, marker, direction))
}

fn part<K: Copy, M>(
    query: &Query,
    settings: &ApiSettings,
    keys: &[(&str, K)],
    default: K,
    read: impl Fn(&str) -> Option<M>,
) -> Result<(u64, Option<M>, K, Direction), ApiError> {
    if let Some(name) = query.repeated() {
        return Err(ApiError::bad_request(format!("Parameter {name} is given more than once")));
    }
    let marker = match query.get("marker") {
        None => None,
        Some(text) => Some(read(text).ok_or_else(|| Fault::new(FaultCode::Invalid, "invalid_marker"))?),
    };
    let limit = limit(query.get("limit"), settings)?;
    let sort_key = match query.get("sort_key").filter(|name| !name.is_empty()) {
        None => default,
        Some(name) => match keys.iter().find(|(known, _)| *known == name) {
            Some((_, key)) => *key,
            None => return Err(invalid_sort_key(name, keys.iter().map(|(known, _)| *known))),
        },
    };
    let direction = match query.get("sort_dir") {
        None | Some("asc") => Direction::Ascending,
        Some("desc") => Direction::Descending,
        Some(other) => {
            let message = format!("sort_dir is asc or desc, not {other}");
            return Err(Fault::invalid("invalid_sort_dir", message).into());
        }
    };
    Ok((limit, marker, sort_key, direction))
}

fn invalid_sort_key<'a>(name: &str, keys: impl Iterator<Item = &'a str>) -> ApiError {
    let keys: Vec<String> = keys.map(|key| format!("'{key}'")).collect();
    Fault::invalid("invalid_sort_key", format!("sort_key is one of [{}], not {name}", keys.join(", "))).into()
}

fn limit(text: Option<&str>, settings: &ApiSettings) -> Result<u64, ApiError> {
    let Some(text) = text else { return Ok(settings.default_limit) };
    if text.is_empty() {
        return Err(Fault::invalid("value_error", "limit is empty").into());
    }
    if text.eq_ignore_ascii_case("max") {
        return Ok(settings.max_limit);
    }
    text.trim()
        .parse::<i64>()
        .ok()
        .and_then(|limit| u64::try_from(limit).ok())
        .filter(|limit| *limit > 0)
        .ok_or_else(|| {
            let message = format!("limit is a number from 1 to {}, or max", settings.max_limit);
            Fault::invalid("invalid_limit", message).into()
        })
}

/// Refuses parameters other than those of paging and the filters `accepted`, filters with wildcards beyond reason, and
/// the character U+0000, which no stored text holds and PostgreSQL does not take.
pub(super) fn only(query: &Query, accepted: &[&str]) -> Result<(), ApiError> {
    let unknown: Vec<&str> =
        query.names().filter(|name| !PAGING.contains(name) && !accepted.contains(name)).collect();
    if !unknown.is_empty() {
        return Err(ApiError::bad_request(format!("Invalid filters {}", unknown.join(", "))));
    }
    if let Some(name) = accepted.iter().find(|name| query.get(name).is_some_and(|text| text.contains('\0'))) {
        return Err(ApiError::bad_request(format!("Filter {name} has a NUL character")));
    }
    let excessive = |name: &&&str| {
        query.get(name).is_some_and(|filter| {
            let wildcards = filter.bytes().filter(|byte| *byte == b'*').count();
            wildcards > MAX_WILDCARDS || (wildcards > 0 && filter.len() > MAX_PATTERN)
        })
    };
    match accepted.iter().find(excessive) {
        Some(name) => Err(ApiError::bad_request(format!(
            "Filter {name} has more than {MAX_WILDCARDS} wildcards, or wildcards in more than {MAX_PATTERN} bytes"
        ))),
        None => Ok(()),
    }
}

/// What a list says about how many items match.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    /// Nothing: this list has no `metadata`.
    Absent,
    /// The caller does not want to know.
    Hidden,
    /// So many.
    Total(u64),
}

/// A list on its way to the client.
pub(super) struct List<'a, T> {
    /// The name of the collection in the envelope.
    pub(super) collection: &'static str,
    /// Where it is, below the base of links.
    pub(super) path: &'a dyn fmt::Display,
    /// The items.
    pub(super) items: Vec<T>,
    /// The id of the last item.
    pub(super) last: Option<&'a dyn fmt::Display>,
    /// How many were asked for.
    pub(super) limit: u64,
    /// How many match.
    pub(super) count: Count,
}

impl<T: Serialize> List<'_, T> {
    /// The response.
    pub(super) fn respond(&self, ctx: &Ctx) -> HttpResponse {
        json(&mut HttpResponse::Ok(), &Envelope { list: self, base: &ctx.base, query: &ctx.query })
    }
}

struct Envelope<'a, T> {
    list: &'a List<'a, T>,
    base: &'a str,
    query: &'a Query,
}

impl<T: Serialize> Serialize for Envelope<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.list.collection, &self.list.items)?;
        let full = u64::try_from(self.list.items.len()) == Ok(self.list.limit);
        let link =
            |marker| Printed(PageUrl { base: self.base, path: self.list.path, query: self.query, marker });
        map.serialize_entry(
            "links",
            &Links { own: link(None), next: self.list.last.filter(|_| full).map(|last| link(Some(last))) },
        )?;
        match self.list.count {
            Count::Absent => {}
            Count::Hidden => map.serialize_entry("metadata", &Metadata { total_count: None })?,
            Count::Total(total) => {
                map.serialize_entry("metadata", &Metadata { total_count: Some(total) })?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<PageUrl<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Printed<PageUrl<'a>>>,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<u64>,
}

struct PageUrl<'a> {
    base: &'a str,
    path: &'a dyn fmt::Display,
    query: &'a Query,
    marker: Option<&'a dyn fmt::Display>,
}

impl fmt::Display for PageUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.base, self.path, self.query.encoded(self.marker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<PageRequest<char>, ApiError> {
        let keys = [("created_at", 'c'), ("name", 'n')];
        page(&Query::parse(query), &ApiSettings::default(), &keys, 'c')
    }

    fn kind(query: &str) -> String {
        match read(query).unwrap_err() {
            ApiError::Fault(fault) => fault.kind.into_owned(),
            other => other.to_string(),
        }
    }

    #[test]
    fn defaults_and_values() {
        let plain = read("").unwrap();
        assert_eq!((plain.limit, plain.marker, plain.sort_key), (20, None, 'c'));
        assert_eq!(plain.direction, Direction::Ascending);
        assert_eq!(read("limit=MAX").unwrap().limit, 1000);
        assert_eq!(read("limit=5000").unwrap().limit, 5000, "not capped");
        assert_eq!(read("limit=9223372036854775807").unwrap().limit, i64::MAX as u64);
        assert_eq!(read("sort_key=").unwrap().sort_key, 'c');
        let sorted = read("sort_key=name&sort_dir=desc").unwrap();
        assert_eq!((sorted.sort_key, sorted.direction), ('n', Direction::Descending));
        assert!(read("marker=A86DBA5800434CC6A1BB69D5E86F3CA3").unwrap().marker.is_some());
    }

    #[test]
    fn every_bad_parameter_has_its_type() {
        for (query, expected) in [
            ("limit=0", "invalid_limit"),
            ("limit=-1", "invalid_limit"),
            ("limit=ten", "invalid_limit"),
            ("limit=1.5", "invalid_limit"),
            ("limit=9223372036854775808", "invalid_limit"),
            ("limit=", "value_error"),
            ("marker=", "invalid_marker"),
            ("marker=x", "invalid_marker"),
            ("sort_key=records", "invalid_sort_key"),
            ("sort_key=NAME", "invalid_sort_key"),
            ("sort_dir=ASC", "invalid_sort_dir"),
            ("sort_dir=", "invalid_sort_dir"),
            ("limit=1&limit=2", "bad_request"),
        ] {
            assert_eq!(kind(query), expected, "{query}");
        }
    }

    #[test]
    fn unknown_filters_are_named() {
        assert!(only(&Query::parse("name=a&limit=1&marker=&sort_key=&sort_dir="), &["name"]).is_ok());
        let error = only(&Query::parse("name=a&colour=red&size=1"), &["name"]).unwrap_err();
        assert_eq!(error.to_string(), "bad_request: Invalid filters colour, size");
    }

    #[test]
    fn filters_have_no_nul() {
        let error = only(&Query::parse("name=a%00"), &["data", "name"]).unwrap_err();
        assert_eq!(error.to_string(), "bad_request: Filter name has a NUL character");
    }

    #[test]
    fn filters_that_are_too_much_for_a_database_are_refused() {
        let filtered = |filter: &str| only(&Query::parse(&format!("data={filter}")), &["name", "data"]);
        assert!(filtered(&"*a".repeat(MAX_WILDCARDS)).is_ok());
        assert!(filtered(&"a".repeat(60_000)).is_ok(), "no pattern, however long");
        for filter in ["*a".repeat(MAX_WILDCARDS + 1), format!("*{}", "a".repeat(MAX_PATTERN))] {
            let error = filtered(&filter).unwrap_err().to_string();
            assert!(error.starts_with("bad_request: Filter data has more than 64 wildcards"), "{error}");
        }
    }
}
