//! Internationalized labels (IDNA 2008, RFC 5890 to 5893): from U-labels to A-labels.
//!
//! Nothing is mapped but the case of ASCII: who writes `Ü` or a full-width dot has to be asked what was meant, and a
//! server is nobody's user interface (RFC 5891 section 4.1). Zone and recordset names of the API do not come here, they
//! are ASCII as given.
//!
//! Invariants: an A-label that comes out decodes to a label that passes every rule and encodes to it again; what went
//! in as an A-label has passed the same.

mod bidi;
mod context;
mod property;

use ::idna::punycode;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategoryGroup;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::property::Property;
use super::name::MAX_LABEL;

/// What an A-label starts with.
const PREFIX: &str = "xn--";

/// Why a label is not one of IDNA 2008.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum IdnaError {
    /// A code point that never stands in labels: capitals, symbols, emoji, ignorable ones.
    #[error("U+{0:04X} is not allowed in labels")]
    Disallowed(u32),
    /// A code point that Unicode has not given a meaning yet.
    #[error("U+{0:04X} is not assigned")]
    Unassigned(u32),
    /// A code point that is allowed between certain others only.
    #[error("U+{0:04X} is not allowed at this place")]
    Context(u32),
    /// Not in the one normal form.
    #[error("the label is not in Unicode normal form C")]
    NotNormal,
    /// A combining mark has nothing to combine with.
    #[error("the label starts with a combining mark")]
    LeadingMark,
    /// A hyphen at an end, or two where the prefix of encodings stands.
    #[error("hyphens stand where none may")]
    Hyphens,
    /// A label that cannot be shown together with one written from right to left.
    #[error("the label breaks the rule for names written from right to left")]
    Bidi,
    /// Longer than a label may be, once encoded.
    #[error("the encoded label is longer than 63 octets")]
    TooLong,
    /// A label with the prefix of A-labels that is not the encoding of a U-label.
    #[error("the label is no valid A-label")]
    NotAnALabel,
}

/// The name in ASCII: A-labels for U-labels, the rest in lower case. Dots, lengths of ASCII labels and their alphabet
/// are for the caller to check.
///
/// # Errors
/// The first rule that a label breaks; the rule for directions comes last, as it is about the whole name.
pub fn to_ascii(name: &str) -> Result<String, IdnaError> {
    let mut ascii = String::with_capacity(name.len());
    let mut shown = Vec::new();
    for (at, label) in name.split('.').enumerate() {
        if at > 0 {
            ascii.push('.');
        }
        let (encoded, u_label) = convert(label)?;
        ascii.push_str(&encoded);
        shown.push(u_label);
    }
    let rtl = shown.iter().any(|label| bidi::is_rtl(label));
    if rtl && !shown.iter().all(|label| label.is_empty() || bidi::allows(label)) {
        return Err(IdnaError::Bidi);
    }
    Ok(ascii)
}

/// A label as it goes over the wire and as it is shown.
fn convert(label: &str) -> Result<(String, String), IdnaError> {
    if !label.is_ascii() {
        return Ok((encode(label)?, label.to_owned()));
    }
    let lower = label.to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix(PREFIX) {
        // Bootstring takes time that grows with the square of the length.
        if lower.len() > MAX_LABEL {
            return Err(IdnaError::TooLong);
        }
        let shown = punycode::decode_to_string(rest).filter(|shown| !shown.is_ascii());
        let shown = shown.ok_or(IdnaError::NotAnALabel)?;
        return if encode(&shown)? == lower { Ok((lower, shown)) } else { Err(IdnaError::NotAnALabel) };
    }
    // Other labels with hyphens there are reserved for prefixes to come (RFC 5890 section 2.3.1).
    if has_prefix_hyphens(&lower) { Err(IdnaError::Hyphens) } else { Ok((lower.clone(), lower)) }
}

/// Checks a U-label and gives its A-label (RFC 5891 sections 4.2 and 4.4).
fn encode(label: &str) -> Result<String, IdnaError> {
    let chars: Vec<char> = label.chars().collect();
    if chars.len() > MAX_LABEL {
        return Err(IdnaError::TooLong);
    }
    if !ComposingNormalizerBorrowed::new_nfc().is_normalized(label) {
        return Err(IdnaError::NotNormal);
    }
    if label.starts_with('-') || label.ends_with('-') || has_prefix_hyphens(label) {
        return Err(IdnaError::Hyphens);
    }
    if chars.first().is_some_and(|c| GeneralCategoryGroup::Mark.contains(CodePointMapData::new().get(*c))) {
        return Err(IdnaError::LeadingMark);
    }
    for (at, c) in chars.iter().enumerate() {
        let code = u32::from(*c);
        match property::of(*c) {
            Property::Valid => {}
            Property::ContextJ | Property::ContextO if context::allows(&chars, at) => {}
            Property::ContextJ | Property::ContextO => return Err(IdnaError::Context(code)),
            Property::Disallowed => return Err(IdnaError::Disallowed(code)),
            Property::Unassigned => return Err(IdnaError::Unassigned(code)),
        }
    }
    let encoded = punycode::encode_str(label).ok_or(IdnaError::TooLong)?;
    if PREFIX.len() + encoded.len() > MAX_LABEL {
        Err(IdnaError::TooLong)
    } else {
        Ok(format!("{PREFIX}{encoded}"))
    }
}

/// Hyphens at the third and fourth place.
fn has_prefix_hyphens(label: &str) -> bool {
    label.chars().skip(2).take(2).eq(['-', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Example A-labels of the IANA root zone and of RFC 5891, 3492 and 5893.
    #[test]
    fn u_labels_become_the_known_a_labels() {
        for (shown, ascii) in [
            ("bücher.example.", "xn--bcher-kva.example."),
            ("faß.de.", "xn--fa-hia.de."),
            ("βόλος.com.", "xn--nxasmm1c.com."),
            ("рф.", "xn--p1ai."),
            ("中国.", "xn--fiqs8s."),
            ("भारत.", "xn--h2brj9c."),
            ("한국.", "xn--3e0b707e."),
            ("ישראל.", "xn--4dbrk0ce."),
            ("امارات.", "xn--mgbaam7a8h."),
            ("نامهای.com.", "xn--mgba3gch31f.com."),
            ("نامه\u{200c}ای.com.", "xn--mgba3gch31f060k.com."),
            ("ශ්\u{200d}රී.com.", "xn--10cl1a0b660p.com."),
            ("Example.ORG.", "example.org."),
            ("_tcp.Bücher.", ""),
            ("_tcp.bücher.", "_tcp.xn--bcher-kva."),
            (".", "."),
        ] {
            let converted = to_ascii(shown);
            if ascii.is_empty() {
                assert_eq!(converted, Err(IdnaError::Disallowed(0x42)));
                continue;
            }
            assert_eq!(converted.as_deref(), Ok(ascii), "{shown}");
            assert_eq!(to_ascii(ascii).as_deref(), Ok(ascii));
            assert_eq!(
                to_ascii(&ascii.to_uppercase()).as_deref(),
                Ok(ascii),
                "case of A-labels means nothing"
            );
        }
    }

    #[test]
    fn every_rule_of_rfc5891_section_4_2_refuses() {
        use IdnaError::{Bidi, Context, Disallowed, Hyphens, LeadingMark, NotNormal, TooLong, Unassigned};
        for (name, error) in [
            // 4.2.1 normal form
            ("bu\u{308}cher.", NotNormal),
            ("\u{1100}\u{1161}.", NotNormal),
            // 4.2.2 code points that are disallowed or unassigned
            ("Bücher.", Disallowed(0x42)),
            ("Ünder.", Disallowed(0xdc)),
            ("☃.", Disallowed(0x2603)),
            ("i❤.", Disallowed(0x2764)),
            ("😀.", Disallowed(0x1f600)),
            ("a。b.", Disallowed(0x3002)),
            ("ａ.", Disallowed(0xff41)),
            ("ﬁ.", Disallowed(0xfb01)),
            ("a\u{ad}b.", Disallowed(0xad)),
            ("a\u{200b}b.", Disallowed(0x200b)),
            ("ab\u{2060}.", Disallowed(0x2060)),
            ("\u{378}.", Unassigned(0x378)),
            ("é_a.", Disallowed(0x5f)),
            ("é a.", Disallowed(0x20)),
            // 4.2.3.1 hyphens
            ("aé--b.", Hyphens),
            ("-é.", Hyphens),
            ("é-.", Hyphens),
            ("ab--c.", Hyphens),
            // 4.2.3.2 leading combining marks
            ("\u{301}a.", LeadingMark),
            ("\u{903}\u{915}.", LeadingMark),
            // 4.2.3.3 contextual rules
            ("a\u{200d}b.", Context(0x200d)),
            ("a\u{200c}b.", Context(0x200c)),
            ("a\u{b7}b.", Context(0xb7)),
            ("a\u{30fb}b.", Context(0x30fb)),
            ("\u{627}\u{660}\u{6f0}.", Context(0x660)),
            // 4.2.3.4 and RFC 5893
            ("1א.", Bidi),
            ("אa.", Bidi),
            ("1a.א.", Bidi),
            ("_tcp.א.", Bidi),
            // 4.2.4 length of the A-label
            (&format!("{}é.", "a".repeat(60)), TooLong),
            (&"é".repeat(64), TooLong),
        ] {
            assert_eq!(to_ascii(name), Err(error), "{name}");
        }
        assert!(to_ascii("1a.example.").is_ok(), "outside of Bidi names digits may lead");
    }

    #[test]
    fn a_labels_in_the_input_are_what_they_say() {
        for (name, error) in [
            ("xn--.", IdnaError::NotAnALabel),
            ("xn--a.", IdnaError::Disallowed(0x80)),
            ("xn--abc-.", IdnaError::NotAnALabel),
            ("xn--\u{fc}.", IdnaError::Hyphens),
            ("xn--99999999.", IdnaError::NotAnALabel),
            // the encoding of a snowman
            ("xn--n3h.", IdnaError::Disallowed(0x2603)),
            (&format!("xn--{}.", "a".repeat(60)), IdnaError::TooLong),
        ] {
            assert_eq!(to_ascii(name), Err(error), "{name}");
        }
        let decomposed = format!("xn--{}.", punycode::encode_str("bu\u{308}cher").unwrap());
        assert_eq!(to_ascii(&decomposed), Err(IdnaError::NotNormal));
        let capital = format!("xn--{}.", punycode::encode_str("Ünder").unwrap());
        assert_eq!(to_ascii(&capital), Err(IdnaError::Disallowed(0xdc)));
    }
}
