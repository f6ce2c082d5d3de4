//! Reading and writing RDATA on the wire, names uncompressed.

use super::error::Flaw;
use crate::domain::name::Name;

/// Takes fields from the front of RDATA.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Flaw::Wire)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Flaw::Wire)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Flaw> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Flaw> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Flaw> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn name(&mut self) -> Result<Name, Flaw> {
        let (name, used) = Name::from_wire(self.rest).map_err(|_| Flaw::Wire)?;
        self.take(used)?;
        Ok(name)
    }

    /// A character string: one octet of length, then as many octets.
    pub(super) fn string(&mut self) -> Result<Vec<u8>, Flaw> {
        let length = self.u8()?;
        self.take(usize::from(length)).map(<[u8]>::to_vec)
    }

    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rest).to_vec()
    }
}

/// Appends a character string. One over 255 octets, which no parser makes, is cut.
pub(super) fn write_string(out: &mut Vec<u8>, octets: &[u8]) {
    let length = u8::try_from(octets.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend(octets.iter().take(usize::from(length)));
}
