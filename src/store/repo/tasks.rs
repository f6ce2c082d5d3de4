//! Imports and exports as durable jobs.
//!
//! Invariants: a job is pending until what it came to is written, once; whoever works on it holds it for a time, after which
//! somebody else may, and each holder has a greater number than those before.

use super::list::List;
use crate::domain::ids::{ProjectId, TaskId};
use crate::domain::page::{Page, PageRequest, PlainSortKey, Scope, TaskFilter};
use crate::domain::task::{Task, TaskKind, TaskOutcome, TaskStatus};
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::args;

const COLUMNS: &str = "t.id, t.kind, t.project_id, t.zone_id, t.status, t.message, t.location, t.version, \
     t.created_at, t.updated_at";

/// A job that somebody works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The job.
    pub task: Task,
    /// What it needs to know.
    pub body: String,
    /// The number of the hold, from 1.
    pub hold: u64,
}

/// Accepts a job; `body` is what it needs to know.
///
/// # Errors
/// If the database fails.
pub async fn insert(tx: &mut dyn Tx, task: &Task, body: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO tasks (id, kind, project_id, zone_id, status, body, progress, fence, expires_at, version, \
               created_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, $7)";
    let args = args![
        task.id,
        task.kind.as_str(),
        task.project_id.as_ref(),
        task.zone_id,
        task.status.as_str(),
        body,
        task.created_at,
        task.version,
    ];
    tx.run(sql, args).await?;
    Ok(())
}

/// The job of an id, if it is the caller's project's.
///
/// # Errors
/// If the database fails.
pub async fn get(
    tx: &mut dyn Tx,
    kind: TaskKind,
    id: TaskId,
    scope: &Scope,
) -> Result<Option<Task>, StoreError> {
    let mut query = visible(kind, scope);
    query.push(" AND t.id = ").bind(id);
    let sql = format!("SELECT {COLUMNS} FROM tasks t{}", query.sql);
    tx.row(sql, query.args).await?.map(|mut row| read(&mut row)).transpose()
}

/// A page of the jobs of the caller's project.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    kind: TaskKind,
    scope: &Scope,
    filter: &TaskFilter,
    page: &PageRequest<PlainSortKey>,
) -> Result<Page<Task>, StoreError> {
    let dialect = tx.dialect();
    let sort = match page.sort_key {
        PlainSortKey::CreatedAt => "t.created_at",
        PlainSortKey::Id => "t.id",
        PlainSortKey::UpdatedAt => "COALESCE(t.updated_at, -1)",
    };
    let list = List { columns: COLUMNS, from: "tasks t", id: "t.id", sort };
    let (rows, total) = list
        .page(tx, visible(kind, scope), page, |query| {
            query.and_text(dialect, "t.status", filter.status.as_deref()).and_text(
                dialect,
                "t.message",
                filter.message.as_deref(),
            );
            if let Some(zone) = filter.zone_id {
                query.push(" AND t.zone_id = ").bind(zone);
            }
        })
        .await?;
    let items = rows.into_iter().map(|mut row| read(&mut row)).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

/// Removes a job, whatever became of it; answers whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn delete(tx: &mut dyn Tx, id: TaskId) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM tasks WHERE id = $1", args![id]).await? > 0)
}

/// At most `limit` pending jobs that nobody holds, longest free first.
///
/// # Errors
/// If the database fails.
pub async fn free(tx: &mut dyn Tx, now: Timestamp, limit: u32) -> Result<Vec<TaskId>, StoreError> {
    let sql =
        "SELECT id FROM tasks WHERE status = 'PENDING' AND expires_at <= $1 ORDER BY expires_at, id LIMIT $2";
    tx.rows(sql, args![now, limit]).await?.into_iter().map(|mut row| row.id("id")).collect()
}

/// Holds a pending job until a time; `None` if somebody else holds it or it is not pending any more.
///
/// # Errors
/// If the database fails.
pub async fn hold(
    tx: &mut dyn Tx,
    id: TaskId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Held>, StoreError> {
    let sql = format!(
        "UPDATE tasks AS t SET expires_at = $1, fence = t.fence + 1 WHERE t.id = $2 AND t.status = 'PENDING' \
         AND t.expires_at <= $3 RETURNING {}, body, fence",
        COLUMNS.replace("t.", "")
    );
    let row = tx.row(sql, args![until, id, now]).await?;
    row.map(|mut row| {
        let task = read(&mut row)?;
        Ok(Held { task, body: row.text_opt("body")?.unwrap_or_default(), hold: row.number("fence")? })
    })
    .transpose()
}

/// Writes what became of a job that is held by this number still, and forgets what it needed to know; `None` if it is not:
/// then nothing of the work may be committed.
///
/// # Errors
/// If the database fails.
pub async fn finish(
    tx: &mut dyn Tx,
    id: TaskId,
    hold: u64,
    outcome: &TaskOutcome,
    now: Timestamp,
) -> Result<Option<Task>, StoreError> {
    let sql = format!(
        "UPDATE tasks AS t SET status = $1, message = $2, zone_id = COALESCE($3, t.zone_id), location = $4, \
         body = NULL, updated_at = $5, version = t.version + 1 WHERE t.id = $6 AND t.fence = $7 \
         AND t.status = 'PENDING' RETURNING {}",
        COLUMNS.replace("t.", "")
    );
    let args = args![
        outcome.status.as_str(),
        outcome.message.as_deref(),
        outcome.zone_id,
        outcome.location.as_deref(),
        now,
        id,
        hold,
    ];
    tx.row(sql, args).await?.map(|mut row| read(&mut row)).transpose()
}

fn visible(kind: TaskKind, scope: &Scope) -> Query {
    let mut query = Query::new(" WHERE t.kind = ");
    query.bind(kind.as_str());
    match scope {
        Scope::AllProjects => {}
        Scope::Project(None) => {
            query.push(" AND t.project_id IS NULL");
        }
        Scope::Project(Some(project)) => {
            query.push(" AND t.project_id = ").bind(project);
        }
    }
    query
}

fn read(row: &mut Row) -> Result<Task, StoreError> {
    Ok(Task {
        id: row.id("id")?,
        kind: row.parsed("kind", TaskKind::from_text)?,
        project_id: row.text_opt("project_id")?.map(ProjectId::new),
        zone_id: row.id_opt("zone_id")?,
        status: row.parsed("status", TaskStatus::from_text)?,
        message: row.text_opt("message")?,
        location: row.text_opt("location")?,
        version: row.number("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}
