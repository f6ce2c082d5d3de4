//! The derived property of code points (RFC 5892 section 3), computed from the Unicode properties it is defined by.
//!
//! Invariants: exceptions decide before everything else; a code point that this program's version of Unicode does not
//! know is unassigned and so never part of a label.

use icu_properties::props::{
    ChangesWhenNfkcCasefolded, GeneralCategory, HangulSyllableType, NoncharacterCodePoint,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// What IDNA 2008 says of a code point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Property {
    /// May stand in labels.
    Valid,
    /// A join control, by a rule of its own.
    ContextJ,
    /// Another code point with a rule of its own.
    ContextO,
    /// May not.
    Disallowed,
    /// Nobody knows what it will be.
    Unassigned,
}

/// The property of a code point. The steps and their letters are those of RFC 5892 sections 2 and 3; the list of
/// backward-compatible code points (G) is empty.
pub(super) fn of(c: char) -> Property {
    if let Some(property) = exception(c) {
        return property;
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    match c {
        // LDH (I).
        '-' | '0'..='9' | 'a'..='z' => Property::Valid,
        // Join controls (H).
        '\u{200c}' | '\u{200d}' => Property::ContextJ,
        // Unassigned (J).
        _ if category == GeneralCategory::Unassigned && !is_noncharacter(c) => Property::Unassigned,
        _ if is_unstable(c) || is_in_ignorable_block(c) || is_old_jamo(c) => Property::Disallowed,
        _ if is_letter_or_digit(category) => Property::Valid,
        _ => Property::Disallowed,
    }
}

/// Exceptions (F).
const fn exception(c: char) -> Option<Property> {
    match c {
        '\u{df}' | '\u{3c2}' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => Some(Property::Valid),
        '\u{b7}' | '\u{375}' | '\u{5f3}' | '\u{5f4}' | '\u{30fb}' => Some(Property::ContextO),
        '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}' => Some(Property::ContextO),
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => {
            Some(Property::Disallowed)
        }
        _ => None,
    }
}

/// Unstable (B) under NFKC and case folding, or ignorable (C): both are what `NFKC_Casefold` changes. The rest of C,
/// white space and noncharacters, are neither letters nor digits.
fn is_unstable(c: char) -> bool {
    CodePointSetData::new::<ChangesWhenNfkcCasefolded>().contains(c)
}

/// Ignorable blocks (D): combining marks for symbols, musical symbols, ancient Greek musical notation.
const fn is_in_ignorable_block(c: char) -> bool {
    matches!(c, '\u{20d0}'..='\u{20ff}' | '\u{1d100}'..='\u{1d1ff}' | '\u{1d200}'..='\u{1d24f}')
}

/// Conjoining Hangul (K), from which syllables are made.
fn is_old_jamo(c: char) -> bool {
    matches!(
        CodePointMapData::<HangulSyllableType>::new().get(c),
        HangulSyllableType::LeadingJamo | HangulSyllableType::VowelJamo | HangulSyllableType::TrailingJamo
    )
}

/// Letters and digits (A).
const fn is_letter_or_digit(category: GeneralCategory) -> bool {
    matches!(
        category,
        GeneralCategory::LowercaseLetter
            | GeneralCategory::UppercaseLetter
            | GeneralCategory::OtherLetter
            | GeneralCategory::DecimalNumber
            | GeneralCategory::ModifierLetter
            | GeneralCategory::NonspacingMark
            | GeneralCategory::SpacingMark
    )
}

fn is_noncharacter(c: char) -> bool {
    CodePointSetData::new::<NoncharacterCodePoint>().contains(c)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Ranges of the table in RFC 5892 appendix B.1.
    #[test]
    fn rfc5892_appendix_b_1() {
        for (range, property) in [
            ('\u{0}'..='\u{2c}', Property::Disallowed),
            ('\u{2d}'..='\u{2d}', Property::Valid),
            ('\u{2e}'..='\u{2f}', Property::Disallowed),
            ('\u{30}'..='\u{39}', Property::Valid),
            ('\u{3a}'..='\u{60}', Property::Disallowed),
            ('\u{61}'..='\u{7a}', Property::Valid),
            ('\u{7b}'..='\u{b6}', Property::Disallowed),
            ('\u{b7}'..='\u{b7}', Property::ContextO),
            ('\u{b8}'..='\u{de}', Property::Disallowed),
            ('\u{df}'..='\u{f6}', Property::Valid),
            ('\u{f7}'..='\u{f7}', Property::Disallowed),
            ('\u{f8}'..='\u{ff}', Property::Valid),
            ('\u{100}'..='\u{100}', Property::Disallowed),
            ('\u{101}'..='\u{101}', Property::Valid),
            ('\u{132}'..='\u{134}', Property::Disallowed),
            ('\u{300}'..='\u{33f}', Property::Valid),
            ('\u{340}'..='\u{341}', Property::Disallowed),
            ('\u{342}'..='\u{342}', Property::Valid),
            ('\u{343}'..='\u{345}', Property::Disallowed),
            ('\u{34f}'..='\u{34f}', Property::Disallowed),
            ('\u{378}'..='\u{379}', Property::Unassigned),
            ('\u{384}'..='\u{38a}', Property::Disallowed),
            ('\u{3ac}'..='\u{3ce}', Property::Valid),
            ('\u{5d0}'..='\u{5ea}', Property::Valid),
            ('\u{5f3}'..='\u{5f4}', Property::ContextO),
            ('\u{640}'..='\u{640}', Property::Disallowed),
            ('\u{660}'..='\u{669}', Property::ContextO),
            ('\u{66a}'..='\u{66d}', Property::Disallowed),
            ('\u{6f0}'..='\u{6f9}', Property::ContextO),
            ('\u{1100}'..='\u{11ff}', Property::Disallowed),
            ('\u{200c}'..='\u{200d}', Property::ContextJ),
            ('\u{20d0}'..='\u{20f0}', Property::Disallowed),
            ('\u{2190}'..='\u{23e8}', Property::Disallowed),
            ('\u{3007}'..='\u{3007}', Property::Valid),
            ('\u{3041}'..='\u{3096}', Property::Valid),
            ('\u{30fb}'..='\u{30fb}', Property::ContextO),
            ('\u{4e00}'..='\u{9fcb}', Property::Valid),
            ('\u{ac00}'..='\u{d7a3}', Property::Valid),
            ('\u{e000}'..='\u{fa0d}', Property::Disallowed),
            ('\u{fa0e}'..='\u{fa0f}', Property::Valid),
            ('\u{fdd0}'..='\u{fdef}', Property::Disallowed),
            ('\u{10000}'..='\u{1000b}', Property::Valid),
            ('\u{10400}'..='\u{10427}', Property::Disallowed),
            ('\u{10428}'..='\u{1049d}', Property::Valid),
            ('\u{1f600}'..='\u{1f64f}', Property::Disallowed),
            ('\u{20000}'..='\u{2a6d6}', Property::Valid),
            ('\u{e0100}'..='\u{e01ef}', Property::Disallowed),
            ('\u{fffe}'..='\u{ffff}', Property::Disallowed),
            ('\u{10fffe}'..='\u{10ffff}', Property::Disallowed),
        ] {
            for c in range {
                assert_eq!(of(c), property, "U+{:04X}", u32::from(c));
            }
        }
    }

    /// IANA's table for Unicode 12, which Unicode only adds to: all its context rules, and as many valid code points.
    #[test]
    fn counts_are_those_of_the_iana_table() {
        let mut counts = BTreeMap::new();
        for c in '\0'..=char::MAX {
            *counts.entry(of(c)).or_insert(0) += 1;
        }
        assert_eq!((counts[&Property::ContextJ], counts[&Property::ContextO]), (2, 25));
        assert!(counts[&Property::Valid] >= 123_006, "{counts:?}");
    }
}
