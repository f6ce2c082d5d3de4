//! One process's copy of the state, and everybody who watches it.
//!
//! A process without a log has a mirror: it hears what changed for it, and keeps the views of groups and nothing else.
//!
//! **Invariants**: commands are applied and published under one lock, in the order of the log; no lock is held across an
//! await.
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    GroupName, Index, Pace, Read, SessionId, View,
    command::{Command, Ending, Entry, Event, Outcome, Reply},
    expiry::Timers,
    hub::{Fate, Hub},
    machine::{self, State},
    milestones::Milestones,
    news::News,
};

#[derive(Debug, Default)]
struct Inner {
    state: State,
    hub: Hub,
    timers: Timers,
    mirror: bool,
    /// Of a mirror: the groups that it has heard of.
    views: BTreeMap<GroupName, Arc<View>>,
}

impl Inner {
    fn apply(&mut self, index: Index, command: &Command, now: Instant) -> Outcome {
        let Self { state, hub, timers, .. } = self;
        let outcome = machine::apply(state, index, command);
        for event in &outcome.events {
            timers.note(event, index, now);
            hub.publish(state, event);
        }
        outcome
    }

    fn view(&self, group: &GroupName) -> Arc<View> {
        self.views.get(group).cloned().unwrap_or_else(|| Arc::new(self.state.view(group)))
    }

    /// Takes in a view unless it is known already.
    fn show(&mut self, view: View) {
        if self.views.get(&view.group).is_none_or(|known| known.epoch < view.epoch) {
            let view = Arc::new(view);
            self.hub.show(&view);
            self.views.insert(view.group.clone(), view);
        }
    }
}

/// The local copy; a [`Replica`](crate::Replica) applies what was committed to it. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Mutex<Inner>>,
    applied: Milestones,
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
        Self::of(Inner { state, timers, ..Inner::default() }, pace)
    }

    /// What a process without a log knows: nothing yet. It times no session.
    pub(crate) fn mirror(pace: Pace) -> Self {
        Self::of(Inner { mirror: true, ..Inner::default() }, pace)
    }

    fn of(inner: Inner, pace: Pace) -> Self {
        let applied = Milestones::default();
        applied.set(inner.state.applied());
        Self { inner: Arc::new(Mutex::new(inner)), applied, earlier: Arc::default(), pace }
    }

    /// Applies the committed command at `index`.
    pub fn apply(&self, index: Index, command: &Command) -> Reply {
        let mut inner = self.lock();
        let before = inner.timers.next();
        let outcome = inner.apply(index, command, Instant::now());
        self.applied(inner, before);
        outcome.reply
    }

    /// Applies committed commands at the indexes that follow. Says the first of them, and what they came to.
    pub fn apply_next(&self, entries: &[Entry]) -> (Index, Vec<Outcome>) {
        let (mut inner, now) = (self.lock(), Instant::now());
        let before = inner.timers.next();
        let first = Index(inner.state.applied().0 + 1);
        let outcomes =
            (first.0..).zip(entries).map(|(at, entry)| inner.apply(Index(at), &entry.command, now));
        let outcomes = outcomes.collect();
        self.applied(inner, before);
        (first, outcomes)
    }

    /// Takes in what a mirror has to hear of everything up to an index; what is known already does nothing.
    pub(crate) fn hear(&self, upto: Index, incarnation: u16, news: Vec<News>) {
        let mut inner = self.lock();
        if upto <= inner.state.applied() {
            return;
        }
        inner.state = State::at(upto, incarnation);
        for one in news {
            match one {
                News::Granted(session, token) => {
                    let Inner { state, hub, .. } = &mut *inner;
                    hub.publish(state, &Event::Granted(session, token));
                }
                News::Expired(session) => {
                    let Inner { state, hub, .. } = &mut *inner;
                    hub.publish(state, &Event::Ended(session, Ending::Expired));
                }
                News::Changed(view) => inner.show(*view),
            }
        }
        self.applied(inner, None);
    }

    /// Takes in all of a mirror that has missed too much; an older one is ignored.
    pub(crate) fn overlook(&self, all: &State) {
        let mut inner = self.lock();
        if all.applied() <= inner.state.applied() {
            return;
        }
        inner.hub.refresh(all);
        for group in all.groups() {
            inner.show(all.view(group));
        }
        inner.state = State::at(all.applied(), all.incarnation());
        self.applied(inner, None);
    }

    fn applied(&self, inner: MutexGuard<'_, Inner>, before: Option<Instant>) {
        let (next, applied) = (inner.timers.next(), inner.state.applied());
        drop(inner);
        if next.is_some_and(|next| before.is_none_or(|before| next < before)) {
            self.earlier.notify_one();
        }
        self.applied.set(applied);
    }

    /// Resolves once everything up to `index` is applied.
    pub async fn reached(&self, index: Index) {
        self.applied.reached(index).await;
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
        let inner = self.lock();
        Read { index: inner.state.applied(), view: inner.view(group) }
    }

    /// Follows a group.
    #[must_use]
    pub fn watch(&self, group: &GroupName) -> watch::Receiver<Arc<View>> {
        let mut inner = self.lock();
        let Inner { state, hub, views, .. } = &mut *inner;
        hub.watch(group, || views.get(group).cloned().unwrap_or_else(|| Arc::new(state.view(group))))
    }

    /// Whether it keeps nothing but the views of groups.
    #[cfg(feature = "testing")]
    pub(crate) fn is_mirror(&self) -> bool {
        self.lock().mirror
    }

    /// Whether it shows what it has to of this state: all of it, or the groups of a mirror.
    #[cfg(feature = "testing")]
    pub(crate) fn agrees_with(&self, truth: &State) -> bool {
        let inner = self.lock();
        match inner.mirror {
            true => truth.groups().all(|group| *inner.view(group) == truth.view(group)),
            false => inner.state == *truth,
        }
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
