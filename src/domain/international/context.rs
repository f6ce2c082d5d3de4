//! Contextual rules (RFC 5892 appendix A): where a code point with the property CONTEXTJ or CONTEXTO may stand.

use icu_properties::CodePointMapData;
use icu_properties::props::{CanonicalCombiningClass, JoiningType, Script};

/// True if the code point at `at` may stand there in `label`; false for one that has no rule.
pub(super) fn allows(label: &[char], at: usize) -> bool {
    let (before, rest) = label.split_at_checked(at).unwrap_or((label, &[]));
    let Some((c, after)) = rest.split_first() else { return false };
    match c {
        // A.1 zero width non-joiner
        '\u{200c}' => follows_virama(before) || breaks_a_connection(before, after),
        // A.2 zero width joiner
        '\u{200d}' => follows_virama(before),
        // A.3 middle dot
        '\u{b7}' => before.last() == Some(&'l') && after.first() == Some(&'l'),
        // A.4 Greek lower numeral sign (keraia)
        '\u{375}' => after.first().is_some_and(|next| script(*next) == Script::Greek),
        // A.5, A.6 Hebrew punctuation geresh, gershayim
        '\u{5f3}' | '\u{5f4}' => before.last().is_some_and(|last| script(*last) == Script::Hebrew),
        // A.7 Katakana middle dot
        '\u{30fb}' => {
            label.iter().any(|c| matches!(script(*c), Script::Hiragana | Script::Katakana | Script::Han))
        }
        // A.8 Arabic-Indic digits
        '\u{660}'..='\u{669}' => !label.iter().any(|c| matches!(c, '\u{6f0}'..='\u{6f9}')),
        // A.9 extended Arabic-Indic digits
        '\u{6f0}'..='\u{6f9}' => !label.iter().any(|c| matches!(c, '\u{660}'..='\u{669}')),
        _ => false,
    }
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

fn follows_virama(before: &[char]) -> bool {
    let class = |c: &char| CodePointMapData::<CanonicalCombiningClass>::new().get(*c);
    before.last().map(class) == Some(CanonicalCombiningClass::Virama)
}

/// Between two letters that would join, transparent ones put aside.
fn breaks_a_connection(before: &[char], after: &[char]) -> bool {
    let joining = |c: &char| CodePointMapData::<JoiningType>::new().get(*c);
    let opaque = |joining: &JoiningType| *joining != JoiningType::Transparent;
    let (left, right) =
        (before.iter().rev().map(joining).find(opaque), after.iter().map(joining).find(opaque));
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the first code point with a rule may stand where it stands.
    fn allowed(label: &str) -> bool {
        let label: Vec<char> = label.chars().collect();
        let ruled = |c: &char| {
            matches!(c, '\u{200c}' | '\u{200d}' | '\u{b7}' | '\u{375}' | '\u{5f3}' | '\u{5f4}' | '\u{30fb}')
                || matches!(c, '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}')
        };
        allows(&label, label.iter().position(ruled).unwrap())
    }

    #[test]
    fn rfc5892_appendix_a_1_zero_width_non_joiner() {
        // After a virama; between letters that join, marks that do not count in between.
        for label in ["\u{915}\u{94d}\u{200c}\u{937}", "\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}"] {
            assert!(allowed(label), "{label}");
        }
        assert!(allowed("\u{628}\u{64b}\u{200c}\u{64b}\u{628}"));
        for label in
            ["\u{200c}", "a\u{200c}b", "\u{628}\u{200c}", "\u{200c}\u{628}", "\u{627}\u{200c}\u{628}"]
        {
            assert!(!allowed(label), "{label}");
        }
    }

    #[test]
    fn rfc5892_appendix_a_2_zero_width_joiner() {
        assert!(allowed("\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}"));
        for label in ["\u{200d}", "a\u{200d}b", "\u{628}\u{200d}\u{628}", "\u{915}\u{200d}\u{937}"] {
            assert!(!allowed(label), "{label}");
        }
    }

    #[test]
    fn rfc5892_appendix_a_3_to_a_6_between_certain_letters() {
        for label in ["col\u{b7}laborar", "\u{375}\u{3b1}", "\u{5d0}\u{5f3}", "\u{5e6}\u{5d4}\u{5f4}\u{5dc}"]
        {
            assert!(allowed(label), "{label}");
        }
        for label in [
            "\u{b7}",
            "l\u{b7}",
            "\u{b7}l",
            "a\u{b7}l",
            "L\u{b7}L",
            "\u{375}",
            "\u{375}a",
            "\u{3b1}\u{375}",
            "\u{5f3}",
            "a\u{5f3}",
            "\u{5f4}\u{5d0}",
        ] {
            assert!(!allowed(label), "{label}");
        }
    }

    #[test]
    fn rfc5892_appendix_a_7_katakana_middle_dot() {
        for label in ["\u{30fb}\u{30a2}", "a\u{30fb}\u{3042}", "\u{4e00}\u{30fb}"] {
            assert!(allowed(label), "{label}");
        }
        assert!(!allowed("a\u{30fb}b"));
    }

    #[test]
    fn rfc5892_appendix_a_8_and_a_9_digits_are_not_mixed() {
        for label in ["\u{627}\u{660}\u{669}", "\u{627}\u{6f0}\u{6f9}", "\u{627}\u{660}1"] {
            assert!(allowed(label), "{label}");
        }
        for label in ["\u{627}\u{660}\u{6f0}", "\u{627}\u{6f9}\u{669}"] {
            assert!(!allowed(label), "{label}");
        }
    }
}
