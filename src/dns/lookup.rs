//! Finding a name in a zone: the algorithm of RFC 1034, section 4.3.2, steps 3a to 3c, with the closest encloser of
//! RFC 4592, section 3.3.1.
//!
//! Invariants: costs at most one look-up per label, and stops at the first name that does not exist.

use super::wire::{QName, kind};
use super::zone::{Node, ZoneData};

/// What a zone has for a name.
#[derive(Debug, Clone, Copy)]
pub enum Located<'z> {
    /// The name exists, perhaps without records of its own.
    Here(&'z Node),
    /// The name does not exist; these records are synthesised for it.
    Wildcard(&'z Node),
    /// The name is at or below a zone cut.
    Cut {
        /// The node with the NS records.
        node: &'z Node,
        /// How many labels its name has.
        labels: usize,
    },
    /// Neither the name nor a wildcard for it exists.
    Nowhere,
}

/// Looks up `name`, which must be the zone's own name or below it.
#[must_use]
pub fn locate<'z>(zone: &'z ZoneData, name: &QName) -> Located<'z> {
    let mut here = zone.apex();
    for labels in zone.origin_labels() + 1..=name.labels() {
        let Some(node) = zone.node(name.last(labels)) else {
            let wildcard = name.with_wildcard(labels - 1, |key| zone.node(key));
            return wildcard.map_or(Located::Nowhere, Located::Wildcard);
        };
        if node.set(kind::NS).is_some() {
            return Located::Cut { node, labels };
        }
        here = node;
    }
    Located::Here(here)
}
