//! Top-level domains that zones may be created under: create, read, change, delete.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::TldId;
use crate::domain::page::{NamedSortKey, Page, PageRequest};
use crate::domain::tld::{Tld, TldChanges};
use crate::rpcs;

rpcs! { Central;
    "create_tld" CreateTld => Tld, once;
    "get_tld" GetTld => Tld, repeatable;
    "find_tlds" FindTlds => Page<Tld>, repeatable;
    "update_tld" UpdateTld => Tld, once, key = id;
    "delete_tld" DeleteTld => (), once, key = id;
}

/// Makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTld {
    /// Its name, without a dot at the end.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTld {
    /// Which.
    pub id: TldId,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindTlds {
    /// Only this name, `*` standing for any run of characters.
    pub name: Option<String>,
    /// Which part, in which order.
    pub page: PageRequest<NamedSortKey>,
}

/// Changes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateTld {
    /// Which.
    pub id: TldId,
    /// What.
    pub changes: TldChanges,
}

/// Removes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteTld {
    /// Which.
    pub id: TldId,
}
