//! Character strings in text: escapes undone and made (RFC 1035 section 5.1).
//!
//! Invariants: what is written can be read again and gives the same octets; characters outside ASCII count as their
//! UTF-8 octets.

use std::fmt::{self, Write};

use super::error::Flaw;

/// The octets of a text: `\DDD` and `\X` undone.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, Flaw> {
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        if octet != b'\\' {
            out.push(octet);
            continue;
        }
        let first = octets.next().ok_or(Flaw::Escape)?;
        if !first.is_ascii_digit() {
            out.push(first);
            continue;
        }
        let mut value = u16::from(first - b'0');
        for _ in 0..2 {
            let digit = octets.next().filter(u8::is_ascii_digit).ok_or(Flaw::Escape)?;
            value = value * 10 + u16::from(digit - b'0');
        }
        out.push(u8::try_from(value).map_err(|_| Flaw::Escape)?);
    }
    Ok(out)
}

/// Writes octets as a quoted string.
pub(super) fn write_quoted(f: &mut impl Write, octets: &[u8]) -> fmt::Result {
    f.write_char('"')?;
    for octet in octets {
        match octet {
            b'"' | b'\\' => write!(f, "\\{}", char::from(*octet))?,
            b' '..=b'~' => f.write_char(char::from(*octet))?,
            _ => write!(f, "\\{octet:03}")?,
        }
    }
    f.write_char('"')
}

/// The inside of a text that may stand in quotes, as the API takes it for one string: no white space, quotes on both
/// sides or on neither, quotes inside only after a backslash.
pub(super) fn unquote_word(text: &str) -> Result<&str, Flaw> {
    if text.contains(char::is_whitespace) {
        return Err(Flaw::FieldCount);
    }
    let inside = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or(Flaw::Quoting)?,
        None => text,
    };
    if has_bare_quote(inside) { Err(Flaw::Quoting) } else { Ok(inside) }
}

/// True if a `"` stands in the text without a backslash that escapes it, or the text ends within an escape.
pub(super) fn has_bare_quote(text: &str) -> bool {
    let mut escaped = false;
    for octet in text.bytes() {
        if octet == b'"' && !escaped {
            return true;
        }
        escaped = octet == b'\\' && !escaped;
    }
    escaped
}
