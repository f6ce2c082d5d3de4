//! Notifications that wait to be sent.
//!
//! Invariants: written in the transaction of the change that they tell of; those of one zone are numbered in the order of
//! its changes, since the zone's row is held from before until that transaction ends; bounded in number and age, and
//! whoever drops one says so.

use crate::domain::ids::ZoneId;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::{Query, insert_many};
use crate::store::value::args;

/// One notification, before or after it got its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting<Id> {
    /// Its number.
    pub id: Id,
    /// The zone that it is about.
    pub zone: Option<ZoneId>,
    /// A word.
    pub priority: String,
    /// The message.
    pub body: String,
}

/// Adds notifications, unless about `most` wait already; answers whether they were added.
///
/// # Errors
/// If the database fails.
pub async fn put(
    tx: &mut dyn Tx,
    notifications: Vec<Waiting<()>>,
    most: u32,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // Numbers have few gaps, and both ends are found at once.
    let sql = "SELECT COALESCE((SELECT MAX(id) FROM outbox) - (SELECT MIN(id) FROM outbox) + 1, 0) AS n";
    if tx.count(sql, args![]).await? >= u64::from(most) {
        return Ok(false);
    }
    let insert = "INSERT INTO outbox (zone_id, priority, body, created_at) VALUES";
    let rows = notifications.into_iter().map(|n| args![n.zone, n.priority, n.body, now]);
    for statement in insert_many(insert, rows) {
        tx.run(statement.sql, statement.args).await?;
    }
    Ok(true)
}

/// The first notifications that wait.
///
/// # Errors
/// If the database fails.
pub async fn first(tx: &mut dyn Tx, limit: u32) -> Result<Vec<Waiting<i64>>, StoreError> {
    let sql = "SELECT id, zone_id, priority, body FROM outbox ORDER BY id LIMIT $1";
    let read = |mut row: crate::store::Row| {
        Ok(Waiting {
            id: row.int("id")?,
            zone: row.id_opt("zone_id")?,
            priority: row.text("priority")?,
            body: row.text("body")?,
        })
    };
    tx.rows(sql, args![limit]).await?.into_iter().map(read).collect()
}

/// Removes notifications; answers how many were there.
///
/// # Errors
/// If the database fails.
pub async fn remove(tx: &mut dyn Tx, ids: &[i64]) -> Result<u64, StoreError> {
    let mut removed = 0;
    for some in ids.chunks(1000) {
        let mut query = Query::new("DELETE FROM outbox WHERE id IN ");
        query.bind_list(some.iter().copied());
        removed += tx.run(query.sql, query.args).await?;
    }
    Ok(removed)
}

/// Removes those from before a time; answers how many.
///
/// # Errors
/// If the database fails.
pub async fn expire(tx: &mut dyn Tx, before: Timestamp) -> Result<u64, StoreError> {
    // Numbers and times grow together, so that only the old end is looked at.
    let oldest = "SELECT created_at FROM outbox ORDER BY id LIMIT 1";
    let Some(mut row) = tx.row(oldest, args![]).await? else { return Ok(0) };
    if row.time("created_at")? >= before {
        return Ok(0);
    }
    tx.run("DELETE FROM outbox WHERE created_at < $1", args![before]).await
}
