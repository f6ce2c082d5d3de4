//! Making a version of a zone, from nothing or from another version.
//!
//! Invariants: the version edited from is untouched; a finished version has exactly one SOA record, at its apex;
//! names outside the zone never get in.

use std::collections::HashSet;
use std::sync::Arc;

use thiserror::Error;

use super::node::{Node, NodeRef, RrSet};
use super::{ZoneData, ZoneVersion, is_meta, soa_minimum};
use crate::dns::wire::{QName, kind};
use crate::domain::name::Name;

/// Names per shard that a new zone aims at; a shard is what a change copies.
const SHARD_NAMES: usize = 256;
/// Names per shard that make a zone be dealt out again.
const SHARD_NAMES_MAX: usize = 2048;
const MAX_SHARDS: usize = 1 << 14;

/// Why a set cannot be in the zone, or the zone cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The owner is neither the zone's name nor below it.
    #[error("{name} is not in zone {origin}")]
    OutOfZone {
        /// The owner.
        name: Name,
        /// The zone.
        origin: Name,
    },
    /// A type that only questions or transactions have, or a SOA record below the apex.
    #[error("{name} cannot have records of type {kind}")]
    Misplaced {
        /// The owner.
        name: Name,
        /// The type's number.
        kind: u16,
    },
    /// There is not exactly one SOA record, or it is cut short.
    #[error("zone {origin} has no proper SOA record")]
    NoSoa {
        /// The zone.
        origin: Name,
    },
}

/// A version in the making.
#[derive(Debug)]
pub struct ZoneEdit {
    pub(super) data: ZoneData,
}

impl ZoneEdit {
    /// Starts an empty version; `expected` is about how many names it will have.
    #[must_use]
    pub fn new(version: ZoneVersion, expected: usize) -> Self {
        let origin = version.origin.to_wire();
        let mut apex = Node::new(origin.to_ascii_lowercase().into());
        apex.cased = cased(&origin, &apex.key);
        let apex = NodeRef::new(apex);
        let mut data = ZoneData {
            origin_key: apex.key.clone(),
            origin_labels: version.origin.label_count(),
            version,
            soa: RrSet::none(kind::SOA),
            negative_ttl: 0,
            records: 0,
            complete: true,
            shards: empty_shards(expected),
            apex: apex.clone(),
        };
        insert(&mut data, apex);
        Self { data }
    }

    /// Starts from an earlier version of the same zone.
    #[must_use]
    pub fn from(earlier: &ZoneData, version: ZoneVersion) -> Self {
        Self { data: ZoneData { version, ..earlier.clone() } }
    }

    /// Says that only the SOA record is given: everything else stays in the database.
    pub fn only_soa(&mut self) {
        self.data.complete = false;
    }

    /// Replaces the set of a name and type.
    ///
    /// # Errors
    /// If the zone cannot have such a set.
    pub fn put(&mut self, name: &Name, set: RrSet) -> Result<(), EditError> {
        let path = self.path(name)?;
        let kind = set.kind();
        if is_meta(kind) || kind == kind::SOA && path.depth > 0 {
            return Err(EditError::Misplaced { name: name.clone(), kind });
        }
        for depth in 0..=path.depth {
            self.ensure(&path.name, self.data.origin_labels + depth);
        }
        let added = set.records().count();
        let owner = name.to_wire();
        let removed = self.change(path.name.key(), |node| {
            if node.sets.is_empty() {
                node.cased = cased(&owner, &node.key);
            }
            let removed = take(node, kind);
            node.sets.push(set);
            removed
        });
        self.data.records = (self.data.records + added).saturating_sub(removed);
        Ok(())
    }

    /// Removes the set of a name and type, if it is there, and every name that exists no longer.
    ///
    /// # Errors
    /// If the name is outside the zone.
    pub fn remove(&mut self, name: &Name, kind: u16) -> Result<(), EditError> {
        let path = self.path(name)?;
        if self.data.node(path.name.key()).and_then(|node| node.set(kind)).is_none() {
            return Ok(());
        }
        let removed = self.change(path.name.key(), |node| take(node, kind));
        self.data.records = self.data.records.saturating_sub(removed);
        for depth in (1..=path.depth).rev() {
            let labels = self.data.origin_labels + depth;
            let key = path.name.last(labels);
            let vanishes = self.data.node(key).is_some_and(|n| n.sets.is_empty() && n.children == 0);
            if !vanishes {
                break;
            }
            self.shard(key, |shard| shard.remove(key));
            self.change(path.name.last(labels - 1), |parent| {
                parent.children = parent.children.saturating_sub(1);
            });
        }
        Ok(())
    }

    /// Completes the version.
    ///
    /// # Errors
    /// If the apex has not exactly one SOA record.
    pub fn finish(mut self) -> Result<ZoneData, EditError> {
        let data = &mut self.data;
        let no_soa = || EditError::NoSoa { origin: data.version.origin.clone() };
        let apex = data.shards.get(data.shard_of(&data.origin_key)).and_then(|s| s.get(&*data.origin_key));
        let apex = apex.cloned().ok_or_else(no_soa)?;
        let soa = apex.set(kind::SOA).cloned().ok_or_else(no_soa)?;
        let minimum = match (soa.records().next(), soa.records().nth(1)) {
            (Some(only), None) => soa_minimum(only).ok_or_else(no_soa)?,
            _ => return Err(no_soa()),
        };
        data.negative_ttl = minimum.min(soa.ttl());
        data.soa = soa;
        data.apex = apex;
        let names: usize = data.shards.iter().map(|s| s.len()).sum();
        if names > data.shards.len() * SHARD_NAMES_MAX && data.shards.len() < MAX_SHARDS {
            deal_again(data, names);
        }
        Ok(self.data)
    }

    fn path(&self, name: &Name) -> Result<Path, EditError> {
        let out = || EditError::OutOfZone { name: name.clone(), origin: self.data.version.origin.clone() };
        let key = QName::read(&name.to_wire()).ok_or_else(out)?;
        let depth = key.labels().checked_sub(self.data.origin_labels).ok_or_else(out)?;
        if key.last(self.data.origin_labels) != &*self.data.origin_key {
            return Err(out());
        }
        Ok(Path { name: key, depth })
    }

    /// Makes the node of the name's last `labels` labels exist; its parent does already.
    fn ensure(&mut self, name: &QName, labels: usize) {
        let key = name.last(labels);
        if self.data.node(key).is_some() {
            return;
        }
        insert(&mut self.data, NodeRef::new(Node::new(key.into())));
        self.change(name.last(labels.saturating_sub(1)), |parent| parent.children += 1);
    }

    /// Changes a node; one that is not there is left alone.
    fn change<T: Default>(&mut self, key: &[u8], change: impl FnOnce(&mut Node) -> T) -> T {
        self.shard(key, |shard| {
            let Some(mut node) = shard.take(key) else { return T::default() };
            let result = change(node.make_mut());
            shard.insert(node);
            result
        })
        .unwrap_or_default()
    }

    fn shard<T>(&mut self, key: &[u8], change: impl FnOnce(&mut HashSet<NodeRef>) -> T) -> Option<T> {
        let at = self.data.shard_of(key);
        self.data.shards.get_mut(at).map(|shard| change(Arc::make_mut(shard)))
    }
}

/// A name of the zone; `depth` labels below the apex.
struct Path {
    name: QName,
    depth: usize,
}

fn insert(data: &mut ZoneData, node: NodeRef) {
    let at = data.shard_of(&node.key);
    if let Some(shard) = data.shards.get_mut(at) {
        Arc::make_mut(shard).insert(node);
    }
}

fn empty_shards(expected: usize) -> Box<[Arc<HashSet<NodeRef>>]> {
    let count = (expected / SHARD_NAMES).next_power_of_two().clamp(1, MAX_SHARDS);
    (0..count).map(|_| Arc::default()).collect()
}

fn deal_again(data: &mut ZoneData, names: usize) {
    let old = std::mem::replace(&mut data.shards, empty_shards(names));
    for node in old.iter().flat_map(|shard| shard.iter()) {
        insert(data, node.clone());
    }
}

/// Takes a set out; returns how many records it had.
fn take(node: &mut Node, kind: u16) -> usize {
    let at = node.sets.iter().position(|set| set.kind() == kind);
    at.map_or(0, |at| node.sets.remove(at).records().count())
}

fn cased(owner: &[u8], key: &[u8]) -> Option<Box<[u8]>> {
    (owner != key).then(|| owner.into())
}
