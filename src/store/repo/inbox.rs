//! Requests that must not run twice.
//!
//! Invariants: of all transactions that claim a key, one that commits was the first.

use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// True for the first claim of a key; the work goes into the same transaction.
///
/// # Errors
/// If the database fails.
pub async fn claim(tx: &mut dyn Tx, key: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "INSERT INTO inbox (once_key, claimed_at) VALUES ($1, $2) ON CONFLICT (once_key) DO NOTHING";
    Ok(tx.run(sql, args![key, now]).await? > 0)
}

/// Forgets the keys claimed before a time.
///
/// # Errors
/// If the database fails.
pub async fn forget(tx: &mut dyn Tx, before: Timestamp) -> Result<u64, StoreError> {
    tx.run("DELETE FROM inbox WHERE claimed_at < $1", args![before]).await
}
