//! A recordset's row.

use crate::domain::ids::ProjectId;
use crate::domain::name::Name;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::zone_status::{Action, Progress, Status};
use crate::store::error::StoreError;
use crate::store::row::Row;

/// The tables of [`COLUMNS`], with the condition that the zone is there.
pub(super) const FROM: &str = "recordsets r JOIN zones z ON z.id = r.zone_id WHERE z.deleted = '0'";

/// What [`recordset`] reads.
pub(super) const COLUMNS: &str = "r.id, r.zone_id, z.name AS zone_name, r.project_id, r.name, r.kind, r.ttl, \
     r.description, r.records, r.managed, r.generation, r.change, z.published_generation, z.propagated_generation, \
     z.failed_generation, r.version, r.created_at, r.updated_at";

/// The derived status, as [`Progress::of_recordset`] has it.
pub(super) const STATUS: &str = "CASE WHEN r.records = '[]' OR r.generation <= z.propagated_generation THEN 'ACTIVE' \
     WHEN r.generation <= z.failed_generation THEN 'ERROR' ELSE 'PENDING' END";

/// Where a recordset stands among those of its zone: by name without case, then by type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub(in crate::store::repo) name_key: String,
    pub(in crate::store::repo) kind: String,
}

impl Place {
    /// The place of a recordset of this name and type.
    #[must_use]
    pub fn of(name: &Name, kind: RecordType) -> Self {
        Self { name_key: name.key(), kind: kind.to_string() }
    }
}

impl From<&Recordset> for Place {
    fn from(set: &Recordset) -> Self {
        Self { name_key: set.name.key(), kind: set.kind.to_string() }
    }
}

/// Reads a row of [`COLUMNS`].
pub(in crate::store::repo) fn recordset(mut row: Row) -> Result<Recordset, StoreError> {
    let mut set = Recordset {
        id: row.id("id")?,
        zone_id: row.id("zone_id")?,
        zone_name: row.name("zone_name")?,
        project_id: row.text_opt("project_id")?.map(ProjectId::new),
        name: row.name("name")?,
        kind: row.record_type("kind")?,
        ttl: row.ttl_opt("ttl")?,
        description: row.text_opt("description")?,
        records: row.json("records")?,
        managed: row.bool("managed")?,
        generation: row.generation("generation")?,
        change: row.parsed("change", Action::from_text)?,
        action: Action::None,
        status: Status::Active,
        version: 0,
        created_at: crate::domain::time::Timestamp::default(),
        updated_at: None,
    };
    let published = row.generation("published_generation")?;
    let propagated = row.generation("propagated_generation")?;
    let failed = row.generation("failed_generation")?;
    // Only how far the zone's generations have come matters to a recordset.
    let progress = Progress {
        action: Action::None,
        status: Status::Active,
        generation: published,
        published,
        propagated,
        failed,
    };
    (set.action, set.status) = progress.of_recordset(set.generation, set.change, !set.records.is_empty());
    set.version = row.number("version")?;
    set.created_at = row.time("created_at")?;
    set.updated_at = row.time_opt("updated_at")?;
    Ok(set)
}
