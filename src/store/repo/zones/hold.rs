//! Holding what a decision depends on although no row stands for it: that a name stays free, that a count stays right.
//!
//! ```text
//! create NAME in PROJECT   pools shared, PROJECT alone, every name above shared, NAME alone
//! delete NAME              NAME alone
//! delete a pool            pools alone
//! ```
//!
//! So a zone and one above or below it are never created, or one created and the other deleted, at the same time, and no
//! project's zones are counted while one of them is being created; everything else goes on side by side.
//!
//! Invariants: to be called before anything is read or locked; held until the transaction ends; taken in one order
//! everywhere (pools, project, names from the root down), so nobody waits in a circle.

use crate::domain::ids::ProjectId;
use crate::domain::name::Name;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::Query;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Others,
    Nobody,
}

/// Before a zone is admitted: its project's zones, its name, and whether the zones above it stand, stay as they are.
///
/// # Errors
/// If the database fails, or others hold on for too long.
pub async fn hold_for_create(tx: &mut dyn Tx, project: &ProjectId, name: &Name) -> Result<(), StoreError> {
    let mut holds = vec![(pools(), With::Others), (key("project", project.as_str()), With::Nobody)];
    let mut above: Vec<Name> = name.ancestors().collect();
    above.sort_by_key(Name::label_count);
    holds.extend(above.iter().map(|name| (key("name", &name.key()), With::Others)));
    holds.push((key("name", &name.key()), With::Nobody));
    hold(tx, &holds).await
}

/// Before a zone is deleted: no zone comes into being below it.
///
/// # Errors
/// As [`hold_for_create`].
pub async fn hold_for_delete(tx: &mut dyn Tx, name: &Name) -> Result<(), StoreError> {
    hold(tx, &[(key("name", &name.key()), With::Nobody)]).await
}

/// Before a pool is deleted: no zone comes into being in any.
///
/// # Errors
/// As [`hold_for_create`].
pub async fn hold_pools(tx: &mut dyn Tx) -> Result<(), StoreError> {
    hold(tx, &[(pools(), With::Nobody)]).await
}

async fn hold(tx: &mut dyn Tx, holds: &[(i64, With)]) -> Result<(), StoreError> {
    let Some((shared, alone)) = tx.dialect().advisory_locks() else { return Ok(()) };
    let mut query = Query::new("SELECT ");
    for (at, (key, with)) in holds.iter().enumerate() {
        query.push(if at == 0 { "" } else { ", " });
        query.push(if *with == With::Others { shared } else { alone }).push("(").bind(*key);
        query.push(&format!(")::text AS held{at}"));
    }
    tx.rows(query.sql, query.args).await?;
    Ok(())
}

fn pools() -> i64 {
    key("pools", "")
}

/// The number that stands for a thing (FNV-1a). Two things of one number wait for each other, nothing worse.
fn key(kind: &str, thing: &str) -> i64 {
    let bytes = kind.bytes().chain(*b"/").chain(thing.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i64::from_be_bytes(hash.to_be_bytes())
}
