//! Elections that somebody asked for: a leader that goes, or one that is gone.
//!
//! A voter that has heard from a leader within a lease refuses to elect another. Who wants to lead because the
//! leader asks for it, or because the leader's process is gone, therefore votes for itself, shows that vote to all voters
//! ([`Request::Yield`]), which ends their trust in the leader, and then stands for election once more.
//!
//! **Invariants**: nothing here decides an election, it only makes one happen sooner. A leader proposes nothing more before
//! it lets go, and its successor has all of its log by then. Nobody sees a vote for a node that the node has not cast itself, as
//! the engine takes whoever is named in its vote for somebody who stands.
use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use futures::{StreamExt as _, stream::FuturesOrdered};
use openraft::{ServerState, Snapshot};
use tokio::time::{Instant, sleep, timeout};

use super::{
    network::CallError,
    node::Node,
    operate::failed,
    operation::OperateError,
    peer::{LinkError, Request, Response},
    snapshot::Meta,
    types::{NodeId, Peer, Vote},
};

/// How long a successor may take to get the last entries.
const LAST_ENTRIES: Duration = Duration::from_secs(2);
/// How long to wait for voters to yield, and for a leader that may be gone.
const PROMPT: Duration = Duration::from_millis(500);
/// For how long it is asked whether the leader is still there: one that dies may be reached a moment longer than it answers, and
/// after a failed attempt there is a pause.
const PROBING: Duration = Duration::from_millis(1000);
/// How often a voter stands for election when the leader is gone, before it leaves that to its timer.
const ATTEMPTS: u32 = 4;

/// Takes back that a leader is leaving, however the attempt ends.
struct Leaving<'a>(&'a Node);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leaving.store(false, Ordering::Relaxed);
    }
}

impl Node {
    /// Has another voter lead; of those that answer, the one that has most of the log if none is named. Says which.
    ///
    /// # Errors
    /// If this node does not lead, or nobody else could.
    pub async fn transfer(&self, to: Option<NodeId>) -> Result<NodeId, OperateError> {
        if to == Some(self.id) {
            return Ok(self.id);
        }
        let (to, peer) = self.successor(to).await?;
        self.leaving.store(true, Ordering::Relaxed);
        let _leaving = Leaving(self);
        self.caught_up(to, 0, LAST_ENTRIES).await?;
        self.voice
            .ask(Some(to), &peer, Request::Campaign, self.timing.limit)
            .await
            .map_err(|error| failed(format!("{peer} does not want to lead: {error}")))?;
        let mut metrics = self.raft.server_metrics();
        let elected = metrics.wait_for(|metrics| metrics.current_leader == Some(to));
        match timeout(self.timing.lease() * 3, elected).await {
            Ok(Ok(_)) => Ok(to),
            _ => Err(failed("it was not elected in time")),
        }
    }

    /// Who is to lead next. One that is not named has to answer: a voter that is dead may have as much of the log as any.
    async fn successor(&self, to: Option<NodeId>) -> Result<(NodeId, Peer), OperateError> {
        let voters = self.other_voters()?;
        if let Some(node) = to {
            let named = voters.into_iter().find(|(id, _)| *id == node);
            return named.ok_or(OperateError::NoSuchMember { node });
        }
        if voters.is_empty() {
            return Err(failed("there is no other voter"));
        }
        let asked = voters.into_iter().map(async |(id, peer)| {
            let answer = self.voice.ask(Some(id), &peer, Request::Identify, PROMPT).await;
            answer.map(|_| (id, peer))
        });
        let mut answers = asked.collect::<FuturesOrdered<_>>();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(successor) => return Ok(successor),
                Err(error) => tracing::debug!(%error, "a voter cannot lead"),
            }
        }
        Err(failed("no other voter answers"))
    }

    /// The voters but for this node, who has most of the log first.
    fn other_voters(&self) -> Result<Vec<(NodeId, Peer)>, OperateError> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let replication = metrics.replication.as_ref().ok_or_else(|| failed("this node does not lead"))?;
        let membership = metrics.membership_config.membership();
        let others = membership.voter_ids().filter(|id| *id != self.id);
        let mut others: Vec<_> =
            others.filter_map(|id| Some((id, membership.get_node(&id)?.clone()))).collect();
        others.sort_by_key(|(id, _)| std::cmp::Reverse(replication.get(id).copied().flatten()));
        Ok(others)
    }

    /// Stands for election because the leader asks for it.
    pub(super) fn campaign(&self) -> Response {
        if let Some(node) = self.this.upgrade() {
            tokio::spawn(node.stand());
        }
        Response::Done
    }

    async fn stand(self: Arc<Self>) {
        let Some(vote) = self.candidacy().await else { return };
        let metrics = self.raft.server_metrics().borrow().clone();
        let membership = metrics.membership_config.membership();
        let others = membership.voter_ids().filter(|id| *id != self.id);
        let asked = others.filter_map(|id| {
            let peer = membership.get_node(&id)?;
            Some(self.voice.ask(Some(id), peer, Request::Yield(vote), PROMPT))
        });
        for answer in futures::future::join_all(asked).await {
            if let Err(error) = answer {
                tracing::debug!(%error, "a voter does not yield");
            }
        }
        self.candidacy().await;
    }

    /// Stands for election. Says its vote, which is durable; none if it leads already, or is not to.
    async fn candidacy(&self) -> Option<Vote> {
        let mut metrics = self.raft.server_metrics();
        let before = metrics.borrow_and_update().vote;
        if let Err(error) = self.raft.trigger().elect().await {
            tracing::warn!(%error, "cannot stand for election");
            return None;
        }
        let cast = metrics.wait_for(|now| now.vote != before || now.state == ServerState::Leader);
        let vote = timeout(PROMPT, cast).await.ok()?.ok()?.vote;
        (!vote.is_committed() && vote.leader_id().voted_for() == Some(self.id)).then_some(vote)
    }

    /// Stops trusting the leader, for a voter that stands because the leader goes or is gone.
    pub(super) async fn yield_to(&self, from: Option<NodeId>, vote: Vote) -> Response {
        let (voters, _) = self.members();
        let candidate = vote.leader_id().voted_for();
        if vote.is_committed()
            || from.is_none()
            || candidate != from
            || !from.is_some_and(|id| voters.contains(&id))
        {
            let reason = "this is nobody's vote".to_owned();
            return Response::Refused(super::peer::Refusal::Unavailable { reason });
        }
        // A snapshot of nothing carries a vote past the lease. It is older than what is here and not installed, and it does
        // not grant the vote: that takes a request, for which logs are compared.
        let nothing = Snapshot { meta: Meta::default(), snapshot: Box::default() };
        match self.raft.install_full_snapshot(vote, nothing).await {
            Ok(_) => {
                if let Some(node) = self.this.upgrade() {
                    tokio::spawn(node.stand_in(vote));
                }
                Response::Done
            }
            Err(error) => Response::Unknown(error.to_string()),
        }
    }

    /// Stands for election if the one that was yielded to is not elected: its log may be behind.
    async fn stand_in(self: Arc<Self>, vote: Vote) {
        let Ok(_checking) = self.checking.try_lock() else { return };
        let mut metrics = self.raft.server_metrics();
        let elected = metrics.wait_for(|metrics| {
            metrics.vote.is_committed() && metrics.vote.leader_id().term >= vote.leader_id().term
        });
        if timeout(self.timing.heartbeat * 2 / 3, elected).await.is_err() {
            self.clone().stand().await;
        }
    }

    /// Whether nothing listens any more where a node was.
    async fn is_gone(&self, id: NodeId, peer: &Peer) -> bool {
        let until = Instant::now() + PROBING;
        while Instant::now() < until {
            match self.voice.ask(Some(id), peer, Request::Identify, PROMPT).await {
                Err(CallError::Link(LinkError::Gone { .. })) => return true,
                // The question may have gone out on a connection that died with the process.
                Err(CallError::Link(_)) => sleep(self.timing.heartbeat / 8).await,
                _ => return false,
            }
        }
        false
    }

    /// Stands for election at once if the leader's process is gone.
    pub(super) async fn check_on_leader(self: Arc<Self>, leader: NodeId) {
        // Connections in both directions end at the same time.
        let Ok(_checking) = self.checking.try_lock() else { return };
        let Some((id, peer)) = self.leader().filter(|(id, _)| *id == leader) else { return };
        if !self.is_gone(id, &peer).await {
            return;
        }
        tracing::info!(%peer, "the leader is gone");
        let (voters, _) = self.members();
        let Some(rank) = voters.iter().rev().filter(|id| **id != leader).position(|id| *id == self.id) else {
            return;
        };
        for attempt in 1..=ATTEMPTS {
            let metrics = self.raft.server_metrics().borrow().clone();
            let known = metrics.current_leader.filter(|id| *id != leader);
            if known.is_some() || metrics.state == ServerState::Leader {
                return;
            }
            // All stand at the same time and the greatest vote wins. If its log is behind, they try again, one after the other.
            self.clone().stand().await;
            sleep(self.timing.heartbeat * attempt * (rank as u32 + 1)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        cluster::{
            Timing,
            net::{Network, Secret, Security},
        },
        testing::MemoryDisk,
    };

    #[tokio::test]
    async fn one_that_still_takes_connections_while_it_dies_is_gone_in_the_end() {
        let secret = Secret::new(b"the secret of this test");
        let network = Network::new("c".into(), "n".into(), Security { secret, tls: None }).await.unwrap();
        let me = Peer { name: "me".into(), address: "127.0.0.1:1".into() };
        let disk = MemoryDisk::default().attach();
        let node = Node::open(disk, me, Arc::new(network), Timing::default()).await.unwrap();
        let dying = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Peer { name: "dying".into(), address: dying.local_addr().unwrap().to_string() };
        let dies = tokio::spawn(async move {
            // What connects is let in by the system and finds nobody.
            drop(dying.accept().await.unwrap());
        });
        assert!(node.is_gone(9, &peer).await);
        dies.await.unwrap();
        node.stop().await;
    }
}
