//! A zone's row.

use crate::domain::serial::Serial;
use crate::domain::zone::{SoaTimers, Zone, ZoneKind};
use crate::domain::zone_status::{Action, Progress, Status};
use crate::store::error::StoreError;
use crate::store::row::Row;

/// The tables of [`COLUMNS`].
pub(super) const FROM: &str = "zones z";

/// What [`zone`] reads.
pub(super) const COLUMNS: &str = "z.id, z.pool_id, z.project_id, z.name, z.kind, z.email, z.description, z.ttl, \
     z.refresh, z.retry, z.expire, z.minimum, z.serial, z.action, z.status, z.generation, z.published_generation, \
     z.propagated_generation, z.failed_generation, \
     EXISTS (SELECT 1 FROM shares s WHERE s.zone_id = z.id) AS shared, z.attributes, z.masters, z.parent_id, \
     z.recordset_count, z.record_count, z.hard_delete, z.version, z.created_at, z.updated_at, z.transferred_at, \
     z.published_at";

/// Reads a row of [`COLUMNS`].
pub(in crate::store::repo) fn zone(mut row: Row) -> Result<Zone, StoreError> {
    read(&mut row)
}

/// As [`zone`], for a row with more columns.
pub(super) fn read(row: &mut Row) -> Result<Zone, StoreError> {
    Ok(Zone {
        id: row.id("id")?,
        pool_id: row.id("pool_id")?,
        project_id: row.text_opt("project_id")?.map(crate::domain::ids::ProjectId::new),
        name: row.name("name")?,
        kind: row.parsed("kind", ZoneKind::from_text)?,
        email: row.text("email")?,
        description: row.text_opt("description")?,
        ttl: row.ttl("ttl")?,
        timers: SoaTimers {
            refresh: row.number("refresh")?,
            retry: row.number("retry")?,
            expire: row.number("expire")?,
            minimum: row.number("minimum")?,
        },
        serial: Serial::new(row.number("serial")?),
        progress: Progress {
            action: row.parsed("action", Action::from_text)?,
            status: row.parsed("status", Status::from_text)?,
            generation: row.generation("generation")?,
            published: row.generation("published_generation")?,
            propagated: row.generation("propagated_generation")?,
            failed: row.generation("failed_generation")?,
        },
        shared: row.bool("shared")?,
        attributes: row.json("attributes")?,
        masters: row.json("masters")?,
        parent_id: row.id_opt("parent_id")?,
        recordset_count: row.number("recordset_count")?,
        record_count: row.number("record_count")?,
        hard_delete: row.bool("hard_delete")?,
        version: row.number("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
        transferred_at: row.time_opt("transferred_at")?,
        published_at: row.time_opt("published_at")?,
    })
}
