//! One process's copy of the state, and everybody who watches it.
//!
//! **Invariants**: commands are applied and published under one lock, in the order of the log; no lock is held across an
//! await.
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    GroupName, Index, Pace, Read, SessionId, View,
    command::{Command, Entry, Reply},
    expiry::Timers,
    hub::{Fate, Hub},
    machine::{self, State},
};

#[derive(Debug, Default)]
struct Inner {
    state: State,
    hub: Hub,
    timers: Timers,
}

impl Inner {
    fn apply(&mut self, index: Index, command: &Command) -> Reply {
        let Self { state, hub, timers } = self;
        let outcome = machine::apply(state, index, command);
        let now = Instant::now();
        for event in &outcome.events {
            timers.note(event, index, now);
            hub.publish(state, event);
        }
        outcome.reply
    }
}

/// The local copy; a [`Replica`](crate::Replica) applies what was committed to it. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Mutex<Inner>>,
    earlier: Arc<Notify>,
    applied: Arc<watch::Sender<Index>>,
    pace: Pace,
}

impl Ledger {
    /// A copy that stands where `state` stands.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self::paced(state, Pace::default())
    }

    /// The same in a process whose clock is not quite right.
    #[must_use]
    pub fn paced(state: State, pace: Pace) -> Self {
        let timers = Timers::restarted(&state, Instant::now(), pace);
        let applied = watch::Sender::new(state.applied());
        let inner = Inner { state, hub: Hub::default(), timers };
        Self { inner: Arc::new(Mutex::new(inner)), earlier: Arc::default(), applied: Arc::new(applied), pace }
    }

    /// Applies the committed command at `index`.
    pub fn apply(&self, index: Index, command: &Command) -> Reply {
        let mut inner = self.lock();
        let before = inner.timers.next();
        let reply = inner.apply(index, command);
        self.applied(inner, before);
        reply
    }

    /// Applies committed commands at the indexes that follow. Says the first of them, and the replies.
    pub fn apply_next(&self, entries: &[Entry]) -> (Index, Vec<Reply>) {
        let mut inner = self.lock();
        let before = inner.timers.next();
        let first = Index(inner.state.applied().0 + 1);
        let replies = (first.0..).zip(entries).map(|(at, entry)| inner.apply(Index(at), &entry.command));
        let replies = replies.collect();
        self.applied(inner, before);
        (first, replies)
    }

    fn applied(&self, inner: MutexGuard<'_, Inner>, before: Option<Instant>) {
        let (next, applied) = (inner.timers.next(), inner.state.applied());
        drop(inner);
        if next.is_some_and(|next| before.is_none_or(|before| next < before)) {
            self.earlier.notify_one();
        }
        self.applied.send_if_modified(|known| {
            let newer = applied > *known;
            *known = applied.max(*known);
            newer
        });
    }

    /// Resolves once everything up to `index` is applied.
    pub async fn reached(&self, index: Index) {
        // The sender is part of this ledger, so waiting cannot fail.
        drop(self.applied.subscribe().wait_for(|applied| *applied >= index).await);
    }

    /// Replaces the copy by a newer snapshot; an older one is ignored.
    pub fn install(&self, state: State) {
        let mut inner = self.lock();
        if state.applied() <= inner.state.applied() {
            return;
        }
        inner.state = state;
        let Inner { state, hub, timers } = &mut *inner;
        if timers.are_kept() {
            *timers = Timers::restarted(state, Instant::now(), self.pace);
        }
        hub.refresh(state);
        self.earlier.notify_one();
        self.applied(inner, None);
    }

    /// Gives every session its full ttl again: for a replica that begins to lead.
    pub fn restart_timers(&self) {
        let mut inner = self.lock();
        inner.timers = Timers::restarted(&inner.state, Instant::now(), self.pace);
        self.earlier.notify_one();
    }

    /// Times no session any more, for a replica that does not lead.
    pub fn stop_timers(&self) {
        self.lock().timers = Timers::default();
    }

    /// The clock of this process.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// Looks at the state; `look` must be short.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock().state)
    }

    /// The group as this copy has it.
    #[must_use]
    pub fn read(&self, group: &GroupName) -> Read {
        self.look(|state| Read { index: state.applied(), view: Arc::new(state.view(group)) })
    }

    /// Follows a group.
    #[must_use]
    pub fn watch(&self, group: &GroupName) -> watch::Receiver<Arc<View>> {
        let mut inner = self.lock();
        let Inner { state, hub, .. } = &mut *inner;
        hub.watch(state, group)
    }

    pub(crate) fn follow(&self, session: SessionId) -> watch::Receiver<Fate> {
        let mut inner = self.lock();
        let Inner { state, hub, .. } = &mut *inner;
        hub.follow(state, session)
    }

    pub(crate) fn unfollow(&self, session: SessionId) {
        self.lock().hub.unfollow(session);
    }

    pub(crate) fn overdue(&self, now: Instant) -> Vec<Command> {
        self.lock().timers.overdue(now)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.lock().timers.next()
    }

    /// Resolves when [`Self::next_deadline`] has moved to an earlier time.
    pub(crate) async fn deadline_set(&self) {
        self.earlier.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("applied", &self.look(State::applied)).finish_non_exhaustive()
    }
}
