//! TSIG keys: create, read, change, delete.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Central;
use crate::domain::ids::TsigKeyId;
use crate::domain::page::{NamedSortKey, Page, PageRequest};
use crate::domain::tsig_key::{TsigAlgorithm, TsigKey, TsigKeyChanges, TsigScope, TsigSecret};
use crate::rpcs;

rpcs! { Central;
    "create_tsigkey" CreateTsigKey => TsigKey, once;
    "get_tsigkey" GetTsigKey => TsigKey, repeatable;
    "find_tsigkeys" FindTsigKeys => Page<TsigKey>, repeatable;
    "update_tsigkey" UpdateTsigKey => TsigKey, once, key = id;
    "delete_tsigkey" DeleteTsigKey => (), once, key = id;
}

/// Makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTsigKey {
    /// Its name.
    pub name: String,
    /// How it signs.
    pub algorithm: TsigAlgorithm,
    /// What it signs with.
    pub secret: TsigSecret,
    /// What it is for.
    pub scope: TsigScope,
    /// The pool or zone it is for.
    pub resource_id: Uuid,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTsigKey {
    /// Which.
    pub id: TsigKeyId,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindTsigKeys {
    /// Only this name, `*` standing for any run of characters.
    pub name: Option<String>,
    /// The same of the algorithm.
    pub algorithm: Option<String>,
    /// The same of the scope.
    pub scope: Option<String>,
    /// Which part, in which order.
    pub page: PageRequest<NamedSortKey>,
}

/// Changes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateTsigKey {
    /// Which.
    pub id: TsigKeyId,
    /// What.
    pub changes: TsigKeyChanges,
}

/// Removes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteTsigKey {
    /// Which.
    pub id: TsigKeyId,
}
