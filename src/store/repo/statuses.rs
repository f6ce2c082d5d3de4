//! The services that run or lately ran.
//!
//! Invariants: one row per service, host and instance; its first heartbeat gives it its id and time of creation.

use super::list::List;
use crate::domain::ids::{InstanceId, ServiceStatusId};
use crate::domain::page::{Page, PageRequest, ServiceFilter, ServiceSortKey};
use crate::domain::service_status::{Health, LEASE, ServiceStatus};
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::{args, json};

const COLUMNS: &str = "s.id, s.service_name, s.hostname, s.instance, s.status, s.stats, s.capabilities, \
     s.heartbeated_at, s.created_at, s.updated_at";

/// Writes what a service says of itself; an earlier row of the same instance keeps its id and time of creation.
///
/// # Errors
/// If the database fails.
pub async fn heartbeat(tx: &mut dyn Tx, status: &ServiceStatus) -> Result<(), StoreError> {
    let sql = "INSERT INTO service_statuses (id, service_name, hostname, instance, status, stats, capabilities, \
               heartbeated_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
               ON CONFLICT (service_name, hostname, instance) DO UPDATE SET status = excluded.status, \
               stats = excluded.stats, capabilities = excluded.capabilities, \
               heartbeated_at = excluded.heartbeated_at, updated_at = excluded.heartbeated_at";
    let args = args![
        status.id,
        status.service_name.as_str(),
        status.hostname.as_str(),
        status.instance,
        status.health.as_str(),
        json(&status.stats)?,
        json(&status.capabilities)?,
        status.heartbeated_at,
        status.created_at,
    ];
    tx.run(sql, args).await?;
    Ok(())
}

/// A page of the rows.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    filter: &ServiceFilter,
    page: &PageRequest<ServiceSortKey>,
) -> Result<Page<ServiceStatus>, StoreError> {
    let dialect = tx.dialect();
    let list = List { columns: COLUMNS, from: "service_statuses s", id: "s.id", sort: sort(page.sort_key) };
    let (rows, total) = list
        .page(tx, Query::new(" WHERE TRUE"), page, |query| {
            query
                .and_text(dialect, "s.hostname", filter.hostname.as_deref())
                .and_text(dialect, "s.service_name", filter.service_name.as_deref())
                .and_text(dialect, "s.status", filter.status.as_deref());
        })
        .await?;
    let items = rows.into_iter().map(status).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

/// The row of an id.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, id: ServiceStatusId) -> Result<Option<ServiceStatus>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM service_statuses s WHERE s.id = $1");
    tx.row(sql, args![id]).await?.map(status).transpose()
}

/// Calls those down that are UP but were last heard of before a time; answers how many.
///
/// # Errors
/// If the database fails.
pub async fn mark_down(tx: &mut dyn Tx, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let sql = "UPDATE service_statuses SET status = 'DOWN', updated_at = $1 \
               WHERE status = 'UP' AND heartbeated_at < $2";
    tx.run(sql, args![now, before]).await
}

/// Calls those down that said they hold a lease and do not, and were last heard of before a time; answers how many.
///
/// # Errors
/// If the database fails.
pub async fn mark_lost(
    tx: &mut dyn Tx,
    leased: &[InstanceId],
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM service_statuses s WHERE s.status IN ('UP', 'WARNING') AND s.heartbeated_at < $1"
    );
    let rows = tx.rows(sql, args![before]).await?;
    let up = rows.into_iter().map(status).collect::<Result<Vec<_>, _>>()?;
    let mut lost = 0;
    for row in up {
        if row.capabilities.contains_key(LEASE) && !leased.contains(&row.instance) {
            let sql = "UPDATE service_statuses SET status = 'DOWN', updated_at = $1 WHERE id = $2 \
                       AND heartbeated_at < $3 AND status IN ('UP', 'WARNING')";
            lost += tx.run(sql, args![now, row.id, before]).await?;
        }
    }
    Ok(lost)
}

/// Removes the rows of services that stopped, and of those that are down and were last heard of before a time; answers
/// how many.
///
/// # Errors
/// If the database fails.
pub async fn remove_gone(tx: &mut dyn Tx, before: Timestamp) -> Result<u64, StoreError> {
    let sql =
        "DELETE FROM service_statuses WHERE status = 'STOPPED' OR (status = 'DOWN' AND heartbeated_at < $1)";
    tx.run(sql, args![before]).await
}

/// Removes every row of a service last heard of before a time; answers how many.
///
/// # Errors
/// If the database fails.
pub async fn delete_silent(tx: &mut dyn Tx, before: Timestamp) -> Result<u64, StoreError> {
    tx.run("DELETE FROM service_statuses WHERE heartbeated_at < $1", args![before]).await
}

fn status(mut row: Row) -> Result<ServiceStatus, StoreError> {
    Ok(ServiceStatus {
        id: row.id("id")?,
        service_name: row.text("service_name")?,
        hostname: row.text("hostname")?,
        instance: row.id("instance")?,
        health: row.parsed("status", Health::from_text)?,
        stats: row.json("stats")?,
        capabilities: row.json("capabilities")?,
        heartbeated_at: row.time("heartbeated_at")?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}

const fn sort(key: ServiceSortKey) -> &'static str {
    match key {
        ServiceSortKey::CreatedAt => "s.created_at",
        ServiceSortKey::Id => "s.id",
        ServiceSortKey::UpdatedAt => "COALESCE(s.updated_at, -1)",
        ServiceSortKey::Hostname => "s.hostname",
        ServiceSortKey::ServiceName => "s.service_name",
        ServiceSortKey::Status => "s.status",
    }
}
