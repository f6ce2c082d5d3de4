//! Zones that leave: abandoned ones, and those that move to another pool.
//!
//! Invariants: an abandoned zone is gone at once and name servers are left as they are; a moved one is where it belongs
//! among the zones of its new pool, with that pool's NS set.

use super::api::zones::{AbandonZone, MoveZone};
use super::error::CentralError;
use super::notify::Event;
use super::zones::lock_visible;
use super::{CentralService, refusals, zone_writes};
use crate::domain::ids::PoolId;
use crate::domain::policy::{Rule, Target};
use crate::domain::pool::Pool;
use crate::domain::record_type::RecordType;
use crate::domain::soa;
use crate::domain::time::Timestamp;
use crate::domain::zone::{Zone, ZoneKind};
use crate::domain::zone_status::{Outcome, Verdict};
use crate::store::Tx;
use crate::store::repo::{journal, pools, recordsets, tsig_keys, zones};
use crate::transport::{Cx, Fault, Handle};

impl Handle<AbandonZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: AbandonZone) -> Result<(), Fault> {
        self.allow(cx, Rule::AbandonZone, &Target::owned_by(cx.caller.project.as_ref()))?;
        let now = self.clock.now();
        self.once::<AbandonZone, _, _>(cx, |tx| {
            Box::pin(async {
                let named = zones::get_any(tx, m.id).await?.ok_or_else(refusals::zone_not_found)?;
                zones::hold_for_delete(tx, &named.name).await?;
                let zone = lock_visible(tx, cx, m.id).await?;
                if zone.kind == ZoneKind::Catalog {
                    return Err(refusals::catalog_is_read_only().into());
                }
                zone_writes::may_go(tx, &zone, cx.caller.flags).await?;
                let deleting = zone.progress.deleting();
                let mut gone = Zone { progress: deleting, ..zone };
                if let Verdict::Gone(progress) = deleting.reported(deleting.generation, Outcome::Propagated) {
                    gone.progress = progress;
                }
                zones::mark_gone(tx, &gone, now).await?;
                self.emit(tx, cx, Event::ZoneDeleted(&gone), now).await?;
                Ok(())
            })
        })
        .await
    }
}

impl Handle<MoveZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: MoveZone) -> Result<(), Fault> {
        let now = self.clock.now();
        self.once::<MoveZone, _, _>(cx, |tx| {
            Box::pin(async {
                let named = zones::get_any(tx, m.id).await?.ok_or_else(refusals::zone_not_found)?;
                // As for a new zone: nothing comes into being above or below it, and no pool goes, meanwhile.
                if let Some(owner) = &named.project_id {
                    zones::hold_for_create(tx, owner, &named.name).await?;
                }
                let zone = lock_visible(tx, cx, m.id).await?;
                self.allow_zone(cx, Rule::GetZone, &zone)?;
                self.allow_zone(cx, Rule::PoolMoveZone, &zone)?;
                if zone.kind == ZoneKind::Catalog {
                    return Err(refusals::catalog_is_read_only().into());
                }
                if zone.progress.is_deleting() {
                    return Err(refusals::zone_is_deleting().into());
                }
                let pool = self.destination(tx, &zone, m.pool_id).await?;
                self.move_to(tx, cx, zone, &pool, now).await
            })
        })
        .await?;
        self.nudge(cx, m.id).await;
        Ok(())
    }
}

impl CentralService {
    /// Where a zone is to go: the named pool, or the only other one that it can go to.
    async fn destination(
        &self,
        tx: &mut dyn Tx,
        zone: &Zone,
        wanted: Option<PoolId>,
    ) -> Result<Pool, CentralError> {
        if wanted == Some(zone.pool_id) {
            return Err(refusals::bad_request("The zone is in this pool already").into());
        }
        let others: Vec<Pool> =
            pools::list(tx).await?.into_iter().filter(|pool| pool.id != zone.pool_id).collect();
        let fits = |pool: &&Pool| {
            let attributes = &zone.attributes;
            pool.attributes.is_empty()
                || attributes.iter().all(|(key, value)| pool.attributes.get(key) == Some(value))
        };
        let pool = match wanted {
            Some(id) => others.iter().find(|pool| pool.id == id),
            None => others
                .iter()
                .find(|pool| pool.id == self.config.default_pool_id)
                .or_else(|| others.iter().find(fits)),
        };
        let pool = pool.ok_or_else(|| refusals::bad_request("There is no such pool to move the zone to"))?;
        if pool.id != self.config.default_pool_id && !tsig_keys::pool_has_one(tx, pool.id).await? {
            return Err(refusals::pool_without_key().into());
        }
        if pool.ns_records.is_empty() {
            return Err(refusals::no_servers().into());
        }
        Ok(pool.clone())
    }

    async fn move_to(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        zone: Zone,
        pool: &Pool,
        now: Timestamp,
    ) -> Result<(), CentralError> {
        let before = zone.clone();
        // The zones below lose the one above them, others may get it.
        let near = |other: &Zone, pool: PoolId| other.pool_id == pool && other.id != before.id;
        let below = zones::descendants(tx, &zone.name, usize::MAX).await?;
        let left: Vec<_> = below.iter().filter(|z| z.parent_id == Some(zone.id)).map(|z| z.id).collect();
        zones::reparent(tx, &left, zone.parent_id, now).await?;
        let above = zones::ancestors(tx, &zone.name).await?;
        let parent_id = above.into_iter().find(|z| near(z, pool.id)).map(|z| z.id);
        let mut zone = Zone { pool_id: pool.id, parent_id, progress: zone.progress.changed(), ..zone };
        if zone.kind == ZoneKind::Primary {
            let (records, generation) = (soa::ns_records(pool), zone.progress.generation);
            let made = recordsets::set_generated(tx, &zone, RecordType::Ns, records, generation, now).await?;
            if let Some(made) = made {
                zone.recordset_count += u64::from(made.is_new);
                zone.record_count = zone.record_count.saturating_sub(made.released);
                journal::append(tx, zone.id, &[made.line], now).await?;
            }
        }
        zones::update(tx, &mut zone, now).await.map_err(|error| {
            match error.is_unique(zones::NAME_TAKEN) {
                true => refusals::duplicate_zone().into(),
                false => CentralError::from(error),
            }
        })?;
        let adopted = below.iter().filter(|z| near(z, pool.id) && z.parent_id == parent_id);
        let adopted: Vec<_> = adopted.map(|z| z.id).collect();
        zones::reparent(tx, &adopted, Some(zone.id), now).await?;
        self.emit(tx, cx, Event::ZoneUpdated(&before, &zone), now).await?;
        Ok(())
    }
}
