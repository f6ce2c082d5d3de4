//! Which worker carries a zone to the name servers.
//!
//! Invariants: a zone has one claim at a time; each new claim of a zone has a greater fence than the ones before, so
//! work under an older claim shows itself to be superseded even if it still runs.

use crate::domain::ids::{InstanceId, ZoneId};
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// Claims a zone until `expires`; answers the claim's fence, `None` while another worker's claim has not expired.
///
/// # Errors
/// [`StoreError::Reference`] if there is no such zone.
pub async fn take(
    tx: &mut dyn Tx,
    zone: ZoneId,
    worker: InstanceId,
    now: Timestamp,
    expires: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let sql = "INSERT INTO zone_claims (zone_id, worker, fence, expires_at) VALUES ($1, $2, 1, $3) \
               ON CONFLICT (zone_id) DO UPDATE SET worker = excluded.worker, fence = zone_claims.fence + 1, \
               expires_at = excluded.expires_at \
               WHERE zone_claims.expires_at <= $4 OR zone_claims.worker = excluded.worker RETURNING fence";
    let row = tx.row(sql, args![zone, worker, expires, now]).await?;
    row.map(|mut row| row.number("fence")).transpose()
}

/// Claims a zone until `expires`, for whoever holds the zone and saw that nobody else has a claim. Nobody waits for it.
///
/// # Errors
/// [`StoreError::Reference`] if there is no such zone; [`StoreError::Retry`] if somebody else has a claim; at the latest
/// from the commit.
pub async fn hold(
    tx: &mut dyn Tx,
    zone: ZoneId,
    worker: InstanceId,
    now: Timestamp,
    expires: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO zone_claims (zone_id, worker, fence, expires_at) VALUES ($1, $2, 1, $3) \
               ON CONFLICT (zone_id) DO UPDATE SET worker = excluded.worker, fence = zone_claims.fence + 1, \
               expires_at = excluded.expires_at \
               WHERE zone_claims.expires_at <= $4 OR zone_claims.worker = excluded.worker";
    tx.soon_unless_stale(sql, args![zone, worker, expires, now], "claim").await
}

/// Lets the claim of a zone expire, whoever has it. Nobody waits for it.
///
/// # Errors
/// If the database fails.
pub async fn release(tx: &mut dyn Tx, zone: ZoneId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE zone_claims SET expires_at = $2 WHERE zone_id = $1 AND expires_at > $2";
    tx.soon(sql, args![zone, now]).await
}

/// Whose claim a zone has, if it has not expired.
///
/// # Errors
/// If the database fails.
pub async fn holder(tx: &mut dyn Tx, zone: ZoneId, now: Timestamp) -> Result<Option<InstanceId>, StoreError> {
    let sql = "SELECT worker FROM zone_claims WHERE zone_id = $1 AND expires_at > $2";
    tx.row(sql, args![zone, now]).await?.map(|mut row| row.id("worker")).transpose()
}

/// Claims a zone until `expires`, whoever has it; answers the claim's fence.
///
/// # Errors
/// [`StoreError::Reference`] if there is no such zone.
pub async fn seize(
    tx: &mut dyn Tx,
    zone: ZoneId,
    worker: InstanceId,
    expires: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "INSERT INTO zone_claims (zone_id, worker, fence, expires_at) VALUES ($1, $2, 1, $3) \
               ON CONFLICT (zone_id) DO UPDATE SET worker = excluded.worker, fence = zone_claims.fence + 1, \
               expires_at = excluded.expires_at RETURNING fence";
    match tx.row(sql, args![zone, worker, expires]).await? {
        Some(mut row) => row.number("fence"),
        None => Err(StoreError::corrupt("fence", "no row")),
    }
}
