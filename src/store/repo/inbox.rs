//! Outcomes of requests that must not be done twice.
//!
//! Invariants: an outcome is written in the transaction that does the work, so there is one exactly if the work was done;
//! of all transactions that settle a key, one commits.

use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// The constraint that a second outcome under a key violates.
pub const KEY_TAKEN: &str = "inbox_once_key";

/// Keeps the outcome of the work that this transaction does; false if the work was done under this key before: then the
/// transaction must not be committed.
///
/// # Errors
/// If the database fails.
pub async fn settle(tx: &mut dyn Tx, key: &str, reply: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "INSERT INTO inbox (once_key, reply, claimed_at) VALUES ($1, $2, $3) \
               ON CONFLICT (once_key) DO NOTHING";
    Ok(tx.run(sql, args![key, reply, now]).await? > 0)
}

/// As [`settle`], without being waited for: if the work was done under this key before, nothing can be committed, because
/// of [`KEY_TAKEN`].
///
/// # Errors
/// If the database fails.
pub async fn keep(tx: &mut dyn Tx, key: &str, reply: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.soon("INSERT INTO inbox (once_key, reply, claimed_at) VALUES ($1, $2, $3)", args![key, reply, now])
        .await
}

/// True for the first of all transactions that do what has this name and no outcome to keep; any other does nothing.
///
/// # Errors
/// If the database fails.
pub async fn claim(tx: &mut dyn Tx, key: &str, now: Timestamp) -> Result<bool, StoreError> {
    settle(tx, key, "", now).await
}

/// The outcome of the work done under a key; `None` if it was not done, or too long ago.
///
/// # Errors
/// If the database fails.
pub async fn reply(tx: &mut dyn Tx, key: &str) -> Result<Option<String>, StoreError> {
    let row = tx.row("SELECT reply FROM inbox WHERE once_key = $1", args![key]).await?;
    row.map(|mut row| row.text("reply")).transpose()
}

/// Forgets at most `limit` outcomes from before a time, oldest first; answers how many.
///
/// # Errors
/// If the database fails.
pub async fn forget(tx: &mut dyn Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM inbox WHERE once_key IN \
               (SELECT once_key FROM inbox WHERE claimed_at < $1 ORDER BY claimed_at LIMIT $2)";
    tx.run(sql, args![before, limit]).await
}
