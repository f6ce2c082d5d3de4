//! Numbers for admins.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::ProjectId;
use crate::domain::name::Name;
use crate::rpcs;

rpcs! { Central;
    "count"        Count       => u64,                    repeatable;
    "find_tenants" FindTenants => Vec<(ProjectId, u64)>,  repeatable;
    "get_tenant"   GetTenant   => Vec<Name>,              repeatable;
}

/// What can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Counted {
    /// Zones.
    Zones,
    /// Records in them.
    Records,
    /// Projects that have zones.
    Tenants,
    /// Zones with changes that are not published yet.
    ZonesDelayedNotify,
}

/// How many there are, in the caller's project or in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Of what.
    pub what: Counted,
}

/// The projects that have zones, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindTenants;

/// The names of a project's zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTenant {
    /// Which project.
    pub project: ProjectId,
}
