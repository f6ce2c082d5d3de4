//! The parameters of SVCB and HTTPS records: keys, and their values as text and as octets (RFC 9460 sections 2.1 and 7,
//! RFC 9461 section 5).
//!
//! Invariants: every value that a `value_from_*` function gives passes `check`, and prints to text that gives it again.

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::encoding::{decode_base64, write_base64};
use super::error::Flaw;
use super::fields::{canonical_number, number};
use super::strings::{has_bare_quote, unescape};
use super::wire::{Reader, write_string};

/// The key of a service parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SvcKey(u16);

const NAMES: [&str; 8] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath"];

/// The protocols that the API takes.
const API_PROTOCOLS: [&str; 5] = ["h3", "h2", "h2c", "http/1.1", "http/1.0"];

impl SvcKey {
    /// Keys that a client must understand.
    pub const MANDATORY: Self = Self(0);
    /// Protocols offered.
    pub const ALPN: Self = Self(1);
    /// The default protocol is not offered.
    pub const NO_DEFAULT_ALPN: Self = Self(2);
    /// The port, if not the default.
    pub const PORT: Self = Self(3);
    /// IPv4 addresses of the target.
    pub const IPV4HINT: Self = Self(4);
    /// Configuration of encrypted ClientHello.
    pub const ECH: Self = Self(5);
    /// IPv6 addresses of the target.
    pub const IPV6HINT: Self = Self(6);
    /// URI template of DNS over HTTPS (RFC 9461).
    pub const DOHPATH: Self = Self(7);
    /// Reserved, never in use.
    const INVALID: Self = Self(u16::MAX);

    /// From its number.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The key of a name, or of `keyNNNNN` if the number has no name; in lower case.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        if let Some(index) = NAMES.iter().position(|name| *name == text) {
            return u16::try_from(index).ok().map(Self);
        }
        let key = Self(canonical_number(text.strip_prefix("key")?).ok()?);
        (!key.has_name() && key != Self::INVALID).then_some(key)
    }

    fn has_name(self) -> bool {
        usize::from(self.0) < NAMES.len()
    }

    /// A parameter of a zone file. A key with a name may be given by number, its value then as plain octets: name
    /// servers that do not know the name write it so (RFC 9460 section 2.1).
    pub(super) fn parameter(name: &str, text: Option<&str>) -> Result<(Self, Vec<u8>), Flaw> {
        if let Some(key) = Self::from_name(name) {
            return Ok((key, key.value_from_text(text)?));
        }
        let number = name.strip_prefix("key").and_then(|digits| canonical_number(digits).ok());
        let key = number.map(Self).ok_or(Flaw::Keyword)?;
        let value = unescape(text.unwrap_or_default())?;
        key.check(&value)?;
        Ok((key, value))
    }

    /// The value in the API's form: no quotes, the narrower lists of Designate.
    pub(super) fn value_from_api(self, text: Option<&str>) -> Result<Vec<u8>, Flaw> {
        let value = text.unwrap_or_default();
        let fits = match self {
            Self::ALPN => value.split(',').all(|id| API_PROTOCOLS.contains(&id)),
            Self::PORT => value.len() <= 5,
            Self::DOHPATH => value.len() >= 7 && value.contains("{?dns}"),
            _ => true,
        };
        let is_word = !has_bare_quote(value) && !value.contains(char::is_whitespace);
        if fits && is_word { self.value_from_text(text) } else { Err(Flaw::Parameter) }
    }

    /// The value in presentation form, quotes removed; `None` if there is no equals sign.
    pub(super) fn value_from_text(self, text: Option<&str>) -> Result<Vec<u8>, Flaw> {
        let value = match text {
            None => Vec::new(),
            Some(text) => self.encode(text)?,
        };
        self.check(&value)?;
        Ok(value)
    }

    fn encode(self, text: &str) -> Result<Vec<u8>, Flaw> {
        match self {
            Self::MANDATORY => {
                let mut keys: Vec<u16> = text
                    .split(',')
                    .map(|name| Self::from_name(name).map(Self::number).ok_or(Flaw::Parameter))
                    .collect::<Result<_, _>>()?;
                keys.sort_unstable();
                Ok(keys.into_iter().flat_map(u16::to_be_bytes).collect())
            }
            Self::ALPN => split_list(&unescape(text)?),
            Self::NO_DEFAULT_ALPN => Err(Flaw::Parameter),
            Self::PORT => number::<u16>(text).map(|port| port.to_be_bytes().to_vec()),
            Self::IPV4HINT => addresses(text, |address: Ipv4Addr| address.octets()),
            Self::IPV6HINT => addresses(text, |address: Ipv6Addr| address.octets()),
            Self::ECH => decode_base64(text).ok_or(Flaw::Base64),
            _ => unescape(text),
        }
    }

    /// Checks a value in wire form.
    pub(super) fn check(self, value: &[u8]) -> Result<(), Flaw> {
        let fits = match self {
            Self::MANDATORY => {
                let (keys, rest) = value.as_chunks::<2>();
                // Strictly ascending, so that `mandatory`, number 0, can only come first.
                rest.is_empty()
                    && keys.is_sorted_by(|a, b| a < b)
                    && keys.first().is_some_and(|k| *k != [0, 0])
            }
            Self::ALPN => {
                let mut list = Reader::new(value);
                while !list.is_empty() {
                    if list.string()?.is_empty() {
                        return Err(Flaw::Parameter);
                    }
                }
                !value.is_empty()
            }
            Self::NO_DEFAULT_ALPN => value.is_empty(),
            Self::PORT => value.len() == 2,
            Self::IPV4HINT => !value.is_empty() && value.len().is_multiple_of(4),
            Self::IPV6HINT => !value.is_empty() && value.len().is_multiple_of(16),
            Self::ECH => !value.is_empty(),
            Self::DOHPATH => value.starts_with(b"/") && str::from_utf8(value).is_ok(),
            Self::INVALID => false,
            _ => true,
        };
        if fits { Ok(()) } else { Err(Flaw::Parameter) }
    }

    /// Writes `key=value`, or the key alone if there is no value. Unquoted: blanks and quotes are escaped.
    pub(super) fn write_param(self, f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
        write!(f, "{self}")?;
        if value.is_empty() {
            return Ok(());
        }
        f.write_char('=')?;
        match self {
            Self::MANDATORY => {
                let (keys, _) = value.as_chunks::<2>();
                write_list(f, keys.iter().map(|key| Self(u16::from_be_bytes(*key))))
            }
            Self::ALPN => write_protocols(f, value),
            Self::PORT => {
                let (ports, _) = value.as_chunks::<2>();
                write_list(f, ports.iter().map(|port| u16::from_be_bytes(*port)))
            }
            Self::IPV4HINT => write_list(f, value.as_chunks::<4>().0.iter().copied().map(Ipv4Addr::from)),
            Self::IPV6HINT => write_list(f, value.as_chunks::<16>().0.iter().copied().map(Ipv6Addr::from)),
            Self::ECH => write_base64(f, value),
            _ => write_escaped(f, value),
        }
    }
}

impl fmt::Display for SvcKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "key{}", self.0),
        }
    }
}

/// A comma list with escaped commas and backslashes as character strings (RFC 9460 appendix A.1).
fn split_list(octets: &[u8]) -> Result<Vec<u8>, Flaw> {
    let (mut out, mut item) = (Vec::new(), Vec::new());
    let mut rest = octets.iter().chain([b','].iter()).peekable();
    while let Some(octet) = rest.next() {
        match octet {
            b'\\' if rest.peek().is_some_and(|next| matches!(next, b',' | b'\\')) => item.extend(rest.next()),
            b',' => {
                if item.is_empty() || item.len() > 255 {
                    return Err(Flaw::Parameter);
                }
                write_string(&mut out, &item);
                item.clear();
            }
            _ => item.push(*octet),
        }
    }
    if item.is_empty() { Ok(out) } else { Err(Flaw::Escape) }
}

fn write_protocols(f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
    let mut list = Reader::new(value);
    let mut joined = Vec::new();
    while let Ok(id) = list.string() {
        if !joined.is_empty() {
            joined.push(b',');
        }
        for octet in id {
            if matches!(octet, b',' | b'\\') {
                joined.push(b'\\');
            }
            joined.push(octet);
        }
    }
    write_escaped(f, &joined)
}

fn addresses<A: FromStr, const N: usize>(text: &str, octets: fn(A) -> [u8; N]) -> Result<Vec<u8>, Flaw> {
    let mut out = Vec::new();
    for item in text.split(',') {
        out.extend(octets(item.parse().map_err(|_| Flaw::Address)?));
    }
    Ok(out)
}

fn write_list(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item: fmt::Display>) -> fmt::Result {
    for (index, item) in items.enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

/// Writes octets as an unquoted string.
fn write_escaped(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    for octet in octets {
        match octet {
            b'"' | b'\\' | b';' | b'(' | b')' => write!(f, "\\{}", char::from(*octet))?,
            b'!'..=b'~' => f.write_char(char::from(*octet))?,
            _ => write!(f, "\\{octet:03}")?,
        }
    }
    Ok(())
}
