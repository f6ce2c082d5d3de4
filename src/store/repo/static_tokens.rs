//! Tokens that operators made.
//!
//! Invariants: only hashes are kept; a name is given once.

use crate::domain::ids::{ProjectId, StaticTokenId};
use crate::domain::static_token::{StaticToken, TokenHash};
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::value::{args, json};

/// The constraint that giving a name a second time violates.
pub const NAME_TAKEN: &str = "static_tokens_name";

const COLUMNS: &str = "id, name, user_id, project_id, roles, created_at, expires_at";

/// Adds one.
///
/// # Errors
/// [`NAME_TAKEN`] if there is one of that name.
pub async fn insert(tx: &mut dyn Tx, token: &StaticToken, hash: &TokenHash) -> Result<(), StoreError> {
    let sql = "INSERT INTO static_tokens (id, hash, name, user_id, project_id, roles, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let args = args![
        token.id,
        hash.as_str(),
        token.name.as_str(),
        token.user.as_deref(),
        token.project.as_ref(),
        json(&token.roles)?,
        token.created_at,
        token.expires_at,
    ];
    tx.run(sql, args).await?;
    Ok(())
}

/// The one with a hash, unless it has ended.
///
/// # Errors
/// If the database fails.
pub async fn by_hash(
    tx: &mut dyn Tx,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<StaticToken>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM static_tokens WHERE hash = $1 AND (expires_at IS NULL OR expires_at > $2)"
    );
    tx.row(sql, args![hash.as_str(), now]).await?.map(token).transpose()
}

/// All of them, the oldest first.
///
/// # Errors
/// If the database fails.
pub async fn all(tx: &mut dyn Tx) -> Result<Vec<StaticToken>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM static_tokens ORDER BY created_at, id");
    tx.rows(sql, args![]).await?.into_iter().map(token).collect()
}

/// Removes the one of a name; false if there is none.
///
/// # Errors
/// If the database fails.
pub async fn remove(tx: &mut dyn Tx, name: &str) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM static_tokens WHERE name = $1", args![name]).await? > 0)
}

fn token(mut row: Row) -> Result<StaticToken, StoreError> {
    Ok(StaticToken {
        id: row.id::<StaticTokenId>("id")?,
        name: row.text("name")?,
        user: row.text_opt("user_id")?,
        project: row.text_opt("project_id")?.map(ProjectId::new),
        roles: row.json("roles")?,
        created_at: row.time("created_at")?,
        expires_at: row.time_opt("expires_at")?,
    })
}
