//! SVCB and HTTPS (RFC 9460).
//!
//! Invariants: parameters are sorted by key, none twice; the values of known keys are well formed; `mandatory` names
//! neither itself nor a key that is missing.

use std::collections::BTreeMap;
use std::fmt;

use super::Data;
use super::error::Flaw;
use super::fields::{Fields, domain_or_root, number};
use super::svc_param::SvcKey;
use super::wire::Reader;
use crate::domain::name::Name;

/// Most characters of one parameter in the API.
const MAX_PARAM: usize = 255;

/// Where and how a service is reached; the root as target means the owner itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Svcb {
    /// 0 is alias mode, otherwise lower is tried first.
    pub priority: u16,
    /// The host or the alias.
    pub target: Name,
    params: BTreeMap<SvcKey, Vec<u8>>,
}

impl Svcb {
    /// The parameters in wire form, in the order of their keys.
    pub fn params(&self) -> impl Iterator<Item = (SvcKey, &[u8])> {
        self.params.iter().map(|(key, value)| (*key, value.as_slice()))
    }

    /// True if the parameter is there.
    #[must_use]
    pub fn has(&self, key: SvcKey) -> bool {
        self.params.contains_key(&key)
    }

    /// True if the protocol, by its ALPN identifier, is offered.
    #[must_use]
    pub fn offers(&self, protocol: &str) -> bool {
        let mut list = Reader::new(self.params.get(&SvcKey::ALPN).map_or(&[], Vec::as_slice));
        std::iter::from_fn(|| list.string().ok()).any(|id| id == protocol.as_bytes())
    }

    fn add(&mut self, key: SvcKey, value: Vec<u8>) -> Result<(), Flaw> {
        match self.params.insert(key, value) {
            Some(_) => Err(Flaw::DuplicateParameter),
            None => Ok(()),
        }
    }

    /// The rules that span parameters (RFC 9460 sections 7.1.1 and 8).
    fn checked(self) -> Result<Self, Flaw> {
        if self.has(SvcKey::NO_DEFAULT_ALPN) && !self.has(SvcKey::ALPN) {
            return Err(Flaw::MissingParameter);
        }
        let (mandatory, _) = self.params.get(&SvcKey::MANDATORY).map_or(&[][..], Vec::as_slice).as_chunks();
        let keys = mandatory.iter().map(|key| SvcKey::from_number(u16::from_be_bytes(*key)));
        if !keys.into_iter().all(|key| self.has(key)) {
            return Err(Flaw::MissingParameter);
        }
        Ok(self)
    }
}

impl Data for Svcb {
    fn from_api(text: &str) -> Result<Self, Flaw> {
        let mut fields = text.split(' ');
        let mut next = || fields.next().ok_or(Flaw::FieldCount);
        let (priority, target) = (number(next()?)?, domain_or_root(next()?)?);
        let mut data = Self { priority, target, params: BTreeMap::new() };
        for field in fields {
            if field.chars().count() > MAX_PARAM {
                return Err(Flaw::TooLong);
            }
            let (name, value) = match field.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (field, None),
            };
            let key = SvcKey::from_name(name).ok_or(Flaw::Keyword)?;
            data.add(key, key.value_from_api(value)?)?;
        }
        // Nobody looks at the parameters of an alias (RFC 9460 section 2.4.2), so who gives some is mistaken.
        if data.priority == 0 && !data.params.is_empty() {
            return Err(Flaw::Parameter);
        }
        data.checked()
    }

    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw> {
        let (priority, target) = (fields.number()?, fields.name()?);
        let mut data = Self { priority, target, params: BTreeMap::new() };
        while !fields.is_empty() {
            let field = fields.word()?;
            let (name, value) = match field.split_once('=') {
                // key="value": a zone file reader hands the quoted part over as the next field.
                Some((name, "")) => match fields.clone().next() {
                    Ok(value) if value.quoted => (name, Some(fields.next()?.text)),
                    _ => (name, Some("")),
                },
                Some((name, value)) => (name, Some(value)),
                None => (field, None),
            };
            let (key, value) = SvcKey::parameter(name, value)?;
            data.add(key, value)?;
        }
        data.checked()
    }

    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw> {
        let (priority, target) = (wire.u16()?, wire.name()?);
        let mut data = Self { priority, target, params: BTreeMap::new() };
        while !wire.is_empty() {
            let (key, length) = (SvcKey::from_number(wire.u16()?), wire.u16()?);
            if data.params.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(Flaw::DuplicateParameter);
            }
            let value = wire.take(usize::from(length))?;
            key.check(value)?;
            data.add(key, value.to_vec())?;
        }
        data.checked()
    }

    fn write_wire(&self, out: &mut Vec<u8>) {
        out.extend(self.priority.to_be_bytes());
        self.target.write_wire(out);
        for (key, value) in &self.params {
            out.extend(key.number().to_be_bytes());
            // Larger values do not pass the limit on the whole data.
            out.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
            out.extend(value);
        }
    }
}

impl fmt::Display for Svcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.priority, self.target)?;
        for (key, value) in &self.params {
            f.write_str(" ")?;
            key.write_param(f, value)?;
        }
        Ok(())
    }
}
