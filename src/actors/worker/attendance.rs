//! Attending to one zone, from the first ring until nothing is left to do.
//!
//! ```text
//!   rung ──► look (publishes) ──► permit ──► propagation ──► reports to central
//!     ▲          │ too soon: timer              │ rung: look again, versions join
//!     └──────────┴──────────────────────────────┘
//! ```
//!
//! Invariants: one task per zone, so its steps never overlap; between steps it holds a timer or a socket, never a thread
//! or a transaction; whatever goes wrong here is found again by recovery, so nothing is repeated without end.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};

use super::announcer::soa_record;
use super::api::PublishZone;
use super::backends::ZoneSpec;
use super::backoff::Backoff;
use super::core::Core;
use super::desk::Turn;
use super::kit::PoolKit;
use super::look::{CLAIM_SPARE, Finding, look};
use super::pace::Turn as Early;
use super::propagation::{Propagation, Report};
use crate::actors::central::api::status::ReportZone;
use crate::actors::mdns::api::ZonePublished;
use crate::domain::consensus::Answer;
use crate::domain::ids::{InstanceId, NameserverId};
use crate::domain::zone::Zone;
use crate::domain::zone_status::Outcome;
use crate::transport::Cx;

/// Looks that the database may fail in a row before the zone is left to recovery.
const LOOKS: u32 = 5;
const LOOK_FIRST: Duration = Duration::from_millis(50);
const LOOK_LONGEST: Duration = Duration::from_secs(1);
/// A zone that rests is thought of so often.
const REST_STEP: Duration = Duration::from_millis(100);
/// Time for central and the others to take a message.
const BUDGET: Duration = Duration::from_secs(10);

/// One zone being attended to.
pub(super) struct Attendance {
    core: Arc<Core>,
    turn: Turn,
    /// When to look again, whether rung or not; rings wait for it.
    look_at: Option<Instant>,
    /// The zone was published then, and rests for the window that begins there.
    rests_since: Option<Instant>,
    /// Its rest is cut short.
    early: Option<Early>,
    failures: u32,
    pauses: Backoff,
    /// Found, and waiting for a permit.
    found: Option<Found>,
    waiting: Option<BoxFuture<'static, Option<OwnedSemaphorePermit>>>,
    permit: Option<OwnedSemaphorePermit>,
    propagation: Option<(Arc<PoolKit>, Propagation)>,
}

/// The newest thing to do.
struct Found {
    zone: Box<Zone>,
    kit: Arc<PoolKit>,
    soa: Option<String>,
    at: Instant,
}

enum Event {
    Rung,
    Due,
    Permit(Option<OwnedSemaphorePermit>),
    Report(Option<Report>),
    Stop,
}

impl Attendance {
    pub(super) fn new(core: Arc<Core>, turn: Turn) -> Self {
        Self {
            core,
            turn,
            look_at: None,
            rests_since: None,
            early: None,
            failures: 0,
            pauses: Backoff::new(LOOK_FIRST, 2.0, LOOK_LONGEST),
            found: None,
            waiting: None,
            permit: None,
            propagation: None,
        }
    }

    /// Attends to the zone until nothing is left to do.
    pub(super) async fn run(mut self) {
        loop {
            match self.event().await {
                Event::Due if self.rests_on() => {}
                Event::Rung | Event::Due => self.look().await,
                Event::Permit(permit) => {
                    self.waiting = None;
                    self.permit = permit;
                    // Meanwhile the claim may have run out, and another worker may have done it.
                    if self.found.as_ref().is_some_and(|found| found.at.elapsed() >= CLAIM_SPARE) {
                        self.look().await;
                    } else {
                        self.propagate();
                    }
                }
                Event::Report(Some(report)) => self.report(report).await,
                Event::Report(None) => self.propagation = None,
                Event::Stop => return,
            }
            if self.propagation.as_ref().is_none_or(|(_, propagation)| propagation.is_decided()) {
                self.permit = None;
            }
            if self.look_at.is_none() && self.found.is_none() && self.propagation.is_none() {
                match self.turn.end() {
                    Some(turn) => self.turn = turn,
                    None => return,
                }
            }
        }
    }

    /// True if the zone is still to be left alone; the window changes with what there is to do.
    fn rests_on(&mut self) -> bool {
        let Some(since) = self.rests_since else { return false };
        let (end, now) = (since + self.core.pace.window(), Instant::now());
        self.early = if end <= now { None } else { self.core.pace.early(since) };
        if end <= now || self.early.is_some() {
            self.rests_since = None;
            return false;
        }
        self.look_at = Some(end.min(now + REST_STEP));
        true
    }

    async fn event(&mut self) -> Event {
        let (look_at, now) = (self.look_at, Instant::now());
        let report = async {
            match &mut self.propagation {
                Some((_, propagation)) => propagation.next_report().await,
                None => std::future::pending().await,
            }
        };
        let permit = async {
            match &mut self.waiting {
                Some(waiting) => waiting.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.core.tools.stop.cancelled() => Event::Stop,
            () = self.turn.rung(), if look_at.is_none() => Event::Rung,
            () = sleep_until(look_at.unwrap_or(now)), if look_at.is_some() => Event::Due,
            permit = permit => Event::Permit(permit),
            report = report => Event::Report(report),
        }
    }

    /// Looks at the zone in the database and takes up what is to be done.
    async fn look(&mut self) {
        let now = Instant::now();
        let due = self.look_at.take().map_or(now, |at| at.min(now));
        // What is rung for after this is looked at again.
        self.turn.heed();
        let zone_id = self.turn.zone();
        let early = self.early.take();
        let window = if early.is_some() { self.core.pace.shortest() } else { self.core.pace.window() };
        let mut finding = look(&self.core, zone_id, due, window, false).await;
        if let Some(early) = early {
            self.core.pace.rest(&early);
        }
        if let Ok(Finding::HeldBy(holder)) = finding {
            if self.pass_on(holder).await {
                self.abandon(true);
                return;
            }
            finding = look(&self.core, zone_id, due, window, true).await;
        }
        match finding {
            Ok(Finding::Settled | Finding::HeldBy(_)) => self.abandon(true),
            Ok(Finding::Gone) => self.abandon(false),
            Ok(Finding::TooSoon { since, wait }) => {
                let now = Instant::now();
                self.look_at = Some(now + wait.min(REST_STEP));
                self.rests_since = Some(now.checked_sub(since).unwrap_or(now));
            }
            Ok(Finding::NoPool(generation)) => {
                tracing::error!(%zone_id, "the zone's pool does not exist");
                self.report(Report { generation, outcome: Outcome::Failed }).await;
            }
            Ok(Finding::Version { zone, kit, soa }) => {
                self.take_up(Found { zone, kit, soa, at: Instant::now() }).await;
            }
            Ok(Finding::Deletion { zone, kit }) => {
                self.take_up(Found { zone, kit, soa: None, at: Instant::now() }).await;
            }
            Err(error) => {
                tracing::warn!(%zone_id, %error, "cannot look at the zone");
                self.failures += 1;
                if self.failures < LOOKS {
                    self.look_at = Some(Instant::now() + self.pauses.jittered());
                } else if self.waiting.is_none() {
                    self.found = None;
                }
                return;
            }
        }
        self.failures = 0;
        self.pauses = Backoff::new(LOOK_FIRST, 2.0, LOOK_LONGEST);
    }

    /// Leaves what is not decided yet: somebody else has done it or does it, or it is nobody's business any more. What
    /// goes on for the targets beyond the threshold does so, unless it is to serve a zone that is gone.
    fn abandon(&mut self, stands: bool) {
        self.found = None;
        self.waiting = None;
        let lingers =
            |propagation: &Propagation| propagation.is_decided() && (stands || propagation.removes());
        if self.propagation.as_ref().is_some_and(|(_, propagation)| !lingers(propagation)) {
            self.propagation = None;
        }
    }

    /// Rings at the worker that has the zone. False if it is not there any more.
    async fn pass_on(&mut self, holder: InstanceId) -> bool {
        let message = PublishZone { zone: self.turn.zone() };
        let passed = self.core.workers.at(holder).cast(&Cx::system(BUDGET), message).await;
        passed.inspect_err(|fault| tracing::info!(%holder, %fault, "takes over a zone")).is_ok()
    }

    async fn take_up(&mut self, found: Found) {
        let message = ZonePublished { zone: found.zone.id };
        if let Err(fault) = self.core.mdns.fanout(&Cx::system(BUDGET), message).await {
            tracing::debug!(%fault, "our own name servers will find the change by themselves");
        }
        self.found = Some(found);
        if self.permit.is_some() {
            self.propagate();
        } else if self.waiting.is_none() {
            let permits = Arc::clone(&self.core.permits);
            self.waiting = Some(Box::pin(async move { permits.acquire_owned().await.ok() }));
        }
    }

    /// Begins with what was found, or lets it join what is under way.
    fn propagate(&mut self) {
        let Some(Found { zone, kit, soa, .. }) = self.found.take() else { return };
        let generation = zone.progress.published;
        let spec = ZoneSpec { id: zone.id, name: zone.name.clone() };
        let tools = Arc::clone(&self.core.tools);
        if zone.progress.is_deleting() {
            let generation = zone.progress.generation;
            let begun = Propagation::of_deletion(tools, Arc::clone(&kit), spec, generation, zone.hard_delete);
            self.propagation = Some((kit, begun));
            return;
        }
        let version = (generation, zone.serial);
        let soa = soa.and_then(|text| soa_record(&zone.name, &text));
        match &mut self.propagation {
            Some((_, propagation)) if propagation.can_take(&kit) => propagation.add_version(version, soa),
            _ => {
                let begun = Propagation::of_version(tools, Arc::clone(&kit), spec, version, soa);
                self.propagation = Some((kit, begun));
            }
        }
    }

    /// Tells central how it went, and what each name server said.
    async fn report(&mut self, report: Report) {
        let Report { generation, outcome } = report;
        let zone_id = self.turn.zone();
        let message = ReportZone { zone_id, generation, outcome, answers: self.answers() };
        if let Err(fault) = self.core.central.call(&Cx::system(BUDGET), message).await {
            tracing::warn!(%zone_id, %generation, %fault, "central did not take the report");
        }
    }

    fn answers(&self) -> Vec<(NameserverId, Answer)> {
        let Some((kit, propagation)) = &self.propagation else { return Vec::new() };
        kit.pool.nameservers.iter().map(|server| server.id).zip(propagation.answers()).collect()
    }
}
