//! Tests of domain names.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[test]
fn rfc4343_section_3_names_compare_without_case_and_keep_it() {
    let given = name("WWW.Example.ORG.");
    assert_eq!(given.as_str(), "WWW.Example.ORG.");
    assert_eq!(given.key(), "www.example.org.");
    assert_eq!(given, name("www.example.org."));
    assert_eq!(HashSet::from([given.clone(), name("www.EXAMPLE.org.")]).len(), 1);
    assert_eq!(given.cmp(&name("www.example.org.")), Ordering::Equal);
}

#[test]
fn lengths_are_those_of_rfc1035() {
    let label = "a".repeat(63);
    assert!(Name::parse(&format!("{label}.")).is_ok());
    assert_eq!(Name::parse(&format!("{label}a.")), Err(NameError::LabelTooLong));
    let longest = format!("{label}.{label}.{label}.{}.", "a".repeat(61));
    assert_eq!(name(&longest).to_wire().len(), 255);
    assert_eq!(Name::parse(&format!("{label}.{label}.{label}.{}.", "a".repeat(62))), Err(NameError::TooLong));
}

#[test]
fn malformed_text_is_refused() {
    for (text, error) in [
        ("", NameError::Empty),
        ("a", NameError::NotAbsolute),
        ("a\\.", NameError::NotAbsolute),
        ("..", NameError::EmptyLabel),
        (".a.", NameError::EmptyLabel),
        ("a..b.", NameError::EmptyLabel),
        ("a\\", NameError::BadEscape),
        ("\\25.", NameError::BadEscape),
        ("\\256.", NameError::BadEscape),
        ("a b.", NameError::BadCharacter { character: ' ' }),
        ("a.\n", NameError::BadCharacter { character: '\n' }),
        ("ä.", NameError::BadCharacter { character: 'ä' }),
    ] {
        assert_eq!(Name::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn escapes_get_one_spelling() {
    assert_eq!(name("\\097\\046b\\*.\\\\.").as_str(), "a\\.b*.\\\\.");
    assert_eq!(name("\\000\\255.").as_str(), "\\000\\255.");
    assert_eq!(name("a;b.").as_str(), "a\\;b.");
    assert_eq!(name("a\\.b.c.").labels().collect::<Vec<_>>(), ["a\\.b", "c"]);
    assert_eq!(name("a\\.b.").to_wire(), b"\x03a.b\x00");
}

#[test]
fn containment_follows_labels() {
    let zone = name("Example.org.");
    for (text, within, below) in [
        ("example.ORG.", true, false),
        ("a.example.org.", true, true),
        ("*.b.example.org.", true, true),
        ("badexample.org.", false, false),
        ("a\\.example.org.", false, false),
        ("a\\\\.example.org.", true, true),
        ("org.", false, false),
        (".", false, false),
    ] {
        assert_eq!(name(text).is_within(&zone), within, "{text}");
        assert_eq!(name(text).is_below(&zone), below, "{text}");
    }
    assert!(zone.is_below(&Name::root()) && Name::root().is_within(&Name::root()));
    assert!(!Name::root().is_below(&Name::root()));
}

#[test]
fn ancestors_end_at_the_root() {
    let above: Vec<_> = name("a.b\\.c.d.").ancestors().map(|n| n.to_string()).collect();
    assert_eq!(above, ["b\\.c.d.", "d.", "."]);
    assert_eq!(Name::root().parent(), None);
    assert_eq!((Name::root().label_count(), name("a.b.").label_count()), (0, 2));
}

#[test]
fn wildcards_are_a_whole_first_label() {
    assert!(name("*.a.").is_wildcard());
    assert!(!name("*a.a.").is_wildcard() && !name("a.*.").is_wildcard() && !Name::root().is_wildcard());
}

#[test]
fn reversed_keys_turn_suffixes_into_prefixes() {
    assert_eq!(name("Ab.c.").reversed_key(), ".c.ba");
    let below = format!("{}.", name("b.c.").reversed_key());
    assert!(name("A.b.c.").reversed_key().starts_with(&below));
    assert!(!name("ab.c.").reversed_key().starts_with(&below));
}

/// The list of RFC 4034 section 6.1, in its order.
#[test]
fn rfc4034_section_6_1_canonical_order() {
    let sorted = [
        "example.",
        "a.example.",
        "yljkjljk.a.example.",
        "Z.a.example.",
        "zABC.a.EXAMPLE.",
        "z.example.",
        "\\001.z.example.",
        "*.z.example.",
        "\\200.z.example.",
    ];
    let set: BTreeSet<Name> = sorted.iter().rev().map(|n| name(n)).chain([Name::root()]).collect();
    let texts: Vec<_> = set.iter().skip(1).map(Name::as_str).collect();
    assert_eq!(texts, sorted);
    assert!(set.first().unwrap().is_root());
}

#[test]
fn serde_carries_the_text_and_checks_it() {
    assert_eq!(serde_json::to_string(&name("A.b.")).unwrap(), "\"A.b.\"");
    assert_eq!(serde_json::from_str::<Name>("\"A.b.\"").unwrap().as_str(), "A.b.");
    assert!(serde_json::from_str::<Name>("\"A.b\"").is_err());
}

#[test]
fn wire_form_must_be_whole_and_uncompressed() {
    assert_eq!(Name::from_wire(b"\x01a\x02bc\x00rest").unwrap(), (name("a.bc."), 6));
    assert_eq!(Name::from_wire(b"\x00").unwrap(), (Name::root(), 1));
    for octets in [&b""[..], b"\x01", b"\x01a", b"\xc0\x0c", b"\x40", b"\x05abc\x00"] {
        assert_eq!(Name::from_wire(octets), Err(NameError::BadWire), "{octets:?}");
    }
    let too_long = [&[1, b'a'].repeat(128)[..], &[0]].concat();
    assert_eq!(Name::from_wire(&too_long), Err(NameError::TooLong));
    let longest = [&[1, b'a'].repeat(127)[..], &[0]].concat();
    assert_eq!(Name::from_wire(&longest).unwrap().1, 255);
}

prop_compose! {
    fn any_name()(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=10), 0..6)) -> Name {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend(label);
        }
        wire.push(0);
        Name::from_wire(&wire).unwrap().0
    }
}

proptest! {
    #[test]
    fn every_name_survives_text_and_wire(n in any_name()) {
        let again = Name::parse(n.as_str()).unwrap();
        prop_assert_eq!(again.as_str(), n.as_str());
        let wire = n.to_wire();
        let (back, used) = Name::from_wire(&wire).unwrap();
        prop_assert_eq!((back.as_str(), used), (n.as_str(), wire.len()));
        prop_assert!(wire.len() <= MAX_WIRE);
    }

    #[test]
    fn both_orders_agree(a in any_name(), b in any_name()) {
        prop_assert_eq!(a.cmp(&b), a.octet_labels_from_root().cmp(&b.octet_labels_from_root()));
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    }

    #[test]
    fn a_child_lies_below_its_ancestors(n in any_name()) {
        for above in n.ancestors() {
            prop_assert!(n.is_below(&above) && n > above);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}|[a.\\\\0-9]{0,12}") {
        let _ = Name::parse(&text);
    }
}
