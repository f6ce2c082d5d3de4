//! Hexadecimal and base64 (RFC 4648), strict: no characters outside the alphabet, padding as it must be.

use std::fmt::{self, Write};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decodes an even number of hexadecimal digits of either case.
pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Writes octets as lower-case hexadecimal digits.
pub(super) fn write_hex(f: &mut impl Write, octets: &[u8]) -> fmt::Result {
    octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}

/// Decodes padded base64; unused bits of the last group must be zero.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(groups.len() * 3);
    for (index, group) in groups.iter().enumerate() {
        let padding = match group {
            [_, _, b'=', b'='] => 2,
            [_, _, _, b'='] => 1,
            _ => 0,
        };
        if padding > 0 && index + 1 != groups.len() {
            return None;
        }
        let mut bits = 0_u32;
        for octet in group.iter().take(4 - padding) {
            bits = bits << 6 | sextet(*octet)?;
        }
        bits <<= 6 * padding;
        let [_, octets @ ..] = bits.to_be_bytes();
        let (kept, unused) = octets.split_at_checked(3 - padding)?;
        if unused.iter().any(|b| *b != 0) {
            return None;
        }
        out.extend(kept);
    }
    Some(out)
}

/// Writes octets as padded base64.
pub(super) fn write_base64(f: &mut impl Write, octets: &[u8]) -> fmt::Result {
    for group in octets.chunks(3) {
        let bits = group.iter().chain([0, 0].iter()).take(3).fold(0_u32, |bits, b| bits << 8 | u32::from(*b));
        for place in 0..4 {
            let index = bits >> (18 - 6 * place) & 63;
            let letter = usize::try_from(index).ok().and_then(|i| ALPHABET.get(i)).copied().unwrap_or(b'=');
            f.write_char(if place <= group.len() { char::from(letter) } else { '=' })?;
        }
    }
    Ok(())
}

fn sextet(octet: u8) -> Option<u32> {
    let value = match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base64(octets: &[u8]) -> String {
        let mut out = String::new();
        write_base64(&mut out, octets).unwrap();
        out
    }

    /// The vectors of RFC 4648 section 10.
    #[test]
    fn rfc4648_section_10() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
            assert_eq!(decode_base64(encoded).unwrap(), plain.as_bytes());
        }
        assert_eq!(decode_hex("666F6f"), Some(b"foo".to_vec()));
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in ["Z", "Zg", "Zg=", "Zg==Zg==", "Zh==", "Zm9=", "=m9v", "Z===", "Zm9\n", "Zm9-"] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
        for text in ["0", "0g", "+1", "ää"] {
            assert_eq!(decode_hex(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn octets_survive(octets in prop::collection::vec(any::<u8>(), 0..50)) {
            let mut hex = String::new();
            write_hex(&mut hex, &octets).unwrap();
            prop_assert_eq!(decode_hex(&hex).unwrap(), octets.clone());
            prop_assert_eq!(decode_base64(&base64(&octets)).unwrap(), octets);
        }
    }
}
