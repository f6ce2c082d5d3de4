//! What can be said to our own name servers.
//!
//! Invariants: a nudge, to each of them: what they show comes from the database, and they find a change by themselves
//! if the nudge is lost.

use serde::{Deserialize, Serialize};

use crate::domain::ids::ZoneId;
use crate::rpcs;
use crate::transport::Service;

/// Our own name servers, as callers name them.
#[derive(Debug, Clone, Copy)]
pub struct Mdns;

impl Service for Mdns {
    const NAME: &'static str = "mdns";
}

rpcs! { Mdns;
    "zone_published" ZonePublished => (), repeatable, key = zone;
}

/// What DNS is to show of the zone changed: a version of it was published, or it is being withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZonePublished {
    /// The zone.
    pub zone: ZoneId,
}
