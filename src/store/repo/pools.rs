//! Pools and their parts.
//!
//! Invariants: a part that is meant to be the same keeps its id when its pool is written anew (an NS record is its host
//! name, a name server and a NOTIFY receiver their address, a target its driver and where it is notified); a pool's
//! version grows exactly when something of it changed.

use super::list::List;
use super::zones::hold_pools;
use super::{pool_work, secrets};
use crate::domain::host_port::HostPort;
use crate::domain::ids::{PoolId, ProjectId, TargetId};
use crate::domain::page::{NamedSortKey, Page, PageRequest};
use crate::domain::pool::{AlsoNotify, Nameserver, NsRecord, Pool, Target};
use crate::domain::soa;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::{Query, insert_many};
use crate::store::value::{args, json};

/// The constraint that a second pool of the same name violates.
pub const NAME_TAKEN: &str = "pools_name";

/// The pool of an id.
///
/// # Errors
/// If the database fails.
pub async fn get(tx: &mut dyn Tx, id: PoolId) -> Result<Option<Pool>, StoreError> {
    let mut only = Query::new(" WHERE p.id = ");
    only.bind(id);
    Ok(load(tx, &only).await?.pop())
}

/// The pool of a name.
///
/// # Errors
/// If the database fails.
pub async fn get_by_name(tx: &mut dyn Tx, name: &str) -> Result<Option<Pool>, StoreError> {
    let mut only = Query::new(" WHERE p.name = ");
    only.bind(name);
    Ok(load(tx, &only).await?.pop())
}

/// All pools, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn list(tx: &mut dyn Tx) -> Result<Vec<Pool>, StoreError> {
    load(tx, &Query::default()).await
}

/// A page of the pools.
///
/// # Errors
/// [`StoreError::MarkerNotFound`] if the marker is none of them.
pub async fn find(
    tx: &mut dyn Tx,
    name: Option<&str>,
    page: &PageRequest<NamedSortKey>,
) -> Result<Page<Pool>, StoreError> {
    let dialect = tx.dialect();
    let sort = match page.sort_key {
        NamedSortKey::CreatedAt => "p.created_at",
        NamedSortKey::Id => "p.id",
        NamedSortKey::UpdatedAt => "COALESCE(p.updated_at, -1)",
        NamedSortKey::Name => "p.name",
    };
    let list = List { columns: "p.id", from: "pools p", id: "p.id", sort };
    let (rows, total) = list
        .page(tx, Query::new(" WHERE TRUE"), page, |query| {
            query.and_text(dialect, "p.name", name);
        })
        .await?;
    let ids: Vec<PoolId> = rows.into_iter().map(|mut row| row.id("id")).collect::<Result<_, _>>()?;
    let mut items = Vec::new();
    if !ids.is_empty() {
        let mut only = Query::new(" WHERE p.id IN ");
        only.bind_list(ids.iter().copied());
        items = load(tx, &only).await?;
        items.sort_by_key(|pool| ids.iter().position(|id| *id == pool.id));
    }
    Ok(Page { items, total: Some(total) })
}

/// The versions of all pools: whoever keeps pools in memory compares these.
///
/// # Errors
/// If the database fails.
pub async fn versions(tx: &mut dyn Tx) -> Result<Vec<(PoolId, u64)>, StoreError> {
    let rows = tx.rows("SELECT id, version FROM pools ORDER BY id", args![]).await?;
    rows.into_iter().map(|mut row| Ok((row.id("id")?, row.number("version")?))).collect()
}

/// When a pool was created and its version, for whoever keeps it in memory: versions alone begin anew with a pool that
/// takes the id of one that was deleted.
///
/// # Errors
/// If the database fails.
pub async fn version(tx: &mut dyn Tx, id: PoolId) -> Result<Option<(Timestamp, u64)>, StoreError> {
    let row = tx.row("SELECT created_at, version FROM pools WHERE id = $1", args![id]).await?;
    row.map(|mut row| Ok((row.time("created_at")?, row.number("version")?))).transpose()
}

/// Makes the pool of this id what `pool` says and answers it as it is now, with its version and the ids of its parts. That
/// zones are to get another NS set is noted with it.
///
/// # Errors
/// [`NAME_TAKEN`] if another pool has the name.
pub async fn put(tx: &mut dyn Tx, pool: &Pool, now: Timestamp) -> Result<Pool, StoreError> {
    let mut wanted = pool.clone();
    let Some(old) = get(tx, pool.id).await? else {
        (wanted.version, wanted.created_at, wanted.updated_at) = (1, now, None);
        let sql = "INSERT INTO pools (name, description, attributes, id, version, created_at, project_id) \
                   VALUES ($1, $2, $3, $4, 1, $5, $6)";
        let (attributes, project) = (json(&wanted.attributes)?, wanted.project_id.as_ref());
        let args =
            args![wanted.name.as_str(), wanted.description.as_deref(), attributes, wanted.id, now, project];
        tx.run(sql, args).await?;
        write_parts(tx, &wanted).await?;
        return Ok(in_order(wanted));
    };
    adopt_ids(&mut wanted, &old);
    (wanted.version, wanted.created_at, wanted.updated_at) = (old.version, old.created_at, old.updated_at);
    let mut wanted = in_order(wanted);
    if wanted == old {
        return Ok(old);
    }
    let other_ns_set = soa::ns_records(&wanted) != soa::ns_records(&old);
    if other_ns_set {
        // No zone that comes into being meanwhile has the NS set from before without being seen afterwards.
        hold_pools(tx).await?;
    }
    let sql = "UPDATE pools SET name = $1, description = $2, attributes = $3, version = version + 1, \
               updated_at = $4, project_id = $7 WHERE id = $5 AND version = $6";
    let (attributes, project) = (json(&wanted.attributes)?, wanted.project_id.as_ref());
    let (name, description) = (wanted.name.as_str(), wanted.description.as_deref());
    let args = args![name, description, attributes, now, wanted.id, old.version, project];
    if tx.run(sql, args).await? == 0 {
        return Err(tx.stale("pool"));
    }
    (wanted.version, wanted.updated_at) = (old.version + 1, Some(now));
    for part in ["pool_ns_records", "pool_nameservers", "pool_also_notifies", "pool_targets"] {
        tx.run(format!("DELETE FROM {part} WHERE pool_id = $1"), args![wanted.id]).await?;
    }
    write_parts(tx, &wanted).await?;
    match other_ns_set {
        true => pool_work::begin(tx, wanted.id, wanted.version, now).await?,
        false => pool_work::keep(tx, wanted.id, wanted.version).await?,
    }
    Ok(wanted)
}

/// Removes a pool with its parts; answers whether it was there. That it has no zones is for the caller to see to.
///
/// # Errors
/// If the database fails.
pub async fn delete(tx: &mut dyn Tx, id: PoolId) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM pools WHERE id = $1", args![id]).await? > 0)
}

/// Gives the parts of `new` that `old` has too the ids they have there, each once.
fn adopt_ids(new: &mut Pool, old: &Pool) {
    fn adopt<T, I: Copy>(
        new: &mut [T],
        old: &[T],
        same: impl Fn(&T, &T) -> bool,
        id: impl Fn(&mut T) -> &mut I,
    ) where
        T: Clone,
    {
        let mut left = old.to_vec();
        for part in new {
            if let Some(at) = left.iter().position(|o| same(o, part)) {
                *id(part) = *id(&mut left.swap_remove(at));
            }
        }
    }
    adopt(&mut new.ns_records, &old.ns_records, |a, b| a.hostname == b.hostname, |r| &mut r.id);
    adopt(&mut new.nameservers, &old.nameservers, |a, b| a.at == b.at, |r| &mut r.id);
    adopt(&mut new.also_notifies, &old.also_notifies, |a, b| a.at == b.at, |r| &mut r.id);
    let same = |a: &Target, b: &Target| a.driver == b.driver && a.notify_at() == b.notify_at();
    adopt(&mut new.targets, &old.targets, same, |r| &mut r.id);
}

/// The pool with its parts in the order they are read in.
fn in_order(mut pool: Pool) -> Pool {
    pool.ns_records.sort_by_key(|r| (r.priority, r.hostname.key()));
    pool.nameservers.sort_by(|a, b| a.at.cmp(&b.at));
    pool.also_notifies.sort_by(|a, b| a.at.cmp(&b.at));
    pool
}

async fn write_parts(tx: &mut dyn Tx, pool: &Pool) -> Result<(), StoreError> {
    let id = pool.id;
    let ns = pool.ns_records.iter().map(|r| args![r.id, id, r.hostname.as_str(), r.priority]);
    let mut all = insert_many("INSERT INTO pool_ns_records (id, pool_id, hostname, priority) VALUES", ns);
    let servers =
        pool.nameservers.iter().map(|r| args![r.id, id, r.at.host.as_str(), r.at.port, r.tsigkey_id]);
    let insert = "INSERT INTO pool_nameservers (id, pool_id, host, port, tsigkey_id) VALUES";
    all.extend(insert_many(insert, servers));
    let also = pool.also_notifies.iter().map(|r| args![r.id, id, r.at.host.as_str(), r.at.port]);
    all.extend(insert_many("INSERT INTO pool_also_notifies (id, pool_id, host, port) VALUES", also));
    let mut targets = Vec::new();
    for (place, r) in pool.targets.iter().enumerate() {
        let (masters, options) = (json(&r.masters)?, json(&secrets::sealed(tx.vault(), r.id, &r.options)?)?);
        let description = r.description.as_deref();
        targets.push(args![r.id, id, place, r.driver.as_str(), description, masters, options, r.tsigkey_id]);
    }
    let insert = "INSERT INTO pool_targets (id, pool_id, place, driver, description, masters, options, \
                  tsigkey_id) VALUES";
    all.extend(insert_many(insert, targets));
    for statement in all {
        tx.run(statement.sql, statement.args).await?;
    }
    Ok(())
}

/// The pools that meet a condition on `pools p`.
async fn load(tx: &mut dyn Tx, only: &Query) -> Result<Vec<Pool>, StoreError> {
    let sql = format!(
        "SELECT p.id, p.project_id, p.name, p.description, p.attributes, p.version, p.created_at, p.updated_at \
         FROM pools p{} ORDER BY p.created_at, p.id",
        only.sql
    );
    let rows = tx.rows(sql, only.args.clone()).await?;
    let mut pools = rows.into_iter().map(pool).collect::<Result<Vec<_>, _>>()?;
    let parts = |table: &str, columns: &str, order: &str| {
        format!(
            "SELECT c.pool_id, c.id, {columns} FROM {table} c JOIN pools p ON p.id = c.pool_id{} ORDER BY {order}",
            only.sql
        )
    };
    let sql = parts("pool_ns_records", "c.hostname, c.priority", "c.priority, c.hostname");
    for mut row in tx.rows(sql, only.args.clone()).await? {
        if let Some(pool) = owner(&mut pools, &mut row)? {
            let (id, hostname) = (row.id("id")?, row.name("hostname")?);
            pool.ns_records.push(NsRecord { id, hostname, priority: row.number("priority")? });
        }
    }
    let sql = parts("pool_nameservers", "c.host, c.port, c.tsigkey_id", "c.host, c.port");
    for mut row in tx.rows(sql, only.args.clone()).await? {
        if let Some(pool) = owner(&mut pools, &mut row)? {
            let (id, at) = (row.id("id")?, address(&mut row)?);
            pool.nameservers.push(Nameserver { id, at, tsigkey_id: row.id_opt("tsigkey_id")? });
        }
    }
    let sql = parts("pool_also_notifies", "c.host, c.port", "c.host, c.port");
    for mut row in tx.rows(sql, only.args.clone()).await? {
        if let Some(pool) = owner(&mut pools, &mut row)? {
            let id = row.id("id")?;
            pool.also_notifies.push(AlsoNotify { id, at: address(&mut row)? });
        }
    }
    let columns = "c.driver, c.description, c.masters, c.options, c.tsigkey_id";
    let sql = parts("pool_targets", columns, "c.place");
    for mut row in tx.rows(sql, only.args.clone()).await? {
        if let Some(pool) = owner(&mut pools, &mut row)? {
            let id: TargetId = row.id("id")?;
            pool.targets.push(Target {
                id,
                driver: row.text("driver")?,
                description: row.text_opt("description")?,
                masters: row.json("masters")?,
                options: secrets::opened(tx.vault(), id, row.json("options")?)?,
                tsigkey_id: row.id_opt("tsigkey_id")?,
            });
        }
    }
    Ok(pools.into_iter().map(in_order).collect())
}

fn pool(mut row: Row) -> Result<Pool, StoreError> {
    Ok(Pool {
        id: row.id("id")?,
        project_id: row.text_opt("project_id")?.map(ProjectId::new),
        name: row.text("name")?,
        description: row.text_opt("description")?,
        attributes: row.json("attributes")?,
        ns_records: Vec::new(),
        nameservers: Vec::new(),
        targets: Vec::new(),
        also_notifies: Vec::new(),
        version: row.number("version")?,
        created_at: row.time("created_at")?,
        updated_at: row.time_opt("updated_at")?,
    })
}

fn owner<'p>(pools: &'p mut [Pool], row: &mut Row) -> Result<Option<&'p mut Pool>, StoreError> {
    let id: PoolId = row.id("pool_id")?;
    Ok(pools.iter_mut().find(|p| p.id == id))
}

fn address(row: &mut Row) -> Result<HostPort, StoreError> {
    Ok(HostPort::new(row.text("host")?, row.number("port")?))
}
