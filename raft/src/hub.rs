//! Tells local watchers what the state machine decided.
//!
//! **Invariants**: it is called under the lock of the [`Ledger`](crate::Ledger), so that watchers see decisions in the order
//! of the log. It keeps an entry only for what somebody asked about: groups that were watched, sessions being followed.
use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

use crate::{
    GroupName, Lost, SessionId, Token, View,
    command::{Ending, Event},
    machine::State,
};

/// What has become of a session, as far as this copy knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Not opened yet.
    Unborn,
    /// Alive; holds no lock.
    Open,
    /// Alive; holds its lock.
    Granted(Token),
    /// Over.
    Ended(Lost),
}

#[derive(Debug, Default)]
pub(crate) struct Hub {
    groups: BTreeMap<GroupName, watch::Sender<Arc<View>>>,
    sessions: BTreeMap<SessionId, watch::Sender<Fate>>,
}

impl Hub {
    /// Follows a group, of which `view` says how it is now.
    pub(crate) fn watch(
        &mut self,
        group: &GroupName,
        view: impl FnOnce() -> Arc<View>,
    ) -> watch::Receiver<Arc<View>> {
        if let Some(sender) = self.groups.get(group) {
            return sender.subscribe();
        }
        self.groups.entry(group.clone()).or_insert_with(|| watch::Sender::new(view())).subscribe()
    }

    /// Shows a group as it is now.
    pub(crate) fn show(&self, view: &Arc<View>) {
        if let Some(sender) = self.groups.get(&view.group) {
            sender.send_replace(view.clone());
        }
    }

    pub(crate) fn follow(&mut self, state: &State, session: SessionId) -> watch::Receiver<Fate> {
        let fate = fate(state, session).unwrap_or(Fate::Unborn);
        self.sessions.entry(session).or_insert_with(|| watch::Sender::new(fate)).subscribe()
    }

    pub(crate) fn unfollow(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }

    pub(crate) fn publish(&mut self, state: &State, event: &Event) {
        match event {
            Event::Renewed(session, _) => self.tell(*session, |fate| match fate {
                Fate::Unborn => Fate::Open,
                known => known,
            }),
            Event::Granted(session, token) => self.tell(*session, |_| Fate::Granted(*token)),
            Event::Ended(session, Ending::Closed) => self.tell(*session, |_| Fate::Ended(Lost::Closed)),
            Event::Ended(session, Ending::Expired) => self.tell(*session, |_| Fate::Ended(Lost::Expired)),
            Event::GroupChanged(group) => {
                if let Some(sender) = self.groups.get(group) {
                    sender.send_replace(Arc::new(state.view(group)));
                }
            }
        }
    }

    /// Catches up after the whole state was replaced by a newer one.
    pub(crate) fn refresh(&mut self, state: &State) {
        for (group, sender) in &self.groups {
            let view = state.view(group);
            sender.send_if_modified(|old| {
                let newer = view.epoch > old.epoch;
                if newer {
                    *old = Arc::new(view);
                }
                newer
            });
        }
        for (&session, sender) in &self.sessions {
            sender.send_if_modified(|old| {
                let new = match (*old, fate(state, session)) {
                    (known, Some(Fate::Open)) if known != Fate::Unborn => known,
                    (_, Some(fate)) => fate,
                    (known @ (Fate::Unborn | Fate::Ended(_)), None) => known,
                    (_, None) => Fate::Ended(Lost::Expired),
                };
                std::mem::replace(old, new) != new
            });
        }
    }

    fn tell(&self, session: SessionId, next: impl FnOnce(Fate) -> Fate) {
        if let Some(sender) = self.sessions.get(&session) {
            sender.send_if_modified(|fate| {
                let new = next(*fate);
                std::mem::replace(fate, new) != new
            });
        }
    }
}

fn fate(state: &State, session: SessionId) -> Option<Fate> {
    state.is_open(session).then(|| state.grant(session).map_or(Fate::Open, Fate::Granted))
}
