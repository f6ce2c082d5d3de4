//! What creating, changing and deleting a zone does to the database.
//!
//! Invariants: functions of one transaction each, to be run again when it has to be; a change and its generation are
//! written together; the zone row is locked before it is changed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::identity::CallerFlags;
use crate::domain::ids::{ProjectId, ZoneId};
use crate::domain::name::Name;
use crate::domain::pool::Pool;
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::shard::Shard;
use crate::domain::shard_lease::ShardLease;
use crate::domain::soa;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::domain::zone::{SoaTimers, Zone, ZoneChanges, ZoneKind};
use crate::domain::zone_status::Progress;
use crate::store::Tx;
use crate::store::repo::{fences, inbox, journal, recordsets, shares, versions, zones};

use super::admission::{self, Admitted, Limits, Privileges};
use super::api::zones::{CreateZone, PurgeZones, TrimJournals};
use super::error::CentralError;
use super::{imports, refusals};

/// Everything that creating a zone depends on.
#[derive(Debug, Clone)]
pub(super) struct NewZone {
    pub(super) id: ZoneId,
    pub(super) project: ProjectId,
    pub(super) email: String,
    pub(super) default_ttl: u32,
    pub(super) timers: SoaTimers,
    pub(super) limits: Limits,
    pub(super) privileges: Privileges,
    pub(super) now: Timestamp,
    pub(super) request: CreateZone,
    /// What a file says of it, if it is made of one.
    pub(super) imported: Option<Imported>,
}

/// What a file says of a zone.
#[derive(Debug, Clone)]
pub(super) struct Imported {
    pub(super) serial: Serial,
    pub(super) sets: Vec<ImportedSet>,
    pub(super) max_name_len: usize,
}

/// A recordset of a file.
#[derive(Debug, Clone)]
pub(super) struct ImportedSet {
    pub(super) name: Name,
    pub(super) kind: RecordType,
    pub(super) ttl: Option<Ttl>,
    pub(super) records: Vec<String>,
}

impl NewZone {
    /// The time for zones of our own, or what follows the last serial of a zone of this name that is gone: a name server
    /// may still have that. A secondary zone has nothing to show before its first transfer.
    fn first_serial(&self, last: Option<Serial>) -> Serial {
        let now = self.now.seconds();
        if let Some(Imported { serial, .. }) = &self.imported {
            return last.filter(|last| !serial.is_newer_than(*last)).map_or(*serial, |last| last.next(now));
        }
        match self.request.kind {
            ZoneKind::Secondary => Serial::new(1),
            ZoneKind::Primary | ZoneKind::Catalog => last.map_or(Serial::at(now), |last| last.next(now)),
        }
    }
}

/// A zone just created, and the zones that workers have to look at.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Created {
    pub(super) zone: Zone,
    pub(super) touched: Vec<ZoneId>,
}

/// Admits and inserts a zone with the records that it has without being asked.
pub(super) async fn create(tx: &mut dyn Tx, new: &NewZone) -> Result<Created, CentralError> {
    let request = &new.request;
    zones::hold_for_create(tx, &new.project, &request.name).await?;
    let admitted = admission::admit(tx, &new.limits, new.privileges, &new.project, request).await?;
    let last = zones::last_serial(tx, &request.name, admitted.pool.id).await?;
    let serial = new.first_serial(last);
    let sets = generated_sets(new, &admitted.pool, serial);
    let mut zone = new_zone(new, &admitted, serial, sets.len());
    let imported = imports::rows(tx, new, &mut zone, &admitted).await?;
    zones::insert(tx, &zone, new.now).await.map_err(|e| match e.is_unique(zones::NAME_TAKEN) {
        true => refusals::duplicate_zone().into(),
        false => CentralError::from(e),
    })?;
    for (kind, records) in sets {
        recordsets::set_generated(tx, &zone, kind, records, zone.progress.generation, new.now).await?;
    }
    recordsets::insert_many(tx, &imported).await?;
    versions::record(tx, zone.id, zone.serial, zone.progress.generation, new.now).await?;
    let mut touched = vec![zone.id];
    for mut child in admitted.children {
        touched.push(child.id);
        child.parent_id = Some(zone.id);
        child.progress = child.progress.changed();
        zones::update(tx, &mut child, new.now).await?;
    }
    Ok(Created { zone, touched })
}

fn new_zone(new: &NewZone, admitted: &Admitted, serial: Serial, generated: usize) -> Zone {
    let request = &new.request;
    Zone {
        id: new.id,
        pool_id: admitted.pool.id,
        project_id: Some(new.project.clone()),
        name: request.name.clone(),
        kind: request.kind,
        email: new.email.clone(),
        description: request.description.clone(),
        ttl: request.ttl.unwrap_or(Ttl::from_wire(new.default_ttl)),
        timers: new.timers,
        serial,
        progress: Progress::created(),
        shared: false,
        attributes: request.attributes.clone(),
        masters: request.masters.clone(),
        parent_id: admitted.parent,
        recordset_count: generated as u64,
        record_count: 0,
        hard_delete: false,
        version: 1,
        created_at: new.now,
        updated_at: None,
        transferred_at: None,
        published_at: Some(new.now),
    }
}

/// SOA for every zone, NS for primary ones.
fn generated_sets(new: &NewZone, pool: &Pool, serial: Serial) -> Vec<(RecordType, Vec<String>)> {
    let ns = soa::ns_records(pool);
    let mname = pool.ns_in_order().first().map_or_else(Name::root, |ns| ns.hostname.clone());
    let mut sets = vec![(RecordType::Soa, vec![soa::text(&mname, &new.email, serial, new.timers)])];
    if new.request.kind == ZoneKind::Primary {
        sets.push((RecordType::Ns, ns));
    }
    sets
}

/// Changes a zone's own fields; what DNS shows of them changes with the next publish.
pub(super) async fn update(
    tx: &mut dyn Tx,
    zone: Zone,
    changes: &ZoneChanges,
    now: Timestamp,
) -> Result<Zone, CentralError> {
    let ZoneChanges { email, ttl, description, attributes, masters } = changes.clone();
    let mut zone = Zone {
        email: email.unwrap_or(zone.email),
        ttl: ttl.unwrap_or(zone.ttl),
        description: description.unwrap_or(zone.description),
        attributes: attributes.unwrap_or(zone.attributes),
        masters: masters.unwrap_or(zone.masters),
        progress: zone.progress.changed(),
        ..zone
    };
    zones::update(tx, &mut zone, now).await?;
    Ok(zone)
}

/// Refuses to let go a zone that is shared or has others below it; its shares go with it if that was asked for.
pub(super) async fn may_go(tx: &mut dyn Tx, zone: &Zone, flags: CallerFlags) -> Result<(), CentralError> {
    if flags.delete_shares {
        shares::delete_all(tx, zone.id).await?;
    } else if shares::has_any(tx, zone.id).await? {
        return Err(refusals::zone_is_shared().into());
    }
    if zones::children_count(tx, zone.id).await? > 0 {
        return Err(refusals::zone_has_sub_zone().into());
    }
    Ok(())
}

/// Marks a zone for deletion; the row goes when the name servers confirmed.
pub(super) async fn delete(
    tx: &mut dyn Tx,
    zone: Zone,
    flags: CallerFlags,
    now: Timestamp,
) -> Result<Zone, CentralError> {
    may_go(tx, &zone, flags).await?;
    let mut zone = Zone {
        shared: zone.shared && !flags.delete_shares,
        progress: zone.progress.deleting(),
        hard_delete: zone.hard_delete || flags.hard_delete,
        ..zone
    };
    zones::update(tx, &mut zone, now).await?;
    Ok(zone)
}

/// Removes rows of zones that are gone for long enough, under the tokens of the shards they are in. Answers how many; an
/// overtaken producer's tokens are refused by the database, and then nothing is removed, as when the tick was run before.
pub(super) async fn purge(tx: &mut dyn Tx, now: Timestamp, m: &PurgeZones) -> Result<u64, CentralError> {
    let ranges: Vec<_> = m.leases.iter().map(ShardLease::range).collect();
    let before = now.minus(Duration::from_secs(m.older_than));
    let gone = zones::purgeable(tx, before, &ranges, m.limit).await?;
    if gone.is_empty() {
        return Ok(0);
    }
    fences::claim_shards(tx, &m.leases, gone.iter().map(|zone| Shard::of(*zone)).collect()).await?;
    if !inbox::claim(tx, m.tick.as_str(), now).await? {
        return Ok(0);
    }
    for zone in &gone {
        zones::purge(tx, *zone).await?;
    }
    Ok(gone.len() as u64)
}

/// Forgets journal lines of changes published long enough ago, and the oldest of more than `keep` lines. Answers of how many
/// zones.
pub(super) async fn trim_journals(
    tx: &mut dyn Tx,
    now: Timestamp,
    m: &TrimJournals,
    keep: u64,
) -> Result<u64, CentralError> {
    fences::claim(tx, "journal", m.token).await?;
    if !inbox::claim(tx, m.tick.as_str(), now).await? {
        return Ok(0);
    }
    let aged = now.minus(Duration::from_secs(m.older_than));
    let before = journal::horizon(tx, keep).await?.map_or(aged, |horizon| horizon.max(aged));
    let zones = journal::trimmable(tx, before, m.limit).await?;
    for (zone, upto) in &zones {
        journal::trim(tx, *zone, *upto).await?;
    }
    Ok(zones.len() as u64)
}
