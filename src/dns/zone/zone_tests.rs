//! Versions share what did not change, and a version reached by edits equals one built at once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::record_type::RecordType;

fn version(generation: u64) -> ZoneVersion {
    ZoneVersion {
        id: "6ba7b810-9dad-41d1-80b4-00c04fd430c8".parse().unwrap(),
        pool_id: PoolId::DEFAULT,
        origin: name("Example.org."),
        generation: Generation::new(generation),
        serial: Serial::new(1),
        default_ttl: Ttl::ZERO,
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn soa() -> RrSet {
    let data = [name("ns.").to_wire(), name("h.").to_wire(), vec![0; 16], vec![0, 0, 0, 9]].concat();
    RrSet::new(kind::SOA, 60, [&*data]).unwrap()
}

fn address(ttl: u32) -> RrSet {
    RrSet::new(kind::A, ttl, [[192, 0, 2, 1].as_slice()]).unwrap()
}

#[test]
fn what_is_said_twice_is_one_record() {
    for (rtype, records, left) in [
        (RecordType::Aaaa, ["2001:db8::1", "2001:DB8:0::1", "2001:db8::2"], 2),
        (RecordType::Txt, ["a", "\"a\"", "\"\\097\""], 1),
        (RecordType::Ns, ["NS.example.", "ns.Example.", "ns2.example."], 2),
    ] {
        let records = records.map(String::from);
        let set = RrSet::parse(rtype, Ttl::ZERO, &records, |text, error| panic!("{text}: {error}")).unwrap();
        assert_eq!(set.records().count(), left, "{rtype}");
    }
}

fn example() -> ZoneData {
    let mut edit = ZoneEdit::new(version(1), 0);
    edit.put(&name("example.ORG."), soa()).unwrap();
    edit.put(&name("Www.a.example.org."), address(60)).unwrap();
    edit.finish().unwrap()
}

fn keys(zone: &ZoneData) -> BTreeSet<String> {
    zone.nodes().map(|n| Name::from_wire(n.key()).unwrap().0.to_string()).collect()
}

#[test]
fn names_above_a_name_exist_and_vanish_with_it() {
    let one = example();
    assert_eq!(keys(&one), ["example.org.", "a.example.org.", "www.a.example.org."].map(String::from).into());
    assert_eq!((one.records(), one.negative_ttl()), (2, 9));
    let mut edit = ZoneEdit::from(&one, version(2));
    edit.remove(&name("wWw.A.example.org."), kind::A).unwrap();
    let two = edit.finish().unwrap();
    assert_eq!(keys(&two), ["example.org.".to_owned()].into());
    assert_eq!((two.records(), one.records()), (1, 2));
    assert_eq!(keys(&one).len(), 3, "the earlier version stays as it was");
}

#[test]
fn a_name_with_names_below_it_stays() {
    let mut edit = ZoneEdit::from(&example(), version(2));
    edit.put(&name("a.example.org."), address(60)).unwrap();
    edit.remove(&name("a.example.org."), kind::A).unwrap();
    edit.remove(&name("a.example.org."), kind::A).unwrap();
    assert_eq!(keys(&edit.finish().unwrap()), keys(&example()));
}

#[test]
fn owners_keep_their_case() {
    let zone = example();
    let node = zone.node(b"\x03www\x01a\x07example\x03org\x00").unwrap();
    assert_eq!(node.owner(), b"\x03Www\x01a\x07example\x03org\x00");
    assert_eq!(zone.apex().owner(), b"\x07example\x03ORG\x00");
}

#[test]
fn what_a_zone_cannot_have_is_refused() {
    let mut edit = ZoneEdit::new(version(1), 0);
    let out = edit.put(&name("example.com."), address(1)).unwrap_err();
    assert_eq!(out.to_string(), "example.com. is not in zone Example.org.");
    assert!(edit.put(&name("notexample.org."), address(1)).is_err());
    assert!(edit.put(&name("org."), address(1)).is_err());
    assert!(edit.put(&name("a.example.org."), soa()).is_err());
    let any = RrSet::new(kind::ANY, 1, [[0].as_slice()]).unwrap();
    assert!(edit.put(&name("a.example.org."), any).is_err());
    assert!(matches!(edit.finish(), Err(EditError::NoSoa { .. })));
    let mut edit = ZoneEdit::new(version(1), 0);
    edit.put(&name("example.org."), RrSet::new(kind::SOA, 1, [b"ab".as_slice()]).unwrap()).unwrap();
    assert!(edit.finish().is_err());
}

#[test]
fn a_growing_zone_is_dealt_out_again() {
    let mut edit = ZoneEdit::new(version(1), 0);
    edit.put(&name("example.org."), soa()).unwrap();
    for n in 0..3000 {
        edit.put(&name(&format!("h{n}.example.org.")), address(60)).unwrap();
    }
    let zone = edit.finish().unwrap();
    assert!(zone.shards.len() > 1);
    assert_eq!(zone.nodes().count(), 3001);
    assert!((0..3000).all(|n| zone.node(&name(&format!("h{n}.example.org.")).to_wire()).is_some()));
    let edited = ZoneEdit::from(&zone, version(2));
    let shared = zone.shards.iter().zip(&edited.data.shards).all(|(a, b)| Arc::ptr_eq(a, b));
    assert!(shared, "an edit copies nothing until it changes something");
}

proptest! {
    /// Random edits in random versions end with exactly the names that the remaining sets imply.
    #[test]
    fn edits_keep_the_names_right(
        steps in proptest::collection::vec(("[ab](\\.[ab]){0,3}", prop::option::of(1_u32..9), any::<bool>()), 0..60),
    ) {
        let mut zone = ZoneEdit::from(&example(), version(1)).finish().unwrap();
        let mut model = BTreeMap::from([("www.a.example.org.".to_owned(), 60)]);
        let mut edit = ZoneEdit::from(&zone, version(1));
        for (owner, put, finish) in steps {
            let owner = format!("{owner}.example.org.");
            match put {
                Some(ttl) => {
                    edit.put(&name(&owner), address(ttl)).unwrap();
                    model.insert(owner, ttl);
                }
                None => {
                    edit.remove(&name(&owner), kind::A).unwrap();
                    model.remove(&owner);
                }
            }
            if finish {
                zone = edit.finish().unwrap();
                edit = ZoneEdit::from(&zone, version(1));
            }
        }
        let zone = edit.finish().unwrap();
        let mut expected = BTreeSet::from(["example.org.".to_owned()]);
        for owner in model.keys() {
            let owner = name(owner);
            expected.extend(std::iter::once(owner.clone()).chain(owner.ancestors())
                .filter(|n| n.is_within(&name("example.org."))).map(|n| n.to_string()));
        }
        prop_assert_eq!(keys(&zone), expected);
        prop_assert_eq!(zone.records(), model.len() + 1);
        for (owner, ttl) in &model {
            let node = zone.node(&name(owner).to_wire()).unwrap();
            prop_assert_eq!(node.set(kind::A).unwrap().ttl(), *ttl);
        }
    }
}
