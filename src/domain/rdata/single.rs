//! Data of one field: the addresses of A and AAAA, the names of CNAME, NS and PTR.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Data;
use super::error::Flaw;
use super::fields::{Fields, domain};
use super::wire::Reader;
use crate::domain::name::Name;

/// A (RFC 1035 section 3.4.1): four decimal numbers without leading zeros.
impl Data for Ipv4Addr {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        text.parse().map_err(|_| Flaw::Address)
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        Self::from_api(fields.word()?)
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        wire.array::<4>().map(Self::from)
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.extend(self.octets());
    }
}

/// AAAA (RFC 3596): any form of RFC 4291 section 2.2, printed as RFC 5952 says.
impl Data for Ipv6Addr {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        text.parse().map_err(|_| Flaw::Address)
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        Self::from_api(fields.word()?)
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        wire.array::<16>().map(Self::from)
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.extend(self.octets());
    }
}

impl Data for Name {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        domain(text)
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        fields.name()
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        wire.name()
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        Self::write_wire(self, out);
    }
}
