//! The PTR records of floating IPs.
//!
//! What floating IPs there are is asked of the network service by whoever has the caller's token, and told here.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::floating_ip::{FloatingIp, Ptr};
use crate::domain::ids::FloatingIpId;
use crate::domain::name::Name;
use crate::domain::ttl::Ttl;
use crate::rpcs;

rpcs! { Central;
    "find_ptrs" FindPtrs => Vec<Option<Ptr>>, repeatable;
    "set_ptr"   SetPtr   => Ptr,              once;
    "unset_ptr" UnsetPtr => (),               once;
}

/// The PTR record of each of these floating IPs of the caller's project, in their order. Those that were made for
/// floating IPs which the project has no more go away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindPtrs {
    /// What the network service has.
    pub seen: Vec<FloatingIp>,
    /// What it has not.
    pub gone: Gone,
}

/// Floating IPs that the caller's project certainly has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gone {
    /// Nothing is known of others.
    Unknown,
    /// All others of these regions.
    OthersIn(Vec<String>),
    /// This one of this region.
    One(String, FloatingIpId),
}

/// Makes a floating IP's PTR record say this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPtr {
    /// Which.
    pub ip: FloatingIp,
    /// What.
    pub ptrdname: Name,
    /// Its TTL, or the zone's.
    pub ttl: Option<Ttl>,
    /// Free text.
    pub description: Option<String>,
}

/// Removes a floating IP's PTR record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsetPtr {
    /// Which.
    pub ip: FloatingIp,
}
