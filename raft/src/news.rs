//! What a process without a log has to hear of what was decided.
//!
//! **Invariants**: it hears of groups, of locks that were waited for, and of sessions that ran out. What is told to whoever
//! asked for it anyway (a lock that was free, a session that was closed) is no news: most commands make none.
use serde::{Deserialize, Serialize};

use crate::{
    GroupName, SessionId, Token, View,
    command::{Ending, Event, Outcome, Reply},
};

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// A session that was queued for a lock has it.
    Granted(SessionId, Token),
    /// A session ran out.
    Expired(SessionId),
    /// A group changed: how it is by now.
    Changed(Box<View>),
}

/// News as they are kept: a group is looked at when they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    Granted(SessionId, Token),
    Expired(SessionId),
    Changed(GroupName),
}

/// The news in what a command came to.
pub(crate) fn of(outcome: &Outcome) -> impl Iterator<Item = Kept> + '_ {
    let at_once = matches!(outcome.reply, Reply::Granted(_));
    outcome.events.iter().filter_map(move |event| match event {
        Event::Granted(session, token) if !at_once => Some(Kept::Granted(*session, *token)),
        Event::Ended(session, Ending::Expired) => Some(Kept::Expired(*session)),
        Event::GroupChanged(group) => Some(Kept::Changed(group.clone())),
        Event::Granted(..) | Event::Ended(_, Ending::Closed) | Event::Renewed(..) => None,
    })
}
