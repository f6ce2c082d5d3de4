//! Patterns of names that no zone may have.

use uuid::Uuid;

use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// All patterns.
///
/// # Errors
/// If the database fails.
pub async fn patterns(tx: &mut dyn Tx) -> Result<Vec<String>, StoreError> {
    let rows = tx.rows("SELECT pattern FROM blacklists ORDER BY pattern", args![]).await?;
    rows.into_iter().map(|mut row| row.text("pattern")).collect()
}

/// Adds a pattern.
///
/// # Errors
/// [`StoreError::Unique`] if it is there.
pub async fn insert(
    tx: &mut dyn Tx,
    pattern: &str,
    description: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO blacklists (id, pattern, description, version, created_at) VALUES ($1, $2, $3, 1, $4)";
    tx.run(sql, args![Uuid::new_v4(), pattern, description, now]).await?;
    Ok(())
}
