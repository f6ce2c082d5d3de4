//! Limits that differ from the defaults, per project.
//!
//! Invariants: a limit that is not set is the default at the time of asking; so are all where projects have none of their own.

use crate::domain::ids::ProjectId;
use crate::domain::quota::{QuotaRules, Quotas, Resource};
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// The limits of a project: its own, the defaults for the rest.
///
/// # Errors
/// If the database fails.
pub async fn effective(
    tx: &mut dyn Tx,
    project: &ProjectId,
    rules: QuotaRules,
) -> Result<Quotas, StoreError> {
    let mut quotas = rules.defaults;
    if !rules.per_project {
        return Ok(quotas);
    }
    let sql = "SELECT resource, hard_limit FROM quotas WHERE project_id = $1";
    for mut row in tx.rows(sql, args![project]).await? {
        override_one(&mut quotas, &row.text("resource")?, row.int("hard_limit")?);
    }
    Ok(quotas)
}

/// Applies a row of a project.
pub(super) fn override_one(quotas: &mut Quotas, name: &str, limit: i64) {
    if let Some(resource) = Resource::ALL.into_iter().find(|r| r.as_str() == name) {
        quotas.set(resource, limit);
    }
}

/// Gives a project a limit of its own; negative means none.
///
/// # Errors
/// If the database fails.
pub async fn set(
    tx: &mut dyn Tx,
    project: &ProjectId,
    resource: Resource,
    limit: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO quotas (project_id, resource, hard_limit) VALUES ($1, $2, $3) \
               ON CONFLICT (project_id, resource) DO UPDATE SET hard_limit = excluded.hard_limit";
    tx.run(sql, args![project, resource.as_str(), limit]).await?;
    Ok(())
}

/// Takes a project back to the defaults.
///
/// # Errors
/// If the database fails.
pub async fn reset(tx: &mut dyn Tx, project: &ProjectId) -> Result<(), StoreError> {
    tx.run("DELETE FROM quotas WHERE project_id = $1", args![project]).await?;
    Ok(())
}
