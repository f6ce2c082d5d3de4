//! May a zone of this name come into being?
//!
//! Invariants: the checks run in the order of the API's contract, so that of several mistakes always the same one is
//! told; all of them read the transaction that inserts the zone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::blacklist;
use crate::domain::ids::{PoolId, ProjectId, ZoneId};
use crate::domain::name::Name;
use crate::domain::pool::Pool;
use crate::domain::quota::{QuotaRules, Resource};
use crate::domain::scheduler::{self, Candidate, Filter, Undecided, Wish};
use crate::domain::ttl::Ttl;
use crate::domain::zone::Zone;
use crate::store::Tx;
use crate::store::repo::{pools, quotas, tlds, tsig_keys, zones};
use crate::transport::Fault;

use super::api::zones::CreateZone;
use super::error::CentralError;
use super::refusals;

/// What the caller may do beyond the rules.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Privileges {
    /// Names that a blacklist pattern matches.
    pub(super) blacklisted_names: bool,
    /// TTLs below the minimum.
    pub(super) low_ttl: bool,
    /// To say which pool it is.
    #[serde(default)]
    pub(super) named_pool: bool,
}

/// The configured limits that admission checks against.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) max_name_length: usize,
    pub(super) min_ttl: u32,
    pub(super) default_pool: PoolId,
    pub(super) quotas: QuotaRules,
    pub(super) scheduler: Arc<[Filter]>,
}

/// Where an admitted zone goes.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) pool: Pool,
    /// The nearest zone above it in the same pool.
    pub(super) parent: Option<ZoneId>,
    /// The zones that it now is the nearest one above.
    pub(super) children: Vec<Zone>,
}

/// Runs every check.
pub(super) async fn admit(
    tx: &mut dyn Tx,
    limits: &Limits,
    privileges: Privileges,
    project: &ProjectId,
    request: &CreateZone,
) -> Result<Admitted, CentralError> {
    let name = &request.name;
    within_quota(tx, limits, project).await?;
    admissible_name(tx, limits, privileges, name).await?;
    admissible_ttl(limits.min_ttl, privileges.low_ttl, request.ttl)?;
    let below = no_conflict(tx, project, name).await?;
    let pool = pool_for(tx, limits, privileges, &request.attributes).await?;
    if pool.id != limits.default_pool && !tsig_keys::pool_has_one(tx, pool.id).await? {
        return Err(refusals::pool_without_key().into());
    }
    let (parent, children) = neighbours(tx, pool.id, name, below).await?;
    if pool.ns_records.is_empty() {
        return Err(refusals::no_servers().into());
    }
    Ok(Admitted { pool, parent, children })
}

/// The pool that the configured filters choose.
pub(super) async fn pool_for(
    tx: &mut dyn Tx,
    limits: &Limits,
    privileges: Privileges,
    attributes: &BTreeMap<String, String>,
) -> Result<Pool, CentralError> {
    if matches!(*limits.scheduler, [Filter::DefaultPool]) {
        return Ok(pools::get(tx, limits.default_pool).await?.ok_or_else(refusals::no_pool)?);
    }
    let all = pools::list(tx).await?;
    let candidates: Vec<_> =
        all.iter().map(|pool| Candidate { id: pool.id, attributes: &pool.attributes }).collect();
    let wish = Wish {
        attributes,
        may_name_pool: privileges.named_pool,
        default_pool: limits.default_pool,
        dice: rand::random(),
    };
    let chosen = scheduler::choose(&limits.scheduler, wish, &candidates).map_err(undecided)?;
    Ok(all.into_iter().find(|pool| pool.id == chosen).ok_or_else(refusals::no_pool)?)
}

fn undecided(why: Undecided) -> Fault {
    match why {
        Undecided::NoFilters => Fault::internal("no_filters_configured", why.to_string()),
        Undecided::NoPool => refusals::no_pool(),
        Undecided::SeveralPools => Fault::internal("multiple_pools_found", why.to_string()),
        Undecided::Forbidden => refusals::forbidden(),
    }
}

/// One more zone must be within the project's quota.
pub(super) async fn within_quota(
    tx: &mut dyn Tx,
    limits: &Limits,
    project: &ProjectId,
) -> Result<(), CentralError> {
    let quotas = quotas::effective(tx, project, limits.quotas).await?;
    let count = zones::count_for_project(tx, project).await?;
    let over = quotas.exceeded(&[(Resource::Zones, count + 1)]);
    if over.is_empty() { Ok(()) } else { Err(refusals::over_quota(&over).into()) }
}

async fn admissible_name(
    tx: &mut dyn Tx,
    limits: &Limits,
    privileges: Privileges,
    name: &Name,
) -> Result<(), CentralError> {
    if name.as_str().len() > limits.max_name_length {
        return Err(refusals::zone_name("Name too long").into());
    }
    if name.label_count() < 2 {
        return Err(refusals::zone_name("More than one label is required").into());
    }
    match tlds::verdict(tx, name).await? {
        tlds::Verdict::Admissible => {}
        tlds::Verdict::NotBelowATld => return Err(refusals::zone_name("Invalid TLD").into()),
        tlds::Verdict::IsATld => {
            return Err(refusals::zone_name("Zone name cannot be the same as a TLD").into());
        }
    }
    if !privileges.blacklisted_names {
        let patterns = crate::store::repo::blacklists::patterns(tx).await?;
        if blacklist::matches(&patterns, name) {
            return Err(refusals::zone_name("Blacklisted zone name").into());
        }
    }
    Ok(())
}

/// A TTL below the minimum needs a right of its own.
pub(super) fn admissible_ttl(minimum: u32, may_be_low: bool, ttl: Option<Ttl>) -> Result<(), CentralError> {
    match ttl {
        Some(ttl) if ttl.seconds() < minimum && !may_be_low => Err(refusals::low_ttl(minimum).into()),
        _ => Ok(()),
    }
}

/// In every pool: nobody else's zone has the name, is the nearest above it, or lies below it.
/// Gives the zones below.
async fn no_conflict(tx: &mut dyn Tx, project: &ProjectId, name: &Name) -> Result<Vec<Zone>, CentralError> {
    let foreign = |zone: &Zone| zone.project_id.as_ref() != Some(project);
    if zones::by_name(tx, name).await?.iter().any(foreign) {
        return Err(refusals::zone_of_another_project().into());
    }
    let above = zones::ancestors(tx, name).await?;
    let nearest = above.first().map(|z| z.name.label_count());
    if above.iter().any(|z| Some(z.name.label_count()) == nearest && foreign(z)) {
        return Err(refusals::illegal_child().into());
    }
    let below = zones::descendants(tx, name, usize::MAX).await?;
    if below.iter().any(foreign) {
        return Err(refusals::illegal_parent().into());
    }
    Ok(below)
}

/// The zones just above and just below `name` in one pool.
async fn neighbours(
    tx: &mut dyn Tx,
    pool: PoolId,
    name: &Name,
    below: Vec<Zone>,
) -> Result<(Option<ZoneId>, Vec<Zone>), CentralError> {
    if zones::by_name(tx, name).await?.iter().any(|z| z.pool_id == pool) {
        return Err(refusals::duplicate_zone().into());
    }
    let parent = zones::ancestors(tx, name).await?.into_iter().find(|z| z.pool_id == pool).map(|z| z.id);
    let children = below.into_iter().filter(|z| z.pool_id == pool && z.parent_id == parent).collect();
    Ok((parent, children))
}
