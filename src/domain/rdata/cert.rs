//! CERT (RFC 4398).
//!
//! Certificate types and algorithms print as mnemonics where the registries have one that name servers read, too: BIND
//! spells three algorithms in ways of its own. `DPKIX` and `DPTR`, which
//! Designate's list holds, name no number and are refused.

use std::fmt;

use super::Data;
use super::encoding::{decode_base64, write_base64};
use super::error::Flaw;
use super::fields::{Fields, number};
use super::wire::Reader;

/// A certificate or a revocation list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cert {
    /// The kind of certificate.
    pub cert_type: u16,
    /// The key tag.
    pub key_tag: u16,
    /// The key's algorithm, by the DNSSEC registry.
    pub algorithm: u8,
    /// The certificate.
    pub certificate: Vec<u8>,
}

const TYPES: &[(u16, &str)] = &[
    (1, "PKIX"),
    (2, "SPKI"),
    (3, "PGP"),
    (4, "IPKIX"),
    (5, "ISPKI"),
    (6, "IPGP"),
    (7, "ACPKIX"),
    (8, "IACPKIX"),
    (253, "URI"),
    (254, "OID"),
];

const ALGORITHMS: &[(u8, &str)] = &[
    (1, "RSAMD5"),
    (3, "DSA"),
    (5, "RSASHA1"),
    (6, "DSA-NSEC3-SHA1"),
    (7, "RSASHA1-NSEC3-SHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECC-GOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
];

/// Algorithms that print as numbers.
const SPELT_DIFFERENTLY: [u8; 3] = [6, 7, 12];

/// What zone files of BIND call algorithms besides.
const ALIASES: &[(u8, &str)] = &[
    (2, "DH"),
    (6, "NSEC3DSA"),
    (7, "NSEC3RSASHA1"),
    (12, "ECCGOST"),
    (252, "INDIRECT"),
    (253, "PRIVATEDNS"),
    (254, "PRIVATEOID"),
];

impl Cert {
    fn new(cert_type: &str, key_tag: &str, algorithm: &str, certificate: Vec<u8>) -> Result<Self, Flaw> {
        Ok(Self {
            cert_type: read_mnemonic(cert_type, TYPES)?,
            key_tag: number(key_tag)?,
            algorithm: read_mnemonic(algorithm, ALGORITHMS)?,
            certificate,
        })
    }
}

impl Data for Cert {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let mut parts = text.splitn(4, ' ');
        let mut next = || parts.next().ok_or(Flaw::FieldCount);
        let (cert_type, key_tag, algorithm, certificate) = (next()?, next()?, next()?, next()?);
        if certificate.is_empty() || certificate.starts_with(' ') || certificate.ends_with(' ') {
            return Err(Flaw::FieldCount);
        }
        let octets = decode_base64(&certificate.replace(' ', "")).ok_or(Flaw::Base64)?;
        Self::new(cert_type, key_tag, algorithm, octets)
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        let (cert_type, key_tag, algorithm) = (fields.word()?, fields.word()?, fields.word()?);
        let certificate = fields.base64()?;
        match ALIASES.iter().find(|(_, name)| *name == algorithm) {
            Some((number, _)) => Self::new(cert_type, key_tag, &number.to_string(), certificate),
            None => Self::new(cert_type, key_tag, algorithm, certificate),
        }
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            cert_type: wire.u16()?,
            key_tag: wire.u16()?,
            algorithm: wire.u8()?,
            certificate: wire.rest(),
        })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.extend(self.cert_type.to_be_bytes());
        out.extend(self.key_tag.to_be_bytes());
        out.push(self.algorithm);
        out.extend(&self.certificate);
    }
}

impl fmt::Display for Cert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_mnemonic(f, &self.cert_type, TYPES)?;
        write!(f, " {} ", self.key_tag)?;
        let known = if SPELT_DIFFERENTLY.contains(&self.algorithm) { &[] } else { ALGORITHMS };
        write_mnemonic(f, &self.algorithm, known)?;
        f.write_str(" ")?;
        write_base64(f, &self.certificate)
    }
}

fn read_mnemonic<T: Copy + std::str::FromStr>(text: &str, known: &[(T, &str)]) -> Result<T, Flaw> {
    match known.iter().find(|(_, name)| *name == text) {
        Some((number, _)) => Ok(*number),
        None => number(text),
    }
}

fn write_mnemonic<T: PartialEq + fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    number: &T,
    known: &[(T, &str)],
) -> fmt::Result {
    match known.iter().find(|(candidate, _)| candidate == number) {
        Some((_, name)) => f.write_str(name),
        None => number.fmt(f),
    }
}
