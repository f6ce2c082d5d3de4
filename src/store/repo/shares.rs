//! Zones shared with other projects.
//!
//! Invariants: a zone is shared with a project once at most.

use uuid::Uuid;

use super::list::List;
use crate::domain::ids::{ProjectId, ShareId, ZoneId};
use crate::domain::page::{Page, PageRequest, PlainSortKey, Scope};
use crate::domain::share::Share;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::args;

const COLUMNS: &str = "s.id, s.zone_id, s.project_id, s.target_project_id, s.created_at, s.updated_at";
const FROM: &str = "shares s JOIN zones z ON z.id = s.zone_id";
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

/// A share of a zone, if the caller may see it: its project made it, or it is for it, or the zone is its own.
///
/// # Errors
/// If the database fails.
pub async fn get(
    tx: &mut dyn Tx,
    zone: ZoneId,
    id: ShareId,
    scope: &Scope,
) -> Result<Option<Share>, StoreError> {
    let mut query = visible(zone, scope);
    query.push(" AND s.id = ").bind(id);
    let sql = format!("SELECT {COLUMNS} FROM {FROM}{}", query.sql);
    tx.row(sql, query.args).await?.map(read).transpose()
}

/// A page of the shares of a zone that the caller may see.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    zone: ZoneId,
    scope: &Scope,
    target: Option<&str>,
    page: &PageRequest<PlainSortKey>,
) -> Result<Page<Share>, StoreError> {
    let dialect = tx.dialect();
    let sort = match page.sort_key {
        PlainSortKey::CreatedAt => "s.created_at",
        PlainSortKey::Id => "s.id",
        PlainSortKey::UpdatedAt => "COALESCE(s.updated_at, -1)",
    };
    let list = List { columns: COLUMNS, from: FROM, id: "s.id", sort };
    let (rows, total) = list
        .page(tx, visible(zone, scope), page, |query| {
            query.and_text(dialect, "s.target_project_id", target);
        })
        .await?;
    let items = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

/// Ends a share; answers whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn delete(tx: &mut dyn Tx, id: ShareId) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM shares WHERE id = $1", args![id]).await? > 0)
}

/// Ends the share of a zone with a project, if there is one.
///
/// # Errors
/// If the database fails.
pub async fn delete_with(tx: &mut dyn Tx, zone: ZoneId, target: &ProjectId) -> Result<(), StoreError> {
    let sql = "DELETE FROM shares WHERE zone_id = $1 AND target_project_id = $2";
    tx.run(sql, args![zone, target]).await?;
    Ok(())
}

fn visible(zone: ZoneId, scope: &Scope) -> Query {
    let mut query = Query::new(" WHERE z.deleted = '0' AND s.zone_id = ");
    query.bind(zone);
    match scope {
        Scope::AllProjects => {}
        Scope::Project(None) => {
            query.push(" AND z.project_id IS NULL");
        }
        Scope::Project(Some(project)) => {
            query.push(" AND (s.project_id = ").bind(project);
            query.push(" OR s.target_project_id = ").bind(project);
            query.push(" OR z.project_id = ").bind(project).push(")");
        }
    }
    query
}

fn read(mut row: Row) -> Result<Share, StoreError> {
    Ok(Share {
        id: row.id("id")?,
        zone_id: row.id("zone_id")?,
        project_id: ProjectId::new(row.text("project_id")?),
        target_project_id: ProjectId::new(row.text("target_project_id")?),
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}
