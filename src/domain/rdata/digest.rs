//! Fingerprints in hexadecimal: SSHFP (RFC 4255, 8709) and TLSA (RFC 6698).

use std::fmt;

use super::Data;
use super::encoding::{decode_hex, write_hex};
use super::error::Flaw;
use super::fields::{Fields, canonical_number, number, split_exactly};
use super::wire::Reader;

/// The fingerprint of an SSH host key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sshfp {
    /// The key's algorithm.
    pub algorithm: u8,
    /// The fingerprint's algorithm.
    pub fingerprint_type: u8,
    /// The fingerprint.
    pub fingerprint: Vec<u8>,
}

impl Data for Sshfp {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let [algorithm, fingerprint_type, hex] = split_exactly(text)?;
        let (algorithm, fingerprint_type) =
            (canonical_number(algorithm)?, canonical_number(fingerprint_type)?);
        if !matches!(algorithm, 0..=4 | 6) || fingerprint_type > 2 {
            return Err(Flaw::Number);
        }
        // Name servers refuse a zone with a SHA-1 or SHA-256 fingerprint of another length (RFC 4255 section 3.1.3,
        // RFC 6594 section 2).
        let fits = match fingerprint_type {
            1 => hex.len() == 40,
            2 => hex.len() == 64,
            _ => matches!(hex.len(), 10..=40 | 64),
        };
        if !fits {
            return Err(Flaw::Hex);
        }
        Ok(Self { algorithm, fingerprint_type, fingerprint: decode_hex(hex).ok_or(Flaw::Hex)? })
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            algorithm: fields.number()?,
            fingerprint_type: fields.number()?,
            fingerprint: fields.hex()?,
        })
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self { algorithm: wire.u8()?, fingerprint_type: wire.u8()?, fingerprint: wire.rest() })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.extend([self.algorithm, self.fingerprint_type]);
        out.extend(&self.fingerprint);
    }
}

impl fmt::Display for Sshfp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.algorithm, self.fingerprint_type)?;
        write_hex(f, &self.fingerprint)
    }
}

/// The association of a TLS certificate with a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tlsa {
    /// How the association is to be used.
    pub usage: u8,
    /// What of the certificate is matched.
    pub selector: u8,
    /// How it is matched: 0 in full, 1 by SHA-256, 2 by SHA-512.
    pub matching_type: u8,
    /// The data to match.
    pub association: Vec<u8>,
}

/// Most hexadecimal digits of an association in the API.
const MAX_DIGITS: usize = 65535;

impl Data for Tlsa {
    /// Any white space, line ends included, parts the fields and the digits; parentheses do not count.
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let plain = text.replace(['(', ')'], "");
        let mut fields = plain.split_whitespace();
        let mut next = || number(fields.next().ok_or(Flaw::FieldCount)?);
        let (usage, selector, matching_type) = (next()?, next()?, next()?);
        let hex: String = fields.collect();
        let fits = match matching_type {
            1 => hex.len() == 64,
            2 => hex.len() == 128,
            _ => (1..=MAX_DIGITS).contains(&hex.len()),
        };
        if !fits {
            return Err(Flaw::Hex);
        }
        Ok(Self { usage, selector, matching_type, association: decode_hex(&hex).ok_or(Flaw::Hex)? })
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            usage: fields.number()?,
            selector: fields.number()?,
            matching_type: fields.number()?,
            association: fields.hex()?,
        })
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            usage: wire.u8()?,
            selector: wire.u8()?,
            matching_type: wire.u8()?,
            association: wire.rest(),
        })
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.extend([self.usage, self.selector, self.matching_type]);
        out.extend(&self.association);
    }
}

impl fmt::Display for Tlsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching_type)?;
        write_hex(f, &self.association)
    }
}
