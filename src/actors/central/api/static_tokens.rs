//! Tokens that operators made.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::static_token::{StaticToken, TokenHash};
use crate::rpcs;

rpcs! { Central;
    "find_static_token" FindStaticToken => Option<StaticToken>, repeatable;
}

/// Whose token it is that has this hash; for services only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindStaticToken {
    /// The hash.
    pub hash: TokenHash,
}
