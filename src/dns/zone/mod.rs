//! One published version of a zone, in memory, ready to be answered from.
//!
//! Invariants: immutable; a version shares what did not change with the version it was made from, so a small change of
//! a large zone is cheap. Every name above an existing name exists too, up to the apex (RFC 4592, section 2.2.2).

mod edit;
mod node;

use std::collections::HashSet;
use std::sync::Arc;

pub use edit::{EditError, ZoneEdit};
use node::NodeRef;
pub use node::{Node, RrSet};

use crate::domain::generation::Generation;
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::name::Name;
use crate::domain::serial::Serial;
use crate::domain::ttl::Ttl;

use super::wire::kind;

/// What identifies a version of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneVersion {
    /// The zone.
    pub id: ZoneId,
    /// The pool that serves it.
    pub pool_id: PoolId,
    /// Its name.
    pub origin: Name,
    /// The published generation.
    pub generation: Generation,
    /// The serial of its SOA record.
    pub serial: Serial,
    /// The TTL of sets without one of their own.
    pub default_ttl: Ttl,
}

/// One version of a zone.
#[derive(Debug, Clone)]
pub struct ZoneData {
    version: ZoneVersion,
    origin_key: Box<[u8]>,
    origin_labels: usize,
    apex: NodeRef,
    soa: RrSet,
    negative_ttl: u32,
    records: usize,
    complete: bool,
    shards: Box<[Arc<HashSet<NodeRef>>]>,
}

impl ZoneData {
    /// What this is a version of.
    #[must_use]
    pub const fn version(&self) -> &ZoneVersion {
        &self.version
    }

    /// The zone's name as a key: lower-case wire form.
    #[must_use]
    pub const fn origin_key(&self) -> &[u8] {
        &self.origin_key
    }

    /// How many labels the zone's name has.
    #[must_use]
    pub const fn origin_labels(&self) -> usize {
        self.origin_labels
    }

    /// The node of the zone's own name.
    #[must_use]
    pub fn apex(&self) -> &Node {
        &self.apex
    }

    /// The SOA set: exactly one record.
    #[must_use]
    pub const fn soa(&self) -> &RrSet {
        &self.soa
    }

    /// The TTL of the SOA record in a negative answer: the lesser of its own and the minimum field (RFC 2308,
    /// section 5).
    #[must_use]
    pub const fn negative_ttl(&self) -> u32 {
        self.negative_ttl
    }

    /// How many records it has.
    #[must_use]
    pub const fn records(&self) -> usize {
        self.records
    }

    /// False if only the SOA record is in memory: everything else has to come from the database.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The node of a name, given as a key; `None` if nothing exists at or below the name.
    #[must_use]
    pub fn node(&self, key: &[u8]) -> Option<&Node> {
        self.shards.get(self.shard_of(key))?.get(key).map(|node| &**node)
    }

    /// All nodes, in no particular order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> + Send {
        self.shards.iter().flat_map(|shard| shard.iter()).map(|node| &**node)
    }

    /// Names balance over the shards by a plain hash: a tenant who defeats it slows down only changes of his own zone.
    fn shard_of(&self, key: &[u8]) -> usize {
        if self.shards.len() == 1 {
            return 0;
        }
        let hash = key.iter().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193));
        (hash ^ (hash >> 16)) as usize % self.shards.len().max(1)
    }
}

/// The minimum field, the last four octets of a SOA record's data.
fn soa_minimum(data: &[u8]) -> Option<u32> {
    data.last_chunk().copied().map(u32::from_be_bytes)
}

/// True for types that a zone cannot hold.
const fn is_meta(number: u16) -> bool {
    number == kind::OPT || number >= kind::FIRST_META && number <= kind::ANY || number == 0
}

#[cfg(test)]
#[path = "zone_tests.rs"]
mod tests;
