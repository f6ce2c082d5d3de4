//! Taking a zone away from one target, unless its name belongs to another zone by then.
//!
//! A zone is gone once enough targets confirmed; the others are still worked on. Meanwhile a zone of the same name may
//! come into being, and another worker may bring that one to the same target.
//!
//! Invariants: nothing is removed without a look at the database right before, so a removal that is late is dropped; one
//! that was overtaken in the midst of it brings the new zone back before it ends.

use super::backends::{Backend, BackendError, ZoneSpec};
use crate::domain::ids::PoolId;
use crate::store::repo::zones;
use crate::store::{Store, StoreError};

/// One zone's removal from one target.
#[derive(Debug)]
pub(super) struct Removal {
    zone: ZoneSpec,
    pool: PoolId,
    hard: bool,
    /// The target may have got the command.
    touched: bool,
}

impl Removal {
    /// The removal of a zone of `pool`; with `hard` its files go, too.
    pub(super) const fn new(zone: ZoneSpec, pool: PoolId, hard: bool) -> Self {
        Self { zone, pool, hard, touched: false }
    }

    /// Tries once. Done if the target does not have the zone, or has the one that took its name. May be dropped at any
    /// time and called again.
    pub(super) async fn attempt(&mut self, store: &Store, backend: &dyn Backend) -> Result<(), BackendError> {
        loop {
            match self.successor(store).await? {
                None => {
                    self.touched = true;
                    backend.ensure_absent(&self.zone, self.hard).await?;
                    if self.successor(store).await?.is_none() {
                        return Ok(());
                    }
                }
                Some(next) if self.touched => {
                    backend.ensure_zone(&next).await?;
                    if self.successor(store).await?.is_some_and(|now| now.id == next.id) {
                        tracing::info!(zone_id = %next.id, "brought back after a late removal of its predecessor");
                        return Ok(());
                    }
                }
                Some(next) => {
                    tracing::info!(zone_id = %next.id, "its predecessor is removed no more");
                    return Ok(());
                }
            }
        }
    }

    /// The zone that the name stands for now.
    async fn successor(&self, store: &Store) -> Result<Option<ZoneSpec>, BackendError> {
        let name = &self.zone.name;
        let found: Result<_, StoreError> =
            store.read(|tx| Box::pin(async move { zones::by_name(tx, name).await })).await;
        let zones = found.map_err(|error| BackendError::Refused { reason: error.to_string() })?;
        let mut others = zones.into_iter().filter(|zone| zone.id != self.zone.id);
        let next = others.find(|zone| zone.pool_id == self.pool && !zone.progress.is_deleting());
        Ok(next.map(|zone| ZoneSpec { id: zone.id, name: zone.name }))
    }
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
