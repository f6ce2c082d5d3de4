//! When a silent session is to be expired: the leader's side of the clock.
//!
//! **Invariants**: a session's time starts anew when this copy applies its renewal, and in full when this copy begins to
//! lead. Running out only *proposes* [`Command::Expire`]; the log decides, and a later renewal in it wins.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Weak,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    Index, Replica, SessionId,
    command::{Command, Event},
    machine::State,
};

/// How long to wait after a proposal failed.
const RETRY: Duration = Duration::from_millis(200);

/// The sessions by when they run out. Not replicated.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Instant, SessionId)>,
    entries: BTreeMap<SessionId, (Instant, Index)>,
}

impl Timers {
    pub(crate) fn restarted(state: &State, now: Instant) -> Self {
        let mut timers = Self::default();
        for (session, ttl, renewed) in state.sessions() {
            timers.set(session, now + ttl, renewed);
        }
        timers
    }

    pub(crate) fn note(&mut self, event: &Event, index: Index, now: Instant) {
        match event {
            Event::Renewed(session, ttl) => self.set(*session, now + *ttl, index),
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
        let mut failed = false;
        for command in ledger.overdue(Instant::now()) {
            if let Err(error) = strong.submit(command).await {
                tracing::warn!(%error, "cannot expire a session");
                failed = true;
                break;
            }
        }
        drop(strong);
        if failed {
            tokio::time::sleep(RETRY).await;
            continue;
        }
        match ledger.next_deadline() {
            Some(at) => tokio::select! {
                () = tokio::time::sleep_until(at) => {}
                () = ledger.deadline_set() => {}
            },
            None => ledger.deadline_set().await,
        }
    }
}
