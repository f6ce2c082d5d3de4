//! Record data as fields of text: the exact form of the API and the free form of zone files.
//!
//! Invariants: a quoted field is never a name or a number; relative names are completed only with a given origin.

use std::str::FromStr;

use super::encoding::{decode_base64, decode_hex};
use super::error::Flaw;
use super::strings::unescape;
use crate::domain::hostname;
use crate::domain::name::{Name, NameError};

/// One field of a zone file: the text between blanks or quotes, escapes untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The text, without quotes.
    pub text: &'a str,
    /// True if quotes stood around it.
    pub quoted: bool,
}

/// The fields of one record's data in a zone file.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [Field<'a>],
    origin: Option<&'a Name>,
}

impl<'a> Fields<'a> {
    /// Fields whose relative names are completed with `origin`.
    #[must_use]
    pub const fn new(fields: &'a [Field<'a>], origin: Option<&'a Name>) -> Self {
        Self { rest: fields, origin }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn next(&mut self) -> Result<Field<'a>, Flaw> {
        let (first, rest) = self.rest.split_first().ok_or(Flaw::FieldCount)?;
        self.rest = rest;
        Ok(*first)
    }

    /// An unquoted field.
    pub(super) fn word(&mut self) -> Result<&'a str, Flaw> {
        let field = self.next()?;
        if field.quoted { Err(Flaw::Quoting) } else { Ok(field.text) }
    }

    pub(super) fn number<T: FromStr>(&mut self) -> Result<T, Flaw> {
        number(self.word()?)
    }

    /// Seconds: a number, or numbers with units such as `1h30m`.
    pub(super) fn seconds(&mut self) -> Result<u32, Flaw> {
        parse_seconds(self.word()?).ok_or(Flaw::Number)
    }

    pub(super) fn name(&mut self) -> Result<Name, Flaw> {
        complete_name(self.word()?, self.origin).map_err(|_| Flaw::Name)
    }

    /// A string of any length, quoted or not.
    pub(super) fn text(&mut self) -> Result<Vec<u8>, Flaw> {
        unescape(self.next()?.text)
    }

    /// A character string: at most 255 octets.
    pub(super) fn string(&mut self) -> Result<Vec<u8>, Flaw> {
        self.text().and_then(short_string)
    }

    /// All that is left, as one run of hexadecimal digits.
    pub(super) fn hex(&mut self) -> Result<Vec<u8>, Flaw> {
        decode_hex(&self.joined()?).ok_or(Flaw::Hex)
    }

    /// All that is left, as one run of base64.
    pub(super) fn base64(&mut self) -> Result<Vec<u8>, Flaw> {
        decode_base64(&self.joined()?).ok_or(Flaw::Base64)
    }

    fn joined(&mut self) -> Result<String, Flaw> {
        let mut all = String::new();
        while !self.is_empty() {
            all.push_str(self.word()?);
        }
        Ok(all)
    }
}

/// Reads a name of a zone file: absolute, relative to the origin, or `@` for the origin itself.
///
/// # Errors
/// As [`Name::parse`]; a relative name without origin is not absolute.
pub fn complete_name(text: &str, origin: Option<&Name>) -> Result<Name, NameError> {
    let Some(origin) = origin else { return Name::parse(text) };
    if text == "@" {
        return Ok(origin.clone());
    }
    match Name::parse(text) {
        Err(NameError::NotAbsolute) if origin.is_root() => Name::parse(&format!("{text}.")),
        Err(NameError::NotAbsolute) => Name::parse(&format!("{text}.{origin}")),
        result => result,
    }
}

/// Seconds as a number or as numbers with the units w, d, h, m, s of either case.
#[must_use]
pub fn parse_seconds(text: &str) -> Option<u32> {
    let (mut total, mut digits) = (0_u32, None);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            digits = Some(digits.unwrap_or(0_u32).checked_mul(10)?.checked_add(digit)?);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            'w' => 604_800,
            'd' => 86_400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(digits.take()?.checked_mul(unit)?)?;
    }
    match digits {
        Some(rest) => total.checked_add(rest),
        None if text.is_empty() => None,
        None => Some(total),
    }
}

/// Exactly `N` fields with exactly one blank between them.
pub(super) fn split_exactly<const N: usize>(text: &str) -> Result<[&str; N], Flaw> {
    let fields: Vec<&str> = text.splitn(N + 1, ' ').collect();
    fields.try_into().map_err(|_| Flaw::FieldCount)
}

/// Decimal digits, leading zeros allowed.
pub(super) fn number<T: FromStr>(text: &str) -> Result<T, Flaw> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().map_err(|_| Flaw::Number)
    } else {
        Err(Flaw::Number)
    }
}

/// Decimal digits without leading zero.
pub(super) fn canonical_number<T: FromStr>(text: &str) -> Result<T, Flaw> {
    if text.len() > 1 && text.starts_with('0') { Err(Flaw::Number) } else { number(text) }
}

/// A domain name as the API takes it in record data.
pub(super) fn domain(text: &str) -> Result<Name, Flaw> {
    hostname::parse_domain(text, "record").map_err(|_| Flaw::Name)
}

/// As [`domain`], or the root.
pub(super) fn domain_or_root(text: &str) -> Result<Name, Flaw> {
    if text == "." { Ok(Name::root()) } else { domain(text) }
}

/// A decoded string as a character string.
pub(super) fn short_string(octets: Vec<u8>) -> Result<Vec<u8>, Flaw> {
    if octets.len() > 255 { Err(Flaw::TooLong) } else { Ok(octets) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_take_units() {
        for (text, seconds) in
            [("0", 0), ("3600", 3600), ("1h", 3600), ("1H30m", 5400), ("2w1d", 1_296_000), ("1m5", 65)]
        {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
        for text in ["", "h", "1x", "-1", "1hm", "4294967296", "9999999w", " 1"] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn relative_names_need_an_origin() {
        let origin = Name::parse("example.org.").unwrap();
        let complete = |text| complete_name(text, Some(&origin)).unwrap().to_string();
        assert_eq!(complete("@"), "example.org.");
        assert_eq!(complete("a.b"), "a.b.example.org.");
        assert_eq!(complete("a."), "a.");
        assert_eq!(complete("a\\."), "a\\..example.org.");
        assert_eq!(complete_name("a", Some(&Name::root())).unwrap().to_string(), "a.");
        assert_eq!(complete_name("a", None), Err(NameError::NotAbsolute));
    }
}
