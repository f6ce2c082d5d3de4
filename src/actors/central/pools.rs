//! Makes the pools what a pool file says they should be.
//!
//! Invariants: a difference, never a replacement: rows that did not change keep their ids, and only primary zones whose
//! NS set changes are touched, a bounded number per transaction. What is left to do is noted with the change of the pool and
//! with each of these transactions, so that a producer goes on where a crash ended it. Each transaction claims the fence of
//! whoever updates pools; where nobody gives out tokens, one that sees that the pool has changed since does nothing, so that
//! zones end with the NS set of the last update.

use std::collections::BTreeMap;

use thiserror::Error;

pub use super::notify::Notices;

use crate::clock::Clock;
use crate::config::pool_file::PoolSpec;
use crate::domain::ids::{AlsoNotifyId, NameserverId, NsRecordId, PoolId, TargetId, ZoneId};
use crate::domain::pool::{AlsoNotify, Nameserver, NsRecord, Pool, Target};
use crate::domain::record_type::RecordType;
use crate::domain::soa;
use crate::domain::time::Timestamp;
use crate::domain::zone::ZoneKind;
use crate::store::repo::{fences, journal, pool_work, pools, recordsets, zones};
use crate::store::{Store, StoreError, Tx};

/// Zones looked at in one transaction.
const BATCH: u32 = 100;
/// What the tokens of whoever updates pools are for.
const UPDATES: &str = "pools";

/// Why pools were not changed.
#[derive(Debug, Error)]
pub enum PoolUpdateError {
    /// A file gives a known name another id.
    #[error("pool {name} exists with the id {existing}, not {wanted}")]
    IdMismatch {
        /// The pool.
        name: String,
        /// Its id.
        existing: PoolId,
        /// The id in the file.
        wanted: PoolId,
    },
    /// A pool that would be removed still has zones.
    #[error("pool {name} still has {zones} zones")]
    NotEmpty {
        /// The pool.
        name: String,
        /// How many.
        zones: u64,
    },
    /// Zones need at least one NS record.
    #[error("pool {name} would have zones without any NS record")]
    NoNsRecords {
        /// The pool.
        name: String,
    },
    /// A part of the file that is not supported yet.
    #[error("pool {name} asks for a catalog zone, which is not supported yet")]
    Catalog {
        /// The pool.
        name: String,
    },
    /// Somebody else has changed the pool since, and sees to its zones.
    #[error("pool {name} was changed by somebody else meanwhile")]
    Overtaken {
        /// The pool.
        name: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is to be done, and how far.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only tells what would change.
    pub dry_run: bool,
    /// Removes pools that the file does not mention.
    pub delete_absent: bool,
    /// The pool of zones that are given no other: its id goes to a new pool without one, as long as nobody has it.
    pub default_pool: PoolId,
    /// The token of the lock under which this is done, if anybody gives out such.
    pub token: Option<u64>,
    /// Who is told of it.
    pub notices: Notices,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dry_run: false,
            delete_absent: false,
            default_pool: PoolId::DEFAULT,
            token: None,
            notices: Notices::default(),
        }
    }
}

/// What changed, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new pool.
    Created(Pool),
    /// A pool that is different now; how many zones got another NS set.
    Updated {
        /// As it is now.
        pool: Pool,
        /// Zones changed with it.
        zones: Vec<ZoneId>,
    },
    /// A pool that is gone.
    Deleted(Pool),
}

/// Applies `specs`. Answers what changed, pools that were as wanted left out.
///
/// # Errors
/// Nothing of a pool is changed if that pool's description cannot be followed; pools before it in the file are.
pub async fn apply(
    store: &Store,
    clock: Clock,
    specs: &[PoolSpec],
    options: Options,
) -> Result<Vec<Change>, PoolUpdateError> {
    let mut changes = Vec::new();
    for spec in specs {
        changes.extend(apply_one(store, clock, spec, &options).await?);
    }
    if options.delete_absent {
        let known = store.read(|tx| Box::pin(pools::list(tx))).await?;
        let mentioned = |pool: &Pool| specs.iter().any(|s| s.id == Some(pool.id) || s.name == pool.name);
        for pool in known.into_iter().filter(|pool| !mentioned(pool)) {
            let now = clock.now();
            store.transact(|tx| Box::pin(delete(tx, &pool, &options, now))).await?;
            changes.push(Change::Deleted(pool));
        }
    }
    Ok(changes)
}

async fn apply_one(
    store: &Store,
    clock: Clock,
    spec: &PoolSpec,
    options: &Options,
) -> Result<Option<Change>, PoolUpdateError> {
    let now = clock.now();
    let (old, has_default) = store.read(|tx| Box::pin(find(tx, spec, options.default_pool))).await?;
    let new_id = if has_default { PoolId::random() } else { options.default_pool };
    let wanted = merge(spec, old.as_ref(), new_id, now)?;
    if options.dry_run {
        return Ok(match old {
            None => Some(Change::Created(wanted)),
            Some(old) if same(&old, &wanted) => None,
            Some(_) => Some(Change::Updated { pool: wanted, zones: Vec::new() }),
        });
    }
    let pool = store.transact(|tx| Box::pin(put(tx, &wanted, now, options))).await?;
    let guard = Guard { resource: UPDATES, token: options.token };
    let zones = show_ns_records(store, clock, &pool, guard, None, usize::MAX).await?;
    Ok(match old {
        None => Some(Change::Created(pool)),
        Some(old) if old.version == pool.version && zones.is_empty() => None,
        Some(_) => Some(Change::Updated { pool, zones }),
    })
}

/// The pool that the file means, and whether there is a default pool.
async fn find(
    tx: &mut dyn Tx,
    spec: &PoolSpec,
    default_pool: PoolId,
) -> Result<(Option<Pool>, bool), PoolUpdateError> {
    let has_default = pools::get(tx, default_pool).await?.is_some();
    if let Some(id) = spec.id
        && let Some(pool) = pools::get(tx, id).await?
    {
        return Ok((Some(pool), has_default));
    }
    let named = pools::get_by_name(tx, &spec.name).await?;
    match (named, spec.id) {
        (Some(pool), Some(wanted)) => {
            Err(PoolUpdateError::IdMismatch { name: pool.name, existing: pool.id, wanted })
        }
        (named, _) => Ok((named, has_default)),
    }
}

/// Whose transactions these are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    /// What the token is for.
    pub(super) resource: &'static str,
    /// The token, if anybody gives out such.
    pub(super) token: Option<u64>,
}

impl Guard {
    /// Nobody gives out tokens.
    pub(super) const NONE: Self = Self { resource: UPDATES, token: None };

    /// Refuses whoever was overtaken.
    async fn claim(self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        match self.token {
            Some(token) => fences::claim(tx, self.resource, token).await,
            None => Ok(()),
        }
    }
}

async fn put(
    tx: &mut dyn Tx,
    wanted: &Pool,
    now: Timestamp,
    options: &Options,
) -> Result<Pool, PoolUpdateError> {
    Guard { resource: UPDATES, token: options.token }.claim(tx).await?;
    if wanted.ns_records.is_empty() && zones::count_in_pool(tx, wanted.id).await? > 0 {
        return Err(PoolUpdateError::NoNsRecords { name: wanted.name.clone() });
    }
    let before = pools::version(tx, wanted.id).await?;
    let pool = pools::put(tx, wanted, now).await?;
    match before {
        None => options.notices.tell(tx, "dns.pool.create", &pool, now).await?,
        Some((_, version)) if version == pool.version => {}
        Some(_) => options.notices.tell(tx, "dns.pool.update", &pool, now).await?,
    }
    Ok(pool)
}

async fn delete(
    tx: &mut dyn Tx,
    pool: &Pool,
    options: &Options,
    now: Timestamp,
) -> Result<(), PoolUpdateError> {
    zones::hold_pools(tx).await?;
    let zones = zones::count_in_pool(tx, pool.id).await?;
    if zones > 0 {
        return Err(PoolUpdateError::NotEmpty { name: pool.name.clone(), zones });
    }
    if !options.dry_run {
        Guard { resource: UPDATES, token: options.token }.claim(tx).await?;
        pools::delete(tx, pool.id).await?;
        options.notices.tell(tx, "dns.pool.delete", pool, now).await?;
    }
    Ok(())
}

/// The pool as the file and, where that is silent, the database want it.
fn merge(
    spec: &PoolSpec,
    old: Option<&Pool>,
    new_id: PoolId,
    now: Timestamp,
) -> Result<Pool, PoolUpdateError> {
    if spec.catalog_zone.is_some() {
        return Err(PoolUpdateError::Catalog { name: spec.name.clone() });
    }
    let id = old.map(|pool| pool.id).or(spec.id).unwrap_or(new_id);
    let empty = Pool {
        id,
        project_id: None,
        name: spec.name.clone(),
        description: None,
        attributes: BTreeMap::new(),
        ns_records: Vec::new(),
        nameservers: Vec::new(),
        targets: Vec::new(),
        also_notifies: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: None,
    };
    let base = old.cloned().unwrap_or(empty);
    // New ids here; the rows that are there already keep theirs.
    Ok(Pool {
        name: spec.name.clone(),
        description: spec.description.clone().or(base.description),
        attributes: spec.attributes.clone().unwrap_or(base.attributes),
        ns_records: spec.ns_records.as_ref().map_or(base.ns_records, |list| {
            let new = |ns: &crate::config::pool_file::NsRecordSpec| NsRecord {
                id: NsRecordId::random(),
                hostname: ns.hostname.clone(),
                priority: ns.priority,
            };
            list.iter().map(new).collect()
        }),
        nameservers: spec.nameservers.as_ref().map_or(base.nameservers, |list| {
            let new = |ns: &crate::config::pool_file::NameserverSpec| Nameserver {
                id: NameserverId::random(),
                at: ns.at.clone(),
                tsigkey_id: ns.tsigkey_id,
            };
            list.iter().map(new).collect()
        }),
        targets: spec.targets.as_ref().map_or(base.targets, |list| {
            let new = |target: &crate::config::pool_file::TargetSpec| Target {
                id: TargetId::random(),
                driver: target.driver.clone(),
                description: target.description.clone(),
                masters: target.masters.clone(),
                options: target.options.clone(),
                tsigkey_id: target.tsigkey_id,
            };
            list.iter().map(new).collect()
        }),
        also_notifies: spec.also_notifies.as_ref().map_or(base.also_notifies, |list| {
            list.iter().map(|at| AlsoNotify { id: AlsoNotifyId::random(), at: at.clone() }).collect()
        }),
        ..base
    })
}

/// True if two descriptions say the same, ids and versions aside.
fn same(old: &Pool, wanted: &Pool) -> bool {
    let spec = |pool: &Pool| {
        let parts = Pool {
            id: PoolId::DEFAULT,
            version: 0,
            created_at: Timestamp::default(),
            updated_at: None,
            ..pool.clone()
        };
        crate::config::pool_text::print(&[parts])
    };
    spec(old) == spec(wanted)
}

/// Gives every primary zone of the pool after this one the NS set that the pool has now, in so many transactions at most.
/// Answers the zones that had another.
pub(super) async fn show_ns_records(
    store: &Store,
    clock: Clock,
    pool: &Pool,
    guard: Guard,
    mut after: Option<ZoneId>,
    most_batches: usize,
) -> Result<Vec<ZoneId>, PoolUpdateError> {
    let mut changed = Vec::new();
    for _ in 0..most_batches {
        let batch = store.read(|tx| Box::pin(zones::in_pool(tx, pool.id, after, BATCH))).await?;
        let now = clock.now();
        changed.extend(store.transact(|tx| Box::pin(show_in_batch(tx, pool, &batch, now, guard))).await?);
        let Some(last) = batch.last() else { break };
        after = Some(*last);
    }
    Ok(changed)
}

async fn show_in_batch(
    tx: &mut dyn Tx,
    pool: &Pool,
    batch: &[ZoneId],
    now: Timestamp,
    guard: Guard,
) -> Result<Vec<ZoneId>, PoolUpdateError> {
    guard.claim(tx).await?;
    let mut changed = Vec::new();
    for id in batch {
        let Some(mut zone) = zones::lock(tx, *id).await? else { continue };
        if zone.kind != ZoneKind::Primary || zone.progress.is_deleting() {
            continue;
        }
        let next = zone.progress.changed();
        let records = soa::ns_records(pool);
        let made =
            recordsets::set_generated(tx, &zone, RecordType::Ns, records, next.generation, now).await?;
        if let Some(made) = made {
            // The set may have been removed by somebody who was allowed to.
            zone.recordset_count += u64::from(made.is_new);
            zone.record_count = zone.record_count.saturating_sub(made.released);
            journal::append(tx, zone.id, &[made.line], now).await?;
            zone.progress = next;
            zones::update(tx, &mut zone, now).await?;
            // Nobody here can nudge a worker: recovery finds the zone at once, not only when a nudge must be lost.
            zones::schedule(tx, zone.id, 0, Timestamp::default()).await?;
            changed.push(zone.id);
        }
    }
    match batch.last() {
        Some(last) => {
            let due_at = if guard.resource == UPDATES { now.plus(pool_work::LEFT_TO_ONE) } else { now };
            pool_work::advance(tx, pool.id, pool.version, *last, due_at).await?;
        }
        None => pool_work::end(tx, pool.id, pool.version).await?,
    }
    // Looked at last: whoever changed the pool before these zones were locked is seen, and whoever does so later finds them.
    match pools::version(tx, pool.id).await? {
        Some((_, version)) if version == pool.version => Ok(changed),
        _ => Err(PoolUpdateError::Overtaken { name: pool.name.clone() }),
    }
}
