//! Who is calling, as every layer below HTTP sees it.
//!
//! Invariants: an identity is complete when it is made (flags already checked against their policy rules);
//! it travels unchanged through every nested call.

use serde::{Deserialize, Serialize};

use super::ids::ProjectId;

/// The caller of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// User id, for logs.
    pub user: Option<String>,
    /// The project the request acts for (after sudo); `None` for tokens without a project.
    pub project: Option<ProjectId>,
    /// Role names as the identity service gave them.
    pub roles: Vec<String>,
    /// The project before sudo, if sudo was used.
    pub original_project: Option<ProjectId>,
    /// What the caller switched on by header or query, each allowed by its rule.
    pub flags: CallerFlags,
    /// What the token is for besides a project. Travels in a frame of its own kind: most callers have projects.
    #[serde(skip)]
    pub scope: TokenScope,
    /// Set for calls that a service makes on its own behalf: no ownership filter, every rule passes.
    pub system: bool,
}

/// What a token gives roles on. A token for nothing at all counts as one for a project without an id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenScope {
    /// A project, or nothing.
    #[default]
    Project,
    /// A domain of the identity service.
    Domain,
    /// The whole cloud.
    System,
}

/// Switches of one request, each guarded by a policy rule of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerFlags {
    /// No ownership filter (`X-Auth-All-Projects`).
    pub all_projects: bool,
    /// Managed records may be changed (`X-Designate-Edit-Managed-Records`).
    pub edit_managed_records: bool,
    /// Zone files are removed on the name servers too (`X-Designate-Hard-Delete`).
    pub hard_delete: bool,
    /// Deleting a zone removes its shares first (`X-Designate-Delete-Shares`).
    pub delete_shares: bool,
}

impl Identity {
    /// The identity of a service acting on its own.
    #[must_use]
    pub fn system() -> Self {
        Self { system: true, ..Self::default() }
    }

    /// True if the caller has the role, compared without case.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r.eq_ignore_ascii_case(role))
    }
}
