//! The periodic tasks, each one pass of a reconciler.
//!
//! Invariants: a task works only on shards that this producer holds, and hands their tokens on to whoever writes; a task
//! is idempotent besides, so that a brief overlap of two producers is waste, not damage.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::{Coordinator, Epoch, Seat};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::SERVICES;
use super::ownership::{Ownership, Working};
use crate::actors::central::api::Central;
use crate::actors::central::api::inbox::ForgetOutcomes;
use crate::actors::central::api::outbox::EmitExists;
use crate::actors::central::api::services::SweepServiceStatuses;
use crate::actors::central::api::zones::{PurgeZones, TrimJournals};
use crate::actors::reconcile::Reconcile;
use crate::actors::worker::api::{RecoverShards, Worker};
use crate::clock::Clock;
use crate::config::{ExistsConfig, RecoveryConfig, TaskConfig};
use crate::domain::shard::Shard;
use crate::domain::shard_lease::ShardLease;
use crate::transport::{Cx, Fault, ServiceRef};

/// How often statuses are compared with leases while no lease comes or goes.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Nudges zones whose published or propagated generation lags, whatever message got lost.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) ownership: Ownership,
    pub(super) worker: ServiceRef<Worker>,
    pub(super) config: RecoveryConfig,
}

impl Reconcile for Recovery {
    const NAME: &'static str = "recovery";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let leases = working.leases().to_vec();
        if leases.is_empty() {
            return Ok(());
        }
        let message = RecoverShards { leases, limit: self.config.batch_size, tick: working.tick(Self::NAME) };
        let found = self.worker.call(cx, message).await?;
        if found.zones > 0 {
            tracing::info!(zones = found.zones, "zones that lagged are taken up again");
        }
        Ok(())
    }
}

/// Removes the rows of zones deleted long ago.
#[derive(Debug)]
pub(super) struct ZonePurge {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) config: TaskConfig,
}

impl Reconcile for ZonePurge {
    const NAME: &'static str = "zone_purge";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let limit = self.config.batch_size;
        loop {
            let leases = working.leases().to_vec();
            if leases.is_empty() {
                return Ok(());
            }
            let (older_than, tick) = (self.config.time_threshold.as_secs(), working.tick(Self::NAME));
            let message = PurgeZones { leases, older_than, limit, tick };
            let purged = self.central.call(cx, message).await?;
            tracing::debug!(purged, "rows of deleted zones are gone");
            if purged < u64::from(limit) || cx.is_expired() {
                return Ok(());
            }
        }
    }
}

/// Marks services that fell silent as DOWN.
#[derive(Debug)]
pub(super) struct ServiceStatusCheck {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) config: TaskConfig,
}

impl Reconcile for ServiceStatusCheck {
    const NAME: &'static str = "service_status";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let Some(token) = singletons(&working) else { return Ok(()) };
        let down_after = Some(self.config.time_threshold.as_secs());
        let tick = working.tick(Self::NAME);
        let message = SweepServiceStatuses { down_after, remove_after: None, leased: None, token, tick };
        self.central.call(cx, message).await.map(drop)
    }
}

/// Removes the statuses of services that are gone for good.
#[derive(Debug)]
pub(super) struct ServiceCleanup {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) config: TaskConfig,
}

impl Reconcile for ServiceCleanup {
    const NAME: &'static str = "service_cleanup";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let Some(token) = singletons(&working) else { return Ok(()) };
        let remove_after = Some(self.config.time_threshold.as_secs());
        let tick = working.tick(Self::NAME);
        let message = SweepServiceStatuses { down_after: None, remove_after, leased: None, token, tick };
        self.central.call(cx, message).await.map(drop)
    }
}

/// Forgets old lines of the zones' journals.
#[derive(Debug)]
pub(super) struct JournalTrim {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) config: TaskConfig,
}

impl Reconcile for JournalTrim {
    const NAME: &'static str = "journal_trim";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let Some(token) = singletons(&working) else { return Ok(()) };
        let (older_than, limit) = (self.config.time_threshold.as_secs(), self.config.batch_size);
        loop {
            let message = TrimJournals { token, older_than, limit, tick: working.tick(Self::NAME) };
            if self.central.call(cx, message).await? == 0 || cx.is_expired() {
                return Ok(());
            }
        }
    }
}

/// Marks services as DOWN whose leases have ended, seconds after they did.
#[derive(Debug)]
pub(super) struct Liveness {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) coordinator: Arc<dyn Coordinator>,
    /// The view that was acted upon last, and when.
    pub(super) seen: Mutex<Option<(Epoch, Instant)>>,
}

impl Reconcile for Liveness {
    const NAME: &'static str = "liveness";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let Some(token) = singletons(&working) else { return Ok(()) };
        let known = self.coordinator.cached(&SERVICES).view.epoch;
        let fresh = |(epoch, at): (Epoch, Instant)| epoch == known && at.elapsed() < LOOK_AGAIN;
        if self.seen.lock().is_some_and(fresh) {
            return Ok(());
        }
        let read = self.coordinator.read(&SERVICES).await;
        let view = read.map_err(|error| Fault::unavailable("no_coordinator", error.to_string()))?.view;
        if view.members.is_empty() {
            return Ok(());
        }
        let instance = |seat: &Seat| seat.member.id.as_str().rsplit_once(':')?.1.parse().ok();
        let leased = Some(view.members.iter().filter_map(instance).collect());
        let tick = working.tick(Self::NAME);
        let message = SweepServiceStatuses { down_after: None, remove_after: None, leased, token, tick };
        self.central.call(cx, message).await?;
        *self.seen.lock() = Some((view.epoch, Instant::now()));
        Ok(())
    }
}

/// Forgets the outcomes of requests that nobody asks for any more.
#[derive(Debug)]
pub(super) struct InboxTrim {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) config: TaskConfig,
}

impl Reconcile for InboxTrim {
    const NAME: &'static str = "inbox_trim";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let Some(token) = singletons(&working) else { return Ok(()) };
        let older_than = self.config.time_threshold.as_secs();
        let message = ForgetOutcomes { token, older_than, limit: self.config.batch_size };
        while self.central.call(cx, message.clone()).await? > 0 && !cx.is_expired() {}
        Ok(())
    }
}

/// Notifies, once in each period, that zones exist.
#[derive(Debug)]
pub(super) struct PeriodicExists {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) clock: Clock,
    pub(super) config: ExistsConfig,
    /// The end of the last period told of, by shard; the database knows it, too, and is not asked again.
    pub(super) told: Mutex<HashMap<Shard, i64>>,
}

impl Reconcile for PeriodicExists {
    const NAME: &'static str = "periodic_exists";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let length = i64::try_from(self.config.interval.as_secs()).unwrap_or(i64::MAX).max(1);
        let end = self.clock.now().seconds().div_euclid(length).saturating_mul(length);
        let leases = self.untold(&working, end);
        let (mut after, limit) = (None, self.config.batch_size);
        while !leases.is_empty() {
            let period = (end.saturating_sub(length), end);
            let message = EmitExists { leases: leases.clone(), after, period, limit };
            after = self.central.call(cx, message).await?;
            if after.is_none() {
                break;
            }
        }
        let mut told = self.told.lock();
        told.retain(|_, last| *last == end);
        told.extend(leases.iter().flat_map(shards).map(|shard| (shard, end)));
        Ok(())
    }
}

impl PeriodicExists {
    /// The shards held whose zones this producer has not told of in the period that ended last.
    fn untold(&self, working: &Working, end: i64) -> Vec<ShardLease> {
        let told = self.told.lock();
        let mut leases: Vec<ShardLease> = Vec::new();
        for held in working.leases() {
            for shard in shards(held).filter(|shard| told.get(shard) != Some(&end)) {
                match leases.last_mut() {
                    Some(last) if last.token == held.token && last.last.number() + 1 == shard.number() => {
                        last.last = shard;
                    }
                    _ => leases.push(ShardLease { first: shard, last: shard, token: held.token }),
                }
            }
        }
        leases
    }
}

fn shards(lease: &ShardLease) -> impl Iterator<Item = Shard> + use<> {
    (lease.first.number()..=lease.last.number()).filter_map(|number| Shard::try_from(number).ok())
}

/// The token of what belongs to no shard, if this producer does it: it holds the first one.
pub(super) fn singletons(working: &Working) -> Option<u64> {
    working.leases().iter().find(|held| held.covers(Shard::FIRST)).map(|held| held.token)
}
