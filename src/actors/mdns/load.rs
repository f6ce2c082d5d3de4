//! Bringing zones in memory up to what is published.
//!
//! Invariants: one load of a zone at a time, each from one state of the database, so memory never goes back; a zone
//! that cannot be served is not in memory; a small change of a large zone costs as much as the change.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::stream::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use tokio::sync::{Mutex as Turns, Semaphore};

use super::read;
use crate::dns::catalog::Catalog;
use crate::dns::wire::QName;
use crate::dns::zone::{EditError, RrSet, ZoneData, ZoneEdit, ZoneVersion};
use crate::domain::delta::{self, JournalEntry};
use crate::domain::ids::ZoneId;
use crate::domain::name::Name;
use crate::domain::record_type::RecordType;
use crate::store::repo::transfer::{self, PublishedSet, PublishedZone, Renewal};
use crate::store::{Store, StoreError, Tx};

/// Zones that load at once.
const LOADS: usize = 4;
/// Locks that all zones share.
const TURNS: usize = 256;
/// Zones read with one look at the database, and the sets that each of them may have.
const TOGETHER: usize = 250;
const SMALL: u32 = 5000;
/// Fewer zones than this are not worth reading together.
const FEW: usize = 4;
/// Lines of the journal up to which a change is applied to what is in memory.
const MOST_LINES: u64 = 5000;

/// Loads zones into a catalogue.
#[derive(Debug)]
pub(super) struct Loader {
    store: Store,
    catalog: Arc<Catalog>,
    /// False if only the SOA records are wanted.
    whole: bool,
    /// Each counts the loads under it.
    turns: Box<[Turns<u64>]>,
    permits: Semaphore,
    counts: Mutex<Counts>,
}

/// How many zones were read, by the way it was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// In full, one by one.
    pub(super) in_full: u64,
    /// By their changes alone.
    pub(super) by_journal: u64,
    /// Together with others.
    pub(super) together: u64,
}

/// What a look at the database says about a zone in memory.
enum Seen {
    AsInMemory,
    NotServed,
    Changed(Box<ZoneData>, How),
}

enum How {
    InFull,
    ByJournal,
}

impl Loader {
    pub(super) fn new(store: Store, catalog: Arc<Catalog>, whole: bool) -> Self {
        Self {
            store,
            catalog,
            whole,
            turns: (0..TURNS).map(|_| Turns::new(0)).collect(),
            permits: Semaphore::new(LOADS),
            counts: Mutex::default(),
        }
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    pub(super) const fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// How many zones were read so far.
    #[cfg(test)]
    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    /// Brings one zone up to what is published.
    pub(super) async fn load(&self, id: ZoneId) -> Result<(), StoreError> {
        let mut turn = match self.turn(id) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        if let Some(loads) = turn.as_deref_mut() {
            *loads += 1;
        }
        let _permit = self.permits.acquire().await;
        let known = self.catalog.zone(id);
        let seen = self.store.read(|tx| Box::pin(look(tx, id, known.as_deref(), self.whole))).await?;
        match seen {
            Seen::AsInMemory => {}
            Seen::NotServed => {
                if self.catalog.remove(id) {
                    tracing::debug!(zone_id = %id, "zone withdrawn");
                }
            }
            Seen::Changed(zone, how) => {
                let version = zone.version();
                tracing::debug!(zone = %version.origin, serial = %version.serial, records = zone.records(), "zone loaded");
                let mut counts = self.counts.lock();
                match how {
                    How::InFull => counts.in_full += 1,
                    How::ByJournal => counts.by_journal += 1,
                }
                drop(counts);
                self.catalog.put(Arc::new(*zone));
            }
        }
        Ok(())
    }

    /// Brings many zones up to what is published: those that are not in memory yet together, as far as they are small.
    pub(super) async fn load_all(&self, ids: Vec<ZoneId>) -> Result<(), StoreError> {
        let (known, new): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| self.catalog.zone(*id).is_some());
        let (new, mut single) = if new.len() < FEW { (Vec::new(), new) } else { (new, Vec::new()) };
        single.extend(known);
        let batches: Vec<Vec<ZoneId>> = new.chunks(TOGETHER).map(<[_]>::to_vec).collect();
        let batches = futures::stream::iter(batches.into_iter().map(|batch| self.load_batch(batch)));
        let rest: Vec<Vec<ZoneId>> = batches.buffer_unordered(LOADS).try_collect().await?;
        single.extend(rest.into_iter().flatten());
        let loads = futures::stream::iter(single.into_iter().map(|id| self.load(id)));
        loads.buffer_unordered(LOADS).try_collect::<()>().await
    }

    /// Reads zones together. Answers those that have to be loaded one by one.
    async fn load_batch(&self, ids: Vec<ZoneId>) -> Result<Vec<ZoneId>, StoreError> {
        let mut before = HashMap::with_capacity(ids.len());
        for id in &ids {
            if let Some(turn) = self.turn(*id) {
                before.insert(*id, *turn.lock().await);
            }
        }
        let _permit = self.permits.acquire().await;
        let wanted = ids.as_slice();
        let found = self.store.read(|tx| Box::pin(transfer::small(tx, wanted, SMALL))).await?;
        let mut rest: HashSet<ZoneId> = ids.into_iter().collect();
        for (zone, sets) in found {
            let id = zone.id;
            let Some(data) = whole(zone, sets, self.whole) else { continue };
            let Some(turn) = self.turn(id) else { continue };
            let loads = turn.lock().await;
            // Whoever loaded it meanwhile may have seen a newer state, or that it is to be served no more.
            if before.get(&id) == Some(&*loads) {
                self.catalog.put(Arc::new(data));
                self.counts.lock().together += 1;
                rest.remove(&id);
            }
        }
        Ok(rest.into_iter().collect())
    }

    fn turn(&self, id: ZoneId) -> Option<&Turns<u64>> {
        self.turns.get(usize::try_from(id.uuid().as_u128() % TURNS as u128).unwrap_or(0))
    }

    /// The zones that a question about `names` concerns and that are not in memory as they are published; each name
    /// with its zones.
    pub(super) async fn stale(&self, names: &[QName]) -> Result<Vec<Vec<ZoneId>>, StoreError> {
        self.store
            .read(|tx| {
                Box::pin(async move {
                    let read: Vec<Option<Name>> = names
                        .iter()
                        .map(|name| Name::from_wire(name.key()).ok().map(|(name, _)| name))
                        .collect();
                    let asked: Vec<Name> = read.iter().flatten().cloned().collect();
                    let mut found = transfer::find_all(tx, &asked).await?.into_iter();
                    let mut stale = Vec::with_capacity(names.len());
                    for (qname, name) in names.iter().zip(read) {
                        stale.push(match name.and_then(|_| found.next()) {
                            Some(published) => self.stale_of(tx, qname, &published).await?,
                            None => Vec::new(),
                        });
                    }
                    Ok(stale)
                })
            })
            .await
    }

    /// Of the zones published under a name, and of the one that encloses it in memory, those that memory has otherwise.
    async fn stale_of(
        &self,
        tx: &mut dyn Tx,
        qname: &QName,
        published: &[PublishedZone],
    ) -> Result<Vec<ZoneId>, StoreError> {
        let mut stale: Vec<ZoneId> =
            published.iter().filter(|zone| !self.is_current(zone)).map(|zone| zone.id).collect();
        // The zone above shows its serial too, in a denial; and the one in memory may be gone.
        if let Some(memory) = self.catalog.enclosing(qname) {
            let id = memory.version().id;
            if !published.iter().any(|zone| zone.id == id) {
                let current = transfer::published_zone(tx, id).await?.is_some_and(|z| self.is_current(&z));
                stale.extend((!current).then_some(id));
            }
        }
        Ok(stale)
    }

    /// True if memory has the zone as it is published: this very version, or nothing if it is not to be served.
    pub(super) fn is_current(&self, zone: &PublishedZone) -> bool {
        let memory = self.catalog.zone(zone.id);
        let published = read::version(zone.clone());
        memory.as_ref().map(|zone| zone.version()) == published.as_ref()
    }
}

/// Compares a zone with what is in memory, and reads what is needed.
async fn look(
    tx: &mut dyn Tx,
    id: ZoneId,
    known: Option<&ZoneData>,
    whole: bool,
) -> Result<Seen, StoreError> {
    if let Some(known) = known {
        let old = known.version();
        let renewal = transfer::since(tx, id, (old.serial, old.generation), MOST_LINES).await?;
        let Some(Renewal { zone, soa, lines }) = renewal else { return Ok(Seen::NotServed) };
        let Some(version) = read::version(zone) else { return Ok(Seen::NotServed) };
        if version == *old {
            return Ok(Seen::AsInMemory);
        }
        if whole
            && let Some(lines) = lines
            && let Some(soa) = read::soa(&version, soa)
            && let Some(zone) = by_journal(known, &version, &soa, lines)
        {
            return Ok(Seen::Changed(Box::new(zone), How::ByJournal));
        }
    }
    let Some((version, soa, mut transfer)) = read::open(tx, id).await? else { return Ok(Seen::NotServed) };
    let mut edit = ZoneEdit::new(version.clone(), 0);
    put(&mut edit, &version.origin, soa);
    if !whole {
        edit.only_soa();
    } else {
        loop {
            let sets = read::next(tx, &mut transfer).await?;
            if sets.is_empty() {
                break;
            }
            for (name, set) in sets {
                put(&mut edit, &name, set);
            }
        }
    }
    Ok(finish(edit).map_or(Seen::NotServed, |zone| Seen::Changed(Box::new(zone), How::InFull)))
}

/// The version that these sets make; `None` if it cannot be served.
fn whole(zone: PublishedZone, sets: Vec<PublishedSet>, with_sets: bool) -> Option<ZoneData> {
    let version = read::version(zone)?;
    let is_soa = |set: &PublishedSet| set.kind == RecordType::Soa && set.name == version.origin;
    let (mut soa, sets): (Vec<_>, Vec<_>) = sets.into_iter().partition(is_soa);
    let soa = read::soa(&version, soa.pop())?;
    let origin = version.origin.clone();
    let mut edit = ZoneEdit::new(version, 0);
    put(&mut edit, &origin, soa);
    if with_sets {
        for set in sets.into_iter().filter(|set| set.kind != RecordType::Soa) {
            if let Some(records) = read::records(&set.name, set.kind, set.ttl, &set.records) {
                put(&mut edit, &set.name, records);
            }
        }
    } else {
        edit.only_soa();
    }
    finish(edit)
}

/// The version that these lines of the journal make of the one in memory; `None` if they do not lead from that to this.
fn by_journal(
    known: &ZoneData,
    version: &ZoneVersion,
    soa: &RrSet,
    lines: Vec<JournalEntry>,
) -> Option<ZoneData> {
    let old = known.version();
    let comparable = old.generation <= version.generation
        && old.default_ttl == version.default_ttl
        && old.origin.as_str() == version.origin.as_str();
    if !comparable {
        return None;
    }
    let mut edit = ZoneEdit::from(known, version.clone());
    for change in delta::fold(lines) {
        let kind = change.kind;
        if kind == RecordType::Soa {
            continue;
        }
        let set = change.after.and_then(|set| {
            read::records(&change.name, kind, set.ttl.unwrap_or(version.default_ttl), &set.records)
        });
        match set {
            Some(set) => put(&mut edit, &change.name, set),
            None => log(edit.remove(&change.name, kind.number())),
        }
    }
    put(&mut edit, &version.origin, soa.clone());
    finish(edit)
}

fn put(edit: &mut ZoneEdit, name: &Name, set: RrSet) {
    log(edit.put(name, set));
}

fn log(result: Result<(), EditError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "records left out");
    }
}

fn finish(edit: ZoneEdit) -> Option<ZoneData> {
    edit.finish().inspect_err(|error| tracing::warn!(%error, "zone is not served")).ok()
}
