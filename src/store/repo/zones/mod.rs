//! Zones.
//!
//! Invariants: a row is written only if it is still the version that was read; the change feed moves exactly when what
//! DNS shows of a zone changes; a zone that is gone keeps its row until it is purged, but frees its name at once.

mod find;
mod hold;
mod row;
mod tree;
mod upkeep;

pub use self::find::find;
pub use self::hold::{hold_for_create, hold_for_delete, hold_pools};
pub use self::tree::{
    ancestors, by_name, children_count, children_of_project, descendants, last_serial, reparent,
};
pub use self::upkeep::{
    Lagging, Published, in_pool, in_shards, lagging, published_since, purge, purgeable, schedule, tell_feed,
};

pub(super) use self::row::zone as read;

use std::borrow::Cow;

use self::row::{COLUMNS, FROM};
use crate::domain::ids::{PoolId, ProjectId, ZoneId};
use crate::domain::page::Scope;
use crate::domain::shard::Shard;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::store::driver::{Dialect, Tx};
use crate::store::error::StoreError;
use crate::store::sql::Query;
use crate::store::value::{Value, args, json};

/// The constraint that a second zone of the same name in the same pool violates.
pub const NAME_TAKEN: &str = "zones_name_key_pool_id_deleted";

/// Writes a new zone.
///
/// # Errors
/// [`NAME_TAKEN`] if the pool has a zone of that name.
pub async fn insert(tx: &mut dyn Tx, zone: &Zone, now: Timestamp) -> Result<(), StoreError> {
    let mut query = Query { args: args![now], ..Query::default() };
    query.push(
        "INSERT INTO zones (id, shard, pool_id, project_id, name, name_key, name_rev, kind, email, description, \
         ttl, published_ttl, refresh, retry, expire, minimum, serial, action, status, generation, \
         published_generation, propagated_generation, failed_generation, attributes, masters, parent_id, \
         recordset_count, record_count, hard_delete, version, created_at, updated_at, transferred_at, \
         published_at, attempts, next_attempt_at, feed_at, deleted) VALUES ",
    );
    let progress = &zone.progress;
    let values = args![
        zone.id,
        Shard::of(zone.id),
        zone.pool_id,
        zone.project_id.as_ref(),
        zone.name.as_str(),
        zone.name.key(),
        zone.name.reversed_key(),
        zone.kind.as_str(),
        zone.email.as_str(),
        zone.description.as_deref(),
        zone.ttl,
        zone.ttl,
        zone.timers.refresh,
        zone.timers.retry,
        zone.timers.expire,
        zone.timers.minimum,
        zone.serial,
        progress.action.as_str(),
        progress.status.as_str(),
        progress.generation,
        progress.published,
        progress.propagated,
        progress.failed,
        json(&zone.attributes)?,
        json(&zone.masters)?,
        zone.parent_id,
        zone.recordset_count,
        zone.record_count,
        zone.hard_delete,
        zone.version,
        zone.created_at,
        zone.updated_at,
        zone.transferred_at,
        zone.published_at,
        0_i64,
        now,
    ];
    query.push("(");
    for value in values {
        query.bind(value).push(", ");
    }
    query.push(tx.dialect().feed_position()).push(", '0')");
    tx.run(query.sql, query.args).await?;
    Ok(())
}

/// The zone, if the caller may see it: its own project's, one shared with that project, or anybody's.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, id: ZoneId, scope: &Scope) -> Result<Option<Zone>, StoreError> {
    let mut query = Query::new(" WHERE z.deleted = '0'");
    find::and_visible(tx, &mut query, scope).await?;
    query.push(" AND z.id = ").bind(id);
    one(tx, query).await
}

/// The zone, whoever owns it.
///
/// # Errors
/// If the database fails.
pub async fn get_any(tx: &mut dyn Tx, id: ZoneId) -> Result<Option<Zone>, StoreError> {
    let mut query = Query::new(" WHERE z.deleted = '0' AND z.id = ");
    query.bind(id);
    one(tx, query).await
}

/// The zone, whoever owns it; nobody else can change it until this transaction ends.
///
/// # Errors
/// If the database fails.
pub async fn lock(tx: &mut dyn Tx, id: ZoneId) -> Result<Option<Zone>, StoreError> {
    let (sql, args) = lock_query(tx.dialect(), id);
    tx.row(sql, args).await?.map(read).transpose()
}

/// The query of [`lock`], for whoever asks more at once; its row is for [`read`].
pub(super) fn lock_query(dialect: Dialect, id: ZoneId) -> (Cow<'static, str>, Vec<Value>) {
    let lock = dialect.for_update();
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE z.deleted = '0' AND z.id = $1{lock}");
    (sql.into(), args![id])
}

async fn one(tx: &mut dyn Tx, conditions: Query) -> Result<Option<Zone>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM}{}", conditions.sql);
    tx.row(sql, conditions.args).await?.map(read).transpose()
}

/// Writes everything of a zone that can change, with its next version and `now` as time of update. A zone whose every
/// change is published shows its default TTL in DNS from here on; if that is another than before, the journal cannot
/// tell all differences to earlier versions, so these are forgotten.
///
/// # Errors
/// [`NAME_TAKEN`] if it moves to a pool that has one of its name; [`StoreError::Retry`] if the row is not the version
/// that was read.
pub async fn update(tx: &mut dyn Tx, zone: &mut Zone, now: Timestamp) -> Result<(), StoreError> {
    let progress = &zone.progress;
    if !progress.is_unpublished() {
        forget_incomparable(tx, zone).await?;
    }
    let feed = tx.dialect().feed_position();
    let sql = format!(
        "UPDATE zones SET \
         feed_at = CASE WHEN serial <> $2 OR pool_id <> $3 OR (action <> 'DELETE' AND $4) THEN {feed} \
         ELSE feed_at END, \
         published_ttl = CASE WHEN $5 THEN $6 ELSE published_ttl END, \
         attempts = CASE WHEN generation <> $7 THEN 0 ELSE attempts END, \
         next_attempt_at = CASE WHEN generation <> $7 THEN $1 ELSE next_attempt_at END, \
         serial = $2, pool_id = $3, ttl = $6, generation = $7, project_id = $8, email = $9, description = $10, \
         refresh = $11, retry = $12, expire = $13, minimum = $14, action = $15, status = $16, \
         published_generation = $17, propagated_generation = $18, failed_generation = $19, attributes = $20, \
         masters = $21, parent_id = $22, recordset_count = $23, record_count = $24, hard_delete = $25, \
         transferred_at = $26, published_at = $27, updated_at = $1, version = version + 1 \
         WHERE id = $28 AND version = $29 AND deleted = '0'"
    );
    let args = args![
        now,
        zone.serial,
        zone.pool_id,
        progress.is_deleting(),
        !progress.is_unpublished(),
        zone.ttl,
        progress.generation,
        zone.project_id.as_ref(),
        zone.email.as_str(),
        zone.description.as_deref(),
        zone.timers.refresh,
        zone.timers.retry,
        zone.timers.expire,
        zone.timers.minimum,
        progress.action.as_str(),
        progress.status.as_str(),
        progress.published,
        progress.propagated,
        progress.failed,
        json(&zone.attributes)?,
        json(&zone.masters)?,
        zone.parent_id,
        zone.recordset_count,
        zone.record_count,
        zone.hard_delete,
        zone.transferred_at,
        zone.published_at,
        zone.id,
        zone.version,
    ];
    if tx.run(sql, args).await? == 0 {
        return Err(tx.stale("zone"));
    }
    zone.version += 1;
    zone.updated_at = Some(now);
    Ok(())
}

/// Writes how far a zone has come and how many recordsets it has, as [`update`] would; for a zone whose row is held and of
/// which nothing else changed since it was read, nor anything that DNS shows. Nobody waits for it.
///
/// # Errors
/// If the database fails; [`StoreError::Retry`], at the latest from the commit, if the row is not the version that was read.
pub async fn advance(tx: &mut dyn Tx, zone: &mut Zone, now: Timestamp) -> Result<(), StoreError> {
    let progress = &zone.progress;
    let sql = "UPDATE zones SET attempts = CASE WHEN generation <> $2 THEN 0 ELSE attempts END, \
               next_attempt_at = CASE WHEN generation <> $2 THEN $1 ELSE next_attempt_at END, \
               generation = $2, action = $3, status = $4, propagated_generation = $5, failed_generation = $6, \
               recordset_count = $7, record_count = $8, updated_at = $1, version = version + 1 \
               WHERE id = $9 AND version = $10 AND deleted = '0'";
    let args = args![
        now,
        progress.generation,
        progress.action.as_str(),
        progress.status.as_str(),
        progress.propagated,
        progress.failed,
        zone.recordset_count,
        zone.record_count,
        zone.id,
        zone.version,
    ];
    tx.soon_unless_stale(sql, args, "zone").await?;
    zone.version += 1;
    zone.updated_at = Some(now);
    Ok(())
}

/// Writes a version that was just published, as [`update`] would; for a zone whose row is held and of which nothing else
/// changed since it was read. Nobody waits for it.
///
/// # Errors
/// As [`advance`].
pub async fn publish(tx: &mut dyn Tx, zone: &mut Zone, now: Timestamp) -> Result<(), StoreError> {
    forget_incomparable(tx, zone).await?;
    let feed = tx.dialect().feed_position();
    let sql = format!(
        "UPDATE zones SET feed_at = CASE WHEN serial <> $2 THEN {feed} ELSE feed_at END, serial = $2, published_ttl = ttl, published_generation = $3, \
         published_at = $1, updated_at = $1, version = version + 1 WHERE id = $4 AND version = $5 AND deleted = '0'"
    );
    let args = args![now, zone.serial, zone.progress.published, zone.id, zone.version];
    tx.soon_unless_stale(sql, args, "zone").await?;
    zone.version += 1;
    zone.updated_at = Some(now);
    zone.published_at = Some(now);
    Ok(())
}

/// Forgets earlier versions of a zone that shows another default TTL from now on.
async fn forget_incomparable(tx: &mut dyn Tx, zone: &Zone) -> Result<(), StoreError> {
    let sql = "DELETE FROM zone_versions WHERE zone_id = $1 AND generation < $2 \
               AND EXISTS (SELECT 1 FROM zones z WHERE z.id = $1 AND z.published_ttl <> $3)";
    tx.soon(sql, args![zone.id, zone.progress.generation, zone.ttl]).await
}

/// Marks a zone as gone, with the progress it has: invisible from here on, its name free, its shares, claims and refreshes ended,
/// its children those of its own parent. Its recordsets and journal stay until [`purge`].
///
/// # Errors
/// [`StoreError::Retry`] if the row is not the version that was read.
pub async fn mark_gone(tx: &mut dyn Tx, zone: &Zone, at: Timestamp) -> Result<(), StoreError> {
    let progress = &zone.progress;
    let feed = tx.dialect().feed_position();
    let sql = format!(
        "UPDATE zones SET feed_at = {feed}, deleted = $2, deleted_at = $1, updated_at = $1, action = $3, \
         status = $4, generation = $5, propagated_generation = $6, version = version + 1 \
         WHERE id = $7 AND version = $8 AND deleted = '0'"
    );
    let args = args![
        at,
        zone.id.uuid().as_simple().to_string(),
        progress.action.as_str(),
        progress.status.as_str(),
        progress.generation,
        progress.propagated,
        zone.id,
        zone.version,
    ];
    if tx.run(sql, args).await? == 0 {
        return Err(tx.stale("zone"));
    }
    // A zone may have come into being below one that was being deleted already.
    let children =
        "UPDATE zones SET parent_id = $1, version = version + 1 WHERE parent_id = $2 AND deleted = '0'";
    tx.run(children, args![zone.parent_id, zone.id]).await?;
    tx.run("DELETE FROM shares WHERE zone_id = $1", args![zone.id]).await?;
    tx.run("DELETE FROM zone_claims WHERE zone_id = $1", args![zone.id]).await?;
    tx.run("DELETE FROM nameserver_states WHERE zone_id = $1", args![zone.id]).await?;
    tx.run("DELETE FROM zone_refreshes WHERE zone_id = $1", args![zone.id]).await?;
    Ok(())
}

/// How many zones a project has, those being deleted included.
///
/// # Errors
/// If the database fails.
pub async fn count_for_project(tx: &mut dyn Tx, project: &ProjectId) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) AS n FROM zones z WHERE z.deleted = '0' AND z.project_id = $1";
    tx.count(sql, args![project]).await
}

/// How many zones a pool has, those being deleted included.
///
/// # Errors
/// If the database fails.
pub async fn count_in_pool(tx: &mut dyn Tx, pool: PoolId) -> Result<u64, StoreError> {
    tx.count("SELECT count(*) AS n FROM zones z WHERE z.deleted = '0' AND z.pool_id = $1", args![pool]).await
}
