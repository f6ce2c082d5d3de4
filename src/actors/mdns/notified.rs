//! NOTIFY from the masters of secondary zones (RFC 1996).
//!
//! Invariants: only a zone's own masters are heard, by their address; whatever they say, a worker is told of a zone at most
//! once in a window, and once more at its end if they went on; what is looked at and remembered for that is bounded. The
//! answer does not wait for the worker.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::actors::worker::api::{RefreshZone, Worker};
use crate::dns::wire::{QName, Rcode};
use crate::domain::host_port::HostPort;
use crate::domain::ids::ZoneId;
use crate::domain::name::Name;
use crate::domain::serial::Serial;
use crate::domain::zone::{Zone, ZoneKind};
use crate::store::repo::zones;
use crate::store::{Store, StoreError};
use crate::transport::{Cx, ServiceRef};

/// Looks at the database at once; more are answered SERVFAIL.
const AT_ONCE: usize = 64;
/// How long the database, or the address of a master given by name, may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Zones of which a worker was told within the window.
const MOST_TOLD: usize = 100_000;
/// How long a worker may take to accept the word.
const BUDGET: Duration = Duration::from_secs(5);

/// Zones that a worker was told of within the window, with what came after that.
type Told = Arc<Mutex<HashMap<ZoneId, Option<HostPort>>>>;

/// Listens to masters.
#[derive(Debug)]
pub(super) struct Notified {
    store: Store,
    worker: ServiceRef<Worker>,
    window: Duration,
    told: Told,
    looks: Semaphore,
}

impl Notified {
    pub(super) fn new(store: Store, worker: ServiceRef<Worker>, window: Duration) -> Self {
        Self { store, worker, window, told: Told::default(), looks: Semaphore::new(AT_ONCE) }
    }

    /// Takes the word that a zone has changed, perhaps with the serial that it has now. Answers what to answer.
    pub(super) async fn hear(&self, name: &QName, serial: Option<Serial>, from: IpAddr) -> Rcode {
        let (Ok(_look), Ok((name, _))) = (self.looks.try_acquire(), Name::from_wire(name.key())) else {
            return Rcode::ServFail;
        };
        let zone_name = &name;
        let look = self.store.read(|tx| Box::pin(async move { zones::by_name(tx, zone_name).await }));
        let found: Vec<Zone> = match timeout(PATIENCE, look).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                let error: StoreError = error;
                tracing::warn!(zone = %name, %error, "cannot see whose master says that it changed");
                return Rcode::ServFail;
            }
            Err(_) => return Rcode::ServFail,
        };
        let is_ours = |zone: &Zone| zone.kind == ZoneKind::Secondary && !zone.progress.is_deleting();
        let (mut any, mut heard) = (false, false);
        for zone in found.into_iter().filter(is_ours) {
            any = true;
            let Some(master) = master_at(&zone, from.to_canonical()).await else { continue };
            heard = true;
            let is_known = zone.transferred_at.is_some()
                && serial.is_some_and(|serial| !serial.is_newer_than(zone.serial));
            if !is_known {
                self.tell(zone.id, master);
            }
        }
        match (any, heard) {
            (false, _) => Rcode::NotAuth,
            (true, false) => {
                tracing::info!(zone = %name, %from, "who is none of the zone's masters says that it changed");
                Rcode::Refused
            }
            (true, true) => Rcode::NoError,
        }
    }

    /// Tells a worker, now or at the end of the window.
    fn tell(&self, zone: ZoneId, from: HostPort) {
        {
            let mut told = self.told.lock();
            if let Some(later) = told.get_mut(&zone) {
                *later = Some(from);
                return;
            }
            if told.len() >= MOST_TOLD {
                return;
            }
            told.insert(zone, None);
        }
        tokio::spawn(tell_in_windows(self.worker.clone(), Arc::clone(&self.told), self.window, zone, from));
    }
}

/// Tells a worker, and once more after each window in which there was another word.
async fn tell_in_windows(
    worker: ServiceRef<Worker>,
    told: Told,
    window: Duration,
    zone: ZoneId,
    from: HostPort,
) {
    let mut next = Some(from);
    while let Some(from) = next {
        if let Err(fault) = worker.cast(&Cx::system(BUDGET), RefreshZone { zone, from: Some(from) }).await {
            tracing::info!(%zone, %fault, "no worker took the word; the zone is looked after in its time");
        }
        sleep(window).await;
        let mut told = told.lock();
        next = told.get_mut(&zone).and_then(Option::take);
        if next.is_none() {
            told.remove(&zone);
        }
    }
}

/// The master of a zone that has this address; its port does not matter, since a server sends from another.
async fn master_at(zone: &Zone, address: IpAddr) -> Option<HostPort> {
    let literal =
        |master: &&HostPort| master.host.parse().is_ok_and(|host: IpAddr| host.to_canonical() == address);
    if let Some(master) = zone.masters.iter().find(literal) {
        return Some(master.clone());
    }
    for master in zone.masters.iter().filter(|master| master.host.parse::<IpAddr>().is_err()) {
        let found = tokio::net::lookup_host((master.host.as_str(), master.port));
        if let Ok(Ok(mut found)) = timeout(PATIENCE, found).await
            && found.any(|at| at.ip().to_canonical() == address)
        {
            return Some(master.clone());
        }
    }
    None
}
