//! The sets that the service writes itself at a zone's apex.
//!
//! Invariants: they are managed, have no TTL of their own, and stay the same row for the zone's life.

use super::{add, by_name_type, update};
use crate::domain::delta::{JournalEntry, RrSet};
use crate::domain::generation::Generation;
use crate::domain::ids::RecordsetId;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::domain::zone_status::{Action, Status};
use crate::store::driver::Tx;
use crate::store::error::StoreError;

/// What making an apex set did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The journal's line for it.
    pub line: JournalEntry,
    /// There was no such set.
    pub is_new: bool,
    /// Records that were a client's until now, so that they count no longer.
    pub released: u64,
}

/// Makes the apex set of a type (SOA, NS) these records, as part of a generation, whoever wrote it before. Answers
/// `None` if the set is like that already.
///
/// # Errors
/// If the database fails.
pub async fn set_generated(
    tx: &mut dyn Tx,
    zone: &Zone,
    kind: RecordType,
    records: Vec<String>,
    generation: Generation,
    now: Timestamp,
) -> Result<Option<Generated>, StoreError> {
    let old = by_name_type(tx, zone.id, &zone.name, kind).await?;
    set_generated_over(tx, zone, old, kind, records, generation, now).await
}

/// As [`set_generated`], for whoever holds the zone and has read the set that there is.
///
/// # Errors
/// If the database fails.
pub async fn set_generated_over(
    tx: &mut dyn Tx,
    zone: &Zone,
    old: Option<Recordset>,
    kind: RecordType,
    records: Vec<String>,
    generation: Generation,
    now: Timestamp,
) -> Result<Option<Generated>, StoreError> {
    let after = Some(RrSet { ttl: None, records: records.clone() });
    let line = |before| JournalEntry { generation, name: zone.name.clone(), kind, before, after };
    let Some(mut set) = old else {
        let set = Recordset {
            id: RecordsetId::random(),
            zone_id: zone.id,
            zone_name: zone.name.clone(),
            project_id: zone.project_id.clone(),
            name: zone.name.clone(),
            kind,
            ttl: None,
            description: None,
            records,
            managed: true,
            generation,
            change: Action::Create,
            action: Action::Create,
            status: Status::Pending,
            version: 1,
            created_at: now,
            updated_at: None,
        };
        add(tx, &set).await?;
        return Ok(Some(Generated { line: line(None), is_new: true, released: 0 }));
    };
    if set.managed && set.ttl.is_none() && set.records == records {
        return Ok(None);
    }
    let before = RrSet { ttl: set.ttl.take(), records: std::mem::replace(&mut set.records, records) };
    let released = if set.managed { 0 } else { before.records.len() as u64 };
    set.managed = true;
    set.generation = generation;
    if zone.progress.propagated != Generation::NEVER {
        set.change = Action::Update;
    }
    update(tx, &mut set, now).await?;
    // A set without records was none in DNS.
    let before = (!before.records.is_empty()).then_some(before);
    Ok(Some(Generated { line: line(before), is_new: false, released }))
}
