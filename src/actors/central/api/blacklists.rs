//! Patterns of names that no zone may have: create, read, change, delete.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::blacklist_entry::{Blacklist, BlacklistChanges};
use crate::domain::ids::BlacklistId;
use crate::domain::page::{NamedSortKey, Page, PageRequest};
use crate::rpcs;

rpcs! { Central;
    "create_blacklist" CreateBlacklist => Blacklist, once;
    "get_blacklist" GetBlacklist => Blacklist, repeatable;
    "find_blacklists" FindBlacklists => Page<Blacklist>, repeatable;
    "update_blacklist" UpdateBlacklist => Blacklist, once, key = id;
    "delete_blacklist" DeleteBlacklist => (), once, key = id;
}

/// Makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateBlacklist {
    /// The pattern, one that can be read.
    pub pattern: String,
    /// Free text.
    pub description: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetBlacklist {
    /// Which.
    pub id: BlacklistId,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindBlacklists {
    /// Only this pattern, `*` standing for any run of characters.
    pub pattern: Option<String>,
    /// Which part, in which order.
    pub page: PageRequest<NamedSortKey>,
}

/// Changes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateBlacklist {
    /// Which.
    pub id: BlacklistId,
    /// What.
    pub changes: BlacklistChanges,
}

/// Removes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteBlacklist {
    /// Which.
    pub id: BlacklistId,
}
