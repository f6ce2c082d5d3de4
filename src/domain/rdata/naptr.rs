//! NAPTR (RFC 3403).

use std::fmt;

use super::Data;
use super::error::Flaw;
use super::fields::{Fields, domain_or_root, number, short_string, split_exactly};
use super::strings::{unescape, unquote_word, write_quoted};
use super::substitution::is_substitution;
use super::wire::{Reader, write_string};
use crate::domain::name::Name;

/// A rule that rewrites a name or a number into a name or a URI; the strings are at most 255 octets each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Naptr {
    /// Lower is processed first.
    pub order: u16,
    /// Choice among equal orders, lower first.
    pub preference: u16,
    /// What comes next after this rule.
    pub flags: Vec<u8>,
    /// The services the rule leads to.
    pub services: Vec<u8>,
    /// A substitution expression, or nothing.
    pub regexp: Vec<u8>,
    /// The next name, the root if there is none.
    pub replacement: Name,
}

impl Data for Naptr {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let [order, preference, flags, services, regexp, replacement] = split_exactly(text)?;
        let string = |text| short_string(unescape(unquote_word(text)?)?);
        // An empty string has to be written as two quotes: two blanks in a row are not a separator.
        if [flags, services, regexp].contains(&"") {
            return Err(Flaw::FieldCount);
        }
        let data = Self {
            order: number(order)?,
            preference: number(preference)?,
            flags: string(flags)?,
            services: string(services)?,
            regexp: string(regexp)?,
            replacement: domain_or_root(replacement)?,
        };
        let fits = data.flags.iter().all(|b| b"APSUapsu".contains(b))
            && are_services(&data.services)
            && is_substitution(&data.regexp);
        if fits { Ok(data) } else { Err(Flaw::Form) }
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            order: fields.number()?,
            preference: fields.number()?,
            flags: fields.string()?,
            services: fields.string()?,
            regexp: fields.string()?,
            replacement: fields.name()?,
        })
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            order: wire.u16()?,
            preference: wire.u16()?,
            flags: wire.string()?,
            services: wire.string()?,
            regexp: wire.string()?,
            replacement: wire.name()?,
        })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.extend(self.order.to_be_bytes());
        out.extend(self.preference.to_be_bytes());
        for string in [&self.flags, &self.services, &self.regexp] {
            write_string(out, string);
        }
        self.replacement.write_wire(out);
    }
}

impl fmt::Display for Naptr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.order, self.preference)?;
        for string in [&self.flags, &self.services, &self.regexp] {
            write_quoted(f, string)?;
            f.write_str(" ")?;
        }
        self.replacement.fmt(f)
    }
}

/// Nothing, or a protocol and `+`-joined services: each a letter and alphanumerics, the services at most 32.
fn are_services(octets: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        part.first().is_some_and(u8::is_ascii_alphabetic) && part.iter().all(u8::is_ascii_alphanumeric)
    };
    let mut parts = octets.split(|b| *b == b'+');
    octets.is_empty()
        || parts.next().is_some_and(is_word) && parts.all(|part| part.len() <= 32 && is_word(part))
}
