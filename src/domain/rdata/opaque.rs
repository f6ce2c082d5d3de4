//! Data of types without a form of their own (RFC 3597).

use std::fmt;

use super::encoding::write_hex;
use super::error::Flaw;
use super::fields::Fields;
use crate::domain::record_type::RecordType;

/// Octets whose meaning is not known here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Opaque {
    number: u16,
    octets: Vec<u8>,
}

impl Opaque {
    /// Only for numbers that `RecordType` has no name for.
    pub(super) const fn new(number: u16, octets: Vec<u8>) -> Self {
        Self { number, octets }
    }

    /// The type.
    #[must_use]
    pub const fn record_type(&self) -> RecordType {
        RecordType::from_number(self.number)
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// What follows `\#`: the number of octets, then as many in hexadecimal.
pub(super) fn read_octets(fields: &mut Fields<'_>) -> Result<Vec<u8>, Flaw> {
    let length: usize = fields.number()?;
    let octets = fields.hex()?;
    if octets.len() == length { Ok(octets) } else { Err(Flaw::Hex) }
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\\# {}", self.octets.len())?;
        if !self.octets.is_empty() {
            f.write_str(" ")?;
            write_hex(f, &self.octets)?;
        }
        Ok(())
    }
}
