//! From rows to records: the published version of a zone as the name server holds it.
//!
//! Invariants: the SOA record shows the serial of the zone's row; a record that cannot be read is left out and logged,
//! it never takes the rest of the zone with it.

use async_trait::async_trait;

use crate::dns::server::{BackingError, Sets, ZoneReader};
use crate::dns::zone::{RrSet, ZoneVersion};
use crate::domain::name::Name;
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::ttl::Ttl;
use crate::store::repo::transfer::{self, PublishedSet, PublishedZone, Transfer};
use crate::store::{Store, StoreError, Tx};

/// Rows read at a time.
pub(super) const PAGE: u32 = 1000;
/// Octets of a SOA record's data after its serial.
const AFTER_SERIAL: usize = 16;

/// What a zone's row says of its published version; `None` if it is not to be served.
pub(super) fn version(zone: PublishedZone) -> Option<ZoneVersion> {
    (!zone.withheld).then_some(ZoneVersion {
        id: zone.id,
        pool_id: zone.pool_id,
        origin: zone.name,
        generation: zone.generation,
        serial: zone.serial,
        default_ttl: zone.ttl,
    })
}

/// The records of a set; `None` if none can be read.
pub(super) fn records(name: &Name, kind: RecordType, ttl: Ttl, texts: &[String]) -> Option<RrSet> {
    RrSet::parse(kind, ttl, texts, |text, error| {
        tracing::warn!(%name, record = text, %error, "record left out");
    })
}

/// Opens a zone's published version; `None` if it is not to be served.
pub(super) async fn open(
    tx: &mut dyn Tx,
    id: crate::domain::ids::ZoneId,
) -> Result<Option<(ZoneVersion, RrSet, Transfer)>, StoreError> {
    let Some(mut transfer) = transfer::open(tx, id).await? else { return Ok(None) };
    let Some(version) = version(transfer.zone.clone()) else { return Ok(None) };
    let Some(soa) = soa(&version, transfer.soa.take()) else { return Ok(None) };
    Ok(Some((version, soa, transfer)))
}

/// The SOA set that a version shows; `None`, which is logged, if there is none that can be read.
pub(super) fn soa(version: &ZoneVersion, stored: Option<PublishedSet>) -> Option<RrSet> {
    let soa = stored.and_then(|soa| {
        let set = records(&soa.name, soa.kind, soa.ttl, &soa.records)?;
        with_serial(&set, version.serial)
    });
    if soa.is_none() {
        tracing::warn!(zone = %version.origin, "zone has no SOA record: not served");
    }
    soa
}

/// The next sets of a transfer; none at the end.
pub(super) async fn next(tx: &mut dyn Tx, transfer: &mut Transfer) -> Result<Sets, StoreError> {
    loop {
        let page = transfer::next_page(tx, transfer, PAGE).await?;
        if page.is_empty() {
            return Ok(Vec::new());
        }
        let read = |set: PublishedSet| {
            let records = records(&set.name, set.kind, set.ttl, &set.records)?;
            Some((set.name, records))
        };
        let sets: Sets = page.into_iter().filter_map(read).collect();
        if !sets.is_empty() {
            return Ok(sets);
        }
    }
}

/// The SOA set with a serial; `None` if it has not exactly one record.
pub(super) fn with_serial(soa: &RrSet, serial: Serial) -> Option<RrSet> {
    let mut records = soa.records();
    let mut data = records.next()?.to_vec();
    if records.next().is_some() {
        return None;
    }
    let end = data.len().checked_sub(AFTER_SERIAL)?;
    data.get_mut(end.checked_sub(4)?..end)?.copy_from_slice(&serial.number().to_be_bytes());
    RrSet::new(soa.kind(), soa.ttl(), [&*data])
}

/// A zone read for a transfer, in a transaction that sees one state of the database.
pub(super) struct StoreReader {
    tx: Box<dyn Tx>,
    origin: Name,
    soa: RrSet,
    transfer: Transfer,
}

impl StoreReader {
    pub(super) async fn open(
        store: &Store,
        id: crate::domain::ids::ZoneId,
    ) -> Result<Option<Self>, StoreError> {
        let mut tx = store.begin(crate::store::Mode::Read).await?;
        let Some((version, soa, transfer)) = open(&mut *tx, id).await? else { return Ok(None) };
        Ok(Some(Self { tx, origin: version.origin, soa, transfer }))
    }
}

#[async_trait]
impl ZoneReader for StoreReader {
    fn soa(&self) -> (&Name, &RrSet) {
        (&self.origin, &self.soa)
    }

    async fn next(&mut self) -> Result<Sets, BackingError> {
        next(&mut *self.tx, &mut self.transfer).await.map_err(|e| BackingError { reason: e.to_string() })
    }
}
