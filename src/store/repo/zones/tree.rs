//! Zones above and below a name.
//!
//! Invariants: these look across projects and pools; a zone being deleted still counts.

use super::row::{self, COLUMNS, FROM};
use crate::domain::ids::{PoolId, ProjectId, ZoneId};
use crate::domain::name::Name;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::Query;
use crate::store::value::args;

/// Rows read at a time while looking for descendants.
const BATCH: usize = 100;

/// The zones of this name, one per pool at most, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn by_name(tx: &mut dyn Tx, name: &Name) -> Result<Vec<Zone>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE z.deleted = '0' AND z.name_key = $1 ORDER BY z.created_at, z.id"
    );
    tx.rows(sql, args![name.key()]).await?.into_iter().map(row::zone).collect()
}

/// The serial that the last zone of this name in a pool ended with, if it is gone but not purged.
///
/// # Errors
/// If the database fails.
pub async fn last_serial(tx: &mut dyn Tx, name: &Name, pool: PoolId) -> Result<Option<Serial>, StoreError> {
    let sql = "SELECT serial FROM zones WHERE name_key = $1 AND pool_id = $2 AND deleted <> '0' \
               ORDER BY deleted_at DESC, id LIMIT 1";
    let row = tx.row(sql, args![name.key(), pool]).await?;
    row.map(|mut row| Ok(Serial::new(row.number("serial")?))).transpose()
}

/// The zones above this name, nearest first.
///
/// # Errors
/// If the database fails.
pub async fn ancestors(tx: &mut dyn Tx, name: &Name) -> Result<Vec<Zone>, StoreError> {
    let mut query =
        Query::new(&format!("SELECT {COLUMNS} FROM {FROM} WHERE z.deleted = '0' AND z.name_key IN "));
    let above: Vec<_> = name.ancestors().map(|n| n.key()).collect();
    if above.is_empty() {
        return Ok(Vec::new());
    }
    query.bind_list(above).push(" ORDER BY length(z.name_key) DESC, z.created_at, z.id");
    tx.rows(query.sql, query.args).await?.into_iter().map(row::zone).collect()
}

/// At most `limit` zones below this name, in no particular order.
///
/// # Errors
/// If the database fails.
pub async fn descendants(tx: &mut dyn Tx, name: &Name, limit: usize) -> Result<Vec<Zone>, StoreError> {
    let start = if name.is_root() { ".".to_owned() } else { format!("{}.", name.reversed_key()) };
    let mut last = (start.clone(), None);
    let mut found = Vec::new();
    while found.len() < limit {
        let mut query =
            Query::new(&format!("SELECT {COLUMNS}, z.name_rev FROM {FROM} WHERE z.deleted = '0'"));
        query.and_starts("z.name_rev", &start);
        if let (rev, Some(id)) = &last {
            query.push(" AND (z.name_rev, z.id) > (").bind(rev.as_str()).push(", ").bind(*id).push(")");
        }
        query.push(" ORDER BY z.name_rev, z.id LIMIT ").bind(BATCH);
        let rows = tx.rows(query.sql, query.args).await?;
        let complete = rows.len() < BATCH;
        for mut row in rows {
            let zone = row::read(&mut row)?;
            last = (row.text("name_rev")?, Some(zone.id));
            // The range also holds names with an escaped dot at the border, which lie elsewhere.
            if zone.name.is_below(name) {
                found.push(zone);
            }
        }
        if complete {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Gives zones another parent.
///
/// # Errors
/// If the database fails.
pub async fn reparent(
    tx: &mut dyn Tx,
    children: &[ZoneId],
    parent: Option<ZoneId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for some in children.chunks(1000) {
        let mut query = Query::new("UPDATE zones SET parent_id = ");
        query.bind(parent).push(", updated_at = ").bind(now);
        query.push(", version = version + 1 WHERE deleted = '0' AND id IN ").bind_list(some.iter().copied());
        tx.run(query.sql, query.args).await?;
    }
    Ok(())
}

/// How many zones have this one as parent.
///
/// # Errors
/// If the database fails.
pub async fn children_count(tx: &mut dyn Tx, zone: ZoneId) -> Result<u64, StoreError> {
    tx.count("SELECT count(*) AS n FROM zones z WHERE z.deleted = '0' AND z.parent_id = $1", args![zone])
        .await
}

/// How many zones of a project have this one as parent.
///
/// # Errors
/// If the database fails.
pub async fn children_of_project(
    tx: &mut dyn Tx,
    zone: ZoneId,
    project: &ProjectId,
) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) AS n FROM zones z WHERE z.deleted = '0' AND z.parent_id = $1 \
               AND z.project_id = $2";
    tx.count(sql, args![zone, project]).await
}
