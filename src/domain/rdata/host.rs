//! Hosts with a preference: MX (RFC 1035 section 3.3.9, RFC 7505) and SRV (RFC 2782).

use std::fmt;

use super::Data;
use super::error::Flaw;
use super::fields::{Fields, canonical_number, domain_or_root, number, split_exactly};
use super::wire::Reader;
use crate::domain::name::Name;

/// A mail exchanger; the root as exchange means that no mail is taken (RFC 7505).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host.
    pub exchange: Name,
}

impl Data for Mx {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let [preference, exchange] = split_exactly(text)?;
        Ok(Self { preference: canonical_number(preference)?, exchange: domain_or_root(exchange)? })
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        Ok(Self { preference: fields.number()?, exchange: fields.name()? })
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self { preference: wire.u16()?, exchange: wire.name()? })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.extend(self.preference.to_be_bytes());
        self.exchange.write_wire(out);
    }
}

impl fmt::Display for Mx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.preference, self.exchange)
    }
}

/// The location of a service; the root as target means that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Srv {
    /// Lower is tried first.
    pub priority: u16,
    /// Share among equal priorities.
    pub weight: u16,
    /// The port of the service.
    pub port: u16,
    /// The host.
    pub target: Name,
}

impl Data for Srv {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let [priority, weight, port, target] = split_exactly(text)?;
        Ok(Self {
            priority: number(priority)?,
            weight: number(weight)?,
            port: number(port)?,
            target: domain_or_root(target)?,
        })
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            priority: fields.number()?,
            weight: fields.number()?,
            port: fields.number()?,
            target: fields.name()?,
        })
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self { priority: wire.u16()?, weight: wire.u16()?, port: wire.u16()?, target: wire.name()? })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        for number in [self.priority, self.weight, self.port] {
            out.extend(number.to_be_bytes());
        }
        self.target.write_wire(out);
    }
}

impl fmt::Display for Srv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.priority, self.weight, self.port, self.target)
    }
}
