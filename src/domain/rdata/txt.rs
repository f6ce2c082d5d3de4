//! TXT (RFC 1035 section 3.3.14) and SPF (RFC 4408 section 3.1.1): one or more character strings.
//!
//! The API takes one unquoted word, or quoted strings with one blank between them. Where Designate's own rules and DNS
//! disagree, DNS decides: a string holds up to 255 octets, two short strings are two strings, a quote that is never
//! closed is refused, a length limit holds for SPF too.

use std::fmt;

use super::Data;
use super::error::Flaw;
use super::fields::{Fields, short_string};
use super::strings::{unescape, write_quoted};
use super::wire::{Reader, write_string};

/// The strings of a TXT or SPF record; never none, each at most 255 octets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text {
    strings: Vec<Vec<u8>>,
}

impl Text {
    /// Splits octets into strings of 255.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Self {
        let mut strings: Vec<Vec<u8>> = octets.chunks(255).map(<[u8]>::to_vec).collect();
        if strings.is_empty() {
            strings.push(Vec::new());
        }
        Self { strings }
    }

    /// The strings.
    #[must_use]
    pub fn strings(&self) -> &[Vec<u8>] {
        &self.strings
    }
}

impl Data for Text {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        if text.contains('\n') {
            return Err(Flaw::Form);
        }
        let Some(mut rest) = text.strip_prefix('"') else {
            if text.contains(char::is_whitespace) {
                return Err(Flaw::FieldCount);
            }
            if text.ends_with('"') {
                return Err(Flaw::Quoting);
            }
            // Even one that is escaped, as clients know it.
            if text.ends_with('\\') {
                return Err(Flaw::Escape);
            }
            return Ok(Self { strings: vec![short_string(unescape(text)?)?] });
        };
        let mut strings = Vec::new();
        loop {
            let end = closing_quote(rest).ok_or(Flaw::Quoting)?;
            let (inside, after) = rest.split_at_checked(end).ok_or(Flaw::Quoting)?;
            strings.push(short_string(unescape(inside)?)?);
            match after {
                "\"" => return Ok(Self { strings }),
                _ => rest = after.strip_prefix("\" \"").ok_or(Flaw::Quoting)?,
            }
        }
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        let mut strings = vec![fields.string()?];
        while !fields.is_empty() {
            strings.push(fields.string()?);
        }
        Ok(Self { strings })
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        let mut strings = vec![wire.string()?];
        while !wire.is_empty() {
            strings.push(wire.string()?);
        }
        Ok(Self { strings })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        for string in &self.strings {
            write_string(out, string);
        }
    }
}

/// Where the first quote stands that no backslash escapes.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|octet| {
        let closes = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        closes
    })
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, string) in self.strings.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write_quoted(f, string)?;
        }
        Ok(())
    }
}
