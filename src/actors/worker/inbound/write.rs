//! What becomes of a look at a zone's masters, in the database.
//!
//! Invariants: what a master gave replaces the zone in one transaction, with its journal, the word to others and the next due
//! time; the serial is the master's; a version that is not newer changes nothing unless it was asked for whatever its serial
//! is; a due time that somebody else set during the look stays.

use std::sync::Arc;
use std::time::Duration;

use super::attempt::next_due;
use super::content::Content;
use super::due;
use crate::actors::central::api::Event;
use crate::actors::worker::core::Core;
use crate::domain::ids::ZoneId;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::time::Timestamp;
use crate::domain::zone::{SoaTimers, Zone, ZoneKind};
use crate::store::repo::recordsets::Place;
use crate::store::repo::refreshes::{self, Refresh};
use crate::store::repo::{journal, recordsets, versions, zones};
use crate::store::{StoreError, Tx};
use crate::transport::Cx;

/// Rows read at a time.
const PAGE: u32 = 2000;
/// Longest text of a mail address.
const MAX_EMAIL: usize = 255;

/// What there is to do after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The zone is another: it is to be brought to its name servers.
    Changed,
    /// The zone is as it was, but whether it is served is not.
    ServedOrNot,
    /// Nothing.
    Noted,
}

/// Makes the zone what a master gave.
pub(super) async fn content(
    core: &Arc<Core>,
    id: ZoneId,
    content: &Content,
    forced: bool,
    held: Timestamp,
) -> Result<Written, StoreError> {
    core.store
        .transact(|tx| {
            Box::pin(async move {
                let now = core.clock.now();
                let Some((mut zone, known)) = hold(tx, id).await? else { return Ok(Written::Noted) };
                let is_first = zone.transferred_at.is_none();
                if !is_first && !forced && !content.soa.serial.is_newer_than(zone.serial) {
                    return heard_of(core, tx, zone, known, held).await;
                }
                let before = zone.clone();
                let changed = replace(tx, &mut zone, content, now).await?;
                zones::update(tx, &mut zone, now).await?;
                if is_first || known.expired {
                    zones::tell_feed(tx, id, now).await?;
                }
                let next = Refresh { due_at: next_due(core, &zone, now), ..heard_at(now) };
                refreshes::put(tx, id, &kept(next, known, held, forced)).await?;
                if changed && let Some(emitter) = &core.inbound.emitter {
                    let cx = Cx::system(Duration::ZERO);
                    emitter.emit(tx, &cx, Event::ZoneUpdated(&before, &zone), now).await?;
                }
                Ok(match (changed, known.expired) {
                    (true, _) => Written::Changed,
                    (false, true) => Written::ServedOrNot,
                    (false, false) => Written::Noted,
                })
            })
        })
        .await
}

/// Notes that the masters have nothing newer.
pub(super) async fn no_news(core: &Arc<Core>, id: ZoneId, held: Timestamp) -> Result<Written, StoreError> {
    core.store
        .transact(|tx| {
            Box::pin(async move {
                match hold(tx, id).await? {
                    Some((zone, known)) => heard_of(core, tx, zone, known, held).await,
                    None => Ok(Written::Noted),
                }
            })
        })
        .await
}

/// Notes that the masters gave nothing that could be used. A zone of which they were not heard for long enough expires.
pub(super) async fn silence(core: &Arc<Core>, id: ZoneId, held: Timestamp) -> Result<Written, StoreError> {
    core.store
        .transact(|tx| {
            Box::pin(async move {
                let now = core.clock.now();
                let shortest = core.tools.config.xfr.min_interval;
                let Some((mut zone, known)) = hold(tx, id).await? else { return Ok(Written::Noted) };
                let attempts = known.attempts.saturating_add(1);
                let Some(transferred_at) = zone.transferred_at else {
                    let due_at = now.plus(due::retry_first(attempts, shortest));
                    let next = Refresh { due_at, attempts, ..known };
                    refreshes::put(tx, id, &kept(next, known, held, false)).await?;
                    return Ok(Written::Noted);
                };
                let heard_at = known.checked_at.unwrap_or(transferred_at);
                let end = heard_at.plus(due::expire(zone.timers, shortest));
                let expired = end <= now;
                let retry = now.plus(due::retry(zone.timers, shortest));
                let due_at = if expired { retry } else { retry.min(end) };
                let next = Refresh { due_at, attempts, expired, ..known };
                refreshes::put(tx, id, &kept(next, known, held, false)).await?;
                if !expired || known.expired {
                    return Ok(Written::Noted);
                }
                tracing::error!(zone = %zone.name, "the zone has expired: none of its masters was heard of for too long");
                zone.progress = zone.progress.expired();
                zones::advance(tx, &mut zone, now).await?;
                zones::tell_feed(tx, id, now).await?;
                Ok(Written::ServedOrNot)
            })
        })
        .await
}

/// The zone, held, and what is known of its masters; `None` if nothing is to come from them any more.
async fn hold(tx: &mut dyn Tx, id: ZoneId) -> Result<Option<(Zone, Refresh)>, StoreError> {
    let Some(zone) = zones::lock(tx, id).await? else { return Ok(None) };
    if zone.kind != ZoneKind::Secondary || zone.progress.is_deleting() {
        return Ok(None);
    }
    Ok(refreshes::get(tx, id).await?.map(|known| (zone, known)))
}

/// The masters were heard of, and the zone is as it was.
async fn heard_of(
    core: &Core,
    tx: &mut dyn Tx,
    mut zone: Zone,
    known: Refresh,
    held: Timestamp,
) -> Result<Written, StoreError> {
    let now = core.clock.now();
    let next = Refresh { due_at: next_due(core, &zone, now), ..heard_at(now) };
    refreshes::put(tx, zone.id, &kept(next, known, held, false)).await?;
    if !known.expired {
        return Ok(Written::Noted);
    }
    zone.progress = zone.progress.heard_of_again();
    zones::advance(tx, &mut zone, now).await?;
    zones::tell_feed(tx, zone.id, now).await?;
    Ok(Written::ServedOrNot)
}

const fn heard_at(now: Timestamp) -> Refresh {
    Refresh { due_at: now, forced: false, attempts: 0, checked_at: Some(now), expired: false }
}

/// What is to be written after a look that began with the due time `held`: what somebody asked for meanwhile stands, and so
/// does what was to be forced and was not.
fn kept(next: Refresh, known: Refresh, held: Timestamp, was_forced: bool) -> Refresh {
    if known.due_at == held {
        Refresh { forced: known.forced && !was_forced, ..next }
    } else {
        Refresh { due_at: known.due_at, forced: known.forced, ..next }
    }
}

/// Writes the rows and changes the zone; false if they are like that already.
async fn replace(
    tx: &mut dyn Tx,
    zone: &mut Zone,
    content: &Content,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let is_first = zone.transferred_at.is_none();
    let progress = zone.progress.changed();
    let generation = progress.generation;
    let rows = all_rows(tx, zone.id).await?;
    let soa = rows.iter().find(|row| row.kind == RecordType::Soa && row.name == zone.name).cloned();
    let difference = content.difference(zone, rows, generation, now);
    let shows_same_ttl = zone.ttl == content.soa_ttl;
    let timers = SoaTimers {
        refresh: content.soa.refresh,
        retry: content.soa.retry,
        expire: content.soa.expire,
        minimum: content.soa.minimum,
    };
    if let Some(email) = content.soa.email().filter(|email| email.len() <= MAX_EMAIL) {
        zone.email = email;
    }
    zone.ttl = content.soa_ttl;
    zone.timers = timers;
    zone.transferred_at = Some(now);
    let text = vec![content.soa.to_string()];
    let soa = recordsets::set_generated_over(tx, zone, soa, RecordType::Soa, text, generation, now).await?;
    if soa.is_none() && difference.is_empty() && shows_same_ttl && !is_first {
        return Ok(false);
    }
    for row in &difference.gone {
        recordsets::take_away(tx, row).await?;
    }
    for mut row in difference.changed {
        recordsets::update(tx, &mut row, now).await?;
    }
    recordsets::insert_many(tx, &difference.new).await?;
    if is_first {
        // Nobody was ever shown what was there before.
        versions::forget(tx, zone.id).await?;
    } else {
        let lines: Vec<_> = difference.lines.into_iter().chain(soa.map(|soa| soa.line)).collect();
        journal::append(tx, zone.id, &lines, now).await?;
    }
    zone.serial = content.soa.serial;
    zone.progress = progress.published();
    zone.published_at = Some(now);
    zone.recordset_count = content.recordsets();
    zone.record_count = content.records();
    versions::record(tx, zone.id, zone.serial, generation, now).await?;
    Ok(true)
}

async fn all_rows(tx: &mut dyn Tx, zone: ZoneId) -> Result<Vec<Recordset>, StoreError> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = recordsets::page_after(tx, zone, after.as_ref(), PAGE).await?;
        let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        after = page.last().map(|row| Place::of(&row.name, row.kind));
        rows.extend(page);
        if is_last {
            return Ok(rows);
        }
    }
}
