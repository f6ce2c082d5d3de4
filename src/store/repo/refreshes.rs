//! When secondary zones are to be asked of their masters next.
//!
//! Invariants: a secondary zone has a due time from its creation on; whoever asks the masters moves it a little ahead
//! first, so that somebody else does if nothing comes of it; a time that somebody else set meanwhile is left as it is.

use std::ops::RangeInclusive;

use super::shards;
use crate::domain::ids::ZoneId;
use crate::domain::shard::Shard;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::Query;
use crate::store::value::args;

/// What is known of a zone's way from its masters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// When they are to be asked.
    pub due_at: Timestamp,
    /// The zone is to be transferred whatever serial they have.
    pub forced: bool,
    /// How often they were asked in vain since they last answered.
    pub attempts: u32,
    /// When one of them last told its serial, or gave the zone.
    pub checked_at: Option<Timestamp>,
    /// That is so long ago that the zone is not served any more.
    pub expired: bool,
}

/// Asks for a zone to be refreshed at once; forced, whatever serial its masters have.
///
/// # Errors
/// If the database fails.
pub async fn ask(tx: &mut dyn Tx, zone: ZoneId, forced: bool, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO zone_refreshes (zone_id, shard, due_at, forced, attempts) VALUES ($1, $2, $3, $4, 0) \
               ON CONFLICT (zone_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, \
               forced = zone_refreshes.forced OR excluded.forced";
    tx.run(sql, args![zone, Shard::of(zone), now, forced]).await?;
    Ok(())
}

/// What is known of a zone; `None` if it is not refreshed.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, zone: ZoneId) -> Result<Option<Refresh>, StoreError> {
    let sql = "SELECT due_at, forced, attempts, checked_at, expired FROM zone_refreshes WHERE zone_id = $1";
    let Some(mut row) = tx.row(sql, args![zone]).await? else { return Ok(None) };
    Ok(Some(Refresh {
        due_at: row.time("due_at")?,
        forced: row.bool("forced")?,
        attempts: row.number("attempts")?,
        checked_at: row.time_opt("checked_at")?,
        expired: row.bool("expired")?,
    }))
}

/// At most `limit` secondary zones of these shards that are due, longest due first.
///
/// # Errors
/// If the database fails.
pub async fn due(
    tx: &mut dyn Tx,
    ranges: &[RangeInclusive<Shard>],
    now: Timestamp,
    limit: u32,
) -> Result<Vec<ZoneId>, StoreError> {
    // Begins with what is due, whatever SQLite thinks of it: it would rather look at every secondary zone.
    let mut query = Query::new(
        "SELECT f.zone_id FROM zone_refreshes f CROSS JOIN zones z WHERE z.id = f.zone_id AND z.deleted = '0' \
         AND z.kind = 'SECONDARY' AND z.action <> 'DELETE' AND f.due_at <= ",
    );
    query.bind(now);
    shards::and_in(&mut query, "f.shard", ranges);
    query.push(" ORDER BY f.due_at, f.zone_id LIMIT ").bind(limit);
    tx.rows(query.sql, query.args).await?.into_iter().map(|mut row| row.id("zone_id")).collect()
}

/// Moves the due time of zones: the masters are being asked, and again then if nothing comes of it.
///
/// # Errors
/// If the database fails.
pub async fn hold(tx: &mut dyn Tx, zones: &[ZoneId], until: Timestamp) -> Result<(), StoreError> {
    if zones.is_empty() {
        return Ok(());
    }
    let mut query = Query::new("UPDATE zone_refreshes SET due_at = ");
    query.bind(until).push(" WHERE zone_id IN ").bind_list(zones.iter().copied());
    tx.run(query.sql, query.args).await?;
    Ok(())
}

/// Goes on asking: moves the due time from where the one who asks had put it. False if somebody moved it meanwhile.
///
/// # Errors
/// If the database fails.
pub async fn hold_on(
    tx: &mut dyn Tx,
    zone: ZoneId,
    held: Timestamp,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE zone_refreshes SET due_at = $3 WHERE zone_id = $1 AND due_at = $2";
    Ok(tx.run(sql, args![zone, held, until]).await? > 0)
}

/// Writes what is known of a zone now.
///
/// # Errors
/// If the database fails.
pub async fn put(tx: &mut dyn Tx, zone: ZoneId, refresh: &Refresh) -> Result<(), StoreError> {
    let sql = "UPDATE zone_refreshes SET due_at = $2, forced = $3, attempts = $4, checked_at = $5, expired = $6 \
               WHERE zone_id = $1";
    let Refresh { due_at, forced, attempts, checked_at, expired } = *refresh;
    tx.run(sql, args![zone, due_at, forced, attempts, checked_at, expired]).await?;
    Ok(())
}
