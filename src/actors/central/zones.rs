//! Zones: the messages of [`super::api::zones`].

use rand::Rng;

use super::admission::{Limits, Privileges};
use super::api::zones::{
    CreateZone, DeleteZone, FindZones, GetQuotas, GetZone, GetZoneNameservers, PurgeZones, TrimJournals,
    UpdateZone,
};
use super::authorize::scope;
use super::error::CentralError;
use super::notify::Event;
use super::zone_writes::{self, NewZone};
use super::{CentralService, admission, refusals};
use crate::domain::ids::ZoneId;
use crate::domain::page::{Page, Scope};
use crate::domain::policy::{Rule, Target};
use crate::domain::pool::NsRecord;
use crate::domain::quota::Quotas;
use crate::domain::zone::{SoaTimers, Zone, ZoneKind};
use crate::store::Tx;
use crate::store::repo::{pools, quotas, shares, zones};
use crate::transport::{Cx, Fault, Handle};

impl Handle<CreateZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreateZone) -> Result<Zone, Fault> {
        self.allow(cx, Rule::CreateZone, &Target::owned_by(cx.caller.project.as_ref()))?;
        if m.kind == ZoneKind::Catalog {
            return Err(refusals::catalog_is_read_only());
        }
        let project = cx.caller.project.clone().ok_or_else(refusals::missing_project)?;
        let new = NewZone {
            id: ZoneId::random(),
            project,
            email: m.email.clone().unwrap_or_else(|| self.config.managed_resource_email.clone()),
            default_ttl: self.config.default_ttl,
            timers: self.timers(),
            limits: self.limits(),
            privileges: self.privileges(cx),
            now: self.clock.now(),
            request: m,
            imported: None,
        };
        let created = self
            .once::<CreateZone, _, _>(cx, |tx| {
                Box::pin(async {
                    let created = zone_writes::create(tx, &new).await?;
                    self.first_transfer(tx, &created.zone).await?;
                    self.emit(tx, cx, Event::ZoneCreated(&created.zone), new.now).await?;
                    Ok(created)
                })
            })
            .await?;
        for id in &created.touched {
            self.nudge(cx, *id).await;
        }
        if created.zone.kind == ZoneKind::Secondary {
            self.nudge_refresh(cx, created.zone.id).await;
        }
        Ok(created.zone)
    }
}

impl Handle<GetZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetZone) -> Result<Zone, Fault> {
        let zone = self.visible_zone(cx, m.id).await?;
        self.allow_zone(cx, Rule::GetZone, &zone)?;
        Ok(zone)
    }
}

impl Handle<FindZones> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindZones) -> Result<Page<Zone>, Fault> {
        self.allow(cx, Rule::FindZones, &Target::owned_by(cx.caller.project.as_ref()))?;
        let scope = scope(cx);
        let page = self
            .store
            .read(|tx| {
                Box::pin(async { Ok::<_, CentralError>(zones::find(tx, &scope, &m.filter, &m.page).await?) })
            })
            .await?;
        Ok(page)
    }
}

impl Handle<UpdateZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: UpdateZone) -> Result<Zone, Fault> {
        let changed = self
            .once::<UpdateZone, _, _>(cx, |tx| {
                Box::pin(async {
                    let zone = lock_visible(tx, cx, m.id).await?;
                    if zone.progress.is_deleting() {
                        return Err(refusals::zone_is_deleting().into());
                    }
                    self.allow_zone(cx, Rule::UpdateZone, &zone)?;
                    if zone.kind == ZoneKind::Catalog {
                        return Err(refusals::catalog_is_read_only().into());
                    }
                    let low_ttl = self.may(cx, Rule::UseLowTtl);
                    admission::admissible_ttl(self.config.min_ttl, low_ttl, m.changes.ttl)?;
                    let (before, now) = (zone.clone(), self.clock.now());
                    let changed = zone_writes::update(tx, zone, &m.changes, now).await?;
                    self.change_of_masters(tx, &before, &changed).await?;
                    self.emit(tx, cx, Event::ZoneUpdated(&before, &changed), now).await?;
                    Ok(changed)
                })
            })
            .await?;
        self.nudge(cx, m.id).await;
        self.nudge_after(cx, &changed, &m.changes).await;
        Ok(changed)
    }
}

impl Handle<DeleteZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: DeleteZone) -> Result<Zone, Fault> {
        let deleting = self
            .once::<DeleteZone, _, _>(cx, |tx| {
                Box::pin(async {
                    let named = zones::get_any(tx, m.id).await?.ok_or_else(refusals::zone_not_found)?;
                    zones::hold_for_delete(tx, &named.name).await?;
                    let zone = lock_visible(tx, cx, m.id).await?;
                    if zone.kind == ZoneKind::Catalog {
                        return Err(refusals::catalog_is_read_only().into());
                    }
                    self.allow_zone(cx, Rule::DeleteZone, &zone)?;
                    let now = self.clock.now();
                    let deleting = zone_writes::delete(tx, zone, cx.caller.flags, now).await?;
                    self.emit(tx, cx, Event::ZoneDeleted(&deleting), now).await?;
                    Ok(deleting)
                })
            })
            .await?;
        self.nudge(cx, m.id).await;
        Ok(deleting)
    }
}

impl Handle<GetZoneNameservers> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetZoneNameservers) -> Result<Vec<NsRecord>, Fault> {
        let zone = self.visible_zone(cx, m.id).await?;
        self.allow_zone(cx, Rule::GetZoneNsRecords, &zone)?;
        let pool = self
            .store
            .read(|tx| Box::pin(async { Ok::<_, CentralError>(pools::get(tx, zone.pool_id).await?) }))
            .await?;
        Ok(pool.map_or_else(Vec::new, |pool| pool.ns_in_order().into_iter().cloned().collect()))
    }
}

impl Handle<PurgeZones> for CentralService {
    async fn handle(&self, cx: &Cx, m: PurgeZones) -> Result<u64, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let now = self.clock.now();
        let purged = self.store.transact(|tx| Box::pin(zone_writes::purge(tx, now, &m))).await?;
        Ok(purged)
    }
}

impl Handle<TrimJournals> for CentralService {
    async fn handle(&self, cx: &Cx, m: TrimJournals) -> Result<u64, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let now = self.clock.now();
        let keep = u64::from(self.config.journal_max_lines);
        let trim = self.store.transact(|tx| Box::pin(zone_writes::trim_journals(tx, now, &m, keep)));
        let trimmed = trim.await?;
        Ok(trimmed)
    }
}

impl Handle<GetQuotas> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetQuotas) -> Result<Quotas, Fault> {
        let rules = self.config.quota_rules();
        let Some(project) = m.project.or_else(|| cx.caller.project.clone()) else {
            return Ok(rules.defaults);
        };
        let quotas = self
            .store
            .read(|tx| {
                Box::pin(async { Ok::<_, CentralError>(quotas::effective(tx, &project, rules).await?) })
            })
            .await?;
        Ok(quotas)
    }
}

/// The zone, held until the transaction ends, if the caller may see it; otherwise it does not exist.
pub(super) async fn lock_visible(tx: &mut dyn Tx, cx: &Cx, id: ZoneId) -> Result<Zone, CentralError> {
    let zone = zones::lock(tx, id).await?.ok_or_else(refusals::zone_not_found)?;
    visible(tx, cx, zone).await
}

/// The zone, if the caller may see it; otherwise it does not exist.
pub(super) async fn visible(tx: &mut dyn Tx, cx: &Cx, zone: Zone) -> Result<Zone, CentralError> {
    let id = zone.id;
    let Scope::Project(project) = scope(cx) else { return Ok(zone) };
    if zone.project_id.is_none() || zone.project_id == project {
        return Ok(zone);
    }
    match project {
        Some(project) if shares::is_shared_with(tx, id, &project).await? => Ok(Zone { shared: true, ..zone }),
        _ => Err(refusals::zone_not_found().into()),
    }
}

impl CentralService {
    /// The zone, if the caller may see it; otherwise it does not exist.
    pub(super) async fn visible_zone(&self, cx: &Cx, id: ZoneId) -> Result<Zone, Fault> {
        let scope = scope(cx);
        let zone = self
            .store
            .read(|tx| Box::pin(async { Ok::<_, CentralError>(zones::get(tx, id, &scope).await?) }))
            .await?;
        zone.ok_or_else(refusals::zone_not_found)
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            max_name_length: self.config.max_zone_name_len,
            min_ttl: self.config.min_ttl,
            default_pool: self.config.default_pool_id,
            quotas: self.config.quota_rules(),
            scheduler: self.config.scheduler_filters.iter().map(|filter| filter.meant()).collect(),
        }
    }

    pub(super) fn privileges(&self, cx: &Cx) -> Privileges {
        Privileges {
            blacklisted_names: self.may(cx, Rule::UseBlacklistedZone),
            low_ttl: self.may(cx, Rule::UseLowTtl),
            named_pool: self.may(cx, Rule::ZoneCreateForcedPool),
        }
    }

    /// The SOA timers of a new zone; refresh differs from zone to zone, so that secondaries do not all come at once.
    pub(super) fn timers(&self) -> SoaTimers {
        let soa = self.config.soa;
        let refresh = rand::rng().random_range(soa.refresh_min..=soa.refresh_max.max(soa.refresh_min));
        SoaTimers { refresh, retry: soa.retry, expire: soa.expire, minimum: soa.minimum }
    }
}
