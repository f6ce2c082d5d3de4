//! The state machine: what each command does to sessions, locks and groups.
//!
//! **Invariants**
//! - [`apply`] is a pure function of state, index and command: no clock, no IO, no randomness, no unordered iteration.
//! - A session that is not in `sessions` holds no lock, waits for none and sits in no group.
//! - A refused command changes nothing but the applied index.
mod group;
mod lock;
mod session;
mod shards;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::{group::GroupState, lock::LockState, session::SessionState};
use crate::{
    Epoch, GroupName, Index, LockName, LockStatus, SessionId, Token, View,
    command::{Command, Ending, Event, Outcome, Refusal, Reply},
};

/// Number of the shape of [`State`]; one more with every change.
pub const SCHEMA: u16 = 1;

/// The state as stored, with the schema it was written with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SCHEMA`] of the writer.
    pub schema: u16,
    /// Everything decided up to its applied index.
    pub state: State,
}

impl From<State> for Snapshot {
    fn from(state: State) -> Self {
        Self { schema: SCHEMA, state }
    }
}

/// Everything that was decided so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    incarnation: u16,
    applied: Index,
    sessions: BTreeMap<SessionId, SessionState>,
    locks: BTreeMap<LockName, LockState>,
    groups: BTreeMap<GroupName, GroupState>,
    /// Sessions last renewed before this index are of an older incarnation: they cannot be renewed any more.
    fenced: Index,
}

/// The number under which one command's decisions are known.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    token: Token,
    epoch: Epoch,
    index: Index,
}

impl State {
    /// Nothing decided yet, continuing after `last`: the first command gets a greater token.
    #[must_use]
    pub fn after(last: Token) -> Self {
        Self { incarnation: last.incarnation(), applied: last.index(), ..Self::default() }
    }

    /// Index of the last command.
    #[must_use]
    pub const fn applied(&self) -> Index {
        self.applied
    }

    /// How often the cluster was restored.
    #[must_use]
    pub const fn incarnation(&self) -> u16 {
        self.incarnation
    }

    /// No token was greater so far.
    #[must_use]
    pub const fn last_token(&self) -> Token {
        Token::new(self.incarnation, self.applied)
    }

    /// Whether a session is open.
    #[must_use]
    pub fn is_open(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Every open session with its ttl and the index of its last renewal.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, std::time::Duration, Index)> + '_ {
        self.sessions.iter().map(|(id, session)| (*id, session.ttl, session.renewed))
    }

    /// The token by which a session holds a lock.
    #[must_use]
    pub fn grant(&self, session: SessionId) -> Option<Token> {
        let locks = &self.sessions.get(&session)?.locks;
        locks.iter().find_map(|lock| self.locks.get(lock)?.token_of(session))
    }

    /// A lock as it stands.
    #[must_use]
    pub fn lock(&self, lock: &LockName) -> LockStatus {
        let state = self.locks.get(lock);
        LockStatus {
            index: self.applied,
            holder: state.map(LockState::holder),
            waiting: state.map_or(0, LockState::waiting),
        }
    }

    /// The locks that are held.
    pub fn locks(&self) -> impl Iterator<Item = &LockName> {
        self.locks.keys()
    }

    /// The groups that somebody has joined at some time.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        self.groups.keys()
    }

    /// A group as it stands.
    #[must_use]
    pub fn view(&self, group: &GroupName) -> View {
        self.groups.get(group).map_or_else(|| View::empty(group.clone()), |state| state.view(group))
    }

    /// Nothing but how far somebody else's state had got.
    pub(crate) fn at(applied: Index, incarnation: u16) -> Self {
        Self { applied, incarnation, ..Self::default() }
    }

    /// Starts the tokens over, as a node would that does not keep them.
    #[cfg(feature = "testing")]
    pub(crate) const fn forget_tokens(&mut self) {
        self.applied = Index(0);
    }

    fn stamp(&self, index: Index) -> Stamp {
        Stamp {
            token: Token::new(self.incarnation, index),
            epoch: Epoch::new(self.incarnation, index),
            index,
        }
    }

    fn run(&mut self, at: Stamp, command: &Command, events: &mut Vec<Event>) -> Result<Reply, Refusal> {
        match command {
            Command::Join { opening, group, member } => self.join(at, *opening, group, member, events),
            Command::HandOver { session, group, epoch } => {
                self.hand_over(at, *session, group, *epoch, events)
            }
            Command::Acquire { opening, lock, queue } => self.acquire(at, *opening, lock, *queue, events),
            Command::Renew { sessions } => Ok(self.renew(at, sessions, events)),
            Command::Close { session } => {
                self.end(at, *session, Ending::Closed, events);
                Ok(Reply::Done)
            }
            Command::Expire { session, seen_renewal } => {
                if self.sessions.get(session).is_some_and(|state| state.renewed <= *seen_renewal) {
                    self.end(at, *session, Ending::Expired, events);
                }
                Ok(Reply::Done)
            }
            Command::Incarnate { incarnation } => {
                if *incarnation > self.incarnation {
                    self.incarnation = *incarnation;
                    self.fenced = at.index;
                }
                Ok(Reply::Done)
            }
        }
    }
}

/// Carries out the command at `index` of the log.
pub fn apply(state: &mut State, index: Index, command: &Command) -> Outcome {
    if index <= state.applied {
        return Outcome { reply: Reply::Refused(Refusal::OutOfOrder(state.applied)), events: Vec::new() };
    }
    state.applied = index;
    let mut events = Vec::new();
    let reply = state.run(state.stamp(index), command, &mut events).unwrap_or_else(Reply::Refused);
    Outcome { reply, events }
}
