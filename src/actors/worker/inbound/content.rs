//! What a master gave, as rows hold it, and how it differs from the rows there are.
//!
//! Invariants: sets that say the same are not touched, whatever order their records came in.

use std::collections::HashMap;

use crate::dns::client::{Arrived, ArrivedSet};
use crate::domain::delta::{JournalEntry, RrSet};
use crate::domain::generation::Generation;
use crate::domain::ids::RecordsetId;
use crate::domain::name::Name;
use crate::domain::rdata::Soa;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::domain::zone::Zone;
use crate::domain::zone_status::{Action, Status};
use crate::domain::zonefile::to_stored;

/// A zone as it is to be.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) soa: Soa,
    pub(super) soa_ttl: Ttl,
    sets: Vec<Set>,
    places: HashMap<(String, RecordType), usize>,
}

#[derive(Debug)]
struct Set {
    name: Name,
    kind: RecordType,
    ttl: Ttl,
    records: Vec<String>,
}

/// What is to be done to the rows of a zone, the SOA set left out.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) gone: Vec<Recordset>,
    pub(super) changed: Vec<Recordset>,
    pub(super) new: Vec<Recordset>,
    pub(super) lines: Vec<JournalEntry>,
}

impl Content {
    pub(super) fn of(arrived: Arrived) -> Self {
        let set = |ArrivedSet { name, kind, ttl, records }| Set {
            name,
            kind,
            ttl,
            records: records.iter().map(to_stored).collect(),
        };
        let sets: Vec<Set> = arrived.sets.into_iter().map(set).collect();
        let places = sets.iter().enumerate().map(|(at, set)| ((set.name.key(), set.kind), at)).collect();
        Self { soa: arrived.soa, soa_ttl: arrived.soa_ttl, sets, places }
    }

    /// Recordsets, the SOA set among them.
    pub(super) fn recordsets(&self) -> u64 {
        self.sets.len() as u64 + 1
    }

    /// Records without the SOA record.
    pub(super) fn records(&self) -> u64 {
        self.sets.iter().map(|set| set.records.len() as u64).sum()
    }

    /// How `rows`, all of the zone, come to be this, as part of a generation.
    pub(super) fn difference(
        &self,
        zone: &Zone,
        rows: Vec<Recordset>,
        generation: Generation,
        now: Timestamp,
    ) -> Difference {
        let mut difference = Difference::default();
        let mut met = vec![false; self.sets.len()];
        for row in rows.into_iter().filter(|row| row.kind != RecordType::Soa) {
            let place = self.places.get(&(row.name.key(), row.kind)).copied();
            let wanted = place.and_then(|at| {
                if let Some(met) = met.get_mut(at) {
                    *met = true;
                }
                self.sets.get(at)
            });
            match wanted {
                None => difference.remove(row, generation),
                Some(set) if set.is_like(&row) => {}
                Some(set) => difference.change(row, set, zone, generation),
            }
        }
        let new = self.sets.iter().zip(met).filter(|(_, met)| !met);
        for (set, _) in new {
            difference.add(set, zone, generation, now);
        }
        difference
    }
}

impl Set {
    fn is_like(&self, row: &Recordset) -> bool {
        let sorted = |records: &[String]| {
            let mut records = records.to_vec();
            records.sort_unstable();
            records
        };
        !row.managed
            && row.ttl == Some(self.ttl)
            && row.name.as_str() == self.name.as_str()
            && (row.records == self.records || sorted(&row.records) == sorted(&self.records))
    }

    fn shown(&self) -> RrSet {
        RrSet { ttl: Some(self.ttl), records: self.records.clone() }
    }
}

impl Difference {
    pub(super) const fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.changed.is_empty() && self.new.is_empty()
    }

    fn line(
        &mut self,
        of: (&Name, RecordType),
        generation: Generation,
        before: Option<RrSet>,
        after: Option<RrSet>,
    ) {
        if before != after {
            let (name, kind) = (of.0.clone(), of.1);
            self.lines.push(JournalEntry { generation, name, kind, before, after });
        }
    }

    fn remove(&mut self, row: Recordset, generation: Generation) {
        self.line((&row.name, row.kind), generation, shown(&row), None);
        self.gone.push(row);
    }

    fn change(&mut self, row: Recordset, set: &Set, zone: &Zone, generation: Generation) {
        // The case of a name is no part of a row that could change.
        if row.name.as_str() != set.name.as_str() {
            let before = shown(&row);
            self.line((&set.name, set.kind), generation, before, Some(set.shown()));
            let created = row.created_at;
            self.gone.push(row);
            self.new.push(fresh(set, zone, generation, created));
            return;
        }
        self.line((&row.name, row.kind), generation, shown(&row), Some(set.shown()));
        self.changed.push(Recordset {
            ttl: Some(set.ttl),
            records: set.records.clone(),
            managed: false,
            generation,
            change: Action::Update,
            ..row
        });
    }

    fn add(&mut self, set: &Set, zone: &Zone, generation: Generation, now: Timestamp) {
        self.line((&set.name, set.kind), generation, None, Some(set.shown()));
        self.new.push(fresh(set, zone, generation, now));
    }
}

/// What DNS shows of a row; a set without records is none.
fn shown(row: &Recordset) -> Option<RrSet> {
    (!row.records.is_empty()).then(|| RrSet { ttl: row.ttl, records: row.records.clone() })
}

fn fresh(set: &Set, zone: &Zone, generation: Generation, created: Timestamp) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: zone.project_id.clone(),
        name: set.name.clone(),
        kind: set.kind,
        ttl: Some(set.ttl),
        description: None,
        records: set.records.clone(),
        managed: false,
        generation,
        change: Action::Create,
        action: Action::Create,
        status: Status::Pending,
        version: 1,
        created_at: created,
        updated_at: None,
    }
}
