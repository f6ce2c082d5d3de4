//! One look at a secondary zone: its masters are asked one after the other until one gives what is newer.
//!
//! Invariants: no transaction is open while masters are asked; whatever comes of it, the zone has a next due time.

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use tokio::time::sleep;

use super::content::Content;
use super::due;
use super::write::{self, Written};
use crate::actors::mdns::api::ZonePublished;
use crate::actors::worker::attend;
use crate::actors::worker::core::Core;
use crate::dns::client::{Arrived, PollAnswer, TransferLimits};
use crate::dns::tsig::SignedBy;
use crate::domain::host_port::HostPort;
use crate::domain::ids::ZoneId;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::domain::zone::{Zone, ZoneKind};
use crate::store::StoreError;
use crate::store::repo::{refreshes, zones};
use crate::transport::Cx;

/// How long the zone is left alone by others if nothing more is heard of this look, and how often that is renewed.
const HOLD: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(5);
/// Time for others to take a message.
const BUDGET: Duration = Duration::from_secs(10);

/// A zone whose masters are to be asked.
struct Job {
    zone: Zone,
    forced: bool,
    held: Timestamp,
}

/// What the masters said.
enum Heard {
    /// The zone.
    Zone(Box<Arrived>),
    /// That there is nothing newer, as far as they answered.
    Nothing,
    /// Nothing that could be used.
    Silence,
}

/// Asks the masters of a zone, `hint` first, and does what follows.
pub(super) async fn attempt(core: &Arc<Core>, id: ZoneId, hint: Option<HostPort>) -> Result<(), StoreError> {
    let Some(Job { zone, forced, mut held }) = take(core, id).await? else { return Ok(()) };
    let heard = {
        let mut asking = std::pin::pin!(ask_masters(core, &zone, forced, hint));
        loop {
            tokio::select! {
                heard = &mut asking => break heard,
                () = sleep(RENEWAL) => renew(core, id, &mut held).await,
            }
        }
    };
    let written = match heard {
        Heard::Zone(arrived) => {
            // Text for a large zone takes a while.
            let content = tokio::task::spawn_blocking(move || Content::of(*arrived)).await;
            let Ok(content) = content else { return Ok(()) };
            write::content(core, id, &content, forced, held).await?
        }
        Heard::Nothing => write::no_news(core, id, held).await?,
        Heard::Silence => write::silence(core, id, held).await?,
    };
    match written {
        Written::Changed => {
            if attend(core, id).is_err() {
                tracing::info!("too busy to bring the zone to its name servers; recovery will");
            }
        }
        Written::ServedOrNot => {
            if let Err(fault) = core.mdns.fanout(&Cx::system(BUDGET), ZonePublished { zone: id }).await {
                tracing::debug!(%fault, "our own name servers will find the change by themselves");
            }
        }
        Written::Noted => {}
    }
    Ok(())
}

/// The zone, if its masters are to be asked; its due time is put ahead.
async fn take(core: &Core, id: ZoneId) -> Result<Option<Job>, StoreError> {
    let held = core.clock.now().plus(HOLD);
    core.store
        .transact(|tx| {
            Box::pin(async move {
                let Some(zone) = zones::lock(tx, id).await? else { return Ok(None) };
                if zone.kind != ZoneKind::Secondary || zone.progress.is_deleting() {
                    return Ok(None);
                }
                let Some(refresh) = refreshes::get(tx, id).await? else { return Ok(None) };
                refreshes::hold(tx, &[id], held).await?;
                Ok(Some(Job { zone, forced: refresh.forced, held }))
            })
        })
        .await
}

/// Puts the due time ahead once more, unless somebody asked for another look meanwhile.
async fn renew(core: &Core, id: ZoneId, held: &mut Timestamp) {
    let (before, until) = (*held, core.clock.now().plus(HOLD));
    let renewed = core
        .store
        .transact(|tx| Box::pin(async move { refreshes::hold_on(tx, id, before, until).await }))
        .await;
    match renewed {
        Ok(true) => *held = until,
        Ok(false) => {}
        Err(error) => {
            let error: StoreError = error;
            tracing::debug!(%error, "cannot say that the masters are still being asked");
        }
    }
}

async fn ask_masters(core: &Core, zone: &Zone, forced: bool, hint: Option<HostPort>) -> Heard {
    let mut masters = zone.masters.clone();
    masters.shuffle(&mut rand::rng());
    masters.sort_by_key(|master| Some(master) != hint.as_ref());
    let config = core.tools.config.xfr;
    let limits = TransferLimits {
        wait: config.timeout,
        total: config.total_timeout,
        octets: config.max_size,
        records: config.max_records,
    };
    let by = match core.tools.signers.of_zone(zone.id).await {
        Ok(by) => by,
        Err(error) => {
            tracing::warn!(zone = %zone.name, %error, "the masters cannot be asked");
            return Heard::Silence;
        }
    };
    let in_any_case = forced || zone.transferred_at.is_none();
    let mut answered = false;
    for master in &masters {
        if !in_any_case {
            match serial_at(core, master, zone, by.as_ref()).await {
                Some(serial) if serial.is_newer_than(zone.serial) => {}
                Some(_) => {
                    answered = true;
                    continue;
                }
                None => continue,
            }
        }
        match core.inbound.transfers.transfer(master, &zone.name, &limits, by.as_ref()).await {
            Ok(arrived) => {
                tracing::info!(zone = %zone.name, %master, serial = %arrived.soa.serial, "transferred");
                return Heard::Zone(Box::new(arrived));
            }
            Err(error) => tracing::warn!(zone = %zone.name, %master, %error, "cannot transfer"),
        }
    }
    if answered { Heard::Nothing } else { Heard::Silence }
}

/// The serial that a master shows, if it can be had: over UDP, and if nothing comes, over TCP.
async fn serial_at(core: &Core, master: &HostPort, zone: &Zone, by: Option<&SignedBy>) -> Option<Serial> {
    let (tools, timeout) = (&core.tools, core.tools.config.xfr.soa_timeout);
    for tcp in [tools.config.all_tcp, true] {
        match tools.poll_by(master, by.cloned(), &zone.name, tcp, timeout).await {
            PollAnswer::Serial(serial) => return Some(serial),
            PollAnswer::NoAnswer(error) => tracing::info!(zone = %zone.name, %master, %error, "no serial"),
            answer => {
                tracing::info!(zone = %zone.name, %master, ?answer, "no serial");
                return None;
            }
        }
    }
    None
}

/// The next due time after a look that was worth it.
pub(super) fn next_due(core: &Core, zone: &Zone, now: Timestamp) -> Timestamp {
    now.plus(due::refresh(zone.timers, core.tools.config.xfr.min_interval))
}
