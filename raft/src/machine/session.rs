//! Sessions: opened by the first command that needs them, renewed, ended with all they hold.
//!
//! **Invariant**: a session lists every lock it holds or waits for and every group it sits in, and those list it.
use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Stamp, State};
use crate::{
    GroupName, Index, LockName, SessionId,
    command::{Ending, Event, Opening, Refusal, Reply, TTL_RANGE},
};

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SessionState {
    pub(super) ttl: Duration,
    pub(super) renewed: Index,
    pub(super) locks: BTreeSet<LockName>,
    pub(super) groups: BTreeSet<GroupName>,
}

impl State {
    /// The session, opened now unless it is open already. To be called when nothing can be refused any more.
    pub(super) fn open(&mut self, at: Stamp, opening: Opening, events: &mut Vec<Event>) -> &mut SessionState {
        self.sessions.entry(opening.session).or_insert_with(|| {
            events.push(Event::Renewed(opening.session, opening.ttl));
            SessionState {
                ttl: opening.ttl,
                renewed: at.index,
                locks: BTreeSet::new(),
                groups: BTreeSet::new(),
            }
        })
    }

    pub(super) fn renew(&mut self, at: Stamp, ids: &[SessionId], events: &mut Vec<Event>) -> Reply {
        let mut unknown = Vec::new();
        for id in ids {
            if let Some(session) = self.sessions.get_mut(id).filter(|session| session.renewed > self.fenced) {
                session.renewed = at.index;
                events.push(Event::Renewed(*id, session.ttl));
            } else {
                unknown.push(*id);
            }
        }
        Reply::Renewed { unknown }
    }

    /// Ends a session, hands its locks to the next in line and its shards to the other members.
    pub(super) fn end(&mut self, at: Stamp, id: SessionId, ending: Ending, events: &mut Vec<Event>) {
        let Some(session) = self.sessions.remove(&id) else { return };
        events.push(Event::Ended(id, ending));
        for lock in &session.locks {
            self.give_up(at, id, lock, events);
        }
        for group in session.groups {
            self.leave(at, id, group, events);
        }
    }
}

/// Refuses a ttl that is no use to anybody.
pub(super) fn check(opening: Opening) -> Result<(), Refusal> {
    if TTL_RANGE.contains(&opening.ttl) { Ok(()) } else { Err(Refusal::TtlOutOfRange) }
}
