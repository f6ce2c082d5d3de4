//! Accepted offers of zones.
//!
//! Invariants: goes with its offer.

use super::list::List;
use crate::domain::ids::{ProjectId, TransferAcceptId};
use crate::domain::page::{Page, PageRequest, PlainSortKey, Scope};
use crate::domain::transfer::{TransferAccept, TransferStatus};
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::args;

const COLUMNS: &str = "a.id, a.request_id, a.zone_id, a.project_id, a.status, a.created_at, a.updated_at";

/// Adds one.
///
/// # Errors
/// If the database fails.
pub async fn insert(tx: &mut dyn Tx, accept: &TransferAccept) -> Result<(), StoreError> {
    let sql = "INSERT INTO zone_transfer_accepts (id, request_id, zone_id, project_id, status, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let args = args![
        accept.id,
        accept.request_id,
        accept.zone_id,
        &accept.project_id,
        accept.status.as_str(),
        accept.created_at,
    ];
    tx.run(sql, args).await?;
    Ok(())
}

/// The one of an id, if it is the caller's project's.
///
/// # Errors
/// If the database fails.
pub async fn get(
    tx: &mut dyn Tx,
    id: TransferAcceptId,
    scope: &Scope,
) -> Result<Option<TransferAccept>, StoreError> {
    let mut query = visible(scope);
    query.push(" AND a.id = ").bind(id);
    let sql = format!("SELECT {COLUMNS} FROM zone_transfer_accepts a{}", query.sql);
    tx.row(sql, query.args).await?.map(read).transpose()
}

/// A page of those of the caller's project.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    scope: &Scope,
    status: Option<&str>,
    page: &PageRequest<PlainSortKey>,
) -> Result<Page<TransferAccept>, StoreError> {
    let dialect = tx.dialect();
    let sort = match page.sort_key {
        PlainSortKey::CreatedAt => "a.created_at",
        PlainSortKey::Id => "a.id",
        PlainSortKey::UpdatedAt => "COALESCE(a.updated_at, -1)",
    };
    let list = List { columns: COLUMNS, from: "zone_transfer_accepts a", id: "a.id", sort };
    let (rows, total) = list
        .page(tx, visible(scope), page, |query| {
            query.and_text(dialect, "a.status", status);
        })
        .await?;
    let items = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

fn visible(scope: &Scope) -> Query {
    let mut query = Query::new(" WHERE TRUE");
    match scope {
        Scope::AllProjects => {}
        Scope::Project(None) => {
            query.push(" AND FALSE");
        }
        Scope::Project(Some(project)) => {
            query.push(" AND a.project_id = ").bind(project);
        }
    }
    query
}

fn read(mut row: Row) -> Result<TransferAccept, StoreError> {
    Ok(TransferAccept {
        id: row.id("id")?,
        request_id: row.id("request_id")?,
        zone_id: row.id("zone_id")?,
        project_id: ProjectId::new(row.text("project_id")?),
        status: row.parsed("status", TransferStatus::from_text)?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}
