//! The way of one zone to its name servers: push to the targets, NOTIFY, ask for serials until enough show them.
//!
//! ```text
//!   target: push ──► done ──► NOTIFY            all at the same time; asking begins
//!   server: ask, pause, ask, longer pause …     when the first target is done
//! ```
//!
//! Versions published while this goes on are added, not started anew.
//!
//! Invariants: holds nothing while it waits but timers and sockets; ends for every version in exactly one report, at its
//! deadline at the latest (newer versions' reports cover older ones); a version counts as arrived only if enough targets
//! are done and enough name servers show it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use hickory_proto::rr::Record;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::announcer::Announcer;
use super::backends::{BackendError, Effect, ZoneSpec};
use super::backoff::Backoff;
use super::kit::{BoundTarget, PoolKit};
use super::push::{Order, push};
use super::tools::Tools;
use super::wants::{Want, Wants};
use crate::dns::client::PollAnswer;
use crate::domain::consensus::{Answer, Consensus, Wanted, weigh};
use crate::domain::generation::Generation;
use crate::domain::serial::Serial;
use crate::domain::zone_status::Outcome;

/// Growth of the pauses between two questions to one server.
const POLL_GROWTH: f64 = 1.6;
/// Servers that lag are told again after this time, then after twice as much, and so on.
const REPEAT_FIRST: Duration = Duration::from_secs(2);
const REPEAT_LONGEST: Duration = Duration::from_secs(60);

/// What became of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) generation: Generation,
    pub(super) outcome: Outcome,
}

/// The state of one zone's propagation.
pub(super) struct Propagation {
    tools: Arc<Tools>,
    kit: Arc<PoolKit>,
    zone: ZoneSpec,
    order: Order,
    wants: Wants,
    targets: Vec<Progress>,
    servers: Vec<Server>,
    pushes: FuturesUnordered<BoxFuture<'static, (usize, Result<(), BackendError>)>>,
    polls: FuturesUnordered<BoxFuture<'static, (usize, PollAnswer)>>,
    announcer: Announcer,
    repeat: Backoff,
    repeat_at: Option<Instant>,
    /// The targets' memory was found wrong and forgotten once.
    healed: bool,
    /// Targets that are not needed for the threshold are pushed to until then.
    linger_until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    UnderWay,
    Done,
    Impossible,
}

#[derive(Debug)]
struct Server {
    answer: Answer,
    /// It answered the last question, whatever it said.
    answers: bool,
    pauses: Backoff,
}

impl Propagation {
    /// Begins to bring a version of the zone to the pool's name servers.
    pub(super) fn of_version(
        tools: Arc<Tools>,
        kit: Arc<PoolKit>,
        zone: ZoneSpec,
        version: (Generation, Serial),
        soa: Option<Record>,
    ) -> Self {
        let wanted = Wanted::Serial(version.1);
        let mut begun = Self::begin(tools, kit, zone, Order::Ensure, version.0, wanted);
        begun.announcer.version(soa);
        begun
    }

    /// Begins to remove the zone from the pool's name servers.
    pub(super) fn of_deletion(
        tools: Arc<Tools>,
        kit: Arc<PoolKit>,
        zone: ZoneSpec,
        generation: Generation,
        hard: bool,
    ) -> Self {
        let order = Order::Remove { hard, pool: kit.pool.id };
        Self::begin(tools, kit, zone, order, generation, Wanted::Absence)
    }

    fn begin(
        tools: Arc<Tools>,
        kit: Arc<PoolKit>,
        zone: ZoneSpec,
        order: Order,
        generation: Generation,
        wanted: Wanted,
    ) -> Self {
        let deadline = Instant::now() + tools.config.propagation_timeout;
        let server = |_: &_| Server { answer: Answer::Unknown, answers: false, pauses: poll_pauses(&tools) };
        let mut begun = Self {
            wants: Wants::new(Want { generation, wanted, deadline }),
            targets: vec![Progress::UnderWay; kit.targets.len()],
            servers: kit.pool.nameservers.iter().map(server).collect(),
            pushes: FuturesUnordered::new(),
            polls: FuturesUnordered::new(),
            announcer: Announcer::new(Arc::clone(&tools), zone.name.clone()),
            repeat: Backoff::new(REPEAT_FIRST, 2.0, REPEAT_LONGEST),
            repeat_at: None,
            healed: false,
            linger_until: deadline,
            tools,
            kit,
            zone,
            order,
        };
        begun.push_all();
        begun
    }

    /// True if every version was reported on; what may still go on concerns targets beyond the threshold.
    pub(super) fn is_decided(&self) -> bool {
        self.wants.is_empty()
    }

    /// True if this takes the zone away.
    pub(super) fn removes(&self) -> bool {
        self.order != Order::Ensure
    }

    /// True if this brings versions of the zone to the same servers in the same way, so that a new one can join.
    pub(super) fn can_take(&self, kit: &Arc<PoolKit>) -> bool {
        self.order == Order::Ensure && Arc::ptr_eq(&self.kit, kit) && !self.is_decided()
    }

    /// One more version of the zone was published.
    pub(super) fn add_version(&mut self, version: (Generation, Serial), soa: Option<Record>) {
        let deadline = Instant::now() + self.tools.config.propagation_timeout;
        let want = Want { generation: version.0, wanted: Wanted::Serial(version.1), deadline };
        if self.wants.add(want) {
            self.linger_until = deadline;
            self.announcer.version(soa);
            self.repeat = Backoff::new(REPEAT_FIRST, 2.0, REPEAT_LONGEST);
            if self.repeat_at.is_some() {
                self.begin_asking();
            }
        }
    }

    /// What each name server said last, in the order of the pool's definition.
    pub(super) fn answers(&self) -> Vec<Answer> {
        self.servers.iter().map(|server| server.answer).collect()
    }

    /// Waits for the next report; `None` once there will be no more. May be dropped and called again at any time.
    pub(super) async fn next_report(&mut self) -> Option<Report> {
        loop {
            if let Some(report) = self.conclude() {
                return Some(report);
            }
            let deadline = self.wants.deadline().unwrap_or(self.linger_until);
            if self.is_decided() && (self.pushes.is_empty() || deadline <= Instant::now()) {
                return None;
            }
            let repeat_at = self.repeat_at.unwrap_or(deadline);
            tokio::select! {
                Some((at, outcome)) = self.pushes.next(), if !self.pushes.is_empty() => self.pushed(at, &outcome),
                Some((at, answer)) = self.polls.next(), if !self.polls.is_empty() => self.answered(at, &answer),
                () = sleep_until(deadline) => {}
                () = sleep_until(repeat_at), if repeat_at < deadline => {
                    self.turn_masters();
                    self.announcer.repeat();
                    self.repeat_at = Some(Instant::now() + self.repeat.pause());
                }
            }
        }
    }

    /// A report that is due now.
    fn conclude(&mut self) -> Option<Report> {
        let threshold = self.tools.config.threshold_percentage;
        let hopeless = !self.enough(|progress| progress != Progress::Impossible)
            || (self.order == Order::Ensure && self.servers.is_empty());
        let (want, outcome) = if hopeless {
            (self.wants.take_all()?, Outcome::Failed)
        } else if let Some(reached) = self.take_reached(threshold) {
            (reached, Outcome::Propagated)
        } else {
            let expired = self.wants.take_expired(Instant::now())?;
            let missing = weigh(expired.wanted, &self.answers(), threshold) == Consensus::ZoneMissing;
            (expired, if missing { Outcome::NoZone } else { Outcome::Failed })
        };
        if self.is_decided() {
            self.polls.clear();
            self.repeat_at = None;
            if outcome != Outcome::Propagated {
                self.pushes.clear();
            }
        }
        Some(Report { generation: want.generation, outcome })
    }

    fn take_reached(&mut self, threshold: u8) -> Option<Want> {
        let done = self.enough(|progress| progress == Progress::Done);
        let answers = self.answers();
        done.then(|| self.wants.take_reached(&answers, threshold)).flatten()
    }

    /// True if so many targets are like this that the threshold is met.
    fn enough(&self, like: impl Fn(Progress) -> bool) -> bool {
        if self.targets.is_empty() {
            return self.order != Order::Ensure;
        }
        let count = self.targets.iter().filter(|target| like(**target)).count();
        count * 100 >= usize::from(self.tools.config.threshold_percentage) * self.targets.len()
    }

    fn push_all(&mut self) {
        self.targets.fill(Progress::UnderWay);
        self.pushes.clear();
        for (at, bound) in self.kit.targets.iter().enumerate() {
            let pushing = push(Arc::clone(bound), self.zone.clone(), self.order, Arc::clone(&self.tools));
            self.pushes.push(Box::pin(async move { (at, pushing.await) }));
        }
        // There is nobody to wait for.
        if self.targets.is_empty() {
            self.begin_asking();
        }
    }

    fn pushed(&mut self, at: usize, outcome: &Result<(), BackendError>) {
        if let Some(progress) = self.targets.get_mut(at) {
            *progress = if outcome.is_ok() { Progress::Done } else { Progress::Impossible };
        }
        if outcome.is_err() {
            return;
        }
        if let Some(bound) = self.kit.targets.get(at)
            && self.order == Order::Ensure
            && bound.takes_notify()
        {
            self.announcer.tell(bound.target.notify_at(), bound.target.tsigkey_id);
        }
        if self.repeat_at.is_none() && !self.is_decided() {
            self.announce();
            self.begin_asking();
        }
    }

    /// Tells everybody who is no target.
    fn announce(&mut self) {
        if self.order != Order::Ensure {
            return;
        }
        if self.kit.targets.iter().any(|bound| bound.takes_notify()) {
            let targets: Vec<_> = self.kit.targets.iter().map(|bound| bound.target.notify_at()).collect();
            // A target is told when it is done.
            for server in self.kit.pool.nameservers.iter().filter(|server| !targets.contains(&server.at)) {
                self.announcer.tell(server.at.clone(), server.tsigkey_id);
            }
        }
        for extra in &self.kit.pool.also_notifies {
            self.announcer.tell(extra.at.clone(), None);
        }
    }

    /// Servers that answer, but are behind, may wait for a master that does not: they are to ask another one.
    fn turn_masters(&mut self) {
        if self.order != Order::Ensure {
            return;
        }
        for (server, place) in self.servers.iter().zip(&self.kit.pool.nameservers) {
            let is_behind = server.answers && !self.wants.satisfied_by(server.answer);
            let is_its = |bound: &&Arc<BoundTarget>| bound.target.notify_at() == place.at;
            let Some(bound) = self.kit.targets.iter().find(is_its).filter(|_| is_behind) else { continue };
            let (bound, zone, tools) = (Arc::clone(bound), self.zone.clone(), Arc::clone(&self.tools));
            let (mut announcer, at, key) =
                (self.announcer.again(), place.at.clone(), bound.target.tsigkey_id);
            self.tools.tasks.spawn(async move {
                let Ok(backend) = &bound.backend else { return };
                let limit = tools.config.target_timeout.saturating_mul(2);
                let turned = timeout(limit, backend.turn_to_another_master(&zone));
                match tools.stop.run_until_cancelled(turned).await {
                    Some(Ok(Ok(Effect::Changed))) => {
                        tracing::info!(zone = %zone.name, server = %at.host, port = at.port, "asks another master");
                        announcer.tell(at, key);
                    }
                    Some(Ok(Err(error))) => tracing::debug!(zone = %zone.name, %error, "keeps its master"),
                    _ => {}
                }
            });
        }
    }

    /// Asks every server, after the first short pause.
    fn begin_asking(&mut self) {
        self.repeat_at = Some(Instant::now() + self.repeat.pause());
        self.polls.clear();
        for at in 0..self.servers.len() {
            if let Some(server) = self.servers.get_mut(at) {
                server.pauses = poll_pauses(&self.tools);
            }
            self.ask(at);
        }
    }

    fn ask(&mut self, at: usize) {
        let (Some(server), Some(place)) = (self.servers.get_mut(at), self.kit.pool.nameservers.get(at))
        else {
            return;
        };
        let pause = server.pauses.pause();
        let (tools, place, key) = (Arc::clone(&self.tools), place.at.clone(), place.tsigkey_id);
        let zone = self.zone.name.clone();
        self.polls.push(Box::pin(async move {
            sleep(pause).await;
            (at, tools.poll(&place, key, &zone).await)
        }));
    }

    fn answered(&mut self, at: usize, answer: &PollAnswer) {
        let counts = answer.counts_as();
        tracing::trace!(zone_id = %self.zone.id, server = at, ?answer, "a name server answered");
        if let Some(server) = self.servers.get_mut(at) {
            server.answer = counts;
            server.answers = !matches!(answer, PollAnswer::NoAnswer(_));
        }
        if self.order == Order::Ensure && counts == Answer::NoZone && self.pushes.is_empty() && !self.healed {
            // A server lost a zone that its target is remembered to have: believe the server.
            self.healed = true;
            self.kit.targets.iter().for_each(|bound| bound.forget(self.zone.id));
            self.push_all();
        }
        if !self.wants.satisfied_by(counts) {
            self.ask(at);
        }
    }
}

fn poll_pauses(tools: &Tools) -> Backoff {
    Backoff::new(tools.config.poll_first_delay, POLL_GROWTH, tools.config.poll_backoff_max)
}

#[cfg(test)]
#[path = "propagation_tests.rs"]
mod tests;
