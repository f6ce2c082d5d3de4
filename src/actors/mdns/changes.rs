//! What clients of incremental transfers are told: the journal from the version they have to the published one, condensed to
//! one difference (RFC 1995, section 5).
//!
//! Invariants: read from one state of the database; all differences in memory are within a budget; whoever cannot be told is
//! given the whole zone.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::read;
use crate::config::MdnsConfig;
use crate::dns::difference::{Difference, SetChange};
use crate::dns::zone::RrSet;
use crate::domain::delta::{self, RrSet as Lined};
use crate::domain::ids::ZoneId;
use crate::domain::name::Name;
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::ttl::Ttl;
use crate::store::repo::differences;
use crate::store::repo::transfer::{self, PublishedSet, Renewal};
use crate::store::{Store, StoreError, Tx};

/// Octets that the budget is counted in.
const UNIT: u64 = 1024;
/// How much more memory a change takes than the characters of its line.
const FACTOR: u64 = 4;
/// What a line takes besides, in octets.
const OF_LINE: u64 = 256;

/// Reads differences.
#[derive(Debug)]
pub(super) struct Changes {
    store: Store,
    most_lines: u64,
    budget: Arc<Semaphore>,
}

impl Changes {
    pub(super) fn new(store: Store, config: &MdnsConfig) -> Self {
        let units = usize::try_from(u64::from(config.ixfr_memory) / UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        Self { store, most_lines: config.ixfr_max_changes.into(), budget: Arc::new(Semaphore::new(units)) }
    }

    /// What changed in a zone since a serial; `None` if that is unknown, or the zone itself is less.
    pub(super) async fn since(&self, zone: ZoneId, since: Serial) -> Result<Option<Difference>, StoreError> {
        self.store.read(|tx| Box::pin(self.read(tx, zone, since))).await
    }

    async fn read(
        &self,
        tx: &mut dyn Tx,
        zone: ZoneId,
        since: Serial,
    ) -> Result<Option<Difference>, StoreError> {
        let Some(extent) = differences::extent(tx, zone, since, self.most_lines).await? else {
            return Ok(None);
        };
        if extent.lines > self.most_lines {
            return Ok(None);
        }
        let Some(held) = self.hold(extent.size.saturating_mul(FACTOR) + extent.lines * OF_LINE) else {
            tracing::info!(zone_id = %zone, "too many changes are being told of: the whole zone is sent");
            return Ok(None);
        };
        let known = (since, extent.generation);
        let Some(renewal) = transfer::since(tx, zone, known, self.most_lines).await? else { return Ok(None) };
        Ok(difference(renewal, since, extent.recordsets, held))
    }

    fn hold(&self, octets: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(octets / UNIT + 1).ok()?;
        Arc::clone(&self.budget).try_acquire_many_owned(units).ok()
    }
}

/// The difference that lines of the journal make.
fn difference(
    renewal: Renewal,
    since: Serial,
    recordsets: u64,
    held: OwnedSemaphorePermit,
) -> Option<Difference> {
    let Renewal { zone, soa, lines } = renewal;
    let (lines, ttl, origin) = (lines?, zone.ttl, zone.name.clone());
    let version = read::version(zone)?;
    let changes = delta::fold(lines);
    if u64::try_from(changes.len()).ok()? > recordsets {
        return None;
    }
    let old_soa = changes.iter().find(|change| change.kind == RecordType::Soa).map(|change| {
        change.before.clone().map(|before| PublishedSet {
            name: origin.clone(),
            kind: RecordType::Soa,
            ttl: before.ttl.unwrap_or(ttl),
            records: before.records,
        })
    });
    let old_soa = match old_soa {
        Some(before) => before?,
        None => soa.clone()?,
    };
    let old_soa = read::records(&old_soa.name, old_soa.kind, old_soa.ttl, &old_soa.records)?;
    let old_soa = read::with_serial(&old_soa, since)?;
    let new_soa = read::soa(&version, soa)?;
    let set = |name: &Name, kind: RecordType, set: Option<&Lined>, ttl: Ttl| -> Option<RrSet> {
        let set = set?;
        read::records(name, kind, set.ttl.unwrap_or(ttl), &set.records)
    };
    let changes = changes.iter().filter(|change| change.kind != RecordType::Soa).filter_map(|change| {
        let before = set(&change.name, change.kind, change.before.as_ref(), ttl);
        let after = set(&change.name, change.kind, change.after.as_ref(), ttl);
        SetChange::between(&change.name, before.as_ref(), after.as_ref())
    });
    Some(Difference { changes: changes.collect(), origin, old_soa, new_soa, held: Box::new(held) })
}
