//! Limits of projects.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::ProjectId;
use crate::domain::quota::{Quotas, Resource};
use crate::rpcs;

rpcs! { Central;
    "get_project_quotas" GetProjectQuotas => Quotas, repeatable;
    "set_quotas"         SetQuotas        => Quotas, once, key = project;
    "reset_quotas"       ResetQuotas      => (),     once, key = project;
}

/// The limits in force for a project, for those who may see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetProjectQuotas {
    /// Whose.
    pub project: ProjectId,
}

/// Gives a project limits of its own; negative means none. Answers all that are in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetQuotas {
    /// Whose.
    pub project: ProjectId,
    /// Which, and how many.
    pub limits: Vec<(Resource, i64)>,
}

/// Takes a project back to the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetQuotas {
    /// Whose.
    pub project: ProjectId,
}
