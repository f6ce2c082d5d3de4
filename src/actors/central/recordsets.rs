//! Recordsets: the messages of [`super::api::recordsets`].

use super::api::recordsets::{
    CreateRecordset, DeleteRecordset, FindRecordsets, GetRecordset, UpdateRecordset,
};
use super::authorize::scope;
use super::error::CentralError;
use super::together::Change;
use super::{CentralService, placement, refusals};
use crate::domain::ids::RecordsetId;
use crate::domain::page::{Page, Scope};
use crate::domain::policy::{Rule, Target};
use crate::domain::recordset::Recordset;
use crate::domain::recordset_rules;
use crate::store::repo::recordsets::{self, Within};
use crate::transport::{Cx, Fault, Handle};

impl Handle<CreateRecordset> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreateRecordset) -> Result<Recordset, Fault> {
        recordset_rules::check_creatable(m.kind, &m.name).map_err(|error| placement::refused(&error))?;
        self.change_recordset(cx, Change::Create(RecordsetId::random(), m)).await
    }
}

impl Handle<GetRecordset> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetRecordset) -> Result<Recordset, Fault> {
        if let Some(zone_id) = m.zone_id {
            let zone = self.visible_zone(cx, zone_id).await?;
            let found = self
                .store
                .read(|tx| {
                    Box::pin(async move { Ok::<_, CentralError>(recordsets::get(tx, zone_id, m.id).await?) })
                })
                .await?
                .ok_or_else(refusals::recordset_not_found)?;
            self.allow_recordset(cx, Rule::GetRecordset, &zone, &found)?;
            return Ok(found);
        }
        let everybody = Scope::AllProjects;
        let found = self
            .store
            .read(|tx| {
                Box::pin(async {
                    Ok::<_, CentralError>(recordsets::get_visible(tx, m.id, &everybody).await?)
                })
            })
            .await?
            .ok_or_else(refusals::recordset_not_found)?;
        let zone = self.visible_zone(cx, found.zone_id).await.map_err(|_| refusals::recordset_not_found())?;
        self.allow_recordset(cx, Rule::GetRecordset, &zone, &found)?;
        Ok(found)
    }
}

impl Handle<FindRecordsets> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindRecordsets) -> Result<Page<Recordset>, Fault> {
        let within = match m.zone_id {
            // Whoever sees the zone sees all that is in it.
            Some(id) => {
                self.visible_zone(cx, id).await?;
                Within::Zone(id)
            }
            None => Within::Owned(scope(cx)),
        };
        self.allow(cx, Rule::FindRecordsets, &Target::owned_by(cx.caller.project.as_ref()))?;
        let page = self
            .store
            .read(|tx| {
                Box::pin(async {
                    let found = recordsets::find(tx, &within, &m.filter, &m.page).await?;
                    Ok::<_, CentralError>(found)
                })
            })
            .await?;
        Ok(page)
    }
}

impl Handle<UpdateRecordset> for CentralService {
    async fn handle(&self, cx: &Cx, m: UpdateRecordset) -> Result<Recordset, Fault> {
        self.change_recordset(cx, Change::Update(m)).await
    }
}

impl Handle<DeleteRecordset> for CentralService {
    async fn handle(&self, cx: &Cx, m: DeleteRecordset) -> Result<Recordset, Fault> {
        self.change_recordset(cx, Change::Delete(m)).await
    }
}
