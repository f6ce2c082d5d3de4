//! What changed between two generations of a zone.
//!
//! Invariants: folding keeps, for each (name, type), the oldest «before» and the newest «after»; a set that ends as it
//! began is not in the delta; the order is that of the first change of each set.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::generation::Generation;
use super::name::Name;
use super::record_type::RecordType;
use super::ttl::Ttl;

/// The records of one name and type, as DNS sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RrSet {
    /// `None` means the zone's default.
    pub ttl: Option<Ttl>,
    /// Record data in presentation form.
    pub records: Vec<String>,
}

/// One line of a zone's journal: a set before and after one accepted change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The change.
    pub generation: Generation,
    /// Whose records.
    pub name: Name,
    /// Which records.
    pub kind: RecordType,
    /// As they were; `None` if there were none.
    pub before: Option<RrSet>,
    /// As they are now; `None` if they are gone.
    pub after: Option<RrSet>,
}

/// Folds journal lines, oldest first, into one difference per set.
#[must_use]
pub fn fold(entries: impl IntoIterator<Item = JournalEntry>) -> Vec<JournalEntry> {
    let mut order: Vec<JournalEntry> = Vec::new();
    let mut seen: HashMap<(String, RecordType), usize> = HashMap::new();
    for entry in entries {
        let at = *seen.entry((entry.name.key(), entry.kind)).or_insert(order.len());
        match order.get_mut(at) {
            Some(folded) => {
                folded.after = entry.after;
                folded.generation = entry.generation;
                folded.name = entry.name;
            }
            None => order.push(entry),
        }
    }
    order.retain(|e| e.before != e.after);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(records: &[&str]) -> Option<RrSet> {
        Some(RrSet { ttl: None, records: records.iter().map(ToString::to_string).collect() })
    }

    fn entry(generation: u64, name: &str, before: Option<RrSet>, after: Option<RrSet>) -> JournalEntry {
        let name = Name::parse(name).unwrap();
        JournalEntry { generation: Generation::new(generation), name, kind: RecordType::A, before, after }
    }

    #[test]
    fn a_set_changed_twice_is_one_difference() {
        let folded = fold([
            entry(2, "www.example.org.", None, set(&["192.0.2.1"])),
            entry(3, "b.example.org.", set(&["192.0.2.9"]), None),
            entry(4, "WWW.example.org.", set(&["192.0.2.1"]), set(&["192.0.2.2"])),
        ]);
        assert_eq!(folded.len(), 2);
        assert_eq!((folded[0].before.clone(), folded[0].after.clone()), (None, set(&["192.0.2.2"])));
    }

    #[test]
    fn a_set_that_came_and_went_leaves_no_trace() {
        let folded = fold([
            entry(2, "www.example.org.", None, set(&["192.0.2.1"])),
            entry(3, "www.example.org.", set(&["192.0.2.1"]), None),
        ]);
        assert!(folded.is_empty());
    }
}
