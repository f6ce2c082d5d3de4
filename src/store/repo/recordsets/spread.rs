//! All that a change of many recordsets of one zone is decided on.
//!
//! Invariants: the zone is held from the look until the transaction ends, and everything else is as it is under that hold.

use std::collections::HashMap;

use super::Place;
use super::row::{self, COLUMNS, FROM};
use crate::domain::ids::{RecordsetId, ZoneId};
use crate::domain::name::Name;
use crate::domain::quota::{QuotaRules, Quotas};
use crate::domain::recordset::Recordset;
use crate::domain::zone::Zone;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::repo::quotas;
use crate::store::sql::Query;
use crate::store::value::args;

/// Names or ids of one statement.
const AT_ONCE: usize = 1000;

/// What is there.
#[derive(Debug)]
pub struct Spread {
    /// The recordsets at all of the names, and those of the ids.
    pub rows: HashMap<Place, Recordset>,
    /// The places of those of the ids that are there.
    pub places: HashMap<RecordsetId, Place>,
    /// The zones below the zone.
    pub children: Vec<Name>,
    /// The limits of the project that owns the zone, `None` if nobody does.
    pub quotas: Option<Quotas>,
}

/// Looks at what is at these names and at those of the recordsets of these ids, in a zone that is held.
///
/// # Errors
/// If the database fails.
pub async fn spread(
    tx: &mut dyn Tx,
    zone: &Zone,
    names: impl Iterator<Item = &Name>,
    ids: &[RecordsetId],
    rules: QuotaRules,
) -> Result<Spread, StoreError> {
    let mut places = HashMap::new();
    let mut keys: Vec<String> = names.map(Name::key).collect();
    for ids in ids.chunks(AT_ONCE) {
        let mut query = Query::new(&format!("SELECT {COLUMNS} FROM {FROM} AND r.zone_id = "));
        query.bind(zone.id).push(" AND r.id IN ").bind_list(ids.iter().copied());
        for row in tx.rows(query.sql, query.args).await? {
            let set = row::recordset(row)?;
            keys.push(set.name.key());
            places.insert(set.id, Place::from(&set));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let mut rows = HashMap::new();
    for keys in keys.chunks(AT_ONCE) {
        let mut query = Query::new(&format!("SELECT {COLUMNS} FROM {FROM} AND r.zone_id = "));
        query.bind(zone.id).push(" AND r.name_key IN ").bind_list(keys.iter().map(String::as_str));
        for row in tx.rows(query.sql, query.args).await? {
            let set = row::recordset(row)?;
            rows.insert(Place::from(&set), set);
        }
    }
    let quotas = match &zone.project_id {
        Some(owner) => Some(quotas::effective(tx, owner, rules).await?),
        None => None,
    };
    Ok(Spread { rows, places, children: children(tx, zone.id).await?, quotas })
}

async fn children(tx: &mut dyn Tx, zone: ZoneId) -> Result<Vec<Name>, StoreError> {
    let sql = "SELECT name FROM zones WHERE parent_id = $1 AND deleted = '0'";
    tx.rows(sql, args![zone]).await?.into_iter().map(|mut row| row.name("name")).collect()
}
