//! Typed identifiers. No bare `Uuid` or `String` crosses a module edge.
//!
//! Invariants: a UUID id prints lower-case and hyphenated; parsing takes every textual form of a UUID
//! (simple, hyphenated, braced, `urn:`; any case).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A random UUID of version 4. It comes from the generator of this thread, which the system seeds: asking the system itself
/// takes longer than all else that is done with most ids.
fn random() -> Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random id (UUID version 4, as Designate's are).
            #[must_use]
            pub fn random() -> Self {
                Self(random())
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    )+};
}

uuid_ids! {
    /// A zone.
    ZoneId;
    /// A recordset.
    RecordsetId;
    /// A pool of name servers.
    PoolId;
    /// A target of a pool: one server that zones are pushed to.
    TargetId;
    /// A name server of a pool: one server whose SOA answers decide about propagation.
    NameserverId;
    /// An NS record of a pool.
    NsRecordId;
    /// An extra NOTIFY receiver of a pool.
    AlsoNotifyId;
    /// A TSIG key.
    TsigKeyId;
    /// A top-level domain of the list.
    TldId;
    /// An entry of the blacklist.
    BlacklistId;
    /// A share of a zone with another project.
    ShareId;
    /// An offer of a zone to another project.
    TransferRequestId;
    /// The acceptance of such an offer.
    TransferAcceptId;
    /// An import or an export of a zone.
    TaskId;
    /// A token that an operator made.
    StaticTokenId;
    /// A row of the service statuses.
    ServiceStatusId;
    /// A floating IP of the network service.
    FloatingIpId;
    /// A running process's instance of a service.
    InstanceId;
}

impl PoolId {
    /// The pool that zones go to unless a scheduler says otherwise; Designate's well-known id.
    pub const DEFAULT: Self = Self(Uuid::from_u128(0x794c_cc2c_d751_44fe_b57f_8894_c9f5_c842));
}

/// A project (tenant): an opaque string given by the identity service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProjectId(String);

impl ProjectId {
    /// Wraps the text as it came.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of one request, `req-<uuid>`: in every log line, error body and message of that request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new random id.
    #[must_use]
    pub fn random() -> Self {
        Self(random())
    }

    /// The UUID inside.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req-{}", self.0.as_hyphenated())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_parse_every_form_and_print_one() {
        let id: ZoneId = "{A86DBA58-0043-4CC6-A1BB-69D5E86F3CA3}".parse().unwrap();
        assert_eq!(id.to_string(), "a86dba58-0043-4cc6-a1bb-69d5e86f3ca3");
        assert_eq!("a86dba5800434cc6a1bb69d5e86f3ca3".parse::<ZoneId>().unwrap(), id);
        assert!("a86dba58".parse::<ZoneId>().is_err());
    }

    #[test]
    fn the_default_pool_has_its_well_known_id() {
        assert_eq!(PoolId::DEFAULT.to_string(), "794ccc2c-d751-44fe-b57f-8894c9f5c842");
    }
}
