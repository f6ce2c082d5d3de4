//! Secondary zones: having their masters asked.
//!
//! Invariants: what is to be asked stands in the database before a worker is told; losing that word costs time only.

use super::api::zones::XfrZone;
use super::error::CentralError;
use super::zones::lock_visible;
use super::{CentralService, NUDGE_BUDGET, refusals};
use crate::actors::worker::api::RefreshZone;
use crate::domain::ids::ZoneId;
use crate::domain::policy::Rule;
use crate::domain::zone::{Zone, ZoneChanges, ZoneKind};
use crate::store::repo::refreshes;
use crate::store::{StoreError, Tx};
use crate::transport::{Cx, Fault, Handle};

impl Handle<XfrZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: XfrZone) -> Result<(), Fault> {
        self.once::<XfrZone, _, _>(cx, |tx| {
            Box::pin(async {
                let zone = lock_visible(tx, cx, m.id).await?;
                self.allow_zone(cx, Rule::XfrZone, &zone)?;
                if zone.kind != ZoneKind::Secondary {
                    return Err(refusals::not_a_secondary().into());
                }
                if zone.progress.is_deleting() {
                    return Err(refusals::zone_is_deleting().into());
                }
                refreshes::ask(tx, zone.id, false, self.clock.now()).await?;
                Ok::<_, CentralError>(())
            })
        })
        .await?;
        self.nudge_refresh(cx, m.id).await;
        Ok(())
    }
}

impl CentralService {
    /// Notes that a zone just created is to come from its masters, if it is of that kind.
    pub(super) async fn first_transfer(&self, tx: &mut dyn Tx, zone: &Zone) -> Result<(), StoreError> {
        if zone.kind == ZoneKind::Secondary {
            refreshes::ask(tx, zone.id, true, zone.created_at).await?;
        }
        Ok(())
    }

    /// Notes that a zone is to come from other masters, if it has others now.
    pub(super) async fn change_of_masters(
        &self,
        tx: &mut dyn Tx,
        before: &Zone,
        after: &Zone,
    ) -> Result<(), StoreError> {
        if after.kind == ZoneKind::Secondary && before.masters != after.masters {
            refreshes::ask(tx, after.id, true, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Tells a worker to look, if a change may have made that necessary.
    pub(super) async fn nudge_after(&self, cx: &Cx, zone: &Zone, changes: &ZoneChanges) {
        if zone.kind == ZoneKind::Secondary && changes.masters.is_some() {
            self.nudge_refresh(cx, zone.id).await;
        }
    }

    /// Tells a worker that the masters of a zone are to be asked.
    pub(super) async fn nudge_refresh(&self, cx: &Cx, zone: ZoneId) {
        let cx = cx.detached(NUDGE_BUDGET);
        if let Err(fault) = self.worker.cast(&cx, RefreshZone { zone, from: None }).await {
            tracing::info!(%zone, %fault, "no worker took the word; the producer will find the zone");
        }
    }
}
