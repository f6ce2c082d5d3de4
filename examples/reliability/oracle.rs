//! What has to be there: every acknowledged change, and for every change without a clear answer both of its outcomes.
//!
//! Invariants: at most one change of a recordset is under way; a recordset whose state is in doubt is changed no more, and
//! another name takes its place; a zone is deleted only when nothing in it is under way.

use std::collections::BTreeSet;

use rand::Rng;
use rand::rngs::StdRng;

/// Names of a zone that are in use at a time.
const SLOTS: usize = 12;
/// Zones that come and go.
const PASSING: usize = 40;
/// One change in so many creates or deletes a zone.
const ZONE_CHANGES: u32 = 40;

/// Data of a recordset, as presented by the API and, per record, in transfers.
pub(crate) type Records = BTreeSet<String>;

/// Whether a zone is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its creation is under way.
    Coming,
    /// Acknowledged.
    There,
    /// Its deletion is under way.
    Going,
    /// Its deletion was acknowledged.
    Gone,
    /// Nobody said clearly.
    Unclear,
}

/// A recordset.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Its states: one if all was acknowledged, two if it is in doubt. `None` is absence.
    pub(crate) states: Vec<Option<Records>>,
    id: Option<String>,
    busy: bool,
}

/// A zone.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) standing: Standing,
    pub(crate) slots: Vec<Slot>,
    passing: bool,
    under_way: usize,
}

/// What to ask of the API.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    CreateZone { zone: usize, name: String },
    DeleteZone { zone: usize, id: String },
    Create { zone: usize, slot: usize, zone_id: String, name: String, kind: &'static str, records: Records },
    Update { zone: usize, slot: usize, zone_id: String, id: String, records: Records },
    Delete { zone: usize, slot: usize, zone_id: String, id: String },
}

/// How it was answered.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// Acknowledged, with the id of what was created.
    Done(Option<String>),
    /// It may have been done.
    Unclear,
}

/// All that is known.
#[derive(Debug)]
pub(crate) struct Oracle {
    pub(crate) zones: Vec<Zone>,
    random: StdRng,
    last: u32,
    lasting: usize,
}

impl Oracle {
    /// Of an empty deployment that shall have so many lasting zones.
    pub(crate) fn new(lasting: usize, random: StdRng) -> Self {
        Self { zones: Vec::new(), random, last: 0, lasting }
    }

    /// A lasting zone to begin with, as long as some are missing.
    pub(crate) fn first(&mut self) -> Option<Change> {
        (self.zones.iter().filter(|zone| !zone.passing).count() < self.lasting)
            .then(|| self.create_zone(false))
    }

    /// Something to do; it is under way until [`Oracle::settle`].
    pub(crate) fn next(&mut self) -> Option<Change> {
        if self.random.random_range(0..ZONE_CHANGES) == 0 {
            let passing: Vec<usize> = (0..self.zones.len())
                .filter(|at| self.zones[*at].passing && self.zones[*at].standing == Standing::There)
                .collect();
            if passing.len() < PASSING / 2 || self.random.random_bool(0.5) && passing.len() < PASSING {
                return Some(self.create_zone(true));
            }
            if let Some(at) = passing.into_iter().find(|at| self.zones[*at].under_way == 0) {
                let zone = &mut self.zones[at];
                zone.standing = Standing::Going;
                return Some(Change::DeleteZone { zone: at, id: zone.id.clone()? });
            }
        }
        // A few tries find something that is not under way.
        (0..50).find_map(|_| self.change_recordset())
    }

    fn create_zone(&mut self, passing: bool) -> Change {
        self.last += 1;
        let name = format!("{}{}.example.", if passing { "passing" } else { "zone" }, self.last);
        self.zones.push(Zone {
            name: name.clone(),
            id: None,
            standing: Standing::Coming,
            slots: Vec::new(),
            passing,
            under_way: 1,
        });
        Change::CreateZone { zone: self.zones.len() - 1, name }
    }

    fn change_recordset(&mut self) -> Option<Change> {
        if self.zones.is_empty() {
            return None;
        }
        let at = self.random.random_range(0..self.zones.len());
        let number = self.random.random_range(0..SLOTS);
        let delete = self.random.random_bool(0.25);
        self.last += 1;
        let last = self.last;
        let zone = &mut self.zones[at];
        let zone_id = zone.id.clone().filter(|_| zone.standing == Standing::There)?;
        // Those in doubt do not count: others take their numbers.
        let known: Vec<usize> =
            (0..zone.slots.len()).filter(|slot| zone.slots[*slot].states.len() == 1).collect();
        let slot = match known.get(number) {
            Some(slot) => *slot,
            None => {
                let kind = ["A", "AAAA", "TXT", "MX"][zone.slots.len() % 4];
                let name = format!("name{}.{}", zone.slots.len(), zone.name);
                zone.slots.push(Slot { name, kind, states: vec![None], id: None, busy: false });
                zone.slots.len() - 1
            }
        };
        let chosen = &mut zone.slots[slot];
        if chosen.busy {
            return None;
        }
        chosen.busy = true;
        zone.under_way += 1;
        let records = data(chosen.kind, last);
        Some(match (chosen.id.clone(), delete) {
            (None, _) => {
                let name = chosen.name.clone();
                Change::Create { zone: at, slot, zone_id, name, kind: chosen.kind, records }
            }
            (Some(id), false) => Change::Update { zone: at, slot, zone_id, id, records },
            (Some(id), true) => Change::Delete { zone: at, slot, zone_id, id },
        })
    }

    /// Remembers what became of a change. The recordset stays under way until [`Oracle::release`].
    pub(crate) fn settle(&mut self, change: &Change, verdict: &Verdict) {
        let (zone, slot, wanted) = match change {
            Change::CreateZone { zone, .. } | Change::DeleteZone { zone, .. } => {
                let creation = matches!(change, Change::CreateZone { .. });
                let zone = &mut self.zones[*zone];
                zone.standing = match verdict {
                    Verdict::Unclear => Standing::Unclear,
                    Verdict::Done(_) if creation => Standing::There,
                    Verdict::Done(_) => Standing::Gone,
                };
                if let (true, Verdict::Done(id)) = (creation, verdict) {
                    zone.id.clone_from(id);
                }
                return;
            }
            Change::Create { zone, slot, records, .. } | Change::Update { zone, slot, records, .. } => {
                (*zone, *slot, Some(records.clone()))
            }
            Change::Delete { zone, slot, .. } => (*zone, *slot, None),
        };
        let slot = &mut self.zones[zone].slots[slot];
        match verdict {
            Verdict::Unclear => slot.states.push(wanted),
            Verdict::Done(id) => {
                match change {
                    Change::Create { .. } => slot.id.clone_from(id),
                    Change::Delete { .. } => slot.id = None,
                    _ => {}
                }
                slot.states = vec![wanted];
            }
        }
    }

    /// What the change concerned may be changed again.
    pub(crate) fn release(&mut self, change: &Change) {
        match change {
            Change::CreateZone { zone, .. } => self.zones[*zone].under_way -= 1,
            Change::DeleteZone { .. } => {}
            Change::Create { zone, slot, .. }
            | Change::Update { zone, slot, .. }
            | Change::Delete { zone, slot, .. } => {
                let zone = &mut self.zones[*zone];
                zone.under_way -= 1;
                zone.slots[*slot].busy = false;
            }
        }
    }

    /// A zone that is there, for whoever looks at one after the other.
    pub(crate) fn some_zone(&self, number: usize) -> Option<String> {
        let zone = self.zones.get(number % self.zones.len().max(1))?;
        (zone.standing == Standing::There).then(|| zone.name.clone())
    }
}

/// Data that no other change has.
fn data(kind: &str, number: u32) -> Records {
    let [_, b, c, d] = number.to_be_bytes();
    let texts = match kind {
        "A" => vec![format!("10.{b}.{c}.{d}")],
        "AAAA" => {
            let address = |net: u128| std::net::Ipv6Addr::from(net + u128::from(number.max(1))).to_string();
            vec![address(0x2001_0db8 << 96), address(0x2001_0db8_0001 << 80)]
        }
        "MX" => vec![format!("10 mx{number}.example.org."), format!("20 mx{number}.example.net.")],
        _ => vec![format!("\"change {number}\"")],
    };
    texts.into_iter().collect()
}
