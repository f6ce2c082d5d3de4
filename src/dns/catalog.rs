//! The zones answered from memory, by name.
//!
//! Invariants: a reader sees each zone before or after a change, never between; a zone never goes back to an older
//! generation; of several zones with one name (in different pools) the one in the default pool is served, else the one
//! with the least id.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;
use std::sync::Arc;

use parking_lot::RwLock;

use super::tsig::Scope;
use super::wire::QName;
use super::zone::ZoneData;
use crate::domain::ids::{PoolId, ZoneId};

/// Locks that the names are spread over, so that a change rarely meets a reader.
const SHARDS: usize = 64;

type Shard = RwLock<HashMap<Box<[u8]>, Vec<Arc<ZoneData>>>>;

/// The zones in memory.
#[derive(Debug)]
pub struct Catalog {
    by_name: Box<[Shard]>,
    by_id: RwLock<HashMap<ZoneId, Arc<ZoneData>>>,
    hasher: std::hash::RandomState,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            by_name: (0..SHARDS).map(|_| RwLock::default()).collect(),
            by_id: RwLock::default(),
            hasher: std::hash::RandomState::new(),
        }
    }
}

impl Catalog {
    /// The zone with the longest name that is `name` or above it.
    #[must_use]
    pub fn enclosing(&self, name: &QName) -> Option<Arc<ZoneData>> {
        self.deepest(name, name.labels(), None)
    }

    /// The zone with the longest name that is `name` or above it, of those that `scope` covers.
    #[must_use]
    pub fn enclosing_in(&self, name: &QName, scope: Option<Scope>) -> Option<Arc<ZoneData>> {
        self.deepest(name, name.labels(), scope)
    }

    /// Like [`Self::enclosing_in`], but never a zone called `name` itself: the parent's side of a zone cut.
    #[must_use]
    pub fn above(&self, name: &QName, scope: Option<Scope>) -> Option<Arc<ZoneData>> {
        self.deepest(name, name.labels().checked_sub(1)?, scope)
    }

    fn deepest(&self, name: &QName, labels: usize, scope: Option<Scope>) -> Option<Arc<ZoneData>> {
        (0..=labels).rev().find_map(|labels| self.exactly(name.last(labels), scope))
    }

    /// The zone of exactly this name, given as a key.
    fn exactly(&self, key: &[u8], scope: Option<Scope>) -> Option<Arc<ZoneData>> {
        let shard = self.shard(key)?.read();
        let namesakes = shard.get(key)?;
        let Some(scope) = scope else { return namesakes.first().cloned() };
        namesakes.iter().find(|zone| scope.covers(zone.version().id, zone.version().pool_id)).cloned()
    }

    /// The version of a zone that is in memory.
    #[must_use]
    pub fn zone(&self, id: ZoneId) -> Option<Arc<ZoneData>> {
        self.by_id.read().get(&id).cloned()
    }

    /// The ids of all zones.
    #[must_use]
    pub fn ids(&self) -> Vec<ZoneId> {
        self.by_id.read().keys().copied().collect()
    }

    /// How many zones there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.read().len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.read().is_empty()
    }

    /// Serves this version from now on; false if the version served is newer already.
    pub fn put(&self, zone: Arc<ZoneData>) -> bool {
        let mut by_id = self.by_id.write();
        match by_id.entry(zone.version().id) {
            Entry::Occupied(known) if known.get().version().generation > zone.version().generation => {
                return false;
            }
            Entry::Occupied(mut known) => {
                known.insert(Arc::clone(&zone));
            }
            Entry::Vacant(free) => {
                free.insert(Arc::clone(&zone));
            }
        }
        if let Some(shard) = self.shard(zone.origin_key()) {
            let mut shard = shard.write();
            let namesakes = shard.entry(zone.origin_key().into()).or_default();
            namesakes.retain(|other| other.version().id != zone.version().id);
            namesakes.push(zone);
            namesakes.sort_by_key(|z| (z.version().pool_id != PoolId::DEFAULT, z.version().id));
        }
        true
    }

    /// Serves a zone no longer; false if it was not served.
    pub fn remove(&self, id: ZoneId) -> bool {
        let mut by_id = self.by_id.write();
        let Some(zone) = by_id.remove(&id) else { return false };
        if let Some(shard) = self.shard(zone.origin_key()) {
            let mut shard = shard.write();
            if let Entry::Occupied(mut namesakes) = shard.entry(zone.origin_key().into()) {
                namesakes.get_mut().retain(|other| other.version().id != id);
                if namesakes.get().is_empty() {
                    namesakes.remove();
                }
            }
        }
        true
    }

    fn shard(&self, key: &[u8]) -> Option<&Shard> {
        let hash = self.hasher.hash_one(key);
        self.by_name.get(usize::try_from(hash % SHARDS as u64).unwrap_or(0))
    }
}
