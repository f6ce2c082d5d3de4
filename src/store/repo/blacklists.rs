//! Patterns of names that no zone may have.

use super::list::List;
use crate::domain::blacklist_entry::Blacklist;
use crate::domain::ids::BlacklistId;
use crate::domain::page::{NamedSortKey, Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::args;

const COLUMNS: &str = "b.id, b.pattern, b.description, b.version, b.created_at, b.updated_at";
/// The constraint that a second entry of the same pattern violates.
pub const TAKEN: &str = "blacklists_pattern";

/// All patterns.
///
/// # Errors
/// If the database fails.
pub async fn patterns(tx: &mut dyn Tx) -> Result<Vec<String>, StoreError> {
    let rows = tx.rows("SELECT pattern FROM blacklists ORDER BY pattern", args![]).await?;
    rows.into_iter().map(|mut row| row.text("pattern")).collect()
}

/// Adds an entry.
///
/// # Errors
/// [`TAKEN`] if its pattern is there.
pub async fn insert(tx: &mut dyn Tx, entry: &Blacklist) -> Result<(), StoreError> {
    let sql = "INSERT INTO blacklists (id, pattern, description, version, created_at) \
               VALUES ($1, $2, $3, $4, $5)";
    let description = entry.description.as_deref();
    tx.run(sql, args![entry.id, entry.pattern.as_str(), description, entry.version, entry.created_at])
        .await?;
    Ok(())
}

/// The entry of an id.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, id: BlacklistId) -> Result<Option<Blacklist>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM blacklists b WHERE b.id = $1");
    tx.row(sql, args![id]).await?.map(read).transpose()
}

/// A page of the entries.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    pattern: Option<&str>,
    page: &PageRequest<NamedSortKey>,
) -> Result<Page<Blacklist>, StoreError> {
    let dialect = tx.dialect();
    let list = List { columns: COLUMNS, from: "blacklists b", id: "b.id", sort: sort(page.sort_key) };
    let (rows, total) = list
        .page(tx, Query::new(" WHERE TRUE"), page, |query| {
            query.and_text(dialect, "b.pattern", pattern);
        })
        .await?;
    let items = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

/// Writes everything of an entry that can change, with its next version and `now` as time of update.
///
/// # Errors
/// [`TAKEN`] if another has its pattern; [`StoreError::Retry`] if the row is not the version that was read.
pub async fn update(tx: &mut dyn Tx, entry: &mut Blacklist, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE blacklists SET pattern = $1, description = $2, updated_at = $3, version = version + 1 \
               WHERE id = $4 AND version = $5";
    let args = args![entry.pattern.as_str(), entry.description.as_deref(), now, entry.id, entry.version];
    if tx.run(sql, args).await? == 0 {
        return Err(tx.stale("blacklist"));
    }
    entry.version += 1;
    entry.updated_at = Some(now);
    Ok(())
}

/// Removes an entry; answers whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn delete(tx: &mut dyn Tx, id: BlacklistId) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM blacklists WHERE id = $1", args![id]).await? > 0)
}

fn read(mut row: Row) -> Result<Blacklist, StoreError> {
    Ok(Blacklist {
        id: row.id("id")?,
        pattern: row.text("pattern")?,
        description: row.text_opt("description")?,
        version: row.number("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}

const fn sort(key: NamedSortKey) -> &'static str {
    match key {
        NamedSortKey::CreatedAt => "b.created_at",
        NamedSortKey::Id => "b.id",
        NamedSortKey::UpdatedAt => "COALESCE(b.updated_at, -1)",
        NamedSortKey::Name => "b.pattern",
    }
}
