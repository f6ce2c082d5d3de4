//! Locks: one holder, then first come first served.
//!
//! **Invariants**: a lock exists as long as it is held. The holder is not in its own queue, nobody is in it twice, and
//! each grant has the token of the command that made it.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Stamp, State, session};
use crate::{
    LockName, SessionId, Token,
    command::{Event, MAX_WAITING, Opening, Refusal, Reply},
};

/// A lock that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LockState {
    holder: SessionId,
    token: Token,
    queue: VecDeque<SessionId>,
}

impl LockState {
    pub(super) const fn holder(&self) -> (SessionId, Token) {
        (self.holder, self.token)
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn token_of(&self, session: SessionId) -> Option<Token> {
        (self.holder == session).then_some(self.token)
    }
}

/// What an attempt to take a lock comes to.
enum Attempt {
    Settled(Reply),
    Take,
    Queue,
}

fn attempt(lock: Option<&LockState>, session: SessionId, queue: bool) -> Result<Attempt, Refusal> {
    let Some(lock) = lock else { return Ok(Attempt::Take) };
    if let Some(token) = lock.token_of(session) {
        return Ok(Attempt::Settled(Reply::Granted(token)));
    }
    if let Some(ahead) = lock.queue.iter().position(|&waiting| waiting == session) {
        return Ok(Attempt::Settled(waiting(ahead)));
    }
    match queue {
        false => Ok(Attempt::Settled(Reply::Busy)),
        true if lock.queue.len() >= MAX_WAITING => Err(Refusal::QueueFull),
        true => Ok(Attempt::Queue),
    }
}

fn waiting(ahead: usize) -> Reply {
    Reply::Waiting(u32::try_from(ahead).unwrap_or(u32::MAX))
}

impl State {
    pub(super) fn acquire(
        &mut self,
        at: Stamp,
        opening: Opening,
        name: &LockName,
        queue: bool,
        events: &mut Vec<Event>,
    ) -> Result<Reply, Refusal> {
        session::check(opening)?;
        let id = opening.session;
        let reply = match attempt(self.locks.get(name), id, queue)? {
            Attempt::Settled(reply) => return Ok(reply),
            Attempt::Take => {
                let lock = LockState { holder: id, token: at.token, queue: VecDeque::new() };
                self.locks.insert(name.clone(), lock);
                Reply::Granted(at.token)
            }
            Attempt::Queue => {
                let queue = self.locks.get_mut(name).map(|lock| {
                    lock.queue.push_back(id);
                    lock.queue.len()
                });
                waiting(queue.unwrap_or(1).saturating_sub(1))
            }
        };
        self.open(at, opening, events).locks.insert(name.clone());
        if let Reply::Granted(token) = reply {
            events.push(Event::Granted(id, token));
        }
        Ok(reply)
    }

    /// Takes a session out of a lock or its queue; the next in line, if any, holds it from now on.
    pub(super) fn give_up(&mut self, at: Stamp, id: SessionId, name: &LockName, events: &mut Vec<Event>) {
        let Some(lock) = self.locks.get_mut(name) else { return };
        if lock.holder != id {
            lock.queue.retain(|&waiting| waiting != id);
            return;
        }
        match lock.queue.pop_front() {
            Some(next) => {
                (lock.holder, lock.token) = (next, at.token);
                events.push(Event::Granted(next, at.token));
            }
            None => {
                self.locks.remove(name);
            }
        }
    }
}
