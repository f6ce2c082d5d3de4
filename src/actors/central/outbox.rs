//! The outbox: the messages of [`super::api::outbox`].
//!
//! Invariants: what is handed out stays until it is said to be sent; a producer that was overtaken is refused.

use super::CentralService;
use super::api::outbox::{EmitExists, ForgetNotifications, Notification, Priority, TakeNotifications};
use super::error::CentralError;
use crate::domain::ids::ZoneId;
use crate::domain::policy::{Rule, Target};
use crate::domain::time::Timestamp;
use crate::store::repo::{fences, outbox, zones};
use crate::transport::{Cx, Fault, Handle};

/// Whose tokens are claimed.
const RESOURCE: &str = "outbox";

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

impl Handle<EmitExists> for CentralService {
    async fn handle(&self, cx: &Cx, m: EmitExists) -> Result<Option<ZoneId>, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let ranges: Vec<_> = m.ranges.iter().map(|(first, last)| *first..=*last).collect();
        let ranges = ranges.as_slice();
        let at = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        let (period, now) = ((at(m.period.0), at(m.period.1)), self.clock.now());
        let last = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    let found = zones::in_shards(tx, ranges, m.after, m.limit).await?;
                    self.emit_exists(tx, cx, &found, period, now).await?;
                    let complete = found.len() < usize::try_from(m.limit).unwrap_or(usize::MAX);
                    let last = found.last().map(|zone| zone.id);
                    Ok::<_, CentralError>(if complete { None } else { last })
                })
            })
            .await?;
        Ok(last)
    }
}
