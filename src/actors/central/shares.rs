//! Shared zones: the messages of [`super::api::shares`].
//!
//! Invariants: a share comes and goes while the zone's row is held, so whoever writes into the zone at that time is either
//! allowed to or not; a share does not end while its project has something in the zone.

use super::api::shares::{FindShares, GetShare, ShareZone, UnshareZone};
use super::authorize::scope;
use super::error::CentralError;
use super::notify::{Event, resource};
use super::zones::lock_visible;
use super::{CentralService, refusals};
use crate::domain::ids::{ProjectId, ShareId};
use crate::domain::page::{Page, Scope};
use crate::domain::policy::{Rule, Target};
use crate::domain::share::Share;
use crate::domain::zone::{Zone, ZoneKind};
use crate::store::repo::{recordsets, shares, zones};
use crate::transport::{Cx, Fault, Handle};

impl Handle<ShareZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: ShareZone) -> Result<Share, Fault> {
        let (id, now) = (ShareId::random(), self.clock.now());
        self.once::<ShareZone, _, _>(cx, |tx| {
            Box::pin(async {
                let zone = lock_visible(tx, cx, m.zone_id).await?;
                self.allow_zone(cx, Rule::ShareZone, &zone)?;
                let project = cx.caller.project.clone().ok_or_else(refusals::missing_project)?;
                if zone.kind == ZoneKind::Catalog {
                    return Err(refusals::catalog_is_read_only().into());
                }
                if zone.progress.is_deleting() {
                    return Err(refusals::zone_is_deleting().into());
                }
                if zone.project_id.as_ref() == Some(&m.target) {
                    return Err(refusals::bad_request("A zone is not shared with its owner").into());
                }
                shares::insert(tx, id.uuid(), zone.id, &project, &m.target, now).await.map_err(|error| {
                    match error.is_unique(shares::TAKEN) {
                        true => refusals::duplicate_share().into(),
                        false => CentralError::from(error),
                    }
                })?;
                let share = Share {
                    id,
                    zone_id: zone.id,
                    project_id: project,
                    target_project_id: m.target.clone(),
                    created_at: now,
                    updated_at: None,
                };
                let event = Event::of_zone("dns.zone.share", zone.id, resource::share(&share));
                self.emit(tx, cx, event, now).await?;
                Ok(share)
            })
        })
        .await
    }
}

impl Handle<GetShare> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetShare) -> Result<Share, Fault> {
        let scope = scope(cx);
        let (share, zone) = self
            .store
            .read(|tx| {
                Box::pin(async {
                    let share = shares::get(tx, m.zone_id, m.id, &scope).await?;
                    Ok::<_, CentralError>((share, zones::get_any(tx, m.zone_id).await?))
                })
            })
            .await?;
        let share = share.ok_or_else(refusals::share_not_found)?;
        self.allow(cx, Rule::GetZoneShare, &Target::owned_by(Some(owner(cx, &share, zone.as_ref()))))?;
        Ok(share)
    }
}

impl Handle<FindShares> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindShares) -> Result<Page<Share>, Fault> {
        self.allow(cx, Rule::FindZoneShares, &Target::owned_by(cx.caller.project.as_ref()))?;
        let scope = scope(cx);
        if let Scope::Project(project) = &scope {
            let own = project.as_ref().map(ProjectId::as_str);
            let target = Target {
                target_project_id: m.target.as_deref().or(own),
                ..Target::owned_by(project.as_ref())
            };
            self.allow(cx, Rule::FindProjectZoneShare, &target)?;
        }
        let find = self.store.read(|tx| {
            Box::pin(async {
                let found = shares::find(tx, m.zone_id, &scope, m.target.as_deref(), &m.page).await?;
                Ok::<_, CentralError>(found)
            })
        });
        Ok(find.await?)
    }
}

impl Handle<UnshareZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: UnshareZone) -> Result<(), Fault> {
        let (scope, now) = (scope(cx), self.clock.now());
        self.once::<UnshareZone, _, _>(cx, |tx| {
            Box::pin(async {
                let zone = zones::lock(tx, m.zone_id).await?.ok_or_else(refusals::share_not_found)?;
                let share = shares::get(tx, m.zone_id, m.id, &scope).await?;
                let share = share.ok_or_else(refusals::share_not_found)?;
                let target = Target::owned_by(Some(owner(cx, &share, Some(&zone))));
                self.allow(cx, Rule::GetZoneShare, &target)?;
                self.allow(cx, Rule::UnshareZone, &target)?;
                if zones::children_of_project(tx, zone.id, &share.target_project_id).await? > 0 {
                    return Err(refusals::share_has_sub_zone().into());
                }
                if recordsets::count_of_project(tx, zone.id, &share.target_project_id).await? > 0 {
                    return Err(refusals::share_has_recordsets().into());
                }
                shares::delete(tx, share.id).await?;
                let event = Event::of_zone("dns.zone.unshare", zone.id, resource::share(&share));
                self.emit(tx, cx, event, now).await?;
                Ok(())
            })
        })
        .await
    }
}

/// Whose a share is: the project's that made it, and the zone's owner's, who may be another one since.
fn owner<'a>(cx: &Cx, share: &'a Share, zone: Option<&'a Zone>) -> &'a ProjectId {
    match zone.and_then(|zone| zone.project_id.as_ref()) {
        Some(owner) if cx.caller.project.as_ref() == Some(owner) => owner,
        _ => &share.project_id,
    }
}
