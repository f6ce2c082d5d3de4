//! What the rules of placement need to know of the database.
//!
//! Invariants: what other recordsets and zones there are is read in the transaction that writes.

use crate::domain::name::Name;
use crate::domain::record_type::RecordType;
use crate::domain::recordset_rules::{Placement, PlacementError};
use crate::domain::zone::Zone;
use crate::store::Tx;
use crate::store::repo::zones;
use crate::transport::Fault;

use super::error::CentralError;

/// Refuses a recordset that may not stand at this name in this zone, given the types of the recordsets there and whether
/// there are zones below the zone.
pub(super) async fn check(
    tx: &mut dyn Tx,
    zone: &Zone,
    (name, kind, record_count): (&Name, RecordType, usize),
    is_new: bool,
    max_name_len: usize,
    mut neighbours: Vec<RecordType>,
    has_children: bool,
) -> Result<(), CentralError> {
    // A set being changed is no neighbour of itself; nor, of other types than CNAME, is a duplicate: it has an error
    // of its own.
    neighbours.retain(|other| *other != kind || (is_new && kind == RecordType::Cname));
    let child_zones = if has_children { children_around(tx, zone, name).await? } else { Vec::new() };
    let placement = Placement {
        zone: &zone.name,
        name,
        rtype: kind,
        record_count,
        neighbours: &neighbours,
        child_zones: &child_zones,
        max_name_len,
    };
    placement.check().map_err(|error| refused(&error).into())
}

/// The zones below this one that hold `name`.
async fn children_around(tx: &mut dyn Tx, zone: &Zone, name: &Name) -> Result<Vec<Name>, CentralError> {
    let mut around = zones::by_name(tx, name).await?;
    around.extend(zones::ancestors(tx, name).await?);
    Ok(around.into_iter().filter(|z| z.parent_id == Some(zone.id)).map(|z| z.name).collect())
}

/// A broken rule in the words of the API.
pub(super) fn refused(error: &PlacementError) -> Fault {
    Fault::invalid(error.kind(), error.to_string())
}
