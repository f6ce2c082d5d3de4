//! PTR records of floating IPs: the messages of [`super::api::floating_ips`].
//!
//! Invariants: the zone that an address needs is made with its first record, in the same transaction, for the service's own
//! project. A record is shown to the project and for the floating IP that it was made for, and to nobody else; one whose
//! floating IP its project has no more goes away as soon as anybody notices. What clients made at such a name stays theirs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::api::floating_ips::{FindPtrs, Gone, SetPtr, UnsetPtr};
use super::api::zones::CreateZone;
use super::error::CentralError;
use super::notify::Event;
use super::recordset_writes::{shown, writable};
use super::zone_writes::{self, NewZone};
use super::{CentralService, placement, refusals};
use crate::domain::floating_ip::{FloatingIp, Ptr};
use crate::domain::ids::{ProjectId, RecordsetId, ZoneId};
use crate::domain::name::Name;
use crate::domain::policy::{Rule, Target};
use crate::domain::quota::QuotaRules;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::zone::{Zone, ZoneKind};
use crate::domain::zone_status::{Action, Status};
use crate::store::Tx;
use crate::store::repo::recordsets::managed::{self, ManagedPtr};
use crate::store::repo::recordsets::{self, Ground, Subject};
use crate::store::repo::zones;
use crate::transport::{Cx, Fault, Handle};

/// Records that one look removes at most.
const MOST_REMOVED: usize = 100;

/// What setting a record did.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    ptr: Ptr,
    /// Zones that workers have to look at.
    touched: Vec<ZoneId>,
}

impl Handle<FindPtrs> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindPtrs) -> Result<Vec<Option<Ptr>>, Fault> {
        let project = &own_project(cx)?;
        let names = m.seen.iter().map(ptr_name).collect::<Result<Vec<_>, _>>()?;
        let (here, own) = self
            .store
            .read(|tx| {
                Box::pin(async {
                    let here = managed::at(tx, &names).await?;
                    let own = match m.gone {
                        Gone::Unknown => Vec::new(),
                        Gone::OthersIn(_) | Gone::One(..) => managed::of(tx, project).await?,
                    };
                    Ok::<_, CentralError>((here, own))
                })
            })
            .await?;
        let at = |name: &Name| here.iter().filter(|made| made.set.name == *name).collect::<Vec<_>>();
        let mut stale: Vec<&ManagedPtr> = Vec::new();
        let mut found = Vec::with_capacity(m.seen.len());
        for (ip, name) in m.seen.iter().zip(&names) {
            let (ours, others): (Vec<_>, Vec<_>) =
                at(name).into_iter().partition(|made| made.is_of(project, ip));
            // Another region may have the same addresses, and nothing is known of those.
            stale.extend(others.into_iter().filter(|made| made.region == ip.region));
            found.push(ours.first().map(|made| ptr(&made.set, made)));
        }
        let is_gone = |made: &&ManagedPtr| match &m.gone {
            Gone::Unknown => false,
            Gone::OthersIn(regions) => {
                regions.contains(&made.region)
                    && !m.seen.iter().any(|ip| ip.region == made.region && Some(ip.id) == made.floating_ip)
            }
            Gone::One(region, id) => made.region == *region && made.floating_ip == Some(*id),
        };
        stale.extend(own.iter().filter(is_gone));
        self.remove_stale(cx, &stale).await;
        Ok(found)
    }
}

impl Handle<SetPtr> for CentralService {
    async fn handle(&self, cx: &Cx, m: SetPtr) -> Result<Ptr, Fault> {
        let project = &own_project(cx)?;
        self.allow(cx, Rule::Default, &Target::owned_by(Some(project)))?;
        let done: Done =
            self.once::<SetPtr, _, _>(cx, |tx| Box::pin(self.set_ptr_in(tx, cx, project, &m))).await?;
        for zone in done.touched {
            self.nudge(cx, zone).await;
        }
        Ok(done.ptr)
    }
}

impl Handle<UnsetPtr> for CentralService {
    async fn handle(&self, cx: &Cx, m: UnsetPtr) -> Result<(), Fault> {
        let project = &own_project(cx)?;
        self.allow(cx, Rule::Default, &Target::owned_by(Some(project)))?;
        let name = ptr_name(&m.ip)?;
        let zone = self
            .once::<UnsetPtr, _, _>(cx, |tx| {
                Box::pin(async {
                    let made = managed::at(tx, std::slice::from_ref(&name)).await?;
                    let made = made.into_iter().find(|made| made.is_of(project, &m.ip));
                    let made = made.ok_or_else(no_ptr)?;
                    match self.remove_in(tx, cx, &made).await? {
                        true => Ok(made.set.zone_id),
                        false => Err(no_ptr().into()),
                    }
                })
            })
            .await?;
        self.nudge(cx, zone).await;
        Ok(())
    }
}

impl CentralService {
    async fn set_ptr_in(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        project: &ProjectId,
        m: &SetPtr,
    ) -> Result<Done, CentralError> {
        self.recordset_ttl(cx, m.ttl)?;
        let name = ptr_name(&m.ip)?;
        let mut touched = Vec::new();
        let zone_id = self.reverse_zone(tx, cx, &m.ip, &mut touched).await?;
        let ground = recordsets::ground(tx, zone_id, Subject::New(&name), self.config.quota_rules()).await?;
        let Ground { zone, kinds, has_children, .. } = ground.ok_or_else(refusals::zone_not_found)?;
        writable(&zone)?;
        if zone.kind != ZoneKind::Primary {
            return Err(refusals::bad_request("The reverse zone is not a primary one").into());
        }
        let old = recordsets::by_name_type(tx, zone.id, &name, RecordType::Ptr).await?;
        let made = managed::at(tx, std::slice::from_ref(&name)).await?;
        if let Some(old) = &old {
            let made = made.iter().find(|made| made.set.id == old.id);
            self.may_take(&zone, project, &m.ip, old, made)?;
        }
        let (longest, is_new) = (self.config.max_recordset_name_len, old.is_none());
        let place = (&name, RecordType::Ptr, 1);
        placement::check(tx, &zone, place, is_new, longest, kinds, has_children).await?;
        let now = self.clock.now();
        let progress = zone.progress.changed();
        let counted = old.as_ref().map_or(0, |old| if old.managed { 0 } else { old.records.len() as u64 });
        let mut set = Recordset {
            id: old.as_ref().map_or_else(RecordsetId::random, |old| old.id),
            zone_id: zone.id,
            zone_name: zone.name.clone(),
            project_id: zone.project_id.clone(),
            name,
            kind: RecordType::Ptr,
            ttl: m.ttl,
            description: m.description.clone(),
            records: vec![m.ptrdname.as_str().to_owned()],
            managed: true,
            generation: progress.generation,
            change: if is_new { Action::Create } else { Action::Update },
            action: Action::None,
            status: Status::Active,
            version: old.as_ref().map_or(1, |old| old.version),
            created_at: old.as_ref().map_or(now, |old| old.created_at),
            updated_at: old.as_ref().and_then(|old| old.updated_at),
        };
        match is_new {
            true => recordsets::insert(tx, &set).await?,
            false => recordsets::update(tx, &mut set, now).await?,
        }
        managed::assign(tx, &set, project, &m.ip, now).await?;
        let zone_ttl = zone.ttl;
        let zone = Zone {
            progress,
            recordset_count: zone.recordset_count + u64::from(is_new),
            record_count: zone.record_count.saturating_sub(counted),
            ..zone
        };
        self.finish(tx, cx, zone, old.as_ref(), Some(&set), now).await?;
        let set = shown(progress, set);
        let event = match &old {
            None => Event::RecordsetCreated(&set),
            Some(old) => Event::RecordsetUpdated(old, &set),
        };
        self.emit(tx, cx, event, now).await?;
        touched.push(zone_id);
        let made = ManagedPtr {
            zone_ttl,
            tenant: Some(project.clone()),
            region: m.ip.region.clone(),
            floating_ip: Some(m.ip.id),
            set,
        };
        Ok(Done { ptr: ptr(&made.set, &made), touched })
    }

    /// Refuses to write over what is somebody else's: a client's own record in a zone that is neither the service's nor the
    /// caller's, or the record of another project's floating IP of another region.
    fn may_take(
        &self,
        zone: &Zone,
        project: &ProjectId,
        ip: &FloatingIp,
        old: &Recordset,
        made: Option<&ManagedPtr>,
    ) -> Result<(), CentralError> {
        let is_ours = [project, &self.config.managed_resource_tenant_id]
            .contains(&zone.project_id.as_ref().unwrap_or(project));
        let free = match made {
            Some(made) => made.region == ip.region || made.tenant.as_ref() == Some(project),
            None => old.managed || is_ours,
        };
        if free { Ok(()) } else { Err(refusals::duplicate_recordset().into()) }
    }

    /// The zone that the address's record goes into, made if there is none.
    async fn reverse_zone(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        ip: &FloatingIp,
        touched: &mut Vec<ZoneId>,
    ) -> Result<ZoneId, CentralError> {
        let name = ip.address.zone_name().map_err(|error| unnamed(&error))?;
        let project = &self.config.managed_resource_tenant_id;
        if let Some(zone) = best(&zones::by_name(tx, &name).await?, project) {
            return Ok(zone);
        }
        // Somebody else may be making it.
        zones::hold_for_create(tx, project, &name).await?;
        if let Some(zone) = best(&zones::by_name(tx, &name).await?, project) {
            return Ok(zone);
        }
        let mut limits = self.limits();
        // Nobody asked for these zones, and nobody could make room for them.
        limits.quotas = QuotaRules::UNLIMITED;
        let email = self.config.managed_resource_email.clone();
        let new = NewZone {
            id: ZoneId::random(),
            project: project.clone(),
            email: email.clone(),
            default_ttl: self.config.default_ttl,
            timers: self.timers(),
            limits,
            privileges: super::admission::Privileges::default(),
            now: self.clock.now(),
            request: CreateZone {
                name,
                kind: ZoneKind::Primary,
                email: Some(email),
                ttl: None,
                description: None,
                attributes: [].into(),
                masters: Vec::new(),
            },
            imported: None,
        };
        let created = zone_writes::create(tx, &new).await?;
        self.emit(tx, cx, Event::ZoneCreated(&created.zone), new.now).await?;
        touched.extend(created.touched.iter().filter(|zone| **zone != created.zone.id));
        Ok(created.zone.id)
    }

    /// Removes records whose floating IPs are gone; what fails is tried again by whoever notices next.
    async fn remove_stale(&self, cx: &Cx, stale: &[&ManagedPtr]) {
        let mut touched = BTreeSet::new();
        for made in stale.iter().take(MOST_REMOVED) {
            let removed = self.store.transact(|tx| Box::pin(self.remove_in(tx, cx, made))).await;
            match removed {
                Ok(true) => {
                    let (zone, name) = (made.set.zone_id, made.set.name.as_str());
                    tracing::info!(%zone, name, region = made.region, "the PTR record of a floating IP that is gone was removed");
                    touched.insert(zone);
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "the PTR record of a floating IP that is gone stays for now");
                }
            }
        }
        for zone in touched {
            self.nudge(cx, zone).await;
        }
    }

    /// Removes a record, if it is still the one that was seen; answers whether it was.
    async fn remove_in(&self, tx: &mut dyn Tx, cx: &Cx, seen: &ManagedPtr) -> Result<bool, CentralError> {
        let subject = Subject::Old(seen.set.id);
        let ground = recordsets::ground(tx, seen.set.zone_id, subject, self.config.quota_rules()).await?;
        let Some(Ground { zone, set: Some(set), .. }) = ground else { return Ok(false) };
        let made = managed::at(tx, std::slice::from_ref(&set.name)).await?;
        let is_same = |made: &ManagedPtr| {
            made.set.id == seen.set.id
                && (&made.tenant, &made.region, made.floating_ip)
                    == (&seen.tenant, &seen.region, seen.floating_ip)
        };
        if !made.iter().any(is_same) || zone.progress.is_deleting() {
            return Ok(false);
        }
        recordsets::take_away(tx, &set).await?;
        let now = self.clock.now();
        let zone = Zone {
            progress: zone.progress.changed(),
            recordset_count: zone.recordset_count.saturating_sub(1),
            ..zone
        };
        self.finish(tx, cx, zone, Some(&set), None, now).await?;
        let (action, status, version) = (Action::Delete, Status::Pending, set.version + 1);
        let deleted = Recordset { action, status, version, updated_at: Some(now), ..set };
        self.emit(tx, cx, Event::RecordsetDeleted(&deleted), now).await?;
        Ok(true)
    }
}

fn own_project(cx: &Cx) -> Result<ProjectId, Fault> {
    cx.caller.project.clone().ok_or_else(refusals::missing_project)
}

/// Of several zones of a name the service's own, or else the oldest.
fn best(zones: &[Zone], project: &ProjectId) -> Option<ZoneId> {
    let own = zones.iter().find(|zone| zone.project_id.as_ref() == Some(project));
    own.or(zones.first()).map(|zone| zone.id)
}

fn ptr_name(ip: &FloatingIp) -> Result<Name, Fault> {
    ip.address.ptr_name().map_err(|error| unnamed(&error))
}

fn unnamed(error: &impl ToString) -> Fault {
    Fault::internal("unknown", error.to_string())
}

fn no_ptr() -> Fault {
    Fault::not_found("not_found", "The floating IP has no PTR record")
}

fn ptr(set: &Recordset, made: &ManagedPtr) -> Ptr {
    Ptr {
        zone_id: set.zone_id,
        ptrdname: set.records.first().cloned().unwrap_or_default(),
        ttl: set.ttl.unwrap_or(made.zone_ttl),
        description: set.description.clone(),
        action: set.action,
        status: set.status,
    }
}
