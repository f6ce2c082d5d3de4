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
    GroupName, Index, Read, SessionId, View,
    command::{Command, Reply},
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

/// The local copy; a [`Replica`](crate::Replica) applies what was committed to it. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Mutex<Inner>>,
    earlier: Arc<Notify>,
}

impl Ledger {
    /// A copy that stands where `state` stands.
    #[must_use]
    pub fn new(state: State) -> Self {
        let timers = Timers::restarted(&state, Instant::now());
        let inner = Inner { state, hub: Hub::default(), timers };
        Self { inner: Arc::new(Mutex::new(inner)), earlier: Arc::default() }
    }

    /// Applies the committed command at `index`.
    pub fn apply(&self, index: Index, command: &Command) -> Reply {
        let mut inner = self.lock();
        let Inner { state, hub, timers } = &mut *inner;
        let outcome = machine::apply(state, index, command);
        let (now, before) = (Instant::now(), timers.next());
        for event in &outcome.events {
            timers.note(event, index, now);
            hub.publish(state, event);
        }
        if timers.next().is_some_and(|next| before.is_none_or(|before| next < before)) {
            self.earlier.notify_one();
        }
        outcome.reply
    }

    /// Replaces the copy by a newer snapshot; an older one is ignored.
    pub fn install(&self, state: State) {
        let mut inner = self.lock();
        if state.applied() <= inner.state.applied() {
            return;
        }
        inner.state = state;
        let Inner { state, hub, timers } = &mut *inner;
        *timers = Timers::restarted(state, Instant::now());
        hub.refresh(state);
        self.earlier.notify_one();
    }

    /// Gives every session its full ttl again: for a replica that begins to lead.
    pub fn restart_timers(&self) {
        let mut inner = self.lock();
        inner.timers = Timers::restarted(&inner.state, Instant::now());
        self.earlier.notify_one();
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
