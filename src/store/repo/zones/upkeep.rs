//! What the periodic tasks and the name servers ask about zones.
//!
//! Invariants: a zone lags exactly while its newest generation is not propagated; feed positions are unique and grow
//! with every published or deleted zone, whatever the clocks do.

use std::ops::RangeInclusive;

use super::super::shards;
use super::super::transfer::WITHHELD;
use super::row::{self, COLUMNS, FROM};
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::name::Name;
use crate::domain::serial::Serial;
use crate::domain::shard::Shard;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::Query;
use crate::store::value::args;

/// A zone whose newest generation is not on the name servers yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lagging {
    /// The zone.
    pub zone: Zone,
    /// How often this generation was tried again already.
    pub attempts: u32,
    /// When the next attempt was due.
    pub due: Timestamp,
}

/// Zones of these shards that lag and whose next attempt is due, longest due first; not those that have yet to arrive from
/// their masters. A change is due at once, so a caller
/// that wants to leave time to the first attempt gives an earlier `due_by`. One that would be due after `latest` was
/// scheduled by a clock that was ahead of this one, and is due, too.
///
/// # Errors
/// If the database fails.
pub async fn lagging(
    tx: &mut dyn Tx,
    ranges: &[RangeInclusive<Shard>],
    due_by: Timestamp,
    latest: Timestamp,
    limit: u32,
) -> Result<Vec<Lagging>, StoreError> {
    let mut query = Query::new(&format!(
        "SELECT {COLUMNS}, z.attempts, z.next_attempt_at FROM {FROM} WHERE z.deleted = '0' \
         AND z.propagated_generation < z.generation \
         AND NOT (z.kind = 'SECONDARY' AND z.transferred_at IS NULL AND z.action <> 'DELETE') AND (z.next_attempt_at <= "
    ));
    query.bind(due_by).push(" OR z.next_attempt_at > ").bind(latest).push(")");
    shards::and_in(&mut query, "z.shard", ranges);
    query.push(" ORDER BY z.next_attempt_at, z.id LIMIT ").bind(limit);
    let rows = tx.rows(query.sql, query.args).await?;
    let lagging = |mut row| {
        let zone = row::read(&mut row)?;
        Ok(Lagging { zone, attempts: row.number("attempts")?, due: row.time("next_attempt_at")? })
    };
    rows.into_iter().map(lagging).collect()
}

/// Says when a lagging zone is to be tried next, and how often it was. Leaves its version as it is; a newer change
/// starts over.
///
/// # Errors
/// If the database fails.
pub async fn schedule(
    tx: &mut dyn Tx,
    zone: ZoneId,
    attempts: u32,
    next: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE zones SET attempts = $1, next_attempt_at = $2 WHERE id = $3";
    tx.run(sql, args![attempts, next, zone]).await?;
    Ok(())
}

/// One step of the change feed: what DNS shows of a zone changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The zone.
    pub id: ZoneId,
    /// Its name.
    pub name: Name,
    /// The pool it is in.
    pub pool_id: PoolId,
    /// What it shows now.
    pub serial: Serial,
    /// It is not to be served, as [`transfer`](crate::store::repo::transfer) has it, or gone.
    pub withdrawn: bool,
    /// The feed's position: ask for those after it next.
    pub position: i64,
}

/// The steps of the change feed after a position (start with `i64::MIN`), in order. Each zone appears once, at its last
/// change.
///
/// # Errors
/// If the database fails.
pub async fn published_since(
    tx: &mut dyn Tx,
    position: i64,
    limit: u32,
) -> Result<Vec<Published>, StoreError> {
    let sql = format!(
        "SELECT id, name, pool_id, serial, (deleted <> '0' OR {WITHHELD}) AS withdrawn, feed_at \
         FROM zones WHERE feed_at > $1 ORDER BY feed_at, id LIMIT $2"
    );
    let published = |mut row: crate::store::Row| {
        Ok(Published {
            id: row.id("id")?,
            name: row.name("name")?,
            pool_id: row.id("pool_id")?,
            serial: Serial::new(row.number("serial")?),
            withdrawn: row.bool("withdrawn")?,
            position: row.int("feed_at")?,
        })
    };
    tx.rows(sql, args![position, limit]).await?.into_iter().map(published).collect()
}

/// Moves the change feed: whether the zone is to be served changed, though not what it shows.
///
/// # Errors
/// If the database fails.
pub async fn tell_feed(tx: &mut dyn Tx, zone: ZoneId, now: Timestamp) -> Result<(), StoreError> {
    let sql = format!("UPDATE zones SET feed_at = {} WHERE id = $2", tx.dialect().feed_position());
    tx.run(sql, args![now, zone]).await?;
    Ok(())
}

/// At most `limit` zones of these shards that were gone before `before`, longest gone first.
///
/// # Errors
/// If the database fails.
pub async fn purgeable(
    tx: &mut dyn Tx,
    before: Timestamp,
    ranges: &[RangeInclusive<Shard>],
    limit: u32,
) -> Result<Vec<ZoneId>, StoreError> {
    let mut query = Query::new("SELECT id FROM zones WHERE deleted <> '0' AND deleted_at < ");
    query.bind(before);
    shards::and_in(&mut query, "shard", ranges);
    query.push(" ORDER BY deleted_at, id LIMIT ").bind(limit);
    tx.rows(query.sql, query.args).await?.into_iter().map(|mut row| row.id("id")).collect()
}

/// Removes the row of a zone that is gone, with everything that belongs to it; its children get the parent that it had.
/// Does nothing to a zone that is there.
///
/// # Errors
/// If the database fails.
pub async fn purge(tx: &mut dyn Tx, zone: ZoneId) -> Result<(), StoreError> {
    let sql = "DELETE FROM zones WHERE id = $1 AND deleted <> '0' RETURNING parent_id";
    if let Some(mut row) = tx.row(sql, args![zone]).await? {
        let grandparent: Option<ZoneId> = row.id_opt("parent_id")?;
        tx.run("UPDATE zones SET parent_id = $1 WHERE parent_id = $2", args![grandparent, zone]).await?;
    }
    Ok(())
}

/// At most `limit` zones of these shards after `after`, in order of id.
///
/// # Errors
/// If the database fails.
pub async fn in_shards(
    tx: &mut dyn Tx,
    ranges: &[RangeInclusive<Shard>],
    after: Option<ZoneId>,
    limit: u32,
) -> Result<Vec<Zone>, StoreError> {
    let mut query = Query::new(&format!("SELECT {COLUMNS} FROM {FROM} WHERE z.deleted = '0'"));
    shards::and_in(&mut query, "z.shard", ranges);
    if let Some(after) = after {
        query.push(" AND z.id > ").bind(after);
    }
    query.push(" ORDER BY z.id LIMIT ").bind(limit);
    tx.rows(query.sql, query.args).await?.into_iter().map(row::zone).collect()
}

/// At most `limit` zones of a pool after `after`, in order of id.
///
/// # Errors
/// If the database fails.
pub async fn in_pool(
    tx: &mut dyn Tx,
    pool: PoolId,
    after: Option<ZoneId>,
    limit: u32,
) -> Result<Vec<ZoneId>, StoreError> {
    let mut query = Query::new("SELECT id FROM zones WHERE deleted = '0' AND pool_id = ");
    query.bind(pool);
    if let Some(after) = after {
        query.push(" AND id > ").bind(after);
    }
    query.push(" ORDER BY id LIMIT ").bind(limit);
    tx.rows(query.sql, query.args).await?.into_iter().map(|mut row| row.id("id")).collect()
}
