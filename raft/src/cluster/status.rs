//! How a node describes its cluster.
use std::time::Duration;

use super::{
    node::Node,
    operation::{GroupLine, LockLine, MemberStatus, SeatLine, Status},
};
use crate::{Seat, View, machine::State};

impl Node {
    /// How things stand, as far as this node knows.
    #[must_use]
    pub fn status(&self) -> Status {
        // A copy, because the engine waits for whoever looks at the original.
        let metrics = self.raft.metrics().borrow().clone();
        let membership = metrics.membership_config.membership();
        let members = membership.nodes().map(|(&node, peer)| MemberStatus {
            node,
            peer: peer.clone(),
            voter: membership.voter_ids().any(|voter| voter == node),
            leader: metrics.current_leader == Some(node),
            matched: metrics
                .replication
                .as_ref()
                .and_then(|replication| replication.get(&node).copied().flatten())
                .map(|matched| matched.index),
        });
        let members = members.collect();
        let index = |id: Option<super::types::LogId>| id.map(|id| id.index);
        self.ledger.look(|state| Status {
            node: self.id,
            peer: self.me.clone(),
            cluster: self.log.summary().cluster,
            leader: metrics.current_leader,
            term: metrics.current_term,
            members,
            last_log: metrics.last_log_index,
            applied: index(metrics.last_applied),
            snapshot: index(metrics.snapshot),
            purged: index(metrics.purged),
            index: state.applied(),
            incarnation: state.incarnation(),
            quorum_silence: metrics.millis_since_quorum_ack.map(Duration::from_millis),
            trouble: self.log.trouble(),
            sessions: state.sessions().count(),
            locks: locks(state),
            groups: groups(state),
            network: None,
        })
    }
}

fn locks(state: &State) -> Vec<LockLine> {
    let line = |lock: &crate::LockName| {
        let status = state.lock(lock);
        let (holder, token) = status.holder?;
        Some(LockLine { lock: lock.clone(), holder, token, waiting: status.waiting })
    };
    state.locks().filter_map(line).collect()
}

fn groups(state: &State) -> Vec<GroupLine> {
    let views = state.groups().map(|group| state.view(group)).filter(|view| !view.members.is_empty());
    views
        .map(|view| GroupLine {
            group: view.group.clone(),
            epoch: view.epoch,
            members: view.members.iter().map(|seat| seat_line(&view, seat)).collect(),
        })
        .collect()
}

fn seat_line(view: &View, seat: &Seat) -> SeatLine {
    let own = || view.spans.iter().filter(|span| span.owner == seat.session);
    let count = |first: u16, last: u16| usize::from(last - first) + 1;
    let mut spans: Vec<(u16, u16)> = Vec::new();
    for span in own() {
        match spans.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(span.first) => *last = span.last,
            _ => spans.push((span.first, span.last)),
        }
    }
    SeatLine {
        member: seat.member.id.clone(),
        node: seat.member.node.clone(),
        session: seat.session,
        shards: own().map(|span| count(span.first, span.last)).sum(),
        spans,
        releasing: own()
            .filter(|span| span.releasing.is_some())
            .map(|span| count(span.first, span.last))
            .sum(),
    }
}
