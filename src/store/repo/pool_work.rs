//! Pools whose zones do not all show the pool's NS set yet.
//!
//! Invariants: a pool is here from the transaction that changes its NS set until one that found nothing left to do; what is
//! noted of an older version of it does not touch what is noted of a newer one.

use std::time::Duration;

use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// How long a producer leaves it to whoever changed the pool, counted from his last transaction.
pub const LEFT_TO_ONE: Duration = Duration::from_secs(15);

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// For which pool.
    pub pool: PoolId,
    /// As of which version of it.
    pub version: u64,
    /// Zones up to this one are done.
    pub after: Option<ZoneId>,
}

/// Notes that all zones of a pool are to be looked at.
///
/// # Errors
/// If the database fails.
pub async fn begin(tx: &mut dyn Tx, pool: PoolId, version: u64, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO pool_work (pool_id, version, after_zone, due_at) VALUES ($1, $2, NULL, $3) \
               ON CONFLICT (pool_id) DO UPDATE SET version = excluded.version, after_zone = NULL, \
               due_at = excluded.due_at";
    tx.run(sql, args![pool, version, now.plus(LEFT_TO_ONE)]).await?;
    Ok(())
}

/// Notes that a pool has another version and the same NS set.
///
/// # Errors
/// If the database fails.
pub async fn keep(tx: &mut dyn Tx, pool: PoolId, version: u64) -> Result<(), StoreError> {
    tx.run("UPDATE pool_work SET version = $1 WHERE pool_id = $2", args![version, pool]).await?;
    Ok(())
}

/// Notes that zones up to this one are done, and when anybody may go on.
///
/// # Errors
/// If the database fails.
pub async fn advance(
    tx: &mut dyn Tx,
    pool: PoolId,
    version: u64,
    after: ZoneId,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE pool_work SET after_zone = $1, due_at = $2 WHERE pool_id = $3 AND version = $4";
    tx.run(sql, args![after, due_at, pool, version]).await?;
    Ok(())
}

/// Notes that all zones of a pool are done.
///
/// # Errors
/// If the database fails.
pub async fn end(tx: &mut dyn Tx, pool: PoolId, version: u64) -> Result<(), StoreError> {
    tx.run("DELETE FROM pool_work WHERE pool_id = $1 AND version = $2", args![pool, version]).await?;
    Ok(())
}

/// The work that nobody has gone on with for a while, the oldest first.
///
/// # Errors
/// If the database fails.
pub async fn due(tx: &mut dyn Tx, now: Timestamp) -> Result<Option<Work>, StoreError> {
    let sql = "SELECT pool_id, version, after_zone FROM pool_work WHERE due_at <= $1 ORDER BY due_at, pool_id LIMIT 1";
    let row = tx.row(sql, args![now]).await?;
    row.map(|mut row| {
        Ok(Work {
            pool: row.id("pool_id")?,
            version: row.number("version")?,
            after: row.id_opt("after_zone")?,
        })
    })
    .transpose()
}
