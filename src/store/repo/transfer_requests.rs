//! Offers of zones to other projects.
//!
//! Invariants: a zone has one active offer at most; offers of a zone that is gone are not shown, and can be deleted.

use super::list::List;
use crate::domain::ids::{ProjectId, TransferRequestId};
use crate::domain::page::{Page, PageRequest, PlainSortKey, Scope};
use crate::domain::time::Timestamp;
use crate::domain::transfer::{TransferKey, TransferRequest, TransferStatus};
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::args;

const COLUMNS: &str = "t.id, t.zone_id, z.name AS zone_name, t.project_id, t.target_project_id, t.secret, \
     t.description, t.status, t.version, t.created_at, t.updated_at";
const FROM: &str = "zone_transfer_requests t JOIN zones z ON z.id = t.zone_id";
/// The constraint that a second active offer of a zone violates.
pub const TAKEN: &str = "zone_transfer_requests_zone_id";

/// Adds an offer.
///
/// # Errors
/// [`TAKEN`] if the zone has an active one.
pub async fn insert(tx: &mut dyn Tx, request: &TransferRequest) -> Result<(), StoreError> {
    let sql = "INSERT INTO zone_transfer_requests (id, zone_id, project_id, target_project_id, secret, description, \
               status, version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let args = args![
        request.id,
        request.zone_id,
        request.project_id.as_ref(),
        request.target_project_id.as_ref(),
        request.key.reveal(),
        request.description.as_deref(),
        request.status.as_str(),
        request.version,
        request.created_at,
    ];
    tx.run(sql, args).await?;
    Ok(())
}

/// The offer of an id, whoever made it.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, id: TransferRequestId) -> Result<Option<TransferRequest>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE z.deleted = '0' AND t.id = $1");
    tx.row(sql, args![id]).await?.map(read).transpose()
}

/// The same, even if the zone is gone.
///
/// # Errors
/// If the database fails.
pub async fn get_of_any_zone(
    tx: &mut dyn Tx,
    id: TransferRequestId,
) -> Result<Option<TransferRequest>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE t.id = $1");
    tx.row(sql, args![id]).await?.map(read).transpose()
}

/// A page of the offers that the caller's project made or is meant by.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    scope: &Scope,
    status: Option<&str>,
    page: &PageRequest<PlainSortKey>,
) -> Result<Page<TransferRequest>, StoreError> {
    let dialect = tx.dialect();
    let mut visible = Query::new(" WHERE z.deleted = '0'");
    match scope {
        Scope::AllProjects => {}
        Scope::Project(None) => {
            visible.push(" AND t.project_id IS NULL");
        }
        Scope::Project(Some(project)) => {
            visible.push(" AND (t.project_id = ").bind(project);
            visible.push(" OR t.target_project_id = ").bind(project).push(")");
        }
    }
    let sort = match page.sort_key {
        PlainSortKey::CreatedAt => "t.created_at",
        PlainSortKey::Id => "t.id",
        PlainSortKey::UpdatedAt => "COALESCE(t.updated_at, -1)",
    };
    let list = List { columns: COLUMNS, from: FROM, id: "t.id", sort };
    let (rows, total) = list
        .page(tx, visible, page, |query| {
            query.and_text(dialect, "t.status", status);
        })
        .await?;
    let items = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

/// Writes text and status, with the next version and `now` as time of update.
///
/// # Errors
/// [`StoreError::Retry`] if the row is not the version that was read.
pub async fn update(
    tx: &mut dyn Tx,
    request: &mut TransferRequest,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE zone_transfer_requests SET description = $1, status = $2, updated_at = $3, \
               version = version + 1 WHERE id = $4 AND version = $5";
    let description = request.description.as_deref();
    let args = args![description, request.status.as_str(), now, request.id, request.version];
    if tx.run(sql, args).await? == 0 {
        return Err(tx.stale("transfer request"));
    }
    request.version += 1;
    request.updated_at = Some(now);
    Ok(())
}

/// Removes an offer with what was accepted of it; answers whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn delete(tx: &mut dyn Tx, id: TransferRequestId) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM zone_transfer_requests WHERE id = $1", args![id]).await? > 0)
}

fn read(mut row: Row) -> Result<TransferRequest, StoreError> {
    Ok(TransferRequest {
        id: row.id("id")?,
        zone_id: row.id("zone_id")?,
        zone_name: row.name("zone_name")?,
        project_id: row.text_opt("project_id")?.map(ProjectId::new),
        target_project_id: row.text_opt("target_project_id")?.map(ProjectId::new),
        key: TransferKey::new(row.text("secret")?),
        description: row.text_opt("description")?,
        status: row.parsed("status", TransferStatus::from_text)?,
        version: row.number("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}
