//! A look at a zone in the database: what is to be done, and the part of it that is done there — publishing.
//!
//! To publish is to give everything accepted so far one serial: from then on transfers show it.
//!
//! Invariants: publishing is one transaction; a serial never goes back (RFC 1982) and never stands for two versions; a
//! zone that another worker has claimed is not published here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::core::Core;
use super::kit::PoolKit;
use crate::domain::generation::Generation;
use crate::domain::ids::{InstanceId, ZoneId};
use crate::domain::pool::Pool;
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::soa;
use crate::domain::time::Timestamp;
use crate::domain::zone::{Zone, ZoneKind};
use crate::store::repo::publishing::{self, Sight};
use crate::store::repo::{claims, journal, pools, recordsets, versions, zones};
use crate::store::{StoreError, Tx};

/// Left to a claim after the time that its zone may need; what was found longer ago must be looked at again before it is
/// begun with.
pub(super) const CLAIM_SPARE: Duration = Duration::from_secs(30);

/// What is to be done about a zone.
#[derive(Debug)]
pub(super) enum Finding {
    /// Nothing, or nothing any more: its newest generation has arrived.
    Settled,
    /// There is no such zone, or not any more.
    Gone,
    /// The change waits for others to share a serial with.
    TooSoon {
        /// How long ago the zone was published.
        since: Duration,
        /// How long it waits from now on, as things stand.
        wait: Duration,
    },
    /// Another worker has it.
    HeldBy(InstanceId),
    /// Its pool cannot be found.
    NoPool(Generation),
    /// Its published version is to be brought to the name servers.
    Version {
        /// The zone as published.
        zone: Box<Zone>,
        /// Its pool.
        kit: Arc<PoolKit>,
        /// The text of its SOA record, unless that is made where it is served.
        soa: Option<String>,
    },
    /// It is to be removed from the name servers.
    Deletion {
        /// The zone.
        zone: Box<Zone>,
        /// Its pool.
        kit: Arc<PoolKit>,
    },
}

/// What the transaction found; a pool that was read becomes a kit only after it is committed.
enum Seen {
    Finding(Finding),
    Work { zone: Box<Zone>, pool: Result<Arc<PoolKit>, Box<Pool>>, given: Option<String> },
}

/// Looks, and publishes what is due. With `steal` another worker's claim is taken over.
/// `due` is when it was to be done; what was published within `window` is left alone.
pub(super) async fn look(
    core: &Core,
    id: ZoneId,
    due: Instant,
    window: Duration,
    steal: bool,
) -> Result<Finding, StoreError> {
    let seen = core.store.transact(|tx| Box::pin(see(core, tx, id, window, steal))).await?;
    if matches!(seen, Seen::Work { .. }) {
        core.pace.published(due.elapsed());
    }
    let (zone, pool, given) = match seen {
        Seen::Finding(finding) => return Ok(finding),
        Seen::Work { zone, pool, given } => (zone, pool, given),
    };
    let kit = pool.unwrap_or_else(|pool| core.kits.put(*pool));
    Ok(if zone.progress.is_deleting() {
        Finding::Deletion { zone, kit }
    } else {
        let soa = soa_text(&zone, &kit.pool).or(given);
        Finding::Version { zone, kit, soa }
    })
}

async fn see(
    core: &Core,
    tx: &mut dyn Tx,
    id: ZoneId,
    window: Duration,
    steal: bool,
) -> Result<Seen, StoreError> {
    let now = core.clock.now();
    let sight = publishing::sight(tx, id, now).await?;
    let Some(Sight { mut zone, holder, pool: version, soa }) = sight else {
        return Ok(Seen::Finding(Finding::Gone));
    };
    if zone.progress.propagated == zone.progress.generation {
        return Ok(Seen::Finding(Finding::Settled));
    }
    if is_awaited(&zone) {
        return Ok(Seen::Finding(Finding::Settled));
    }
    let given = soa.as_ref().filter(|_| zone.kind == ZoneKind::Secondary);
    let given = given.and_then(|set| set.records.first().cloned());
    let publishes = zone.progress.is_unpublished() && !zone.progress.is_deleting();
    if publishes {
        let wait = wait(zone.published_at, now, window);
        if !wait.is_zero() {
            let since = window.saturating_sub(wait);
            return Ok(Seen::Finding(Finding::TooSoon { since, wait }));
        }
    }
    if let Some(holder) = holder.filter(|holder| *holder != core.instance && !steal) {
        return Ok(Seen::Finding(Finding::HeldBy(holder)));
    }
    let until = now.plus(core.tools.config.propagation_timeout + CLAIM_SPARE);
    let Some(version) = version else {
        return Ok(Seen::Finding(Finding::NoPool(zone.progress.generation)));
    };
    let pool = match core.kits.get(zone.pool_id, version) {
        Some(kit) => Ok(kit),
        None => match pools::get(tx, zone.pool_id).await? {
            Some(pool) => Err(Box::new(pool)),
            None => return Ok(Seen::Finding(Finding::NoPool(zone.progress.generation))),
        },
    };
    if steal {
        claims::seize(tx, id, core.instance, until).await?;
    } else {
        claims::hold(tx, id, core.instance, now, until).await?;
    }
    if publishes {
        let pool = match &pool {
            Ok(kit) => &kit.pool,
            Err(pool) => pool,
        };
        publish(tx, &mut zone, soa, pool, now).await?;
    }
    Ok(Seen::Work { zone: Box::new(zone), pool, given })
}

/// True for a zone that has yet to arrive from its masters: until then there is nothing to show.
fn is_awaited(zone: &Zone) -> bool {
    zone.kind == ZoneKind::Secondary && zone.transferred_at.is_none() && !zone.progress.is_deleting()
}

/// How long until the window that the last publishing began is over.
fn wait(published_at: Option<Timestamp>, now: Timestamp, window: Duration) -> Duration {
    match published_at {
        // A clock that was set back must not hold anything up.
        Some(at) if at <= now => window.saturating_sub(now.since(at)),
        _ => Duration::ZERO,
    }
}

async fn publish(
    tx: &mut dyn Tx,
    zone: &mut Zone,
    soa: Option<Recordset>,
    pool: &Pool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let generation = zone.progress.generation;
    if zone.kind != ZoneKind::Secondary {
        zone.serial = zone.serial.next(now.seconds());
    }
    if let Some(text) = soa_text(zone, pool) {
        let kind = RecordType::Soa;
        let set = recordsets::set_generated_over(tx, zone, soa, kind, vec![text], generation, now);
        let line = set.await?.map(|made| made.line);
        journal::append(tx, zone.id, line.as_slice(), now).await?;
    }
    versions::record(tx, zone.id, zone.serial, generation, now).await?;
    zone.progress = zone.progress.published();
    zones::publish(tx, zone, now).await
}

/// A secondary zone's SOA record is its master's; a catalog's is made where it is served.
fn soa_text(zone: &Zone, pool: &Pool) -> Option<String> {
    let first = pool.ns_in_order().first().map(|ns| ns.hostname.clone())?;
    (zone.kind == ZoneKind::Primary).then(|| soa::text(&first, &zone.email, zone.serial, zone.timers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_within_the_window_wait_for_its_end() {
        let at = |millis: i64| Timestamp::from_micros(millis * 1000);
        let window = Duration::from_millis(100);
        assert_eq!(wait(None, at(1000), window), Duration::ZERO);
        assert_eq!(wait(Some(at(1000)), at(1030), window), Duration::from_millis(70));
        assert_eq!(wait(Some(at(1000)), at(1100), window), Duration::ZERO);
        assert_eq!(wait(Some(at(9000)), at(1000), window), Duration::ZERO);
    }
}
