//! SOA (RFC 1035 section 3.3.13), and contact addresses as names.

use std::fmt;

use super::Data;
use super::error::Flaw;
use super::fields::{Fields, canonical_number, split_exactly};
use super::wire::Reader;
use crate::domain::hostname::HostnameError;
use crate::domain::name::Name;
use crate::domain::serial::Serial;

/// The start of authority of a zone; times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Soa {
    /// The primary name server.
    pub mname: Name,
    /// The contact address, written as a name.
    pub rname: Name,
    /// The version of the zone.
    pub serial: Serial,
    /// How often secondaries look for a new version.
    pub refresh: u32,
    /// How soon they look again after a failure.
    pub retry: u32,
    /// When they stop answering after failures only.
    pub expire: u32,
    /// The TTL of negative answers (RFC 2308).
    pub minimum: u32,
}

impl Soa {
    /// The contact address as a name: dots of the local part escaped, `@` become a dot.
    ///
    /// # Errors
    /// If the text has not exactly one `@` or does not make a name.
    pub fn rname_of(email: &str) -> Result<Name, HostnameError> {
        let not_an_email = || HostnameError::NotAnEmail { text: email.into() };
        let (local, domain) = email.split_once('@').ok_or_else(not_an_email)?;
        if domain.contains('@') {
            return Err(not_an_email());
        }
        let local = local.replace('\\', "\\\\").replace('.', "\\.");
        Name::parse(&format!("{local}.{domain}."))
            .map_err(|_| HostnameError::EmailInvalid { text: email.into() })
    }

    /// The contact address of `rname`: its first label, `@`, the rest. `None` if that is not an address.
    #[must_use]
    pub fn email(&self) -> Option<String> {
        let mut labels = self.rname.labels();
        let local = labels.next()?.replace("\\.", ".");
        let domain: Vec<&str> = labels.collect();
        (!domain.is_empty() && !local.contains(['@', '\\'])).then(|| format!("{local}@{}", domain.join(".")))
    }
}

/// Clients cannot create SOA records; this form is that of a zone file with absolute names.
impl Data for Soa {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let [mname, rname, serial, refresh, retry, expire, minimum] = split_exactly(text)?;
        Ok(Self {
            mname: Name::parse(mname).map_err(|_| Flaw::Name)?,
            rname: Name::parse(rname).map_err(|_| Flaw::Name)?,
            serial: Serial::new(canonical_number(serial)?),
            refresh: canonical_number(refresh)?,
            retry: canonical_number(retry)?,
            expire: canonical_number(expire)?,
            minimum: canonical_number(minimum)?,
        })
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            mname: fields.name()?,
            rname: fields.name()?,
            serial: Serial::new(fields.number()?),
            refresh: fields.seconds()?,
            retry: fields.seconds()?,
            expire: fields.seconds()?,
            minimum: fields.seconds()?,
        })
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            mname: wire.name()?,
            rname: wire.name()?,
            serial: Serial::new(wire.u32()?),
            refresh: wire.u32()?,
            retry: wire.u32()?,
            expire: wire.u32()?,
            minimum: wire.u32()?,
        })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        self.mname.write_wire(out);
        self.rname.write_wire(out);
        for number in [self.serial.number(), self.refresh, self.retry, self.expire, self.minimum] {
            out.extend(number.to_be_bytes());
        }
    }
}

impl fmt::Display for Soa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} {}",
            self.mname, self.rname, self.serial, self.refresh, self.retry, self.expire, self.minimum
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_rname(rname: &str) -> Soa {
        Soa::from_api(&format!("ns1.example.org. {rname} 1 3600 600 86400 3600")).unwrap()
    }

    /// The example of RFC 1035 section 8.
    #[test]
    fn dots_of_the_local_part_are_escaped() {
        let rname = Soa::rname_of("Action.domains@ISI.EDU").unwrap();
        assert_eq!(rname.as_str(), "Action\\.domains.ISI.EDU.");
        assert_eq!(with_rname(rname.as_str()).email().unwrap(), "Action.domains@ISI.EDU");
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for email in ["a", "a@b@c", "@b", "a@", "a@b."] {
            assert!(Soa::rname_of(email).is_err(), "{email}");
        }
        for rname in [".", "a.", "a\\@b.c.", "a\\\\b.c."] {
            assert_eq!(with_rname(rname).email(), None, "{rname}");
        }
    }
}
