//! Top-level domains that zones may be created under.
//!
//! Invariants: an empty list admits every name; names compare without case.

use super::list::List;
use crate::domain::ids::TldId;
use crate::domain::name::Name;
use crate::domain::page::{NamedSortKey, Page, PageRequest};
use crate::domain::time::Timestamp;
use crate::domain::tld::Tld;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::args;

const COLUMNS: &str = "t.id, t.name, t.description, t.version, t.created_at, t.updated_at";
/// The constraint that a second entry of the same name violates.
pub const TAKEN: &str = "tlds_name";

/// What the list says of a zone name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It lies below an entry, or there are none.
    Admissible,
    /// It is an entry itself.
    IsATld,
    /// It lies below no entry.
    NotBelowATld,
}

/// Asks the list about a name.
///
/// # Errors
/// If the database fails.
pub async fn verdict(tx: &mut dyn Tx, name: &Name) -> Result<Verdict, StoreError> {
    let whole = name.key().trim_end_matches('.').to_owned();
    let endings =
        std::iter::successors(Some(whole.as_str()), |rest| rest.split_once('.').map(|(_, rest)| rest));
    let mut query = Query::new("SELECT lower(name) AS name FROM tlds WHERE lower(name) IN ");
    query.bind_list(endings);
    let mut found = Vec::new();
    for mut row in tx.rows(query.sql, query.args).await? {
        found.push(row.text("name")?);
    }
    if found.contains(&whole) {
        return Ok(Verdict::IsATld);
    }
    if !found.is_empty() || tx.row("SELECT 1 AS one FROM tlds LIMIT 1", args![]).await?.is_none() {
        return Ok(Verdict::Admissible);
    }
    Ok(Verdict::NotBelowATld)
}

/// Adds an entry.
///
/// # Errors
/// [`TAKEN`] if there is one of its name.
pub async fn insert(tx: &mut dyn Tx, tld: &Tld) -> Result<(), StoreError> {
    free(tx, tld).await?;
    let sql = "INSERT INTO tlds (id, name, description, version, created_at) VALUES ($1, $2, $3, $4, $5)";
    let args = args![tld.id, tld.name.as_str(), tld.description.as_deref(), tld.version, tld.created_at];
    tx.run(sql, args).await?;
    Ok(())
}

/// The entry of an id.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, id: TldId) -> Result<Option<Tld>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tlds t WHERE t.id = $1");
    tx.row(sql, args![id]).await?.map(read).transpose()
}

/// A page of the entries.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    name: Option<&str>,
    page: &PageRequest<NamedSortKey>,
) -> Result<Page<Tld>, StoreError> {
    let (dialect, name) = (tx.dialect(), name.map(str::to_ascii_lowercase));
    let list = List { columns: COLUMNS, from: "tlds t", id: "t.id", sort: sort(page.sort_key) };
    let (rows, total) = list
        .page(tx, Query::new(" WHERE TRUE"), page, |query| {
            query.and_text(dialect, "lower(t.name)", name.as_deref());
        })
        .await?;
    let items = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, total: Some(total) })
}

/// Writes everything of an entry that can change, with its next version and `now` as time of update.
///
/// # Errors
/// [`TAKEN`] if there is another of its name; [`StoreError::Retry`] if the row is not the version that was read.
pub async fn update(tx: &mut dyn Tx, tld: &mut Tld, now: Timestamp) -> Result<(), StoreError> {
    free(tx, tld).await?;
    let sql = "UPDATE tlds SET name = $1, description = $2, updated_at = $3, version = version + 1 \
               WHERE id = $4 AND version = $5";
    let args = args![tld.name.as_str(), tld.description.as_deref(), now, tld.id, tld.version];
    if tx.run(sql, args).await? == 0 {
        return Err(tx.stale("tld"));
    }
    tld.version += 1;
    tld.updated_at = Some(now);
    Ok(())
}

/// Removes an entry; answers whether it was there.
///
/// # Errors
/// If the database fails.
pub async fn delete(tx: &mut dyn Tx, id: TldId) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM tlds WHERE id = $1", args![id]).await? > 0)
}

/// The constraint of the table knows case; here nobody does.
async fn free(tx: &mut dyn Tx, tld: &Tld) -> Result<(), StoreError> {
    let sql = "SELECT 1 AS one FROM tlds WHERE lower(name) = $1 AND id <> $2";
    match tx.row(sql, args![tld.name.to_ascii_lowercase(), tld.id]).await? {
        Some(_) => Err(StoreError::Unique { constraint: TAKEN.to_owned() }),
        None => Ok(()),
    }
}

fn read(mut row: Row) -> Result<Tld, StoreError> {
    Ok(Tld {
        id: row.id("id")?,
        name: row.text("name")?,
        description: row.text_opt("description")?,
        version: row.number("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}

const fn sort(key: NamedSortKey) -> &'static str {
    match key {
        NamedSortKey::CreatedAt => "t.created_at",
        NamedSortKey::Id => "t.id",
        NamedSortKey::UpdatedAt => "COALESCE(t.updated_at, -1)",
        NamedSortKey::Name => "lower(t.name)",
    }
}
