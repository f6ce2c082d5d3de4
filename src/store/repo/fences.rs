//! The fencing check inside a transaction: who lost a lease cannot write, whatever its clock says.
//!
//! Invariants: the token kept for a resource only grows. So does what else is kept here, a number for each shard.

use std::collections::BTreeSet;

use crate::domain::shard::Shard;
use crate::domain::shard_lease::ShardLease;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::insert_many;
use crate::store::value::args;

/// Keeps the token `$2` for the resource `$1`, unless there is a greater one: then it changes no row.
pub(in crate::store) const CLAIM: &str = "INSERT INTO fences (resource, token) VALUES ($1, $2) \
    ON CONFLICT (resource) DO UPDATE SET token = excluded.token WHERE fences.token <= excluded.token";

/// Passes if no greater token was ever used for the resource, and remembers this one. To be called in the transaction
/// whose writes it guards.
///
/// # Errors
/// [`StoreError::Fenced`] if a greater token was used; the transaction can only be rolled back then.
pub async fn claim(tx: &mut dyn Tx, resource: &str, token: u64) -> Result<(), StoreError> {
    if tx.run(CLAIM, args![resource, token]).await? == 0 {
        let error = StoreError::Fenced { resource: resource.to_owned() };
        tx.doom(error.clone());
        return Err(error);
    }
    Ok(())
}

/// Claims each of these shards under the token of its lease; a shard that no lease covers is refused. Always in the same
/// order, so that two who claim the same shards wait for each other one way only.
///
/// # Errors
/// As [`claim`].
pub async fn claim_shards(
    tx: &mut dyn Tx,
    leases: &[ShardLease],
    shards: BTreeSet<Shard>,
) -> Result<(), StoreError> {
    for shard in shards {
        let token = leases.iter().find(|lease| lease.covers(shard)).map_or(0, |lease| lease.token);
        claim(tx, &format!("shard/{shard}"), token).await?;
    }
    Ok(())
}

/// Keeps a number for each of these shards and a purpose, unless it was kept before or a greater one is. Answers which of
/// them have it from here on.
///
/// # Errors
/// If the database fails.
pub async fn advance(
    tx: &mut dyn Tx,
    purpose: &str,
    shards: BTreeSet<Shard>,
    number: i64,
) -> Result<BTreeSet<Shard>, StoreError> {
    let resource = |shard: &Shard| format!("{purpose}/{shard}");
    let rows = shards.iter().map(|shard| args![resource(shard), number]);
    let mut advanced = BTreeSet::new();
    for mut statement in insert_many("INSERT INTO fences (resource, token) VALUES", rows) {
        statement.push(
            " ON CONFLICT (resource) DO UPDATE SET token = excluded.token \
             WHERE fences.token < excluded.token RETURNING resource",
        );
        for mut row in tx.rows(statement.sql, statement.args).await? {
            advanced.insert(row.text("resource")?);
        }
    }
    Ok(shards.into_iter().filter(|shard| advanced.contains(&resource(shard))).collect())
}
