//! Zones shared with other projects.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::{ProjectId, ShareId, ZoneId};
use crate::domain::page::{Page, PageRequest, PlainSortKey};
use crate::domain::share::Share;
use crate::rpcs;

rpcs! { Central;
    "share_zone"   ShareZone   => Share,       once, key = zone_id;
    "get_share"    GetShare    => Share,       repeatable;
    "find_shares"  FindShares  => Page<Share>, repeatable;
    "unshare_zone" UnshareZone => (),          once, key = zone_id;
}

/// Shares a zone with a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareZone {
    /// The zone.
    pub zone_id: ZoneId,
    /// With whom.
    pub target: ProjectId,
}

/// One share that the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetShare {
    /// The zone.
    pub zone_id: ZoneId,
    /// Which.
    pub id: ShareId,
}

/// A page of the shares of a zone that the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindShares {
    /// The zone.
    pub zone_id: ZoneId,
    /// Only those with this project, `*` standing for any run of characters.
    pub target: Option<String>,
    /// Which part, in which order.
    pub page: PageRequest<PlainSortKey>,
}

/// Ends a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnshareZone {
    /// The zone.
    pub zone_id: ZoneId,
    /// Which.
    pub id: ShareId,
}
