//! The outbox: the messages of [`super::api::outbox`].
//!
//! Invariants: what is handed out stays until it is said to be sent; a producer that was overtaken is refused; that the
//! zones of a shard exist is written once in each period, together with the period, whoever begins or ends in between.

use std::collections::BTreeSet;

use super::CentralService;
use super::api::outbox::{
    EmitExists, EmitFault, ForgetNotifications, Notification, Priority, TakeNotifications,
};
use super::error::CentralError;
use crate::domain::ids::ZoneId;
use crate::domain::policy::{Rule, Target};
use crate::domain::shard::Shard;
use crate::domain::shard_lease::ShardLease;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::store::repo::{fences, outbox, zones};
use crate::store::{StoreError, Tx};
use crate::transport::{Cx, Fault, Handle};

/// Whose tokens are claimed.
const RESOURCE: &str = "outbox";
/// For each shard the end of the last period is kept in which it was told of.
const EXISTS: &str = "exists";

impl Handle<TakeNotifications> for CentralService {
    async fn handle(&self, cx: &Cx, m: TakeNotifications) -> Result<Vec<Notification>, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let before = self.clock.now().minus(self.outbox_age);
        let (lost, waiting) = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    fences::claim(tx, RESOURCE, m.token).await?;
                    let lost = outbox::expire(tx, before).await?;
                    Ok::<_, CentralError>((lost, outbox::first(tx, m.limit).await?))
                })
            })
            .await?;
        if lost > 0 {
            tracing::error!(lost, "notifications could not be sent in time: they are lost");
        }
        let notification = |waiting: outbox::Waiting<i64>| Notification {
            id: waiting.id,
            zone: waiting.zone,
            priority: if waiting.priority == Priority::Error.as_str() {
                Priority::Error
            } else {
                Priority::Info
            },
            body: waiting.body,
        };
        Ok(waiting.into_iter().map(notification).collect())
    }
}

impl Handle<ForgetNotifications> for CentralService {
    async fn handle(&self, cx: &Cx, m: ForgetNotifications) -> Result<u64, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let (token, ids) = (m.token, m.ids.as_slice());
        let removed = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    fences::claim(tx, RESOURCE, token).await?;
                    Ok::<_, CentralError>(outbox::remove(tx, ids).await?)
                })
            })
            .await?;
        Ok(removed)
    }
}

impl Handle<EmitFault> for CentralService {
    async fn handle(&self, cx: &Cx, m: EmitFault) -> Result<(), Fault> {
        let now = self.clock.now();
        let emitted = self.store.transact(|tx| {
            Box::pin(async { Ok::<_, CentralError>(self.emit_fault(tx, cx, &m, now).await?) })
        });
        Ok(emitted.await?)
    }
}

impl Handle<EmitExists> for CentralService {
    async fn handle(&self, cx: &Cx, m: EmitExists) -> Result<Option<ZoneId>, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let at = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        let (m, period, now) = (&m, (at(m.period.0), at(m.period.1)), self.clock.now());
        let next = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    let (mut found, next) = whole_shards(tx, m).await?;
                    let shards: BTreeSet<Shard> = found.iter().map(|zone| Shard::of(zone.id)).collect();
                    fences::claim_shards(tx, &m.leases, shards.clone()).await?;
                    // Whoever began with this period before has told of some of them.
                    let untold = fences::advance(tx, EXISTS, shards, m.period.1).await?;
                    found.retain(|zone| untold.contains(&Shard::of(zone.id)));
                    self.emit_exists(tx, cx, &found, period, now).await?;
                    Ok::<_, CentralError>(next)
                })
            })
            .await?;
        Ok(next)
    }
}

/// The next zones to tell of, with all others of their shards, and the last of them if more may follow.
async fn whole_shards(tx: &mut dyn Tx, m: &EmitExists) -> Result<(Vec<Zone>, Option<ZoneId>), StoreError> {
    let ranges: Vec<_> = m.leases.iter().map(ShardLease::range).collect();
    let mut found = zones::in_shards(tx, &ranges, m.after, m.limit).await?;
    let Some(last) = found.last().map(|zone| Shard::of(zone.id)) else { return Ok((found, None)) };
    if found.len() < usize::try_from(m.limit).unwrap_or(usize::MAX) {
        return Ok((found, None));
    }
    // Shards follow the order of ids: only the last one may be incomplete.
    found.retain(|zone| Shard::of(zone.id) != last);
    if found.is_empty() {
        found = zones::in_shards(tx, &[last..=last], m.after, u32::MAX).await?;
    }
    let next = found.last().map(|zone| zone.id);
    Ok((found, next))
}
