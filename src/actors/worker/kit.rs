//! A pool as the worker uses it: its definition with a driver for every target.
//!
//! Drivers hold connections and remember which zones they have pushed, so they outlive a change of the pool as long as
//! their own target stays the same.
//!
//! Invariants: a kit belongs to one version of a pool and is never used for another; what is remembered about a target
//! is an optimisation, forgetting it costs one question to the server.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::backends::{Backend, BackendError, Backends};
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::pool::{Pool, Target};
use crate::domain::time::Timestamp;

/// Zones remembered per target; beyond it all are forgotten.
const MEMORY: usize = 250_000;

/// One version of a pool with its drivers.
#[derive(Debug)]
pub(super) struct PoolKit {
    pub(super) pool: Pool,
    pub(super) targets: Vec<Arc<BoundTarget>>,
}

impl PoolKit {
    /// Which of all versions of pools with this id it is of.
    const fn version(&self) -> (Timestamp, u64) {
        (self.pool.created_at, self.pool.version)
    }
}

/// A target with its driver.
#[derive(Debug)]
pub(super) struct BoundTarget {
    pub(super) target: Target,
    /// The error says why the target cannot work as it is defined.
    pub(super) backend: Result<Arc<dyn Backend>, BackendError>,
    pushed: Mutex<HashSet<ZoneId>>,
}

impl BoundTarget {
    fn new(target: &Target, backends: &Backends) -> Self {
        Self { target: target.clone(), backend: backends.build(target), pushed: Mutex::default() }
    }

    /// True if the server was seen to have the zone as this target wants it.
    pub(super) fn has_pushed(&self, zone: ZoneId) -> bool {
        self.pushed.lock().contains(&zone)
    }

    pub(super) fn remember(&self, zone: ZoneId) {
        let mut pushed = self.pushed.lock();
        if pushed.len() >= MEMORY {
            pushed.clear();
        }
        pushed.insert(zone);
    }

    pub(super) fn forget(&self, zone: ZoneId) {
        self.pushed.lock().remove(&zone);
    }

    /// True if the server wants NOTIFY.
    pub(super) fn takes_notify(&self) -> bool {
        self.backend.as_ref().is_ok_and(|backend| backend.takes_notify())
    }
}

/// The kits in use, the newest of each pool.
#[derive(Debug)]
pub(super) struct PoolKits {
    backends: Backends,
    kits: Mutex<HashMap<PoolId, Arc<PoolKit>>>,
}

impl PoolKits {
    pub(super) fn new(backends: Backends) -> Self {
        Self { backends, kits: Mutex::default() }
    }

    /// The kit of exactly that version (with the time that the pool was created), if there is one.
    pub(super) fn get(&self, pool: PoolId, version: (Timestamp, u64)) -> Option<Arc<PoolKit>> {
        self.kits.lock().get(&pool).filter(|kit| kit.version() == version).cloned()
    }

    /// Makes a kit of a pool just read, with the drivers of those targets that are unchanged.
    pub(super) fn put(&self, pool: Pool) -> Arc<PoolKit> {
        let mut kits = self.kits.lock();
        let old = kits.get(&pool.id).cloned();
        let bound = |target: &Target| {
            let same = old.iter().flat_map(|kit| &kit.targets).find(|bound| bound.target == *target);
            same.map_or_else(|| Arc::new(BoundTarget::new(target, &self.backends)), Arc::clone)
        };
        let kit = Arc::new(PoolKit { targets: pool.targets.iter().map(bound).collect(), pool });
        if old.is_none_or(|old| old.version() <= kit.version()) {
            kits.insert(kit.pool.id, Arc::clone(&kit));
        }
        kit
    }
}
