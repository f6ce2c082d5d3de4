//! Where a recordset may stand: owner names by type, placement in its zone, CNAME rules.
//!
//! The checks come in three groups, because operations look at other things between them (rules, states, quotas): the
//! form of the owner, what clients may create at all, the placement. Within a group the order is the one clients see.
//!
//! Invariants: pure, the caller brings what is in the store; names compare without case. Not checked: DNAME and
//! delegations that hide names, NS with other data at a cut, chains of CNAME, glue.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::name::Name;
use super::rdata::{Flaw, RData, RDataError, SvcKey};
use super::record_type::RecordType;

/// Why a recordset may not stand where it is meant to.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum PlacementError {
    /// An owner that this type cannot have: a wildcard for NS, a name without service labels for SRV.
    #[error("name is invalid")]
    OwnerInvalid,
    /// An SOA record from a client.
    #[error("SOA recordsets are managed by the service")]
    SoaReserved,
    /// A TLSA owner that does not start with port and protocol.
    #[error("TLSA name {name} does not start with _<port>._<protocol>.")]
    TlsaOwner {
        /// The owner.
        name: Name,
    },
    /// An owner over the configured length.
    #[error("Name too long")]
    NameTooLong,
    /// An owner that is neither the zone's name nor below it.
    #[error("RecordSet is not contained within its zone {zone}")]
    OutsideZone {
        /// The zone.
        zone: Name,
    },
    /// A CNAME at the zone's own name.
    #[error("CNAME recordsets may not be created at the zone apex")]
    CnameAtApex,
    /// A CNAME next to another recordset of the same name.
    #[error("CNAME recordsets may not share a name with any other recordset")]
    CnameNotAlone,
    /// An owner that belongs to a child zone.
    #[error("RecordSet belongs in the child zone {child}")]
    InChildZone {
        /// The child zone.
        child: Name,
    },
    /// A CNAME with more than one record.
    #[error("CNAME recordsets may not have more than one record")]
    CnameNotSingle,
}

impl PlacementError {
    /// The API's type string of the error.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OwnerInvalid => "invalid_object",
            Self::SoaReserved | Self::TlsaOwner { .. } | Self::CnameNotSingle => "bad_request",
            Self::NameTooLong => "invalid_recordset_name",
            Self::OutsideZone { .. } | Self::CnameAtApex | Self::CnameNotAlone | Self::InChildZone { .. } => {
                "invalid_recordset_location"
            }
        }
    }
}

/// Checks the owner of NS and SRV, as part of the body's own form.
///
/// # Errors
/// [`PlacementError::OwnerInvalid`].
pub fn check_owner(rtype: RecordType, name: &Name) -> Result<(), PlacementError> {
    let fits = match rtype {
        RecordType::Ns => !name.is_wildcard(),
        RecordType::Srv => is_service_name(name),
        _ => true,
    };
    if fits { Ok(()) } else { Err(PlacementError::OwnerInvalid) }
}

/// Checks what clients may write at all: no SOA, and TLSA only under a port and a protocol.
///
/// # Errors
/// [`PlacementError::SoaReserved`], [`PlacementError::TlsaOwner`].
pub fn check_creatable(rtype: RecordType, name: &Name) -> Result<(), PlacementError> {
    match rtype {
        RecordType::Soa => Err(PlacementError::SoaReserved),
        RecordType::Tlsa if !is_port_name(name) => Err(PlacementError::TlsaOwner { name: name.clone() }),
        _ => Ok(()),
    }
}

/// A recordset and what is around it.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    /// The zone's name.
    pub zone: &'a Name,
    /// The recordset's owner.
    pub name: &'a Name,
    /// Its type.
    pub rtype: RecordType,
    /// How many records it has.
    pub record_count: usize,
    /// The types of the other recordsets with this owner, in this zone.
    pub neighbours: &'a [RecordType],
    /// The names of the zones right below this one, whoever owns them; at least those that hold the owner.
    pub child_zones: &'a [Name],
    /// Most characters of an owner name.
    pub max_name_len: usize,
}

impl Placement<'_> {
    /// Checks in this order: length, in the zone, CNAME at the apex, CNAME alone, child zones, one CNAME record.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), PlacementError> {
        if self.name.as_str().len() > self.max_name_len {
            return Err(PlacementError::NameTooLong);
        }
        if !self.name.is_within(self.zone) {
            return Err(PlacementError::OutsideZone { zone: self.zone.clone() });
        }
        let is_cname = self.rtype == RecordType::Cname;
        if is_cname && self.name == self.zone {
            return Err(PlacementError::CnameAtApex);
        }
        if is_cname && !self.neighbours.is_empty() || self.neighbours.contains(&RecordType::Cname) {
            return Err(PlacementError::CnameNotAlone);
        }
        if self.name != self.zone
            && let Some(child) = self.child_zones.iter().find(|child| self.name.is_within(child))
        {
            return Err(PlacementError::InChildZone { child: child.clone() });
        }
        if is_cname && self.record_count > 1 {
            return Err(PlacementError::CnameNotSingle);
        }
        Ok(())
    }
}

/// Checks data against its owner: an SVCB record below a `_dns` label offers a protocol, and a DNS-over-HTTPS path
/// with h2 or h3 (RFC 9461 section 5).
///
/// # Errors
/// [`Flaw::MissingParameter`].
pub fn check_data(name: &Name, data: &RData) -> Result<(), RDataError> {
    let RData::Svcb(svcb) = data else { return Ok(()) };
    let needs_path = svcb.offers("h2") || svcb.offers("h3");
    let is_complete = svcb.has(SvcKey::ALPN) && (!needs_path || svcb.has(SvcKey::DOHPATH));
    if is_complete || !name.labels().any(|label| label.eq_ignore_ascii_case("_dns")) {
        return Ok(());
    }
    Err(RDataError { rtype: RecordType::Svcb, flaw: Flaw::MissingParameter })
}

/// `_service._protocol.` and at least one more label (RFC 2782), no wildcard.
fn is_service_name(name: &Name) -> bool {
    let mut labels = name.labels();
    let mut has_prefix =
        || labels.next().and_then(|label| label.strip_prefix('_')).is_some_and(super::hostname::is_label);
    has_prefix() && has_prefix() && labels.next().is_some_and(|label| label != "*")
}

/// `_port._protocol.` in front: one to five digits up to 65535, then letters (RFC 6698 section 3).
fn is_port_name(name: &Name) -> bool {
    let mut labels = name.labels();
    let mut word = || labels.next().and_then(|label| label.strip_prefix('_')).unwrap_or_default();
    let (port, protocol) = (word(), word());
    (1..=5).contains(&port.len())
        && port.bytes().all(|b| b.is_ascii_digit())
        && port.parse::<u16>().is_ok()
        && !protocol.is_empty()
        && protocol.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn place(
        text: &str,
        rtype: RecordType,
        neighbours: &[RecordType],
        children: &[&str],
    ) -> Result<(), PlacementError> {
        let child_zones: Vec<Name> = children.iter().map(|child| name(child)).collect();
        Placement {
            zone: &name("example.org."),
            name: &name(text),
            rtype,
            record_count: 1,
            neighbours,
            child_zones: &child_zones,
            max_name_len: 30,
        }
        .check()
    }

    #[test]
    fn ns_has_no_wildcard_owner() {
        assert_eq!(check_owner(RecordType::Ns, &name("*.a.")), Err(PlacementError::OwnerInvalid));
        assert_eq!(check_owner(RecordType::Ns, &name("a.b.")), Ok(()));
        assert_eq!(check_owner(RecordType::A, &name("*.a.")), Ok(()));
    }

    #[test]
    fn srv_owners_start_with_two_service_labels() {
        for text in ["_sip._tcp.a.", "_a-b._C1.a.b."] {
            assert_eq!(check_owner(RecordType::Srv, &name(text)), Ok(()), "{text}");
        }
        for text in
            ["_sip._tcp.", "_sip.tcp.a.", "sip._tcp.a.", "_._tcp.a.", "_-a._tcp.a.", "*._tcp.a.", "a.", "."]
        {
            let error = check_owner(RecordType::Srv, &name(text)).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                ("invalid_object", "name is invalid"),
                "{text}"
            );
        }
    }

    #[test]
    fn tlsa_owners_start_with_port_and_protocol() {
        for text in ["_443._tcp.a.", "_65535._sctp.a.", "_00025._TCP.a.", "_1._x."] {
            assert_eq!(check_creatable(RecordType::Tlsa, &name(text)), Ok(()), "{text}");
        }
        for text in [
            "_65536._tcp.a.",
            "_000443._tcp.a.",
            "443._tcp.a.",
            "_443.tcp.a.",
            "_443._t1.a.",
            "*._tcp.a.",
            "a.",
        ] {
            assert_eq!(
                check_creatable(RecordType::Tlsa, &name(text)).unwrap_err().kind(),
                "bad_request",
                "{text}"
            );
        }
        assert_eq!(check_creatable(RecordType::A, &name("a.")), Ok(()));
    }

    #[test]
    fn soa_is_never_the_clients() {
        assert_eq!(check_creatable(RecordType::Soa, &name("a.")), Err(PlacementError::SoaReserved));
        assert_eq!(PlacementError::SoaReserved.kind(), "bad_request");
    }

    #[test]
    fn owners_lie_in_the_zone_whatever_their_case() {
        for text in ["example.org.", "A.EXAMPLE.org.", "*.example.org."] {
            assert_eq!(place(text, RecordType::A, &[], &[]), Ok(()), "{text}");
        }
        for text in ["org.", "badexample.org.", "example.com."] {
            let error = place(text, RecordType::A, &[], &[]).unwrap_err();
            assert_eq!(error, PlacementError::OutsideZone { zone: name("example.org.") });
            assert_eq!(error.kind(), "invalid_recordset_location");
        }
        let long = place("a2345678901234567890.example.com.", RecordType::A, &[], &[]).unwrap_err();
        assert_eq!((long.kind(), long), ("invalid_recordset_name", PlacementError::NameTooLong));
    }

    #[test]
    fn cname_stands_alone_and_not_at_the_apex() {
        use RecordType::{A, Aaaa, Cname, Txt};
        let www = "www.example.org.";
        assert_eq!(place("Example.ORG.", Cname, &[A], &[]), Err(PlacementError::CnameAtApex));
        assert_eq!(place(www, Cname, &[], &[]), Ok(()));
        assert_eq!(place(www, A, &[Aaaa, Txt], &[]), Ok(()));
        for (rtype, neighbour) in [(Cname, A), (A, Cname), (Cname, Cname)] {
            assert_eq!(place(www, rtype, &[neighbour], &[]), Err(PlacementError::CnameNotAlone));
        }
        assert_eq!(PlacementError::CnameAtApex.kind(), "invalid_recordset_location");
        assert_eq!(PlacementError::CnameNotAlone.kind(), "invalid_recordset_location");
    }

    #[test]
    fn cname_has_one_record() {
        let (zone, owner) = (name("example.org."), name("www.example.org."));
        let cname = Placement {
            zone: &zone,
            name: &owner,
            rtype: RecordType::Cname,
            record_count: 2,
            neighbours: &[],
            child_zones: &[],
            max_name_len: 255,
        };
        assert_eq!(cname.check(), Err(PlacementError::CnameNotSingle));
        assert_eq!(PlacementError::CnameNotSingle.kind(), "bad_request");
        assert_eq!(Placement { record_count: 0, ..cname }.check(), Ok(()));
        assert_eq!(Placement { rtype: RecordType::A, ..cname }.check(), Ok(()));
    }

    #[test]
    fn child_zones_keep_their_names() {
        let children = ["sub.example.org."];
        for (text, rtype) in [
            ("Sub.example.org.", RecordType::Ns),
            ("a.b.sub.example.org.", RecordType::A),
            ("*.sub.example.org.", RecordType::A),
        ] {
            let error = place(text, rtype, &[], &children).unwrap_err();
            assert_eq!(error, PlacementError::InChildZone { child: name("sub.example.org.") });
            assert_eq!(error.kind(), "invalid_recordset_location");
        }
        assert_eq!(place("xsub.example.org.", RecordType::A, &[], &children), Ok(()));
        assert_eq!(place("example.org.", RecordType::A, &[], &["example.org."]), Ok(()));
    }

    #[test]
    fn dns_services_offer_a_protocol_and_a_path() {
        let check = |owner: &str, text: &str| {
            check_data(&name(owner), &RData::parse(RecordType::Svcb, text).unwrap())
        };
        for text in ["1 a.", "1 a. alpn=h2", "1 a. alpn=http/1.1,h3", "1 a. dohpath=/q{?dns}"] {
            assert_eq!(check("_DNS.example.org.", text).unwrap_err().flaw, Flaw::MissingParameter, "{text}");
            assert_eq!(check("x.example.org.", text), Ok(()), "{text}");
        }
        for text in ["1 a. alpn=http/1.1", "1 a. alpn=h2 dohpath=/q{?dns}"] {
            assert_eq!(check("_853._dns.example.org.", text), Ok(()), "{text}");
        }
    }
}
