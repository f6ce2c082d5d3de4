//! Work that waits for its time: imports, exports and changes of pools that nobody is at, since whoever accepted them may have
//! died, and secondary zones whose masters are to be asked.
//!
//! Invariants: as for every periodic task; a job is held by one central at a time, whatever happens here.

use super::ownership::Ownership;
use super::tasks::singletons;
use crate::actors::central::api::Central;
use crate::actors::central::api::pools::ResumePools;
use crate::actors::central::api::tasks::RunTasks;
use crate::actors::reconcile::Reconcile;
use crate::actors::worker::api::{RefreshShards, Worker};
use crate::config::{RefreshConfig, ZoneTasksConfig};
use crate::transport::{Cx, Fault, ServiceRef};

/// Takes up imports and exports again.
#[derive(Debug)]
pub(super) struct ZoneTasks {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) config: ZoneTasksConfig,
}

impl Reconcile for ZoneTasks {
    const NAME: &'static str = "zone_tasks";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let Some(token) = singletons(&working) else { return Ok(()) };
        let message = RunTasks { token, limit: self.config.batch_size };
        while self.central.call(cx, message.clone()).await? > 0 && !cx.is_expired() {}
        Ok(())
    }
}

/// Transactions of one call: calls are short, so that each is fenced by a token that is fresh.
const BATCHES: u32 = 10;

/// Goes on with changes of pools.
#[derive(Debug)]
pub(super) struct PoolWork {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
}

impl Reconcile for PoolWork {
    const NAME: &'static str = "pool_work";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let Some(token) = singletons(&working) else { return Ok(()) };
        let message = ResumePools { token, batches: BATCHES };
        while self.central.call(cx, message.clone()).await? && !cx.is_expired() {}
        Ok(())
    }
}

/// Has the masters of secondary zones asked.
#[derive(Debug)]
pub(super) struct SecondaryRefresh {
    pub(super) ownership: Ownership,
    pub(super) worker: ServiceRef<Worker>,
    pub(super) config: RefreshConfig,
}

impl Reconcile for SecondaryRefresh {
    const NAME: &'static str = "secondary_refresh";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let leases = working.leases().to_vec();
        if leases.is_empty() {
            return Ok(());
        }
        let message = RefreshShards { leases, limit: self.config.batch_size, tick: working.tick(Self::NAME) };
        let found = self.worker.call(cx, message).await?;
        tracing::debug!(zones = found.zones, "secondary zones are due");
        Ok(())
    }
}
