//! CAA (RFC 8659).

use std::fmt;

use super::Data;
use super::error::Flaw;
use super::fields::{Fields, canonical_number};
use super::strings::{has_bare_quote, unescape, write_quoted};
use super::wire::{Reader, write_string};
use crate::domain::hostname::is_fqdn;

/// Who may issue certificates for a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caa {
    /// 128 means that an issuer must not issue if it does not know the tag.
    pub flags: u8,
    /// The property: alphanumerics, 1 to 255.
    pub tag: String,
    /// Its value.
    pub value: Vec<u8>,
}

impl Data for Caa {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let (flags, rest) = text.split_once(' ').ok_or(Flaw::FieldCount)?;
        let flags = canonical_number(flags)?;
        if !matches!(flags, 0 | 1 | 128) {
            return Err(Flaw::Number);
        }
        let (tag, value) = rest.split_once(' ').ok_or(Flaw::MissingValue)?;
        let (inside, quoted) = match value.strip_prefix('"') {
            Some(rest) => (rest.strip_suffix('"').ok_or(Flaw::Quoting)?, true),
            None => (value, false),
        };
        if has_bare_quote(inside) {
            return Err(Flaw::Quoting);
        }
        let octets = unescape(inside)?;
        let plain = str::from_utf8(&octets).map_err(|_| Flaw::Form)?;
        let fits = match tag {
            "issue" | "issuewild" if quoted => is_issue_value(plain),
            "issue" | "issuewild" => is_bare_issue_value(plain),
            "iodef" => is_report_url(plain),
            _ => return Err(Flaw::Keyword),
        };
        if fits { Ok(Self { flags, tag: tag.into(), value: octets }) } else { Err(Flaw::Form) }
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        let (flags, tag, value) = (fields.number()?, fields.word()?, fields.text()?);
        if is_tag(tag) { Ok(Self { flags, tag: tag.into(), value }) } else { Err(Flaw::Keyword) }
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        let (flags, tag, value) = (wire.u8()?, wire.string()?, wire.rest());
        let tag = String::from_utf8(tag).ok().filter(|tag| is_tag(tag)).ok_or(Flaw::Keyword)?;
        Ok(Self { flags, tag, value })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.push(self.flags);
        write_string(out, self.tag.as_bytes());
        out.extend(&self.value);
    }
}

impl fmt::Display for Caa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.flags, self.tag)?;
        write_quoted(f, &self.value)
    }
}

fn is_tag(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_domain(text: &str) -> bool {
    is_fqdn(&format!("{text}."))
}

/// The form without quotes: a domain, then items each after a semicolon and one blank; or a semicolon alone.
fn is_bare_issue_value(text: &str) -> bool {
    let mut parts = text.split("; ");
    text == ";" || parts.next().is_some_and(is_domain) && parts.all(is_parameter)
}

/// The form in quotes, by RFC 8659 section 4.2: domain and items may be missing, blanks around each do not count.
fn is_issue_value(text: &str) -> bool {
    let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
    let issuer = parts.next().unwrap_or_default();
    let items: Vec<&str> = parts.collect();
    (issuer.is_empty() || is_domain(issuer)) && (items == [""] || items.into_iter().all(is_parameter))
}

/// `key=value`: an alphanumeric key, a value that starts with an alphanumeric and holds no blank and no semicolon.
fn is_parameter(text: &str) -> bool {
    text.split_once('=').is_some_and(|(key, value)| {
        !key.is_empty()
            && key.bytes().all(|b| b.is_ascii_alphanumeric())
            && value.starts_with(|c: char| c.is_ascii_alphanumeric())
            && value.bytes().all(|b| b.is_ascii_graphic() && b != b';')
    })
}

/// A `mailto:`, `http:` or `https:` URL in the narrow form that Designate takes.
fn is_report_url(text: &str) -> bool {
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    if let Some(address) = text.strip_prefix("mailto:") {
        return address.split_once('@').is_some_and(|(local, domain)| {
            let (user, tag) = local.split_once('+').unwrap_or((local, "-"));
            is_word(user) && is_word(tag) && is_domain(domain)
        });
    }
    let location = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    location
        .and_then(|location| location.split_once('/'))
        .is_some_and(|(host, path)| is_domain(host) && path.bytes().all(|b| b.is_ascii_graphic()))
}
