//! Changing many recordsets of a zone together: decided as a whole, then written.
//!
//! Invariants: every rule is asked of what would be there afterwards; all items that are wrong are told at once; one transaction,
//! one generation, and the zone is held from the first look on.

use std::collections::{HashMap, HashSet};

use super::api::changes::ApplyChangeset;
use super::error::CentralError;
use super::lag::Lag;
use super::notify::Event;
use super::recordset_writes::{author, entry, is_reserved, moved, shown, writable};
use super::zones::lock_visible;
use super::{CentralService, placement, refusals};
use crate::domain::changeset::{Applied, Effect, Effected, Item, Step, Subject};
use crate::domain::ids::RecordsetId;
use crate::domain::policy::Rule;
use crate::domain::quota::Resource;
use crate::domain::rdata::RData;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::recordset_rules::{Placement, PlacementError, check_creatable, check_data, check_owner};
use crate::domain::time::Timestamp;
use crate::domain::violation::{PathElement, ValidatorValue, Violation};
use crate::domain::zone::Zone;
use crate::domain::zone_status::{Action, Status};
use crate::store::Tx;
use crate::store::repo::recordsets::{self, Place, Spread};
use crate::store::repo::{journal, zones};
use crate::transport::{Cx, Fault, FaultCode};

/// How what is wrong is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// By the place in the request.
    ByPlace,
    /// By name and type: the client named no recordsets.
    ByRecordset,
}

/// One recordset before and after; it is there at one of both times at least.
struct Move<'i> {
    item: &'i Item,
    before: Option<Recordset>,
    after: Option<Recordset>,
}

/// What is wrong with an item; of the whole set, without one.
type Wrong<'i> = (Option<&'i Item>, Fault);

impl CentralService {
    /// Changes many recordsets of a zone.
    pub(super) async fn apply_in(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        m: &ApplyChangeset,
        lag: &Lag,
    ) -> Result<Applied, CentralError> {
        let zone = lock_visible(tx, cx, m.zone_id).await?;
        writable(&zone)?;
        self.allow_zone(cx, Rule::CreateChangeset, &zone)?;
        if m.if_serial.is_some_and(|serial| serial != zone.serial || zone.progress.is_unpublished()) {
            return Err(refusals::other_serial(&zone).into());
        }
        let (mut names, mut ids) = (Vec::new(), Vec::new());
        for item in &m.items {
            match &item.subject {
                Subject::Named(name, _) => names.push(name),
                Subject::Known(id) => ids.push(*id),
            }
        }
        let rules = self.config.quota_rules();
        let there = recordsets::spread(tx, &zone, names.into_iter(), &ids, rules).await?;
        self.change_in(tx, cx, zone, there, &m.items, Named::ByPlace, m.dry_run, lag).await
    }

    /// Makes all of these changes in a zone that is held, or tells what is wrong with them.
    #[expect(clippy::too_many_arguments, reason = "what is decided on, and what is decided")]
    pub(super) async fn change_in(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        zone: Zone,
        there: Spread,
        items: &[Item],
        named: Named,
        dry_run: bool,
        lag: &Lag,
    ) -> Result<Applied, CentralError> {
        let now = self.clock.now();
        let (moves, mut wrong) = self.moves(cx, &zone, &there, items, now);
        self.judge(&zone, &there, &moves, &mut wrong);
        if let Some(fault) = refusal(wrong, named) {
            return Err(fault.into());
        }
        let effects: Vec<Effected> = moves.iter().filter_map(effected).collect();
        let is_change = effects.iter().any(Effected::changes_zone);
        let progress = if is_change { zone.progress.changed() } else { zone.progress };
        let generation = progress.generation;
        let mut zone = zone;
        let mut lines = Vec::new();
        let mut new = Vec::new();
        let mut told = Vec::new();
        zone.progress = progress;
        let mut done = Vec::with_capacity(effects.len());
        for (Move { before, after, .. }, Effected { step, effect, recordset }) in
            moves.into_iter().zip(effects)
        {
            let mut set = recordset;
            match effect {
                Effect::Unchanged => {}
                Effect::Deleted => {
                    if !dry_run {
                        recordsets::take_away(tx, &set).await?;
                    }
                    let (action, status) = (Action::Delete, Status::Pending);
                    set =
                        Recordset { action, status, version: set.version + 1, updated_at: Some(now), ..set };
                }
                Effect::Created => {
                    set.generation = generation;
                    new.push(set.clone());
                    set = shown(progress, set);
                }
                Effect::Updated => {
                    set.generation = generation;
                    set.change = Action::Update;
                    match dry_run {
                        true => (set.version, set.updated_at) = (set.version + 1, Some(now)),
                        false => recordsets::update(tx, &mut set, now).await?,
                    }
                    set = shown(progress, set);
                }
            }
            if effect != Effect::Unchanged {
                count(&mut zone, before.as_ref(), after.as_ref());
                lines.extend(entry(generation, before.as_ref(), after.as_ref()));
                told.push((effect, before, set.clone()));
            }
            done.push(Effected { step, effect, recordset: set });
        }
        if !dry_run && !told.is_empty() {
            recordsets::insert_many(tx, &new).await?;
            journal::append_by(tx, zone.id, &lines, now, &author(cx)).await?;
            zones::advance(tx, &mut zone, now).await?;
            lag.note(progress);
            for (effect, before, set) in &told {
                let event = match (effect, before) {
                    (Effect::Deleted, _) => Event::RecordsetDeleted(set),
                    (_, Some(before)) => Event::RecordsetUpdated(before, set),
                    _ => Event::RecordsetCreated(set),
                };
                self.emit(tx, cx, event, now).await?;
            }
        }
        Ok(Applied { zone, dry_run, effects: done })
    }

    /// What each item does to its recordset, by itself; and which ones may not.
    fn moves<'i>(
        &self,
        cx: &Cx,
        zone: &Zone,
        there: &Spread,
        items: &'i [Item],
        now: Timestamp,
    ) -> (Vec<Move<'i>>, Vec<Wrong<'i>>) {
        let (mut moves, mut wrong) = (Vec::with_capacity(items.len()), Vec::new());
        let mut seen = HashSet::new();
        for item in items {
            let place = match &item.subject {
                Subject::Named(name, kind) => Some(Place::of(name, *kind)),
                Subject::Known(id) => there.places.get(id).cloned(),
            };
            let before = place.as_ref().and_then(|place| there.rows.get(place));
            let is_first = place.is_none_or(|place| seen.insert(place));
            let after = match is_first {
                true => self.after(cx, zone, item, before, now),
                false => Err(refusals::named_twice()),
            };
            match after {
                Ok(after) => moves.push(Move { item, before: before.cloned(), after }),
                Err(fault) => wrong.push((Some(item), fault)),
            }
        }
        (moves, wrong)
    }

    /// What becomes of a recordset.
    fn after(
        &self,
        cx: &Cx,
        zone: &Zone,
        item: &Item,
        before: Option<&Recordset>,
        now: Timestamp,
    ) -> Result<Option<Recordset>, Fault> {
        let edits_managed = cx.caller.flags.edit_managed_records;
        if let (Some(set), Some(wanted)) = (before, item.if_version)
            && set.version != wanted
        {
            return Err(refusals::other_version(set.version));
        }
        match (item.step, before) {
            (Step::Create, Some(set)) if set.kind == RecordType::Cname => {
                self.allow_zone(cx, Rule::CreateRecordset, zone)?;
                Err(placement::refused(&PlacementError::CnameNotAlone))
            }
            (Step::Create, Some(_)) => {
                self.allow_zone(cx, Rule::CreateRecordset, zone)?;
                Err(refusals::duplicate_recordset())
            }
            (Step::Replace | Step::Delete, None) => Err(refusals::recordset_not_found()),
            (Step::Upsert, None) if item.if_version.is_some() => Err(refusals::recordset_not_found()),
            (Step::Create | Step::Upsert, None) => {
                let Subject::Named(name, kind) = &item.subject else {
                    return Err(refusals::recordset_not_found());
                };
                self.allow_zone(cx, Rule::CreateRecordset, zone)?;
                check_creatable(*kind, name).map_err(|error| placement::refused(&error))?;
                check_owner(*kind, name).map_err(|error| placement::refused(&error))?;
                self.recordset_ttl(cx, item.ttl).map_err(Fault::from)?;
                let managed = is_reserved(zone, name, *kind);
                if managed && !edits_managed {
                    return Err(refusals::duplicate_recordset());
                }
                Ok(Some(Recordset {
                    id: RecordsetId::random(),
                    zone_id: zone.id,
                    zone_name: zone.name.clone(),
                    project_id: cx.caller.project.clone().or_else(|| zone.project_id.clone()),
                    name: name.clone(),
                    kind: *kind,
                    ttl: item.ttl,
                    description: item.description.clone().flatten(),
                    records: item.records.clone(),
                    managed,
                    generation: zone.progress.generation,
                    change: Action::Create,
                    action: Action::None,
                    status: Status::Active,
                    version: 1,
                    created_at: now,
                    updated_at: None,
                }))
            }
            (Step::Replace | Step::Upsert, Some(set)) => {
                if set.managed && !edits_managed {
                    return Err(refusals::managed_record());
                }
                if set.kind == RecordType::Soa {
                    return Err(refusals::bad_request("Updating SOA recordsets is not allowed"));
                }
                if set.kind == RecordType::Ns && set.name == zone.name {
                    return Err(refusals::bad_request("Updating a root zone NS record is not allowed"));
                }
                self.allow_recordset(cx, Rule::UpdateRecordset, zone, set)?;
                self.recordset_ttl(cx, item.ttl).map_err(Fault::from)?;
                let records = match &item.subject {
                    Subject::Named(..) => item.records.clone(),
                    Subject::Known(_) => readable(set, &item.records)?,
                };
                let description = item.description.clone().unwrap_or_else(|| set.description.clone());
                Ok(Some(Recordset { ttl: item.ttl, description, records, ..set.clone() }))
            }
            (Step::Delete, Some(set)) => {
                if set.kind == RecordType::Soa {
                    return Err(refusals::bad_request("Deleting a SOA recordset is not allowed"));
                }
                self.allow_recordset(cx, Rule::DeleteRecordset, zone, set)?;
                match set.managed && !edits_managed {
                    true => Err(refusals::managed_record()),
                    false => Ok(None),
                }
            }
        }
    }

    /// Holds what would be there to the rules and quotas.
    fn judge<'i>(&self, zone: &Zone, there: &Spread, moves: &[Move<'i>], wrong: &mut Vec<Wrong<'i>>) {
        let mut kinds: HashMap<String, HashSet<RecordType>> = HashMap::new();
        for set in there.rows.values() {
            kinds.entry(set.name.key()).or_default().insert(set.kind);
        }
        for Move { before, after, .. } in moves {
            match (before, after) {
                (Some(set), None) => {
                    kinds.entry(set.name.key()).or_default().remove(&set.kind);
                }
                (_, Some(set)) => {
                    kinds.entry(set.name.key()).or_default().insert(set.kind);
                }
                (None, None) => {}
            }
        }
        let mut counted = zone.clone();
        let (mut creates, mut changes) = (false, false);
        for Move { item, before, after } in moves {
            count(&mut counted, before.as_ref(), after.as_ref());
            let Some(set) = after else { continue };
            (creates, changes) = (creates || before.is_none(), true);
            let neighbours: Vec<RecordType> = kinds
                .get(&set.name.key())
                .into_iter()
                .flatten()
                .copied()
                .filter(|kind| *kind != set.kind)
                .collect();
            let placement = Placement {
                zone: &zone.name,
                name: &set.name,
                rtype: set.kind,
                record_count: set.records.len(),
                neighbours: &neighbours,
                child_zones: &there.children,
                max_name_len: self.config.max_recordset_name_len,
            };
            if let Err(error) = placement.check() {
                wrong.push((Some(item), placement::refused(&error)));
                continue;
            }
            let size = (Resource::RecordsetRecords, set.records.len() as u64);
            let over = there.quotas.filter(|_| !set.managed).map(|quotas| quotas.exceeded(&[size]));
            if let Some(over) = over.filter(|over| !over.is_empty()) {
                wrong.push((Some(item), refusals::over_quota(&over)));
            }
        }
        let mut wanted = Vec::new();
        if creates {
            wanted.push((Resource::ZoneRecordsets, counted.recordset_count));
        }
        if changes {
            wanted.push((Resource::ZoneRecords, counted.record_count));
        }
        let over = there.quotas.map_or_else(Vec::new, |quotas| quotas.exceeded(&wanted));
        if !over.is_empty() {
            wrong.push((None, refusals::over_quota(&over)));
        }
    }
}

/// Counts a recordset out and in; managed records do not count.
fn count(zone: &mut Zone, before: Option<&Recordset>, after: Option<&Recordset>) {
    let records = |set: Option<&Recordset>| set.filter(|set| !set.managed).map_or(0, |set| set.records.len());
    zone.recordset_count =
        moved(zone.recordset_count, usize::from(before.is_some()), usize::from(after.is_some()));
    zone.record_count = moved(zone.record_count, records(before), records(after));
}

fn effected(Move { item, before, after }: &Move<'_>) -> Option<Effected> {
    let (effect, recordset) = match (before, after) {
        (Some(before), Some(after)) if before == after => (Effect::Unchanged, after),
        (Some(_), Some(after)) => (Effect::Updated, after),
        (None, Some(after)) => (Effect::Created, after),
        (Some(before), None) => (Effect::Deleted, before),
        (None, None) => return None,
    };
    Some(Effected { step: item.step, effect, recordset: recordset.clone() })
}

/// The records, each once, if all of them are data of the set's type; otherwise all that are not.
fn readable(set: &Recordset, records: &[String]) -> Result<Vec<String>, Fault> {
    let mut seen = HashSet::new();
    let mut violations = Vec::new();
    let mut good = Vec::new();
    for (index, text) in (0_u32..).zip(records) {
        match RData::parse(set.kind, text).and_then(|data| check_data(&set.name, &data)) {
            Ok(()) if seen.insert(text) => good.push(text.clone()),
            Ok(()) => {}
            Err(_) => violations.push(Violation {
                path: vec![PathElement::Name("records".to_owned()), PathElement::Index(index)],
                message: format!("'{text}' is not a '{}' Record", set.kind),
                validator: "format".to_owned(),
                validator_value: ValidatorValue::List(vec![Some(set.kind.to_string())]),
            }),
        }
    }
    if violations.is_empty() { Ok(good) } else { Err(Fault::violations(violations)) }
}

/// All that is wrong, as one fault.
fn refusal(mut wrong: Vec<Wrong<'_>>, named: Named) -> Option<Fault> {
    wrong.sort_by_key(|(item, _)| item.map_or(u32::MAX, |item| item.at));
    let code = wrong.first()?.1.code;
    if let [(None, fault)] = wrong.as_slice() {
        return Some(fault.clone());
    }
    let is_one_kind = wrong.iter().all(|(_, fault)| fault.code == code);
    let code = if is_one_kind { code } else { FaultCode::Invalid };
    let details = wrong.into_iter().flat_map(|(item, fault)| told(item, fault, named)).collect();
    Some(Fault { details, ..Fault::new(code, "invalid_changeset") })
}

fn told(item: Option<&Item>, fault: Fault, named: Named) -> Vec<Violation> {
    let name = |text: &str| PathElement::Name(text.to_owned());
    let path = match (item, named) {
        (None, _) => vec![name("changes")],
        (Some(item), Named::ByPlace) => vec![name("changes"), PathElement::Index(item.at)],
        (Some(item), Named::ByRecordset) => match &item.subject {
            Subject::Named(owner, kind) => vec![name(owner.as_str()), name(&kind.to_string())],
            Subject::Known(id) => vec![name(&id.to_string())],
        },
    };
    if fault.details.is_empty() {
        return vec![Violation {
            path,
            message: fault.message.unwrap_or_else(|| fault.kind.to_string()),
            validator: fault.kind.into_owned(),
            validator_value: ValidatorValue::Text(fault.code.status().to_string()),
        }];
    }
    let below =
        |detail: Violation| Violation { path: path.iter().cloned().chain(detail.path).collect(), ..detail };
    fault.details.into_iter().map(below).collect()
}
