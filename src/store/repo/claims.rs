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

/// Prolongs a claim; false if it is no longer the zone's.
///
/// # Errors
/// If the database fails.
pub async fn renew(
    tx: &mut dyn Tx,
    zone: ZoneId,
    worker: InstanceId,
    fence: u64,
    expires: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE zone_claims SET expires_at = $1 WHERE zone_id = $2 AND worker = $3 AND fence = $4";
    Ok(tx.run(sql, args![expires, zone, worker, fence]).await? > 0)
}

/// Ends a claim, so that others need not wait for its expiry; does nothing if it is no longer the zone's.
///
/// # Errors
/// If the database fails.
pub async fn release(
    tx: &mut dyn Tx,
    zone: ZoneId,
    worker: InstanceId,
    fence: u64,
) -> Result<(), StoreError> {
    // The row stays, so that fences go on growing.
    let sql = "UPDATE zone_claims SET expires_at = 0 WHERE zone_id = $1 AND worker = $2 AND fence = $3";
    tx.run(sql, args![zone, worker, fence]).await?;
    Ok(())
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
