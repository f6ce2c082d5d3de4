//! Top-level domains that zones may be created under.
//!
//! Invariants: an empty list admits every name; names compare without case.

use uuid::Uuid;

use crate::domain::name::Name;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::Query;
use crate::store::value::args;

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

/// Adds an entry, such as `org` or `co.uk`.
///
/// # Errors
/// [`StoreError::Unique`] if it is there.
pub async fn insert(
    tx: &mut dyn Tx,
    name: &str,
    description: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO tlds (id, name, description, version, created_at) VALUES ($1, $2, $3, 1, $4)";
    tx.run(sql, args![Uuid::new_v4(), name, description, now]).await?;
    Ok(())
}
