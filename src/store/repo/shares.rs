//! Zones shared with other projects.
//!
//! Invariants: a zone is shared with a project once at most.

use uuid::Uuid;

use crate::domain::ids::{ProjectId, ZoneId};
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// The constraint that sharing a zone with a project a second time violates.
pub const TAKEN: &str = "shares_zone_id_target_project_id";

/// Shares a zone of `owner` with `target`.
///
/// # Errors
/// [`TAKEN`] if it is shared with it already.
pub async fn insert(
    tx: &mut dyn Tx,
    id: Uuid,
    zone: ZoneId,
    owner: &ProjectId,
    target: &ProjectId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO shares (id, zone_id, project_id, target_project_id, created_at) \
               VALUES ($1, $2, $3, $4, $5)";
    tx.run(sql, args![id, zone, owner, target, now]).await?;
    Ok(())
}

/// The projects a zone is shared with, in the order it was.
///
/// # Errors
/// If the database fails.
pub async fn targets_of(tx: &mut dyn Tx, zone: ZoneId) -> Result<Vec<ProjectId>, StoreError> {
    let sql = "SELECT target_project_id FROM shares WHERE zone_id = $1 ORDER BY created_at, id";
    let rows = tx.rows(sql, args![zone]).await?;
    rows.into_iter().map(|mut row| row.text("target_project_id").map(ProjectId::new)).collect()
}

/// True if a zone is shared with a project.
///
/// # Errors
/// If the database fails.
pub async fn is_shared_with(tx: &mut dyn Tx, zone: ZoneId, project: &ProjectId) -> Result<bool, StoreError> {
    let sql = "SELECT 1 AS one FROM shares WHERE zone_id = $1 AND target_project_id = $2";
    Ok(tx.row(sql, args![zone, project]).await?.is_some())
}

/// Ends all shares of a zone; answers how many there were.
///
/// # Errors
/// If the database fails.
pub async fn delete_all(tx: &mut dyn Tx, zone: ZoneId) -> Result<u64, StoreError> {
    tx.run("DELETE FROM shares WHERE zone_id = $1", args![zone]).await
}

/// True if a zone is shared with any project.
///
/// # Errors
/// If the database fails.
pub async fn has_any(tx: &mut dyn Tx, zone: ZoneId) -> Result<bool, StoreError> {
    Ok(tx.row("SELECT 1 AS one FROM shares WHERE zone_id = $1 LIMIT 1", args![zone]).await?.is_some())
}
