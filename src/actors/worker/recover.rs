//! Taking up again what lags, whatever message got lost and whoever failed.
//!
//! Invariants: a zone is taken up at most once per pause, and the pauses grow while it lags; a zone that this worker
//! attends to is left alone; one that there is no room for stays due.

use std::time::Duration;

use super::WorkerService;
use super::api::{RecoverShards, Recovered};
use super::backoff::Backoff;
use crate::config::RecoveryConfig;
use crate::domain::shard::Shard;
use crate::domain::shard_lease::ShardLease;
use crate::store::StoreError;
use crate::store::repo::zones::{self, Lagging};
use crate::store::repo::{fences, inbox};
use crate::transport::{Cx, Fault, Handle};

impl Handle<RecoverShards> for WorkerService {
    async fn handle(&self, _cx: &Cx, message: RecoverShards) -> Result<Recovered, Fault> {
        let taken = self.take_due(&message).await.map_err(|error| match error {
            StoreError::Fenced { .. } => Fault::conflict("fenced", error.to_string()),
            error => Fault::unavailable("database_unavailable", error.to_string()),
        })?;
        Ok(Recovered { zones: u32::try_from(taken).unwrap_or(u32::MAX) })
    }
}

impl WorkerService {
    /// Takes up the zones that are due and schedules them anew, under the tokens of their shards. Answers how many.
    async fn take_due(&self, message: &RecoverShards) -> Result<usize, StoreError> {
        let RecoverShards { leases, limit, tick } = message;
        let ranges: Vec<_> = leases.iter().map(ShardLease::range).collect();
        let (core, ranges, limit) = (&self.core, &ranges, *limit);
        let now = core.clock.now();
        // A change is due at once: the first attempt is given its time.
        let due_by = now.minus(core.recovery.retry_first);
        // Nobody whose clock agrees with this one schedules anything later.
        let latest = now.plus(core.recovery.retry_max.saturating_mul(2));
        let found = core
            .store
            .read(|tx| Box::pin(async move { zones::lagging(tx, ranges, due_by, latest, limit).await }))
            .await?;
        // Those attended to are only put back in the queue, lest they hide the others.
        let (attended, mut due): (Vec<Lagging>, Vec<Lagging>) =
            found.into_iter().partition(|lagging| core.desk.attends(lagging.zone.id));
        // Those that there is no room for were not tried: they stay as they are, first in the queue.
        due.retain(|lagging| self.attend(lagging.zone.id).is_ok());
        let (attended, due, recovery) = (&attended, &due, core.recovery);
        if !attended.is_empty() || !due.is_empty() {
            core.store
                .transact(|tx| {
                    Box::pin(async move {
                        let all = attended.iter().chain(due);
                        let shards = all.map(|lagging| Shard::of(lagging.zone.id)).collect();
                        fences::claim_shards(tx, leases, shards).await?;
                        if !inbox::claim(tx, tick.as_str(), now).await? {
                            return Ok(());
                        }
                        for Lagging { zone, attempts, .. } in attended {
                            zones::schedule(tx, zone.id, *attempts, due_by.plus(pause(recovery, 0))).await?;
                        }
                        for Lagging { zone, attempts, .. } in due {
                            let next = due_by.plus(pause(recovery, *attempts));
                            zones::schedule(tx, zone.id, attempts.saturating_add(1), next).await?;
                        }
                        Ok::<_, StoreError>(())
                    })
                })
                .await?;
        }
        Ok(due.len())
    }
}

/// The pause after so many attempts.
fn pause(config: RecoveryConfig, attempts: u32) -> Duration {
    let longest = config.retry_max;
    let grown = config.retry_first.saturating_mul(2_u32.saturating_pow(attempts.saturating_add(1)));
    Backoff::new(grown, 1.0, longest).jittered()
}
