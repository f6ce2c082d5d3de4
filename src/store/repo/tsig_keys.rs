//! TSIG keys.
//!
//! Invariants: secrets pass through here and are in no error.

use uuid::Uuid;

use super::list::List;
use super::secrets::tsig_place;
use crate::domain::ids::{PoolId, TsigKeyId, ZoneId};
use crate::domain::page::{NamedSortKey, Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::tsig_key::{TsigAlgorithm, TsigKey, TsigScope, TsigSecret};
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::args;
use crate::store::vault::Vault;

const COLUMNS: &str = "k.id, k.name, k.algorithm, k.secret, k.scope, k.resource_id, k.version, k.created_at, \
     k.updated_at";
/// The constraint that a second key of the same name violates.
pub const TAKEN: &str = "tsig_keys_name";

/// Adds a key.
///
/// # Errors
/// [`TAKEN`] if there is one of its name.
pub async fn insert(tx: &mut dyn Tx, key: &TsigKey) -> Result<(), StoreError> {
    let sql = "INSERT INTO tsig_keys (id, name, algorithm, secret, scope, resource_id, version, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let args = args![
        key.id,
        key.name.as_str(),
        key.algorithm.as_str(),
        sealed(tx, key)?,
        key.scope.as_str(),
        key.resource_id,
        key.version,
        key.created_at,
    ];
    tx.run(sql, args).await?;
    Ok(())
}

/// The key of an id.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, id: TsigKeyId) -> Result<Option<TsigKey>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tsig_keys k WHERE k.id = $1");
    let row = tx.row(sql, args![id]).await?;
    row.map(|row| read(tx.vault(), row)).transpose()
}

/// What changes when any key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    count: u64,
    versions: i64,
    created: i64,
    updated: i64,
}

/// What changes when any key does.
///
/// # Errors
/// If the database fails.
pub async fn mark(tx: &mut dyn Tx) -> Result<Mark, StoreError> {
    let sql = "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(version), 0) AS BIGINT) AS versions, \
               COALESCE(MAX(created_at), 0) AS created, COALESCE(MAX(updated_at), 0) AS updated FROM tsig_keys";
    let row = tx.row(sql, args![]).await?;
    let Some(mut row) = row else { return Ok(Mark { count: 0, versions: 0, created: 0, updated: 0 }) };
    Ok(Mark {
        count: row.number("n")?,
        versions: row.number("versions")?,
        created: row.number("created")?,
        updated: row.number("updated")?,
    })
}

/// At most `limit` keys, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn all(tx: &mut dyn Tx, limit: u32) -> Result<Vec<TsigKey>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tsig_keys k ORDER BY k.created_at, k.id LIMIT $1");
    let rows = tx.rows(sql, args![limit]).await?;
    rows.into_iter().map(|row| read(tx.vault(), row)).collect()
}

/// The keys of these ids.
///
/// # Errors
/// If the database fails.
pub async fn get_all(tx: &mut dyn Tx, ids: &[TsigKeyId]) -> Result<Vec<TsigKey>, StoreError> {
    let mut query = Query::new(&format!("SELECT {COLUMNS} FROM tsig_keys k WHERE k.id IN "));
    query.bind_list(ids.iter().copied());
    let rows = tx.rows(query.sql, query.args).await?;
    rows.into_iter().map(|row| read(tx.vault(), row)).collect()
}

/// The oldest key that is for one zone alone.
///
/// # Errors
/// If the database fails.
pub async fn of_zone(tx: &mut dyn Tx, zone: ZoneId) -> Result<Option<TsigKey>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tsig_keys k WHERE k.scope = 'ZONE' AND k.resource_id = $1 \
         ORDER BY k.created_at, k.id LIMIT 1"
    );
    let row = tx.row(sql, args![zone]).await?;
    row.map(|row| read(tx.vault(), row)).transpose()
}

/// True if a pool has a key for all its zones.
///
/// # Errors
/// If the database fails.
pub async fn pool_has_one(tx: &mut dyn Tx, pool: PoolId) -> Result<bool, StoreError> {
    let sql = "SELECT 1 AS one FROM tsig_keys WHERE scope = 'POOL' AND resource_id = $1 LIMIT 1";
    Ok(tx.row(sql, args![pool]).await?.is_some())
}

/// Which keys a list shows: each a text that the column must equal, `*` standing for any run of characters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Name.
    pub name: Option<&'a str>,
    /// Algorithm.
    pub algorithm: Option<&'a str>,
    /// Scope.
    pub scope: Option<&'a str>,
}

/// A page of the keys.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    filter: Filter<'_>,
    page: &PageRequest<NamedSortKey>,
) -> Result<Page<TsigKey>, StoreError> {
    let dialect = tx.dialect();
    let list = List { columns: COLUMNS, from: "tsig_keys k", id: "k.id", sort: sort(page.sort_key) };
    let (rows, total) = list
        .page(tx, Query::new(" WHERE TRUE"), page, |query| {
            query
                .and_text(dialect, "k.name", filter.name)
                .and_text(dialect, "k.algorithm", filter.algorithm)
                .and_text(dialect, "k.scope", filter.scope);
        })
        .await?;
    let items = rows.into_iter().map(|row| read(tx.vault(), row)).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

/// Writes everything of a key that can change, with its next version and `now` as time of update.
///
/// # Errors
/// [`TAKEN`] if another has its name; [`StoreError::Retry`] if the row is not the version that was read.
pub async fn update(tx: &mut dyn Tx, key: &mut TsigKey, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE tsig_keys SET name = $1, algorithm = $2, secret = $3, scope = $4, resource_id = $5, \
               updated_at = $6, version = version + 1 WHERE id = $7 AND version = $8";
    let args = args![
        key.name.as_str(),
        key.algorithm.as_str(),
        sealed(tx, key)?,
        key.scope.as_str(),
        key.resource_id,
        now,
        key.id,
        key.version,
    ];
    if tx.run(sql, args).await? == 0 {
        return Err(tx.stale("tsigkey"));
    }
    key.version += 1;
    key.updated_at = Some(now);
    Ok(())
}

/// Removes a key; answers whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn delete(tx: &mut dyn Tx, id: TsigKeyId) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM tsig_keys WHERE id = $1", args![id]).await? > 0)
}

/// True if there is a pool or a zone that a key can be for.
///
/// # Errors
/// If the database fails.
pub async fn resource_exists(tx: &mut dyn Tx, scope: TsigScope, id: Uuid) -> Result<bool, StoreError> {
    let sql = match scope {
        TsigScope::Pool => "SELECT 1 AS one FROM pools WHERE id = $1",
        TsigScope::Zone => "SELECT 1 AS one FROM zones WHERE id = $1 AND deleted = '0'",
    };
    Ok(tx.row(sql, args![id]).await?.is_some())
}

/// The secret as it is kept.
fn sealed(tx: &dyn Tx, key: &TsigKey) -> Result<String, StoreError> {
    tx.vault().seal(&tsig_place(key.id), key.secret.reveal())
}

fn read(vault: &Vault, mut row: Row) -> Result<TsigKey, StoreError> {
    let id = row.id("id")?;
    let secret = vault.open(&tsig_place(id), &row.text("secret")?)?;
    Ok(TsigKey {
        id,
        name: row.text("name")?,
        algorithm: row.parsed("algorithm", TsigAlgorithm::from_text)?,
        secret: TsigSecret::new(secret),
        scope: row.parsed("scope", TsigScope::from_text)?,
        resource_id: row.id("resource_id")?,
        version: row.number("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}

const fn sort(key: NamedSortKey) -> &'static str {
    match key {
        NamedSortKey::CreatedAt => "k.created_at",
        NamedSortKey::Id => "k.id",
        NamedSortKey::UpdatedAt => "COALESCE(k.updated_at, -1)",
        NamedSortKey::Name => "k.name",
    }
}
