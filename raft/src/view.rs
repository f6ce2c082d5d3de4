//! What a group looks like at one epoch.
//!
//! **Invariants**: spans are sorted, do not touch each other's shards, and cover all shards exactly once when there is a
//! member; without one there are none.
use serde::{Deserialize, Serialize};

use crate::{Epoch, GroupName, Member, SessionId, Token};

/// One member's place in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The life of the member.
    pub session: SessionId,
    /// Who.
    pub member: Member,
    /// Since when.
    pub since: Epoch,
}

/// Neighbouring shards with one owner, one token and one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First shard.
    pub first: u16,
    /// Last shard, included.
    pub last: u16,
    /// Whose they are.
    pub owner: SessionId,
    /// Since which command they are the owner's.
    pub token: Token,
    /// If the owner is to give them up: who gets them, and the epoch that asked for it.
    pub releasing: Option<(SessionId, Epoch)>,
}

/// Shards that a member may work on, under one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// First shard.
    pub first: u16,
    /// Last shard, included.
    pub last: u16,
    /// To be claimed in the transaction of every guarded write.
    pub token: Token,
}

/// A group at one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The group.
    pub group: GroupName,
    /// The command that made this view.
    pub epoch: Epoch,
    /// Everybody who is in, in the order of joining.
    pub members: Vec<Seat>,
    /// Whose the shards are.
    pub spans: Vec<Span>,
}

impl View {
    /// A group that nobody ever joined.
    #[must_use]
    pub(crate) const fn empty(group: GroupName) -> Self {
        Self { group, epoch: Epoch::ZERO, members: Vec::new(), spans: Vec::new() }
    }

    /// Whether a session has a seat.
    #[must_use]
    pub fn has(&self, session: SessionId) -> bool {
        self.members.iter().any(|seat| seat.session == session)
    }

    /// The span that a shard lies in; none if the group is empty or has no such shard.
    #[must_use]
    pub fn span_of(&self, shard: u16) -> Option<&Span> {
        let at = self.spans.partition_point(|span| span.last < shard);
        self.spans.get(at).filter(|span| span.first <= shard)
    }

    /// What a session may work on: all it owns and is not asked to give up, neighbours with the same token joined.
    #[must_use]
    pub fn holdings(&self, session: SessionId) -> Vec<Holding> {
        self.spans
            .iter()
            .filter(|span| span.owner == session && span.releasing.is_none())
            .map(|&Span { first, last, token, .. }| Holding { first, last, token })
            .collect()
    }

    /// Whether a session still has to hand something over.
    #[must_use]
    pub fn must_hand_over(&self, session: SessionId) -> bool {
        self.spans.iter().any(|span| span.owner == session && span.releasing.is_some())
    }
}
