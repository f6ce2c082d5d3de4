//! Changes of a zone as a whole: the messages of [`super::api::changes`].

use super::api::changes::{ApplyChangeset, FindZoneChanges, RollbackZone};
use super::error::CentralError;
use super::lag::Lag;
use super::{CentralService, refusals};
use crate::domain::changeset::Applied;
use crate::domain::history::ZoneChange;
use crate::domain::ids::ZoneId;
use crate::domain::page::Page;
use crate::domain::policy::Rule;
use crate::store::repo::history;
use crate::transport::{Cx, Fault, Handle};

impl Handle<ApplyChangeset> for CentralService {
    async fn handle(&self, cx: &Cx, m: ApplyChangeset) -> Result<Applied, Fault> {
        if m.items.len() > self.config.max_changeset_items {
            return Err(refusals::changeset_size(self.config.max_changeset_items));
        }
        let (id, lag) = (m.zone_id, Lag::default());
        let applied = match m.dry_run {
            true => self.store.transact(|tx| Box::pin(self.apply_in(tx, cx, &m, &lag))).await?,
            false => {
                self.once::<ApplyChangeset, _, _>(cx, |tx| Box::pin(self.apply_in(tx, cx, &m, &lag))).await?
            }
        };
        self.tell_of(cx, id, &applied, &lag).await;
        Ok(applied)
    }
}

impl Handle<RollbackZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: RollbackZone) -> Result<Applied, Fault> {
        let (id, lag) = (m.zone_id, Lag::default());
        let applied = match m.dry_run {
            true => self.store.transact(|tx| Box::pin(self.roll_back_in(tx, cx, &m, &lag))).await?,
            false => {
                self.once::<RollbackZone, _, _>(cx, |tx| Box::pin(self.roll_back_in(tx, cx, &m, &lag)))
                    .await?
            }
        };
        self.tell_of(cx, id, &applied, &lag).await;
        Ok(applied)
    }
}

impl Handle<FindZoneChanges> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindZoneChanges) -> Result<Page<ZoneChange>, Fault> {
        let zone = self.visible_zone(cx, m.zone_id).await?;
        self.allow_zone(cx, Rule::FindZoneChanges, &zone)?;
        let found = self.store.read(|tx| {
            Box::pin(
                async move { Ok::<_, CentralError>(history::find(tx, zone.id, &m.filter, &m.page).await?) },
            )
        });
        Ok(found.await?)
    }
}

impl CentralService {
    async fn tell_of(&self, cx: &Cx, zone: ZoneId, applied: &Applied, lag: &Lag) {
        if !applied.dry_run && applied.changes_anything() {
            self.nudge_for(cx, zone, lag).await;
        }
    }
}
