//! Numbers of zones, records and projects.
//!
//! Invariants: zones that are gone are not counted.

use crate::domain::ids::ProjectId;
use crate::domain::name::Name;
use crate::domain::page::Scope;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::Query;

/// How many zones the caller's project has.
///
/// # Errors
/// If the database fails.
pub async fn zones(tx: &mut dyn Tx, scope: &Scope) -> Result<u64, StoreError> {
    count(tx, "SELECT count(*) AS n FROM zones z", scope, "").await
}

/// How many of them have changes that are not published.
///
/// # Errors
/// If the database fails.
pub async fn unpublished(tx: &mut dyn Tx, scope: &Scope) -> Result<u64, StoreError> {
    let lags = " AND z.published_generation < z.generation AND z.action <> 'DELETE'";
    count(tx, "SELECT count(*) AS n FROM zones z", scope, lags).await
}

/// How many records are in them, those included that the service makes.
///
/// # Errors
/// If the database fails.
pub async fn records(tx: &mut dyn Tx, scope: &Scope) -> Result<u64, StoreError> {
    let each = tx.dialect().each_text("r.records");
    let sql =
        format!("SELECT count(*) AS n FROM zones z JOIN recordsets r ON r.zone_id = z.id CROSS JOIN {each}");
    count(tx, &sql, scope, "").await
}

/// How many projects have zones.
///
/// # Errors
/// If the database fails.
pub async fn projects(tx: &mut dyn Tx, scope: &Scope) -> Result<u64, StoreError> {
    count(tx, "SELECT count(DISTINCT z.project_id) AS n FROM zones z", scope, "").await
}

/// The projects that have zones, and how many each has.
///
/// # Errors
/// If the database fails.
pub async fn zones_by_project(tx: &mut dyn Tx, scope: &Scope) -> Result<Vec<(ProjectId, u64)>, StoreError> {
    let mut query = visible("SELECT z.project_id, count(*) AS n FROM zones z", scope);
    query.push(" AND z.project_id IS NOT NULL GROUP BY z.project_id ORDER BY z.project_id");
    let rows = tx.rows(query.sql, query.args).await?;
    rows.into_iter().map(|mut row| Ok((ProjectId::new(row.text("project_id")?), row.number("n")?))).collect()
}

/// The names of a project's zones.
///
/// # Errors
/// If the database fails.
pub async fn zone_names(tx: &mut dyn Tx, project: &ProjectId) -> Result<Vec<Name>, StoreError> {
    let mut query = visible("SELECT z.name FROM zones z", &Scope::Project(Some(project.clone())));
    query.push(" ORDER BY z.name_key, z.id");
    tx.rows(query.sql, query.args).await?.into_iter().map(|mut row| row.name("name")).collect()
}

async fn count(tx: &mut dyn Tx, select: &str, scope: &Scope, more: &str) -> Result<u64, StoreError> {
    let mut query = visible(select, scope);
    query.push(more);
    tx.count(query.sql, query.args).await
}

fn visible(select: &str, scope: &Scope) -> Query {
    let mut query = Query::new(select);
    query.push(" WHERE z.deleted = '0'");
    match scope {
        Scope::AllProjects => {}
        Scope::Project(None) => {
            query.push(" AND z.project_id IS NULL");
        }
        Scope::Project(Some(project)) => {
            query.push(" AND z.project_id = ").bind(project);
        }
    }
    query
}
