//! The rule for labels that are written from right to left, and for those next to them (RFC 5893 section 2).

use icu_properties::CodePointMapData;
use icu_properties::props::BidiClass;

fn class(c: char) -> BidiClass {
    CodePointMapData::<BidiClass>::new().get(c)
}

/// True if the label makes its domain name a Bidi domain name.
pub(super) fn is_rtl(label: &str) -> bool {
    label.chars().any(|c| {
        matches!(class(c), BidiClass::RightToLeft | BidiClass::ArabicLetter | BidiClass::ArabicNumber)
    })
}

/// The six conditions for a label of a Bidi domain name.
pub(super) fn allows(label: &str) -> bool {
    let classes: Vec<BidiClass> = label.chars().map(class).collect();
    let has = |class| classes.contains(&class);
    let last = classes.iter().rev().find(|class| **class != BidiClass::NonspacingMark);
    match classes.first() {
        Some(&BidiClass::RightToLeft | &BidiClass::ArabicLetter) => {
            let ends = matches!(
                last,
                Some(
                    &BidiClass::RightToLeft
                        | &BidiClass::ArabicLetter
                        | &BidiClass::EuropeanNumber
                        | &BidiClass::ArabicNumber
                )
            );
            let within = classes.iter().all(|class| {
                matches!(*class, BidiClass::RightToLeft | BidiClass::ArabicLetter | BidiClass::ArabicNumber)
                    || is_neutral(*class)
            });
            ends && within && !(has(BidiClass::EuropeanNumber) && has(BidiClass::ArabicNumber))
        }
        Some(&BidiClass::LeftToRight) => {
            let ends = matches!(last, Some(&BidiClass::LeftToRight | &BidiClass::EuropeanNumber));
            ends && classes.iter().all(|class| *class == BidiClass::LeftToRight || is_neutral(*class))
        }
        _ => false,
    }
}

/// What may stand in a label of either direction.
fn is_neutral(class: BidiClass) -> bool {
    matches!(
        class,
        BidiClass::EuropeanNumber
            | BidiClass::EuropeanSeparator
            | BidiClass::CommonSeparator
            | BidiClass::EuropeanTerminator
            | BidiClass::OtherNeutral
            | BidiClass::BoundaryNeutral
            | BidiClass::NonspacingMark
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5893_section_2() {
        let (alef, arabic, digit, mark) = ('\u{5d0}', '\u{628}', '\u{660}', '\u{5b0}');
        for label in [
            "abc".into(),
            "a1".into(),
            "a-1".into(),
            format!("a{mark}"),
            format!("{alef}{arabic}"),
            format!("{alef}1"),
            format!("{arabic}{digit}"),
            format!("{alef}-{alef}{mark}{mark}"),
        ] {
            assert!(allows(&label), "{label}");
        }
        for (condition, label) in [
            (1, "1a".into()),
            (1, format!("{digit}{arabic}")),
            (1, "-".into()),
            (1, String::new()),
            (2, format!("{alef}a{alef}")),
            (3, format!("{alef}-")),
            (4, format!("{arabic}1{digit}")),
            (5, format!("a{alef}a")),
            (5, format!("a{digit}a")),
            (6, "a-".into()),
        ] {
            assert!(!allows(&label), "{condition}: {label}");
        }
        assert!(is_rtl(&format!("a{alef}")) && is_rtl(&digit.to_string()) && !is_rtl("a1-"));
    }
}
