//! Pools of name servers, as far as the API shows and changes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::{PoolId, ProjectId};
use crate::domain::name::Name;
use crate::domain::page::{NamedSortKey, Page, PageRequest};
use crate::domain::pool::Pool;
use crate::rpcs;

rpcs! { Central;
    "create_pool" CreatePool => Pool,       once;
    "get_pool"    GetPool    => Pool,       repeatable;
    "find_pools"  FindPools  => Page<Pool>, repeatable;
    "update_pool" UpdatePool => Pool,       once, key = id;
    "delete_pool" DeletePool => (),         once, key = id;
    "resume_pools" ResumePools => bool,     repeatable;
}

/// What clients may say of a pool; what is absent stays as it is, or is empty in a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolChanges {
    /// The project that it is made for; in a new one the caller's, if it is absent.
    pub project: Option<ProjectId>,
    /// Its name.
    pub name: Option<String>,
    /// Free text, or none.
    pub description: Option<Option<String>>,
    /// Hints for the scheduler.
    pub attributes: Option<BTreeMap<String, String>>,
    /// The NS set of its zones: names and priorities.
    pub ns_records: Option<Vec<(Name, u16)>>,
}

/// Makes a pool without servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatePool {
    /// Its name.
    pub name: String,
    /// What else is said of it.
    pub given: PoolChanges,
}

/// One pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetPool {
    /// Which.
    pub id: PoolId,
}

/// A page of pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindPools {
    /// Only this name, `*` standing for any run of characters.
    pub name: Option<String>,
    /// Which part, in which order.
    pub page: PageRequest<NamedSortKey>,
}

/// Changes a pool; other NS records go into every zone of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdatePool {
    /// Which.
    pub id: PoolId,
    /// What.
    pub changes: PoolChanges,
}

/// Goes on with giving zones the NS set of their pool where somebody has left off. Answers whether there was such work, so
/// that there may be more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePools {
    /// The token of the first shard, claimed in every transaction.
    pub token: u64,
    /// Transactions of this call at most.
    pub batches: u32,
}

/// Removes a pool without zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletePool {
    /// Which.
    pub id: PoolId,
}
