//! What creating, changing and deleting a recordset does to the database.
//!
//! Invariants: one transaction each, run again when it has to be; the zone row is locked first, so that its counters,
//! its generation and the journal move together; a recordset without records is no change of the zone.

use crate::domain::delta::{JournalEntry, RrSet};
use crate::domain::generation::Generation;
use crate::domain::history::Author;
use crate::domain::ids::{RecordsetId, ZoneId};
use crate::domain::name::Name;
use crate::domain::policy::Rule;
use crate::domain::quota::{Quotas, Resource};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::{Recordset, RecordsetChanges};
use crate::domain::time::Timestamp;
use crate::domain::zone::{Zone, ZoneKind};
use crate::domain::zone_status::{Action, Status};
use crate::store::Tx;
use crate::store::repo::recordsets::{Ground, Subject};
use crate::store::repo::{journal, recordsets, zones};
use crate::transport::Cx;

use super::api::recordsets::{CreateRecordset, DeleteRecordset, UpdateRecordset};
use super::error::CentralError;
use super::lag::Lag;
use super::notify::Event;
use super::zones::visible;
use super::{CentralService, admission, placement, refusals};

impl CentralService {
    /// Inserts a recordset.
    pub(super) async fn create_recordset_in(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        id: RecordsetId,
        m: &CreateRecordset,
        lag: &Lag,
    ) -> Result<Recordset, CentralError> {
        let ground = self.ground(tx, cx, m.zone_id, Subject::New(&m.name)).await?;
        let Ground { zone, quotas, kinds, has_children, .. } = ground;
        writable(&zone)?;
        self.allow_zone(cx, Rule::CreateRecordset, &zone)?;
        self.recordset_ttl(cx, m.ttl)?;
        within(quotas, &[(Resource::ZoneRecordsets, zone.recordset_count + 1)])?;
        let longest = self.config.max_recordset_name_len;
        let is_taken = kinds.contains(&m.kind);
        let place = (&m.name, m.kind, m.records.len());
        placement::check(tx, &zone, place, true, longest, kinds, has_children).await?;
        let managed = is_reserved(&zone, &m.name, m.kind);
        if managed && !cx.caller.flags.edit_managed_records {
            return Err(refusals::duplicate_recordset().into());
        }
        let counted = if managed { 0 } else { m.records.len() };
        if !managed {
            records_within(quotas, &zone, 0, counted)?;
        }
        let now = self.clock.now();
        let progress = if m.records.is_empty() { zone.progress } else { zone.progress.changed() };
        let recordset = Recordset {
            id,
            zone_id: zone.id,
            zone_name: zone.name.clone(),
            project_id: cx.caller.project.clone().or_else(|| zone.project_id.clone()),
            name: m.name.clone(),
            kind: m.kind,
            ttl: m.ttl,
            description: m.description.clone(),
            records: m.records.clone(),
            managed,
            generation: progress.generation,
            change: Action::Create,
            action: Action::None,
            status: Status::Active,
            version: 1,
            created_at: now,
            updated_at: None,
        };
        if is_taken {
            return Err(refusals::duplicate_recordset().into());
        }
        recordsets::add(tx, &recordset).await?;
        let zone = Zone {
            progress,
            recordset_count: zone.recordset_count + 1,
            record_count: zone.record_count + counted as u64,
            ..zone
        };
        lag.note(progress);
        self.finish(tx, cx, zone, None, Some(&recordset), now).await?;
        let recordset = shown(progress, recordset);
        self.emit(tx, cx, Event::RecordsetCreated(&recordset), now).await?;
        Ok(recordset)
    }

    /// Changes a recordset.
    pub(super) async fn update_recordset_in(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        m: &UpdateRecordset,
        lag: &Lag,
    ) -> Result<Recordset, CentralError> {
        let ground = self.ground(tx, cx, m.zone_id, Subject::Old(m.id)).await?;
        let Ground { zone, set, quotas, kinds, has_children } = ground;
        let old = set.ok_or_else(refusals::recordset_not_found)?;
        if old.managed && !cx.caller.flags.edit_managed_records {
            return Err(refusals::managed_record().into());
        }
        if old.kind == RecordType::Soa {
            return Err(refusals::bad_request("Updating SOA recordsets is not allowed").into());
        }
        if old.kind == RecordType::Ns && old.name == zone.name {
            return Err(refusals::bad_request("Updating a root zone NS record is not allowed").into());
        }
        writable(&zone)?;
        self.allow_recordset(cx, Rule::UpdateRecordset, &zone, &old)?;
        let RecordsetChanges { ttl, description, records } = m.changes.clone();
        self.recordset_ttl(cx, ttl.flatten())?;
        let now = self.clock.now();
        let progress = zone.progress.changed();
        let mut recordset = Recordset {
            ttl: ttl.unwrap_or(old.ttl),
            description: description.unwrap_or_else(|| old.description.clone()),
            records: records.unwrap_or_else(|| old.records.clone()),
            generation: progress.generation,
            change: Action::Update,
            ..old.clone()
        };
        let count = recordset.records.len();
        let longest = self.config.max_recordset_name_len;
        let place = (&recordset.name, recordset.kind, count);
        placement::check(tx, &zone, place, false, longest, kinds, has_children).await?;
        let (before, after) = if old.managed { (0, 0) } else { (old.records.len(), count) };
        if !old.managed {
            records_within(quotas, &zone, before, after)?;
        }
        recordsets::update(tx, &mut recordset, now).await?;
        let zone = Zone { progress, record_count: moved(zone.record_count, before, after), ..zone };
        lag.note(progress);
        self.finish(tx, cx, zone, Some(&old), Some(&recordset), now).await?;
        let recordset = shown(progress, recordset);
        self.emit(tx, cx, Event::RecordsetUpdated(&old, &recordset), now).await?;
        Ok(recordset)
    }

    /// Removes a recordset.
    pub(super) async fn delete_recordset_in(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        m: &DeleteRecordset,
        lag: &Lag,
    ) -> Result<Recordset, CentralError> {
        let Ground { zone, set, .. } = self.ground(tx, cx, m.zone_id, Subject::Old(m.id)).await?;
        let old = set.ok_or_else(refusals::recordset_not_found)?;
        if old.kind == RecordType::Soa {
            return Err(refusals::bad_request("Deleting a SOA recordset is not allowed").into());
        }
        writable(&zone)?;
        self.allow_recordset(cx, Rule::DeleteRecordset, &zone, &old)?;
        if old.managed && !cx.caller.flags.edit_managed_records {
            return Err(refusals::managed_record().into());
        }
        recordsets::take_away(tx, &old).await?;
        let now = self.clock.now();
        let records = if old.managed { 0 } else { old.records.len() };
        let progress = if old.records.is_empty() { zone.progress } else { zone.progress.changed() };
        let zone = Zone {
            progress,
            recordset_count: zone.recordset_count.saturating_sub(1),
            record_count: moved(zone.record_count, records, 0),
            ..zone
        };
        lag.note(progress);
        self.finish(tx, cx, zone, Some(&old), None, now).await?;
        let version = old.version + 1;
        let deleted = Recordset {
            action: Action::Delete,
            status: Status::Pending,
            version,
            updated_at: Some(now),
            ..old
        };
        self.emit(tx, cx, Event::RecordsetDeleted(&deleted), now).await?;
        Ok(deleted)
    }

    /// Writes the zone row and the journal line of a change.
    pub(super) async fn finish(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        mut zone: Zone,
        before: Option<&Recordset>,
        after: Option<&Recordset>,
        now: Timestamp,
    ) -> Result<(), CentralError> {
        if let Some(entry) = entry(zone.progress.generation, before, after) {
            journal::append_by(tx, zone.id, &[entry], now, &author(cx)).await?;
        }
        zones::advance(tx, &mut zone, now).await?;
        Ok(())
    }

    /// What the change is decided on; the zone is held, and one that the caller may see.
    async fn ground(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        zone: ZoneId,
        subject: Subject<'_>,
    ) -> Result<Ground, CentralError> {
        let ground = recordsets::ground(tx, zone, subject, self.config.quota_rules()).await?;
        let ground = ground.ok_or_else(refusals::zone_not_found)?;
        let zone = visible(tx, cx, ground.zone).await?;
        Ok(Ground { zone, ..ground })
    }

    /// The TTL of a recordset is held to the same minimum as a zone's.
    pub(super) fn recordset_ttl(
        &self,
        cx: &Cx,
        ttl: Option<crate::domain::ttl::Ttl>,
    ) -> Result<(), CentralError> {
        admission::admissible_ttl(self.config.min_ttl, self.may(cx, Rule::UseLowTtl), ttl)
    }
}

/// The journal's line of a change of a recordset, if it is a change of the zone.
pub(super) fn entry(
    generation: Generation,
    before: Option<&Recordset>,
    after: Option<&Recordset>,
) -> Option<JournalEntry> {
    let set =
        |r: &Recordset| (!r.records.is_empty()).then(|| RrSet { ttl: r.ttl, records: r.records.clone() });
    let subject = after.or(before)?;
    let (before, after) = (before.and_then(set), after.and_then(set));
    let (name, kind) = (subject.name.clone(), subject.kind);
    (before != after).then_some(JournalEntry { generation, name, kind, before, after })
}

/// Who the journal says it was.
pub(super) fn author(cx: &Cx) -> Author {
    Author {
        request: Some(cx.request.to_string()),
        user: cx.caller.user.clone(),
        project: cx.caller.project.clone(),
    }
}

fn within(quotas: Option<Quotas>, wanted: &[(Resource, u64)]) -> Result<(), CentralError> {
    let over = quotas.map_or_else(Vec::new, |quotas| quotas.exceeded(wanted));
    if over.is_empty() { Ok(()) } else { Err(refusals::over_quota(&over).into()) }
}

fn records_within(
    quotas: Option<Quotas>,
    zone: &Zone,
    before: usize,
    after: usize,
) -> Result<(), CentralError> {
    let total = moved(zone.record_count, before, after);
    within(quotas, &[(Resource::ZoneRecords, total), (Resource::RecordsetRecords, after as u64)])
}

/// Refuses zones whose records nobody writes through the API, now or ever.
pub(super) fn writable(zone: &Zone) -> Result<(), CentralError> {
    if zone.kind == ZoneKind::Catalog {
        return Err(refusals::catalog_is_read_only().into());
    }
    if zone.progress.is_deleting() {
        return Err(refusals::zone_is_deleting().into());
    }
    Ok(())
}

/// True for the NS set at the apex of a zone of our own: it is the pool's, even while it is missing because somebody
/// who was allowed to removed it.
pub(super) fn is_reserved(zone: &Zone, name: &Name, kind: RecordType) -> bool {
    zone.kind == ZoneKind::Primary && kind == RecordType::Ns && *name == zone.name
}

/// A counter after `before` of its units became `after`.
pub(super) fn moved(counter: u64, before: usize, after: usize) -> u64 {
    (counter + after as u64).saturating_sub(before as u64)
}

/// The recordset with the status that it has in a zone that has come so far.
pub(super) fn shown(progress: crate::domain::zone_status::Progress, recordset: Recordset) -> Recordset {
    let has_records = !recordset.records.is_empty();
    let (action, status) = progress.of_recordset(recordset.generation, recordset.change, has_records);
    Recordset { action, status, ..recordset }
}
