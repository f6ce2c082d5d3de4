//! Making sure that an answer is no older than the last committed publish, one look at the database for all who wait.
//!
//! Invariants: a look begins after those it is for have asked; at most one is under way; nobody waits longer than a
//! second, and if the database does not answer by then, memory has to do.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::changes::Changes;
use super::keys::Keys;
use super::load::Loader;
use super::notified::Notified;
use super::read::StoreReader;
use crate::dns::answer::Peer;
use crate::dns::difference::Difference;
use crate::dns::server::{Backing, BackingError, ZoneReader};
use crate::dns::tsig::Keyring;
use crate::dns::wire::{QName, Rcode};
use crate::domain::ids::ZoneId;
use crate::domain::serial::Serial;

/// How long an answer waits for the database.
const PATIENCE: Duration = Duration::from_secs(1);
/// Who may wait at once; more are answered from memory.
const MOST_WAITING: usize = 4096;

/// Told when memory is current; dropped when it cannot be.
type Asker = oneshot::Sender<()>;
/// Those who wait, by the name they ask about.
type Waiting = HashMap<Box<[u8]>, (QName, Vec<Asker>)>;

/// The database behind the answers.
#[derive(Debug)]
pub(super) struct Freshness {
    loader: Arc<Loader>,
    queue: Arc<Mutex<Queue>>,
    notified: Option<Notified>,
    keys: Arc<Keys>,
    changes: Changes,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(QName, Asker)>,
    /// Somebody looks, and will look again for those who came meanwhile.
    looking: bool,
}

impl Freshness {
    pub(super) fn new(
        loader: Arc<Loader>,
        notified: Option<Notified>,
        keys: Arc<Keys>,
        changes: Changes,
    ) -> Self {
        Self { loader, queue: Arc::default(), notified, keys, changes }
    }

    /// Queues a question; the receiver resolves once memory is current.
    fn ask(&self, name: &QName) -> Option<oneshot::Receiver<()>> {
        let mut queue = self.queue.lock();
        if queue.waiting.len() >= MOST_WAITING {
            return None;
        }
        let (done, current) = oneshot::channel();
        queue.waiting.push((name.clone(), done));
        let idle = !std::mem::replace(&mut queue.looking, true);
        drop(queue);
        if idle {
            // A task of its own, since any of those who wait may go away.
            tokio::spawn(look_for_all(
                Arc::clone(&self.loader),
                Looking { queue: Arc::clone(&self.queue), done: false },
            ));
        }
        Some(current)
    }
}

#[async_trait]
impl Backing for Freshness {
    async fn refresh(&self, name: &QName) {
        let current = match self.ask(name) {
            Some(current) => matches!(tokio::time::timeout(PATIENCE, current).await, Ok(Ok(()))),
            None => false,
        };
        if !current {
            tracing::warn!(%name, "cannot ask the database in time: answering from memory");
        }
    }

    async fn notified(&self, name: &QName, serial: Option<Serial>, peer: &Peer) -> Rcode {
        match &self.notified {
            Some(notified) => notified.hear(name, serial, peer.address.ip()).await,
            None => Rcode::NotAuth,
        }
    }

    fn keys(&self) -> Arc<Keyring> {
        self.keys.ring()
    }

    async fn refresh_keys(&self) {
        match tokio::time::timeout(PATIENCE, self.keys.look_again()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "cannot look at the TSIG keys"),
            Err(_) => tracing::warn!("the database does not tell the TSIG keys in time"),
        }
    }

    async fn difference(&self, zone: ZoneId, since: Serial) -> Result<Option<Difference>, BackingError> {
        self.changes.since(zone, since).await.map_err(|error| BackingError { reason: error.to_string() })
    }

    async fn open(&self, zone: ZoneId) -> Result<Option<Box<dyn ZoneReader>>, BackingError> {
        match StoreReader::open(self.loader.store(), zone).await {
            Ok(reader) => Ok(reader.map(|reader| Box::new(reader) as Box<dyn ZoneReader>)),
            Err(error) => Err(BackingError { reason: error.to_string() }),
        }
    }
}

/// Held by whoever looks. When it goes, so do those who wait, with what is in memory.
struct Looking {
    queue: Arc<Mutex<Queue>>,
    /// Set once nobody waited: from then on another may look.
    done: bool,
}

impl Looking {
    /// All who wait, by name; nobody looks any more if there are none.
    fn take(&mut self) -> Waiting {
        let mut queue = self.queue.lock();
        queue.looking = !queue.waiting.is_empty();
        self.done = !queue.looking;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        let mut by_name = Waiting::new();
        for (name, done) in waiting {
            by_name.entry(name.key().into()).or_insert_with(|| (name, Vec::new())).1.push(done);
        }
        by_name
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        // Otherwise nobody would ever look again after a panic.
        if !self.done {
            *self.queue.lock() = Queue::default();
        }
    }
}

/// Looks until nobody waits.
async fn look_for_all(loader: Arc<Loader>, mut looking: Looking) {
    loop {
        let (names, askers): (Vec<QName>, Vec<_>) = looking.take().into_values().unzip();
        if names.is_empty() {
            return;
        }
        match loader.stale(&names).await {
            Ok(stale) => {
                for (zones, askers) in stale.into_iter().zip(askers) {
                    if zones.is_empty() {
                        tell(askers);
                    } else {
                        tokio::spawn(load_and_tell(Arc::clone(&loader), zones, askers));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look for newer versions"),
        }
    }
}

async fn load_and_tell(loader: Arc<Loader>, zones: Vec<ZoneId>, askers: Vec<Asker>) {
    for zone in zones {
        if let Err(error) = loader.load(zone).await {
            tracing::warn!(zone_id = %zone, %error, "cannot load a zone");
            return;
        }
    }
    tell(askers);
}

fn tell(askers: Vec<Asker>) {
    for asker in askers {
        // An error means that it waits no longer.
        let _: Result<(), ()> = asker.send(());
    }
}
