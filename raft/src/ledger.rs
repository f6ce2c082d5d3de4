//! One process's copy of the state, and everybody who watches it.
//!
//! **Invariants**: commands are applied and published under one lock, in the order of the log; no lock is held across an
//! await.
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Notify, oneshot, watch},
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
    queue: Queue,
}

/// Who waits for an index: woken in the order of indexes, then of asking.
#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<(Index, u64), oneshot::Sender<()>>,
    asked: u64,
}

/// A place in the queue, given up when dropped.
struct Place<'a> {
    ledger: &'a Ledger,
    at: (Index, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.ledger.lock().queue.waiting.remove(&self.at);
    }
}

impl Inner {
    fn apply(&mut self, index: Index, command: &Command) -> Reply {
        let Self { state, hub, timers, .. } = self;
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
        let inner = Inner { state, hub: Hub::default(), timers, queue: Queue::default() };
        Self { inner: Arc::new(Mutex::new(inner)), earlier: Arc::default(), pace }
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

    fn applied(&self, mut inner: MutexGuard<'_, Inner>, before: Option<Instant>) {
        let (next, applied) = (inner.timers.next(), inner.state.applied());
        let later = inner.queue.waiting.split_off(&(Index(applied.0 + 1), 0));
        let reached = std::mem::replace(&mut inner.queue.waiting, later);
        drop(inner);
        if next.is_some_and(|next| before.is_none_or(|before| next < before)) {
            self.earlier.notify_one();
        }
        for waiter in reached.into_values() {
            // Whoever waited may have given up.
            let _ = waiter.send(());
        }
    }

    /// Resolves once everything up to `index` is applied.
    pub async fn reached(&self, index: Index) {
        let (told, reached) = oneshot::channel();
        let _place = {
            let mut inner = self.lock();
            if inner.state.applied() >= index {
                return;
            }
            inner.queue.asked += 1;
            let at = (index, inner.queue.asked);
            inner.queue.waiting.insert(at, told);
            Place { ledger: self, at }
        };
        // The sender stays in the queue until then, so waiting cannot fail.
        drop(reached.await);
    }

    /// Replaces the copy by a newer snapshot; an older one is ignored.
    pub fn install(&self, state: State) {
        let mut inner = self.lock();
        if state.applied() <= inner.state.applied() {
            return;
        }
        inner.state = state;
        let Inner { state, hub, timers, .. } = &mut *inner;
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

    /// Moves all timers, as if they were of a clock that was set.
    #[cfg(feature = "testing")]
    pub(crate) fn set_clock(&self, seconds: i64) {
        self.lock().timers.set_clock(seconds);
        self.earlier.notify_one();
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
