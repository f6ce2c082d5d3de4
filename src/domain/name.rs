//! Absolute domain names.
//!
//! A name keeps the letter case it was given, but compares, hashes and sorts without case (RFC 4343).
//!
//! Invariants: the text ends with a dot; labels are 1 to 63 octets, the whole name at most 255 on the wire (RFC 1035
//! section 2.3.4); every octet has one spelling (letters never escaped, others escaped exactly where RFC 1035 section
//! 5.1 gives the character a meaning), so two texts are equal without case if and only if the names are.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Most octets of one label.
pub const MAX_LABEL: usize = 63;
/// Most octets of a name on the wire, length octets included.
pub const MAX_WIRE: usize = 255;

/// Why a text or an octet string is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum NameError {
    /// No text at all.
    #[error("name is empty")]
    Empty,
    /// The final dot is missing.
    #[error("name does not end with a dot")]
    NotAbsolute,
    /// Two dots in a row, or a dot at the start.
    #[error("label is empty")]
    EmptyLabel,
    /// A label over 63 octets.
    #[error("label is longer than 63 octets")]
    LabelTooLong,
    /// More than 255 octets on the wire.
    #[error("name is longer than 255 octets")]
    TooLong,
    /// A backslash that no character or no number up to 255 follows.
    #[error("escape is malformed")]
    BadEscape,
    /// White space, a control character or one outside ASCII, not escaped.
    #[error("character {character:?} needs an escape")]
    BadCharacter {
        /// The offending character.
        character: char,
    },
    /// Wire form that ends early or uses compression.
    #[error("wire form is truncated or compressed")]
    BadWire,
}

/// An absolute domain name.
#[derive(Clone)]
pub struct Name(Box<str>);

impl Name {
    /// The root, `.`.
    #[must_use]
    pub fn root() -> Self {
        Self(".".into())
    }

    /// Reads presentation form (RFC 1035 section 5.1): a final dot, `\.` and `\DDD` escapes.
    ///
    /// # Errors
    /// If the text breaks a rule of that form or a length limit.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self::root());
        }
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let mut out = String::with_capacity(text.len());
        let (mut wire, mut label) = (1_usize, 0_usize);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let octet = match c {
                '.' => {
                    if label == 0 {
                        return Err(NameError::EmptyLabel);
                    }
                    wire += label + 1;
                    label = 0;
                    out.push('.');
                    continue;
                }
                '\\' => read_escape(&mut chars)?,
                '!'..='~' => u8::try_from(c).map_err(|_| NameError::BadCharacter { character: c })?,
                _ => return Err(NameError::BadCharacter { character: c }),
            };
            label += 1;
            if label > MAX_LABEL {
                return Err(NameError::LabelTooLong);
            }
            push_octet(&mut out, octet);
        }
        if label != 0 {
            return Err(NameError::NotAbsolute);
        }
        if wire > MAX_WIRE {
            return Err(NameError::TooLong);
        }
        Ok(Self(out.into_boxed_str()))
    }

    /// Reads one uncompressed name from the front of `octets`; returns it and the octets it took.
    ///
    /// # Errors
    /// If the octets end early, hold a compression pointer or exceed 255.
    pub fn from_wire(octets: &[u8]) -> Result<(Self, usize), NameError> {
        let mut out = String::new();
        let mut at = 0_usize;
        loop {
            let length = usize::from(*octets.get(at).ok_or(NameError::BadWire)?);
            at += 1;
            if length == 0 {
                break;
            }
            if length > MAX_LABEL {
                return Err(NameError::BadWire);
            }
            let label = octets.get(at..at + length).ok_or(NameError::BadWire)?;
            at += length;
            if at >= MAX_WIRE {
                return Err(NameError::TooLong);
            }
            for octet in label {
                push_octet(&mut out, *octet);
            }
            out.push('.');
        }
        if out.is_empty() {
            out.push('.');
        }
        Ok((Self(out.into_boxed_str()), at))
    }

    /// The text, case as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text in lower case: equal for equal names, so fit for indexes.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The key with its characters in reverse order. The names below a zone are exactly those whose reversed key
    /// starts with the zone's followed by a dot (no zone is the root; an escaped dot, `\.`, reverses to `.\`).
    #[must_use]
    pub fn reversed_key(&self) -> String {
        self.0.chars().rev().map(|c| c.to_ascii_lowercase()).collect()
    }

    /// True for `.`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == "."
    }

    /// The labels in presentation form, leftmost first; none for the root.
    pub fn labels(&self) -> Labels<'_> {
        Labels { rest: if self.is_root() { "" } else { &self.0 } }
    }

    /// How many labels the name has; 0 for the root.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// True if the name is `zone` or lies below it.
    #[must_use]
    pub fn is_within(&self, zone: &Self) -> bool {
        if zone.is_root() {
            return true;
        }
        let (name, zone) = (self.0.as_bytes(), zone.0.as_bytes());
        let Some((front, back)) =
            name.len().checked_sub(zone.len()).and_then(|cut| name.split_at_checked(cut))
        else {
            return false;
        };
        back.eq_ignore_ascii_case(zone) && ends_at_label(front)
    }

    /// True if the name lies below `zone` and is not `zone` itself.
    #[must_use]
    pub fn is_below(&self, zone: &Self) -> bool {
        self.0.len() > zone.0.len() && self.is_within(zone)
    }

    /// The name without its first label; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let mut labels = self.labels();
        labels.next()?;
        Some(if labels.rest.is_empty() { Self::root() } else { Self(labels.rest.into()) })
    }

    /// The names above this one, nearest first, the root last.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// True if the first label is exactly `*` (RFC 4592).
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.labels().next() == Some("*")
    }

    /// Appends the uncompressed wire form to `out`.
    pub fn write_wire(&self, out: &mut Vec<u8>) {
        for label in self.labels() {
            let start = out.len();
            out.push(0);
            push_label_octets(label, out);
            let length = out.len() - start - 1;
            if let (Some(slot), Ok(length)) = (out.get_mut(start), u8::try_from(length)) {
                *slot = length;
            }
        }
        out.push(0);
    }

    /// The uncompressed wire form, case kept.
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + 1);
        self.write_wire(&mut out);
        out
    }

    /// Labels as octets, rightmost first.
    fn octet_labels_from_root(&self) -> Vec<Vec<u8>> {
        let mut labels: Vec<Vec<u8>> = self
            .labels()
            .map(|label| {
                let mut octets = Vec::with_capacity(label.len());
                push_label_octets(label, &mut octets);
                octets.make_ascii_lowercase();
                octets
            })
            .collect();
        labels.reverse();
        labels
    }
}

/// The labels of a name in presentation form, leftmost first.
#[derive(Debug, Clone)]
pub struct Labels<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut escaped = false;
        for (at, octet) in self.rest.bytes().enumerate() {
            match octet {
                b'.' if !escaped => {
                    let (label, rest) = self.rest.split_at_checked(at)?;
                    self.rest = rest.get(1..).unwrap_or_default();
                    return Some(label);
                }
                _ => escaped = octet == b'\\' && !escaped,
            }
        }
        None
    }
}

/// True if `front`, the text before a suffix, is empty or ends with a dot that separates labels.
fn ends_at_label(front: &[u8]) -> bool {
    match front.split_last() {
        None => true,
        Some((b'.', before)) => before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 0,
        Some(_) => false,
    }
}

/// The octet after a backslash: `\DDD` in decimal, or the character itself.
fn read_escape(chars: &mut std::str::Chars<'_>) -> Result<u8, NameError> {
    let first = chars.next().ok_or(NameError::BadEscape)?;
    let Some(hundreds) = first.to_digit(10) else {
        return match first {
            ' '..='~' => u8::try_from(first).map_err(|_| NameError::BadEscape),
            _ => Err(NameError::BadEscape),
        };
    };
    let mut digit = || chars.next().and_then(|c| c.to_digit(10)).ok_or(NameError::BadEscape);
    let (tens, ones) = (digit()?, digit()?);
    u8::try_from(hundreds * 100 + tens * 10 + ones).map_err(|_| NameError::BadEscape)
}

/// Writes one octet of a label in its only spelling.
fn push_octet(out: &mut String, octet: u8) {
    match octet {
        b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
            out.push('\\');
            out.push(char::from(octet));
        }
        b'!'..=b'~' => out.push(char::from(octet)),
        _ => {
            out.push('\\');
            for divisor in [100, 10, 1] {
                out.push(char::from(b'0' + octet / divisor % 10));
            }
        }
    }
}

/// Undoes [`push_octet`] for a whole label.
fn push_label_octets(label: &str, out: &mut Vec<u8>) {
    let mut chars = label.chars();
    while let Some(c) = chars.next() {
        let octet = if c == '\\' { read_escape(&mut chars).ok() } else { u8::try_from(c).ok() };
        out.extend(octet);
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in self.0.bytes() {
            state.write_u8(octet.to_ascii_lowercase());
        }
    }
}

/// Canonical order (RFC 4034 section 6.1): by labels from the root, so a name's descendants follow it directly.
impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0.contains('\\') || other.0.contains('\\') {
            return self.octet_labels_from_root().cmp(&other.octet_labels_from_root());
        }
        let mut mine = self.0.rsplit('.').skip(1);
        let mut theirs = other.0.rsplit('.').skip(1);
        loop {
            let order = match (mine.next(), theirs.next()) {
                (None, None) => return Ordering::Equal,
                (mine, theirs) => lower(mine).cmp(lower(theirs)),
            };
            if order.is_ne() {
                return order;
            }
        }
    }
}

/// The lower-case octets of a label; nothing, which sorts first, where a name has no more labels.
fn lower(label: Option<&str>) -> impl Iterator<Item = u8> {
    label.unwrap_or_default().bytes().map(|b| b.to_ascii_lowercase())
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[path = "name_tests.rs"]
mod tests;
