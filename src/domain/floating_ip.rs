//! Floating IPs of the network service, and the PTR records of their addresses.
//!
//! Invariants: an address has one name in the reverse tree and one zone that the service makes for it: of 256 addresses for
//! IPv4, of 64 bits for IPv6 (RFC 1035, section 3.5; RFC 3596, section 2.5).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::ids::{FloatingIpId, ZoneId};
use super::name::{Name, NameError};
use super::ttl::Ttl;
use super::zone_status::{Action, Status};

/// Labels of the name of an IPv4 address that its zone has not.
const IN_V4_ZONE: usize = 1;
/// The same for IPv6.
const IN_V6_ZONE: usize = 16;

/// An address of either kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Bits", into = "Bits")]
pub struct Address(IpAddr);

/// As messages carry it.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Address")]
struct Bits {
    is_v6: bool,
    high: u64,
    low: u64,
}

impl From<Bits> for Address {
    fn from(Bits { is_v6, high, low }: Bits) -> Self {
        let all = u128::from(high) << 64 | u128::from(low);
        Self(if is_v6 {
            IpAddr::V6(Ipv6Addr::from_bits(all))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(low).unwrap_or_default()))
        })
    }
}

impl From<Address> for Bits {
    fn from(address: Address) -> Self {
        match address.0 {
            IpAddr::V4(v4) => Self { is_v6: false, high: 0, low: v4.to_bits().into() },
            IpAddr::V6(v6) => {
                let all = v6.to_bits();
                Self { is_v6: true, high: (all >> 64) as u64, low: all as u64 }
            }
        }
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        Self(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Address {
    /// The name of its PTR record.
    ///
    /// # Errors
    /// Never: every such name is one.
    pub fn ptr_name(self) -> Result<Name, NameError> {
        Name::parse(&self.name_without(0))
    }

    /// The zone that its PTR record is in.
    ///
    /// # Errors
    /// Never: every such name is one.
    pub fn zone_name(self) -> Result<Name, NameError> {
        Name::parse(&self.name_without(match self.0 {
            IpAddr::V4(_) => IN_V4_ZONE,
            IpAddr::V6(_) => IN_V6_ZONE,
        }))
    }

    fn name_without(self, labels: usize) -> String {
        let (mut parts, root): (Vec<String>, _) = match self.0 {
            IpAddr::V4(v4) => (v4.octets().iter().map(u8::to_string).collect(), "in-addr.arpa."),
            IpAddr::V6(v6) => {
                let nibbles = v6.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
                (nibbles.map(|nibble| format!("{nibble:x}")).collect(), "ip6.arpa.")
            }
        };
        parts.truncate(parts.len().saturating_sub(labels));
        parts.reverse();
        parts.push(root.to_owned());
        parts.join(".")
    }
}

/// A floating IP, as the network service has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIp {
    /// The region whose network service has it.
    pub region: String,
    /// Its id there.
    pub id: FloatingIpId,
    /// Its address.
    pub address: Address,
}

/// The PTR record of a floating IP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ptr {
    /// The zone it is in.
    pub zone_id: ZoneId,
    /// What it says.
    pub ptrdname: String,
    /// Its TTL, the zone's if it has none of its own.
    pub ttl: Ttl,
    /// Free text.
    pub description: Option<String>,
    /// What is under way for it.
    pub action: Action,
    /// How that is going.
    pub status: Status,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> (String, String) {
        let address = Address::from(text.parse::<IpAddr>().unwrap());
        (address.ptr_name().unwrap().as_str().to_owned(), address.zone_name().unwrap().as_str().to_owned())
    }

    #[test]
    fn addresses_have_names_in_the_reverse_tree() {
        let owned = |(name, zone): (&str, &str)| (name.to_owned(), zone.to_owned());
        assert_eq!(names("203.0.113.40"), owned(("40.113.0.203.in-addr.arpa.", "113.0.203.in-addr.arpa.")));
        // The example of RFC 3596, section 2.5.
        assert_eq!(
            names("4321:0:1:2:3:4:567:89ab"),
            owned((
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa.",
                "2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa."
            ))
        );
    }

    #[test]
    fn addresses_travel() {
        for text in ["203.0.113.40", "255.255.255.255", "::", "2001:db8::15", "::ffff:203.0.113.40"] {
            let address = Address::from(text.parse::<IpAddr>().unwrap());
            let there = serde_json::to_string(&address).unwrap();
            assert_eq!(serde_json::from_str::<Address>(&there).unwrap(), address);
            assert_eq!(address.to_string(), text);
        }
    }
}
