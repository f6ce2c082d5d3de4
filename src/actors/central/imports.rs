//! The recordsets of an imported zone, held to the rules and quotas that the API holds them to one by one.

use std::collections::BTreeMap;

use super::admission::{self, Admitted};
use super::error::CentralError;
use super::zone_writes::{ImportedSet, NewZone};
use super::{placement, refusals};
use crate::domain::ids::RecordsetId;
use crate::domain::name::Name;
use crate::domain::quota::Resource;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::recordset_rules::Placement;
use crate::domain::zone::Zone;
use crate::domain::zone_status::{Action, Status};
use crate::store::Tx;
use crate::store::repo::quotas;

/// The rows of what is imported with a zone, and the zone counting them.
pub(super) async fn rows(
    tx: &mut dyn Tx,
    new: &NewZone,
    zone: &mut Zone,
    admitted: &Admitted,
) -> Result<Vec<Recordset>, CentralError> {
    let Some(imported) = &new.imported else { return Ok(Vec::new()) };
    let children: Vec<Name> = admitted.children.iter().map(|child| child.name.clone()).collect();
    let mut kinds: BTreeMap<String, Vec<RecordType>> = BTreeMap::new();
    for set in &imported.sets {
        kinds.entry(set.name.key()).or_default().push(set.kind);
    }
    for set in &imported.sets {
        admission::admissible_ttl(new.limits.min_ttl, new.privileges.low_ttl, set.ttl)?;
        let mut neighbours = kinds.get(&set.name.key()).cloned().unwrap_or_default();
        neighbours.retain(|kind| *kind != set.kind);
        let placement = Placement {
            zone: &zone.name,
            name: &set.name,
            rtype: set.kind,
            record_count: set.records.len(),
            neighbours: &neighbours,
            child_zones: &children,
            max_name_len: imported.max_name_len,
        };
        placement.check().map_err(|error| placement::refused(&error))?;
    }
    zone.recordset_count += imported.sets.len() as u64;
    zone.record_count += imported.sets.iter().map(|set| set.records.len() as u64).sum::<u64>();
    let most = imported.sets.iter().map(|set| set.records.len() as u64).max().unwrap_or(0);
    let over = quotas::effective(tx, &new.project, new.limits.quotas).await?.exceeded(&[
        (Resource::ZoneRecordsets, zone.recordset_count),
        (Resource::ZoneRecords, zone.record_count),
        (Resource::RecordsetRecords, most),
    ]);
    if !over.is_empty() {
        return Err(refusals::over_quota(&over).into());
    }
    Ok(imported.sets.iter().map(|set| row(set, new, zone)).collect())
}

fn row(set: &ImportedSet, new: &NewZone, zone: &Zone) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: zone.project_id.clone(),
        name: set.name.clone(),
        kind: set.kind,
        ttl: set.ttl,
        description: None,
        records: set.records.clone(),
        managed: false,
        generation: zone.progress.generation,
        change: Action::Create,
        action: Action::Create,
        status: Status::Pending,
        version: 1,
        created_at: new.now,
        updated_at: None,
    }
}
