//! What all parts of one simulation share.
//!
//! **Invariant**: it watches and keeps count; nothing of it reaches the product but through the network, the disks and the
//! public API.
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::time::Instant;

use super::{
    beliefs::Beliefs,
    database::Database,
    mutants::Mutant,
    net::SimNet,
    trace::Trace,
    truth::{News, Truth, short},
};
use crate::{
    Epoch, GroupName, Index, LockName, Replica as _, SessionId, Token, View, cluster::Node, command::Entry,
    machine::State, testing::linear::Recorder,
};

/// The world of one simulation.
#[derive(Debug)]
pub(super) struct World {
    pub(super) trace: Arc<Trace>,
    pub(super) net: SimNet,
    pub(super) beliefs: Beliefs,
    pub(super) database: Database,
    pub(super) history: Recorder,
    pub(super) mutant: Option<Mutant>,
    truth: Mutex<Truth>,
    seen: Mutex<Vec<Seen>>,
    closing: AtomicBool,
}

/// What somebody was told, to be looked up in the log at the end.
#[derive(Debug)]
enum Seen {
    Granted(LockName, SessionId, Token),
    View(usize, Arc<View>),
}

impl World {
    pub(super) fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let trace = Arc::new(Trace::begin());
        let net = SimNet::new(trace.clone(), seed);
        Self {
            trace,
            net,
            beliefs: Beliefs::default(),
            database: Database::default(),
            history: Recorder::default(),
            mutant,
            truth: Mutex::default(),
            seen: Mutex::default(),
            closing: AtomicBool::default(),
        }
    }

    pub(super) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No new work is to be begun.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Somebody was granted a lock.
    pub(super) fn was_granted(&self, lock: &LockName, session: SessionId, token: Token) {
        self.saw(Seen::Granted(lock.clone(), session, token));
    }

    /// Somebody was told of a view. `last` is the one it was told of before.
    pub(super) fn was_told(&self, place: usize, view: &Arc<View>, last: &mut Epoch) {
        if view.epoch < *last {
            let (group, epoch) = (&view.group, view.epoch);
            self.trace.wrong("S10", format_args!("{place} was told of {group} {epoch} after {last}"));
        }
        *last = view.epoch;
        self.saw(Seen::View(place, view.clone()));
    }

    fn saw(&self, seen: Seen) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    /// Holds everything that anybody was told against the log (S8, S10).
    pub(super) fn look_up(&self) {
        let truth = self.truth();
        for seen in &*self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            match seen {
                Seen::Granted(lock, session, token) if !truth.has_granted(lock, *session, *token) => {
                    let session = short(*session);
                    self.trace
                        .wrong("S8", format_args!("{session} was told of {lock} {token}, the log was not"));
                }
                Seen::View(place, view) if view.epoch != Epoch::ZERO => {
                    if truth.view_at(&view.group, view.epoch) != Some(view) {
                        let (group, epoch) = (&view.group, view.epoch);
                        self.trace.wrong(
                            "S10",
                            format_args!("{place} saw another {group} {epoch} than the log has"),
                        );
                    }
                }
                Seen::Granted(..) | Seen::View(..) => {}
            }
        }
    }

    /// A node applied commands.
    fn decided(&self, place: usize, first: Index, entries: &[Entry]) {
        let mut truth = self.truth();
        for news in truth.take_in(place, first, entries, Instant::now()) {
            self.report(&news);
            self.beliefs.compare(&news, &truth, &self.trace);
        }
    }

    fn report(&self, news: &News) {
        match news {
            News::Wrong(property, what) => self.trace.wrong(property, what),
            News::Applied(line) => self.trace.note(line),
            News::Expired(_) | News::Changed(_) => {}
        }
    }

    /// A group as the log has it.
    pub(super) fn group(&self, group: &GroupName) -> View {
        self.truth().view(group)
    }

    /// Follows what a node applies.
    pub(super) async fn observe(self: Arc<Self>, place: usize, node: Arc<Node>) {
        let mut known = self.compare(place, &node);
        loop {
            node.ledger().reached(Index(known.0 + 1)).await;
            match node.feed.commands.after(known) {
                Some(entries) => {
                    self.decided(place, Index(known.0 + 1), &entries);
                    known.0 += entries.len() as u64;
                }
                None => known = self.compare(place, &node),
            }
        }
    }

    /// Compares a node that did not come where it is command by command.
    fn compare(&self, place: usize, node: &Node) -> Index {
        let state = node.ledger().look(State::clone);
        if let Some(news) = self.truth().compare(place, &state) {
            self.report(&news);
        }
        state.applied()
    }
}
