//! Going back to what a zone was under a serial.
//!
//! Invariants: going back is going on: a new generation with a serial of its own, held to the rules of any change set. What the
//! service manages is not touched.

use std::collections::HashSet;

use super::api::changes::RollbackZone;
use super::changeset::Named;
use super::error::CentralError;
use super::lag::Lag;
use super::recordset_writes::writable;
use super::zones::lock_visible;
use super::{CentralService, refusals};
use crate::domain::changeset::{Applied, Item, Step, Subject};
use crate::domain::delta::{self, JournalEntry};
use crate::domain::generation::Generation;
use crate::domain::ids::ZoneId;
use crate::domain::policy::Rule;
use crate::domain::record_type::RecordType;
use crate::store::Tx;
use crate::store::repo::recordsets::{self, Place};
use crate::store::repo::{history, journal};
use crate::transport::Cx;

/// Lines of the journal that are read at once.
const PART: u64 = 5000;

impl CentralService {
    /// Makes the recordsets of a zone what they were under a serial.
    pub(super) async fn roll_back_in(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        m: &RollbackZone,
        lag: &Lag,
    ) -> Result<Applied, CentralError> {
        let zone = lock_visible(tx, cx, m.zone_id).await?;
        writable(&zone)?;
        self.allow_zone(cx, Rule::RollbackZone, &zone)?;
        let then = history::generation_of(tx, zone.id, m.serial).await?;
        let then = then.ok_or_else(|| refusals::serial_out_of_reach(m.serial))?;
        let most = self.config.max_rollback_recordsets;
        let differences = differences(tx, zone.id, then, most).await?;
        let names = differences.iter().map(|line| &line.name);
        let there = recordsets::spread(tx, &zone, names, &[], self.config.quota_rules()).await?;
        let managed: HashSet<&Place> =
            there.rows.iter().filter(|(_, set)| set.managed).map(|(place, _)| place).collect();
        let may_touch = cx.caller.flags.edit_managed_records;
        let wanted = differences.into_iter().filter(|line| {
            let apex_ns = line.kind == RecordType::Ns && line.name == zone.name;
            let place = Place::of(&line.name, line.kind);
            let is_there = there.rows.contains_key(&place);
            // What is gone since without a trace in DNS needs not to go again.
            line.kind != RecordType::Soa
                && !apex_ns
                && (may_touch || !managed.contains(&place))
                && (line.before.is_some() || is_there)
        });
        let items: Vec<Item> = (0_u32..).zip(wanted).map(|(at, line)| back(at, line)).collect();
        self.change_in(tx, cx, zone, there, &items, Named::ByRecordset, m.dry_run, lag).await
    }
}

/// The item that undoes what a line tells.
fn back(at: u32, line: JournalEntry) -> Item {
    let (step, ttl, records) = match line.before {
        Some(before) => (Step::Upsert, before.ttl, before.records),
        None => (Step::Delete, None, Vec::new()),
    };
    let subject = Subject::Named(line.name, line.kind);
    Item { at, step, subject, ttl, description: None, records, if_version: None }
}

/// What changed since a generation, one line for each set.
async fn differences(
    tx: &mut dyn Tx,
    zone: ZoneId,
    since: Generation,
    most: usize,
) -> Result<Vec<JournalEntry>, CentralError> {
    let newest = Generation::new(u64::MAX);
    let mut folded: Vec<JournalEntry> = Vec::new();
    let mut after = since;
    loop {
        let mut part = journal::between(tx, zone, after, newest, PART).await?;
        let is_last = u64::try_from(part.len()).is_ok_and(|count| count < PART);
        if let Some(last) = part.last().map(|line| line.generation).filter(|_| !is_last) {
            // The last one may go on beyond what was read.
            let whole = part.iter().take_while(|line| line.generation < last).count();
            if whole == 0 {
                part = journal::between(tx, zone, after, last, u64::MAX).await?;
                after = last;
            } else {
                after = part.get(whole.saturating_sub(1)).map_or(last, |line| line.generation);
                part.truncate(whole);
            }
        }
        // A set that came and went is dropped on the way, and comes again if it does.
        folded = delta::fold(folded.into_iter().chain(part));
        if folded.len() > most.saturating_add(1) {
            return Err(refusals::changeset_size(most).into());
        }
        if is_last {
            return Ok(folded);
        }
    }
}
