//! Recordsets: one row each, its records in the row.
//!
//! Invariants: status and action are derived from the zone's progress, by the rule of
//! [`Progress::of_recordset`](crate::domain::zone_status::Progress::of_recordset), and never stored; a row is written
//! only if it is still the version that was read.

mod find;
mod generated;
mod ground;
pub mod managed;
mod row;
mod spread;

pub use self::find::{Within, find};
pub use self::generated::{Generated, set_generated, set_generated_over};
pub use self::ground::{Ground, Subject, ground};
pub use self::row::Place;
pub(super) use self::row::recordset as read;
pub use self::spread::{Spread, spread};

use std::borrow::Cow;

use self::row::{COLUMNS, FROM};
use crate::domain::ids::{ProjectId, RecordsetId, ZoneId};
use crate::domain::name::Name;
use crate::domain::page::Scope;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::{Query, insert_many as many};
use crate::store::value::{Value, args, json};

/// The constraint that a second recordset of the same name and type in a zone violates.
pub const TAKEN: &str = "recordsets_zone_id_name_key_kind";

const INSERT: &str = "INSERT INTO recordsets (id, zone_id, project_id, name, name_key, kind, ttl, description, \
     records, managed, generation, change, version, created_at, updated_at) VALUES";

/// Writes a new recordset.
///
/// # Errors
/// [`TAKEN`] if its zone has one of that name and type.
pub async fn insert(tx: &mut dyn Tx, set: &Recordset) -> Result<(), StoreError> {
    insert_many(tx, std::slice::from_ref(set)).await
}

/// As [`insert`], without being waited for: for whoever holds the zone and saw that there is no such recordset.
///
/// # Errors
/// If the database fails.
pub async fn add(tx: &mut dyn Tx, set: &Recordset) -> Result<(), StoreError> {
    for statement in many(INSERT, [values(set)?]) {
        tx.soon(statement.sql, statement.args).await?;
    }
    Ok(())
}

/// Writes new recordsets, some thousands per statement.
///
/// # Errors
/// [`TAKEN`] if a zone has one of that name and type.
pub async fn insert_many(tx: &mut dyn Tx, sets: &[Recordset]) -> Result<(), StoreError> {
    let rows = sets.iter().map(values).collect::<Result<Vec<_>, _>>()?;
    for statement in many(INSERT, rows) {
        tx.run(statement.sql, statement.args).await?;
    }
    Ok(())
}

fn values(set: &Recordset) -> Result<Vec<Value>, StoreError> {
    Ok(args![
        set.id,
        set.zone_id,
        set.project_id.as_ref(),
        set.name.as_str(),
        set.name.key(),
        set.kind,
        set.ttl,
        set.description.as_deref(),
        json(&set.records)?,
        set.managed,
        set.generation,
        set.change.as_str(),
        set.version,
        set.created_at,
        set.updated_at,
    ])
}

/// A recordset of a zone.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, zone: ZoneId, id: RecordsetId) -> Result<Option<Recordset>, StoreError> {
    let (sql, args) = get_query(zone, id);
    tx.row(sql, args).await?.map(row::recordset).transpose()
}

fn get_query(zone: ZoneId, id: RecordsetId) -> (Cow<'static, str>, Vec<Value>) {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} AND r.id = $1 AND r.zone_id = $2");
    (sql.into(), args![id, zone])
}

/// A recordset of whatever zone, if the caller may see it: its project owns it or may see its zone.
///
/// # Errors
/// If the database fails.
pub async fn get_visible(
    tx: &mut dyn Tx,
    id: RecordsetId,
    scope: &Scope,
) -> Result<Option<Recordset>, StoreError> {
    let mut query = Query::new(&format!("SELECT {COLUMNS} FROM {FROM} AND r.id = "));
    query.bind(id);
    match scope {
        Scope::AllProjects => {}
        Scope::Project(None) => {
            query.push(" AND r.project_id IS NULL");
        }
        Scope::Project(Some(project)) => {
            query.push(" AND (r.project_id = ").bind(project).push(" OR z.project_id = ").bind(project);
            query
                .push(" OR EXISTS (SELECT 1 FROM shares s WHERE s.zone_id = z.id AND s.target_project_id = ");
            query.bind(project).push("))");
        }
    }
    tx.row(query.sql, query.args).await?.map(row::recordset).transpose()
}

/// The recordset of a name and type in a zone.
///
/// # Errors
/// If the database fails.
pub async fn by_name_type(
    tx: &mut dyn Tx,
    zone: ZoneId,
    name: &Name,
    kind: RecordType,
) -> Result<Option<Recordset>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} AND r.zone_id = $1 AND r.name_key = $2 AND r.kind = $3");
    tx.row(sql, args![zone, name.key(), kind]).await?.map(row::recordset).transpose()
}

/// The query for a zone's SOA set; its row is for [`read`].
pub(super) fn soa_query(zone: ZoneId) -> (Cow<'static, str>, Vec<Value>) {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} AND r.zone_id = $1 AND r.name_key = z.name_key AND r.kind = 'SOA'"
    );
    (sql.into(), args![zone])
}

/// The types of the recordsets that a zone has at a name.
///
/// # Errors
/// If the database fails.
pub async fn kinds_at(tx: &mut dyn Tx, zone: ZoneId, name: &Name) -> Result<Vec<RecordType>, StoreError> {
    let sql = "SELECT kind FROM recordsets WHERE zone_id = $1 AND name_key = $2 ORDER BY kind";
    let rows = tx.rows(sql, args![zone, name.key()]).await?;
    rows.into_iter().map(|mut row| row.record_type("kind")).collect()
}

/// At most `limit` recordsets of a zone after a place, in the order of places: for going through all of them.
///
/// # Errors
/// If the database fails.
pub async fn page_after(
    tx: &mut dyn Tx,
    zone: ZoneId,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<Recordset>, StoreError> {
    let mut query = Query::new(&format!("SELECT {COLUMNS} FROM {FROM} AND r.zone_id = "));
    query.bind(zone);
    if let Some(place) = after {
        query.push(" AND (r.name_key, r.kind) > (").bind(place.name_key.as_str());
        query.push(", ").bind(place.kind.as_str()).push(")");
    }
    query.push(" ORDER BY r.name_key, r.kind LIMIT ").bind(limit);
    tx.rows(query.sql, query.args).await?.into_iter().map(row::recordset).collect()
}

/// Writes everything of a recordset that can change, with its next version and `now` as time of update.
///
/// # Errors
/// [`StoreError::Retry`], at the latest from the commit, if the row is not the version that was read.
pub async fn update(tx: &mut dyn Tx, set: &mut Recordset, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE recordsets SET project_id = $1, ttl = $2, description = $3, records = $4, managed = $5, \
               generation = $6, change = $7, updated_at = $8, version = version + 1 WHERE id = $9 AND version = $10";
    let args = args![
        set.project_id.as_ref(),
        set.ttl,
        set.description.as_deref(),
        json(&set.records)?,
        set.managed,
        set.generation,
        set.change.as_str(),
        now,
        set.id,
        set.version,
    ];
    tx.soon_unless_stale(sql, args, "recordset").await?;
    set.version += 1;
    set.updated_at = Some(now);
    Ok(())
}

/// Removes a recordset; answers whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn delete(tx: &mut dyn Tx, id: RecordsetId) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM recordsets WHERE id = $1", args![id]).await? > 0)
}

/// As [`delete`], without being waited for: for whoever holds the zone and saw it.
///
/// # Errors
/// If the database fails.
pub async fn take_away(tx: &mut dyn Tx, set: &Recordset) -> Result<(), StoreError> {
    let sql = "DELETE FROM recordsets WHERE id = $1 AND version = $2";
    tx.soon_unless_stale(sql, args![set.id, set.version], "recordset").await
}

/// Removes every recordset of a zone; answers how many there were.
///
/// # Errors
/// If the database fails.
pub async fn delete_all(tx: &mut dyn Tx, zone: ZoneId) -> Result<u64, StoreError> {
    tx.run("DELETE FROM recordsets WHERE zone_id = $1", args![zone]).await
}

/// How many of a zone's recordsets belong to a project.
///
/// # Errors
/// If the database fails.
pub async fn count_of_project(tx: &mut dyn Tx, zone: ZoneId, project: &ProjectId) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) AS n FROM recordsets WHERE zone_id = $1 AND project_id = $2";
    tx.count(sql, args![zone, project]).await
}

/// Gives every recordset of a zone to a project.
///
/// # Errors
/// If the database fails.
pub async fn give_all(tx: &mut dyn Tx, zone: ZoneId, project: &ProjectId) -> Result<u64, StoreError> {
    let sql = "UPDATE recordsets SET project_id = $1, version = version + 1 WHERE zone_id = $2";
    tx.run(sql, args![project, zone]).await
}
