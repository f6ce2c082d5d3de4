//! Records in the order of a transfer become a zone.
//!
//! Invariants: the first record is the zone's SOA record, the last one the same again, and no other of the type is in
//! between (RFC 5936, section 2.2); a record that comes twice counts once; records of one set get the least TTL of them
//! (RFC 2181, section 5.2).

use std::collections::{HashMap, HashSet};

use super::TransferError;
use crate::domain::name::Name;
use crate::domain::rdata::{RData, Soa};
use crate::domain::record_type::RecordType;
use crate::domain::ttl::Ttl;

/// One version of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its SOA record.
    pub soa: Soa,
    /// The TTL of that.
    pub soa_ttl: Ttl,
    /// Everything else.
    pub sets: Vec<ArrivedSet>,
}

/// All records of one name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedSet {
    /// Their owner.
    pub name: Name,
    /// Their type.
    pub kind: RecordType,
    /// Their TTL.
    pub ttl: Ttl,
    /// Their data, each once.
    pub records: Vec<RData>,
}

/// A zone on its way in.
#[derive(Debug)]
pub struct Assembly {
    zone: Name,
    most: usize,
    soa: Option<(Soa, Ttl)>,
    sets: Vec<ArrivedSet>,
    places: HashMap<(String, RecordType), usize>,
    records: usize,
    complete: bool,
}

impl Assembly {
    /// Nothing of the zone has come yet; no more than `most` records may.
    #[must_use]
    pub fn new(zone: Name, most: usize) -> Self {
        let (sets, places) = (Vec::new(), HashMap::new());
        Self { zone, most, soa: None, sets, places, records: 0, complete: false }
    }

    /// True once the last record has come.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// How many records have come.
    #[must_use]
    pub const fn records(&self) -> usize {
        self.records
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// If it cannot stand where it does.
    pub fn add(&mut self, name: Name, ttl: Ttl, data: RData) -> Result<(), TransferError> {
        let not_a_zone = |reason| Err(TransferError::NotAZone { reason });
        if self.complete {
            return not_a_zone("there is more after the last record");
        }
        if !name.is_within(&self.zone) {
            return Err(TransferError::OutOfZone { name });
        }
        let at_apex = name == self.zone;
        match (&self.soa, data) {
            (_, RData::Soa(_)) if !at_apex => return not_a_zone("a SOA record is below the zone's name"),
            (None, RData::Soa(soa)) => self.soa = Some((soa, ttl)),
            (None, _) => return not_a_zone("the first record is no SOA record"),
            (Some((first, _)), RData::Soa(last)) => {
                if *first != last {
                    return not_a_zone("the last SOA record is another than the first");
                }
                self.complete = true;
                return Ok(());
            }
            (Some(_), data) => self.put(name, ttl, data),
        }
        self.records += 1;
        if self.records > self.most {
            return Err(TransferError::TooLarge { what: "records", limit: self.most });
        }
        Ok(())
    }

    fn put(&mut self, name: Name, ttl: Ttl, data: RData) {
        let kind = data.record_type();
        let place = *self.places.entry((name.key(), kind)).or_insert(self.sets.len());
        match self.sets.get_mut(place) {
            Some(set) => {
                set.ttl = set.ttl.min(ttl);
                set.records.push(data);
            }
            None => self.sets.push(ArrivedSet { name, kind, ttl, records: vec![data] }),
        }
    }

    /// The zone.
    ///
    /// # Errors
    /// If the last record has not come, or it is a zone that nobody could serve.
    pub fn finish(self) -> Result<Arrived, TransferError> {
        let Some((soa, soa_ttl)) = self.soa.filter(|_| self.complete) else {
            return Err(TransferError::CutShort { records: self.records });
        };
        if !self.places.contains_key(&(self.zone.key(), RecordType::Ns)) {
            return Err(TransferError::NotAZone { reason: "it has no NS record" });
        }
        let mut sets = self.sets;
        for set in &mut sets {
            once_each(&mut set.records);
        }
        Ok(Arrived { soa, soa_ttl, sets })
    }
}

fn once_each(records: &mut Vec<RData>) {
    if records.len() < 2 {
        return;
    }
    let mut seen = HashSet::with_capacity(records.len());
    let is_new: Vec<bool> = records.iter().map(|data| seen.insert(data)).collect();
    let mut is_new = is_new.into_iter();
    records.retain(|_| is_new.next().unwrap_or(true));
}
