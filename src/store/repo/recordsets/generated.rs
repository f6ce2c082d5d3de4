//! The sets that the service writes itself at a zone's apex.
//!
//! Invariants: they are managed, have no TTL of their own, and stay the same row for the zone's life.

use super::{by_name_type, insert, update};
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

/// Makes the apex set of a type (SOA, NS) these records, as part of a generation. Answers the journal's line for it,
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
) -> Result<Option<JournalEntry>, StoreError> {
    let after = Some(RrSet { ttl: None, records: records.clone() });
    let line = |before| JournalEntry { generation, name: zone.name.clone(), kind, before, after };
    let Some(mut set) = by_name_type(tx, zone.id, &zone.name, kind).await? else {
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
        insert(tx, &set).await?;
        return Ok(Some(line(None)));
    };
    if set.records == records {
        return Ok(None);
    }
    let before = RrSet { ttl: set.ttl, records: std::mem::replace(&mut set.records, records) };
    set.generation = generation;
    if zone.progress.propagated != Generation::NEVER {
        set.change = Action::Update;
    }
    update(tx, &mut set, now).await?;
    Ok(Some(line(Some(before))))
}
