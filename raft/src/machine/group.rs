//! Groups: who has a seat, and the shards they share.
//!
//! **Invariants**: an epoch changes with every view and only grows. A group keeps its last epoch when the last member
//! leaves, and its next first member decides anew how many shards there are.
use serde::{Deserialize, Serialize};

use super::{Stamp, State, session, shards::Shards};
use crate::{
    Epoch, Group, GroupName, Member, Seat, SessionId, View,
    command::{Event, Opening, Refusal, Reply},
};

/// A group that somebody has joined at some time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GroupState {
    epoch: Epoch,
    seats: Vec<Seat>,
    shards: Shards,
}

impl GroupState {
    pub(super) fn view(&self, group: &GroupName) -> View {
        View {
            group: group.clone(),
            epoch: self.epoch,
            members: self.seats.clone(),
            spans: self.shards.spans(),
        }
    }

    fn reassign(&mut self, at: Stamp) {
        let members: Vec<SessionId> = self.seats.iter().map(|seat| seat.session).collect();
        self.shards.reassign(&members, at.token, at.epoch);
        self.epoch = at.epoch;
    }
}

impl State {
    pub(super) fn join(
        &mut self,
        at: Stamp,
        opening: Opening,
        group: &Group,
        member: &Member,
        events: &mut Vec<Event>,
    ) -> Result<Reply, Refusal> {
        session::check(opening)?;
        let state = self.groups.entry(group.name().clone()).or_default();
        if let Some(seat) = state.seats.iter().find(|seat| seat.session == opening.session) {
            return Ok(Reply::Joined(seat.since));
        }
        if state.seats.is_empty() {
            state.shards = Shards::unowned(group.shards());
        } else if state.shards.count() != usize::from(group.shards()) {
            return Err(Refusal::ShardsDiffer(u16::try_from(state.shards.count()).unwrap_or(u16::MAX)));
        }
        state.seats.push(Seat { session: opening.session, member: member.clone(), since: at.epoch });
        state.reassign(at);
        self.open(at, opening, events).groups.insert(group.name().clone());
        events.push(Event::GroupChanged(group.name().clone()));
        Ok(Reply::Joined(at.epoch))
    }

    pub(super) fn hand_over(
        &mut self,
        at: Stamp,
        id: SessionId,
        group: &GroupName,
        epoch: Epoch,
        events: &mut Vec<Event>,
    ) -> Result<Reply, Refusal> {
        if !self.is_open(id) {
            return Err(Refusal::UnknownSession(id));
        }
        if let Some(state) = self.groups.get_mut(group)
            && state.shards.hand_over(id, epoch, at.token)
        {
            state.epoch = at.epoch;
            events.push(Event::GroupChanged(group.clone()));
        }
        Ok(Reply::Done)
    }

    /// Takes away a seat; the shards of the session go to the others at once.
    pub(super) fn leave(&mut self, at: Stamp, id: SessionId, group: GroupName, events: &mut Vec<Event>) {
        let Some(state) = self.groups.get_mut(&group) else { return };
        state.seats.retain(|seat| seat.session != id);
        state.reassign(at);
        events.push(Event::GroupChanged(group));
    }
}
