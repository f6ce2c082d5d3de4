//! What changed from one version of a zone to another, as records that went and records that came.
//!
//! Invariants: a record that is in both versions with the same TTL is in neither list; the SOA records are apart.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;

use super::zone::RrSet;
use crate::domain::name::Name;

/// The records of one name and type that went, and those that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetChange {
    /// Their owner, in uncompressed wire form.
    pub owner: Vec<u8>,
    /// Those that went.
    pub gone: Option<RrSet>,
    /// Those that came.
    pub new: Option<RrSet>,
}

impl SetChange {
    /// How a set became another; `None` if there is no record in which they differ.
    #[must_use]
    pub fn between(owner: &Name, before: Option<&RrSet>, after: Option<&RrSet>) -> Option<Self> {
        let without = |set: &RrSet, other: Option<&RrSet>| {
            let Some(other) = other.filter(|other| other.ttl() == set.ttl()) else {
                return Some(set.clone());
            };
            let known: HashSet<&[u8]> = other.records().collect();
            RrSet::new(set.kind(), set.ttl(), set.records().filter(|data| !known.contains(data)))
        };
        let gone = before.and_then(|set| without(set, after));
        let new = after.and_then(|set| without(set, before));
        (gone.is_some() || new.is_some()).then(|| Self { owner: owner.to_wire(), gone, new })
    }
}

/// The way from one version of a zone to another.
pub struct Difference {
    /// The zone's name.
    pub origin: Name,
    /// The SOA set of the version that it begins with.
    pub old_soa: RrSet,
    /// The SOA set of the version that it leads to.
    pub new_soa: RrSet,
    /// Everything else.
    pub changes: Vec<SetChange>,
    /// Whatever is to be held while it is in memory.
    pub held: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference")
            .field("origin", &self.origin)
            .field("changes", &self.changes.len())
            .finish_non_exhaustive()
    }
}

impl Difference {
    /// How many records a transfer of it has.
    #[must_use]
    pub fn records(&self) -> usize {
        let count = |set: &Option<RrSet>| set.as_ref().map_or(0, |set| set.records().count());
        4 + self.changes.iter().map(|change| count(&change.gone) + count(&change.new)).sum::<usize>()
    }

    /// All records in the order of RFC 1995, section 4: owner, set, data.
    pub fn in_order<'d>(&'d self, origin: &'d [u8]) -> impl Iterator<Item = (&'d [u8], &'d RrSet)> + Send {
        let soa = |set| std::iter::once((None, set));
        let gone = self.changes.iter().filter_map(|c| Some((Some(&*c.owner), c.gone.as_ref()?)));
        let new = self.changes.iter().filter_map(|c| Some((Some(&*c.owner), c.new.as_ref()?)));
        let all = soa(&self.new_soa).chain(soa(&self.old_soa)).chain(gone);
        let all = all.chain(soa(&self.new_soa)).chain(new).chain(soa(&self.new_soa));
        all.map(move |(owner, set)| (owner.unwrap_or(origin), set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ttl: u32, records: &[&[u8]]) -> RrSet {
        RrSet::new(16, ttl, records.iter().copied()).unwrap()
    }

    #[test]
    fn only_records_that_differ_are_told() {
        let owner = Name::parse("w.example.org.").unwrap();
        let (one, two) = (set(60, &[b"\x01a", b"\x01b"]), set(60, &[b"\x01b", b"\x01c"]));
        let change = SetChange::between(&owner, Some(&one), Some(&two)).unwrap();
        assert_eq!((change.gone, change.new), (Some(set(60, &[b"\x01a"])), Some(set(60, &[b"\x01c"]))));
        assert_eq!(SetChange::between(&owner, Some(&one), Some(&set(60, &[b"\x01b", b"\x01a"]))), None);
        assert_eq!(SetChange::between(&owner, None, None), None);
    }

    #[test]
    fn another_ttl_makes_every_record_another() {
        let owner = Name::parse("w.example.org.").unwrap();
        let (one, two) = (set(60, &[b"\x01a", b"\x01b"]), set(61, &[b"\x01a", b"\x01b"]));
        let change = SetChange::between(&owner, Some(&one), Some(&two)).unwrap();
        assert_eq!((change.gone, change.new), (Some(one), Some(two)));
    }
}
