//! The query string of a request: decoded pairs in the order they came, and their way back into a URL.
//!
//! Invariants: decoding never fails (a stray `%` stays, bytes that are no UTF-8 are replaced); encoding is that of
//! HTML forms with `+` for a blank, and reads back to the same pairs.

use std::collections::HashSet;
use std::fmt;

/// The decoded pairs of a query string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads `a=1&b=2`; empty parts are skipped, a part without `=` has an empty value.
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self { pairs }
    }

    /// The first value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All names, in order, repetitions included.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// A name that occurs more than once.
    pub(super) fn repeated(&self) -> Option<&str> {
        let mut seen = HashSet::with_capacity(self.pairs.len());
        self.names().find(|name| !seen.insert(*name))
    }

    /// Takes out all pairs of these names; answers the first value.
    pub(super) fn take(&mut self, names: &[&str]) -> Option<String> {
        if !self.names().any(|name| names.contains(&name)) {
            return None;
        }
        let mut first = None;
        self.pairs.retain_mut(|(name, value)| {
            let found = names.contains(&name.as_str());
            if found && first.is_none() {
                first = Some(std::mem::take(value));
            }
            !found
        });
        first
    }

    /// Prints the pairs for a URL, with a leading `?` unless there is nothing to print. A `marker` replaces the one
    /// that is there, or comes last.
    pub(super) fn encoded<'a>(&'a self, marker: Option<&'a dyn fmt::Display>) -> Encoded<'a> {
        Encoded { query: self, marker }
    }
}

/// A query as part of a URL.
pub(super) struct Encoded<'a> {
    query: &'a Query,
    marker: Option<&'a dyn fmt::Display>,
}

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = '?';
        let mut marked = self.marker.is_none();
        for (name, value) in &self.query.pairs {
            write!(f, "{separator}")?;
            separator = '&';
            encode(name, f)?;
            f.write_str("=")?;
            match self.marker {
                Some(marker) if name == "marker" => {
                    marked = true;
                    write!(f, "{marker}")?;
                }
                _ => encode(value, f)?,
            }
        }
        match self.marker {
            Some(marker) if !marked => write!(f, "{separator}marker={marker}"),
            _ => Ok(()),
        }
    }
}

/// Prints a text as a part of a path.
pub(super) fn encode_segment(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    escape(text, false, f)
}

fn encode(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    escape(text, true, f)
}

fn escape(text: &str, blank_is_plus: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'~');
    if text.bytes().all(plain) {
        return f.write_str(text);
    }
    for byte in text.bytes() {
        match byte {
            b' ' if blank_is_plus => f.write_str("+")?,
            b if plain(b) => write!(f, "{}", char::from(b))?,
            b => write!(f, "%{b:02X}")?,
        }
    }
    Ok(())
}

fn decode(text: &str) -> String {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                match (ahead.next().and_then(hex), ahead.next().and_then(hex)) {
                    (Some(high), Some(low)) => {
                        bytes.push(high << 4 | low);
                        rest = ahead;
                    }
                    _ => bytes.push(b'%'),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_order() {
        let query = Query::parse("name=%2A.ex%61mple.&&a+b=c%20d&empty=&bare&bad=%zz%&utf=%C3%A9%FF");
        let pairs: Vec<(&str, &str)> =
            query.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("name", "*.example."),
                ("a b", "c d"),
                ("empty", ""),
                ("bare", ""),
                ("bad", "%zz%"),
                ("utf", "é\u{fffd}")
            ]
        );
    }

    #[test]
    fn encoding_reads_back_and_needs_no_question_mark_when_empty() {
        let query = Query::parse("name=*.a%26b.&description=x+y%2Bz");
        let printed = query.encoded(None).to_string();
        assert_eq!(printed, "?name=%2A.a%26b.&description=x+y%2Bz");
        assert_eq!(Query::parse(printed.trim_start_matches('?')), query);
        assert_eq!(Query::parse("").encoded(None).to_string(), "");
    }

    #[test]
    fn a_marker_is_replaced_in_place_or_comes_last() {
        let with = |text: &str| Query::parse(text).encoded(Some(&"m2")).to_string();
        assert_eq!(with("marker=m1&limit=1"), "?marker=m2&limit=1");
        assert_eq!(with("limit=1"), "?limit=1&marker=m2");
        assert_eq!(with(""), "?marker=m2");
    }

    #[test]
    fn taking_removes_every_occurrence() {
        let mut query = Query::parse("a=1&all_projects=yes&b=2&all_tenants=no");
        assert_eq!(query.take(&["all_projects", "all_tenants"]).as_deref(), Some("yes"));
        assert_eq!(query, Query::parse("a=1&b=2"));
        assert_eq!(query.take(&["all_projects"]), None);
        assert_eq!(Query::parse("a=1&b=2&a=3").repeated(), Some("a"));
        assert_eq!(query.repeated(), None);
    }

    #[test]
    fn a_query_of_very_many_names_is_looked_through_quickly() {
        let text: Vec<String> = (0..100_000).map(|n| format!("{n:06}")).collect();
        let query = Query::parse(&text.join("&"));
        let begun = tokio::time::Instant::now();
        assert_eq!(query.repeated(), None);
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "it took {:?}", begun.elapsed());
    }
}
