//! When a silent session is to be expired: the leader's side of the clock.
//!
//! **Invariants**: a session's time starts anew when this copy applies its renewal, and in full when this copy begins to
//! lead. Running out only *proposes* [`Command::Expire`]; the log decides, and a later renewal in it wins.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Weak,
    time::Duration,
};

use futures::future::join_all;
use tokio::time::Instant;

use crate::{
    Index, Pace, Replica, SessionId,
    command::{Command, Event},
    machine::State,
};

/// How long to wait after a proposal failed.
const RETRY: Duration = Duration::from_millis(200);
/// Sessions expired at once.
const AT_ONCE: usize = 256;

/// The sessions by when they run out. Not replicated, and kept only where somebody acts on it.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Instant, SessionId)>,
    entries: BTreeMap<SessionId, (Instant, Index)>,
    pace: Pace,
    kept: bool,
}

impl Timers {
    pub(crate) fn restarted(state: &State, now: Instant, pace: Pace) -> Self {
        let mut timers = Self { pace, kept: true, ..Self::default() };
        for (session, ttl, renewed) in state.sessions() {
            timers.set(session, now + pace.lasts(ttl), renewed);
        }
        timers
    }

    /// Whether sessions are timed here at all.
    pub(crate) const fn are_kept(&self) -> bool {
        self.kept
    }

    pub(crate) fn note(&mut self, event: &Event, index: Index, now: Instant) {
        if !self.kept {
            return;
        }
        match event {
            Event::Renewed(session, ttl) => self.set(*session, now + self.pace.lasts(*ttl), index),
            Event::Ended(session, _) => self.clear(*session),
            Event::Granted(..) | Event::GroupChanged(_) => {}
        }
    }

    /// When the first session runs out.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Proposals for all that has run out.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<Command> {
        let overdue = self.order.iter().take_while(|(at, _)| *at <= now);
        overdue
            .filter_map(|(_, session)| self.entries.get_key_value(session))
            .map(|(&session, &(_, seen_renewal))| Command::Expire { session, seen_renewal })
            .collect()
    }

    /// Moves all timers, as if they were of a clock that was set.
    #[cfg(feature = "testing")]
    pub(crate) fn set_clock(&mut self, seconds: i64) {
        let by = Duration::from_secs(seconds.unsigned_abs());
        for (session, (at, renewed)) in self.entries.clone() {
            let at = if seconds < 0 { at.checked_add(by) } else { at.checked_sub(by) };
            self.set(session, at.unwrap_or_else(Instant::now), renewed);
        }
    }

    fn set(&mut self, session: SessionId, at: Instant, renewed: Index) {
        self.clear(session);
        self.order.insert((at, session));
        self.entries.insert(session, (at, renewed));
    }

    fn clear(&mut self, session: SessionId) {
        if let Some((at, _)) = self.entries.remove(&session) {
            self.order.remove(&(at, session));
        }
    }
}

/// Expires what runs out on a replica that leads, until the replica is gone or this future is dropped.
pub(crate) async fn run<R: Replica>(replica: Weak<R>) {
    loop {
        let Some(strong) = replica.upgrade() else { return };
        let ledger = strong.ledger().clone();
        // Together, so that a replica can decide them together.
        let overdue = ledger.overdue(Instant::now()).into_iter().take(AT_ONCE);
        let decided = join_all(overdue.map(|command| strong.submit(command))).await;
        let failure = decided.into_iter().find_map(Result::err);
        if let Some(error) = &failure {
            tracing::warn!(%error, "cannot expire sessions");
        }
        drop(strong);
        if failure.is_some() {
            tokio::time::sleep(RETRY).await;
            continue;
        }
        match ledger.next_deadline() {
            Some(at) => tokio::select! {
                biased;
                () = tokio::time::sleep_until(at) => {}
                () = ledger.deadline_set() => {}
            },
            None => ledger.deadline_set().await,
        }
    }
}
