//! Carries out what operators ask for: members, leadership, backups.
//!
//! **Invariants**: members change one step at a time, by the leader, and every step is an entry of the log. A node is taken
//! in only when it is fresh or of this cluster.
use std::{collections::BTreeSet, time::Duration};

use openraft::{
    ChangeMembers,
    error::{ClientWriteError, RaftError},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    backup,
    network::CallError,
    node::Node,
    operation::{OperateError, Operated, Operation},
    peer::{Refusal, Request, Response},
    types::{ClusterId, NodeId, Peer},
};
use crate::{Replica as _, command::Command, machine::State};

/// Voters at most.
const VOTERS: usize = 5;
/// How long to wait for a fresh node to get everything.
const CATCH_UP: Duration = Duration::from_secs(30);
/// How far a learner may be behind to become a voter.
const NEARLY: u64 = 64;

type Outcome = Result<Operated, OperateError>;

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
pub(super) fn failed(reason: impl ToString) -> OperateError {
    OperateError::Failed { reason: reason.to_string() }
}

impl Node {
    /// Carries out an operation, here or where it can be.
    ///
    /// # Errors
    /// [`OperateError`] if it was not carried out.
    pub async fn operate(&self, operation: Operation) -> Outcome {
        match operation {
            Operation::Init { peers } => self.init(peers).await.map(Operated::Initialized),
            Operation::Status => Ok(Operated::Status(Box::new(self.status()))),
            _ if self.log.summary().cluster.is_none() => Err(OperateError::NoCluster),
            operation => match self.leader() {
                Some((id, _)) if id == self.id => self.operate_here(operation).await,
                Some((id, peer)) => self.pass_on(id, &peer, operation).await,
                None => Err(failed("no leader is known")),
            },
        }
    }

    async fn pass_on(&self, id: NodeId, peer: &Peer, operation: Operation) -> Outcome {
        match self.voice.ask(Some(id), peer, Request::Operate(operation), CATCH_UP * 2).await {
            Ok(Response::Operated(outcome)) => outcome,
            Ok(_) => Err(failed("the leader answered something else")),
            Err(error) => Err(failed(error)),
        }
    }

    /// Carries out an operation that another node passed on, or that only the leader can do.
    async fn operate_here(&self, operation: Operation) -> Outcome {
        match operation {
            Operation::Init { .. } | Operation::Status => Err(failed("not for the leader alone")),
            Operation::Add { peer } => self.add(peer).await.map(Operated::Added),
            Operation::Promote { node } => self.promote(node).await,
            Operation::Remove { node } if node == self.id => self.leave().await,
            Operation::Remove { node } => self.remove(node).await,
            Operation::Replace { dead, peer } => self.replace(dead, peer).await.map(Operated::Added),
            Operation::TransferLeader { to } => self.transfer(to).await.map(Operated::Transferred),
            Operation::Backup => {
                self.catch_up().await.map_err(failed)?;
                let cluster = self.log.summary().cluster;
                backup::write(cluster, self.ledger.look(State::clone)).map(Operated::Backup).map_err(failed)
            }
            Operation::Restore { backup, floor } => {
                let old = backup::read(&backup)?;
                let now = self.ledger.look(State::incarnation);
                let floor = floor.map_or(0, crate::Token::incarnation);
                let incarnation = old.incarnation().max(now).max(floor).saturating_add(1);
                self.submit(Command::Incarnate { incarnation }).await.map_err(failed)?;
                Ok(Operated::Restored(incarnation))
            }
        }
    }

    async fn add(&self, peer: Peer) -> Result<NodeId, OperateError> {
        let cluster = self.log.summary().cluster.ok_or(OperateError::NoCluster)?;
        let id = self.identify(&peer).await?;
        let claim = self.voice.ask(Some(id), &peer, Request::Claim(cluster), self.timing.limit).await;
        claim.map_err(|error| silent(&peer, &error))?;
        self.change(ChangeMembers::AddNodes([(id, peer)].into())).await?;
        Ok(id)
    }

    /// The id of a node that is fresh or in this cluster.
    async fn identify(&self, peer: &Peer) -> Result<NodeId, OperateError> {
        match self.log.summary().cluster {
            Some(own) => self.identify_for(peer, own).await,
            None => Err(OperateError::NoCluster),
        }
    }

    /// The id of a node that is fresh or in that cluster.
    pub(super) async fn identify_for(&self, peer: &Peer, own: ClusterId) -> Result<NodeId, OperateError> {
        match self.voice.ask(None, peer, Request::Identify, self.timing.limit).await {
            Ok(Response::Identity(identity)) => match identity.cluster {
                Some(cluster) if cluster != own => Err(OperateError::Taken { peer: peer.clone(), cluster }),
                _ => Ok(identity.node),
            },
            Ok(_) => Err(failed("the peer answered something else")),
            Err(CallError::Refused(Refusal::OtherCluster { cluster: Some(cluster) })) => {
                Err(OperateError::Taken { peer: peer.clone(), cluster })
            }
            Err(error) => Err(silent(peer, &error)),
        }
    }

    async fn promote(&self, node: NodeId) -> Outcome {
        let (voters, learners) = self.members();
        if voters.contains(&node) {
            return Ok(Operated::Done);
        }
        if !learners.contains(&node) {
            return Err(OperateError::NoSuchMember { node });
        }
        if voters.len() >= VOTERS {
            return Err(OperateError::TooManyVoters);
        }
        self.caught_up(node, NEARLY, CATCH_UP).await?;
        self.change(ChangeMembers::AddVoterIds([node].into())).await?;
        Ok(Operated::Done)
    }

    async fn remove(&self, node: NodeId) -> Outcome {
        let (voters, learners) = self.members();
        if voters.contains(&node) {
            self.change(ChangeMembers::RemoveVoters([node].into())).await?;
        } else if learners.contains(&node) {
            self.change(ChangeMembers::RemoveNodes([node].into())).await?;
        } else {
            return Err(OperateError::NoSuchMember { node });
        }
        Ok(Operated::Done)
    }

    /// Hands leadership over, and has the new leader take this node out.
    async fn leave(&self) -> Outcome {
        let to = self.transfer(None).await?;
        let (id, peer) = self.leader().filter(|(id, _)| *id == to).ok_or_else(|| failed("no leader"))?;
        Box::pin(self.pass_on(id, &peer, Operation::Remove { node: self.id })).await
    }

    async fn replace(&self, dead: NodeId, peer: Peer) -> Result<NodeId, OperateError> {
        let (voters, learners) = self.members();
        if !voters.contains(&dead) && !learners.contains(&dead) || dead == self.id {
            return Err(OperateError::NoSuchMember { node: dead });
        }
        let id = self.add(peer).await?;
        if id == dead {
            return Err(failed("the node at this address is the one to be replaced"));
        }
        if voters.contains(&dead) {
            self.caught_up(id, NEARLY, CATCH_UP).await?;
            let voters = voters.into_iter().filter(|voter| *voter != dead).chain([id]).collect();
            self.change(ChangeMembers::ReplaceAllVoters(voters)).await?;
        } else {
            self.change(ChangeMembers::RemoveNodes([dead].into())).await?;
        }
        Ok(id)
    }

    /// Voters and learners.
    pub(super) fn members(&self) -> (BTreeSet<NodeId>, BTreeSet<NodeId>) {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow();
        let membership = metrics.membership_config.membership();
        (membership.voter_ids().collect(), membership.learner_ids().collect())
    }

    pub(super) async fn change(&self, change: ChangeMembers<NodeId, Peer>) -> Result<(), OperateError> {
        match timeout(self.timing.limit, self.raft.change_membership(change, false)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)))) => {
                Err(failed("this node does not lead any more"))
            }
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(failed("not decided in time; it may be yet")),
        }
    }

    /// Waits until a node has all but the last few entries.
    pub(super) async fn caught_up(
        &self,
        node: NodeId,
        nearly: u64,
        limit: Duration,
    ) -> Result<(), OperateError> {
        let until = Instant::now() + limit;
        loop {
            let (last, matched) = {
                let metrics = self.raft.metrics();
                let metrics = metrics.borrow();
                let replication = metrics.replication.as_ref();
                let replication = replication.ok_or_else(|| failed("this node does not lead any more"))?;
                (metrics.last_log_index, replication.get(&node).copied().flatten())
            };
            match (last, matched) {
                (Some(last), Some(matched)) if matched.index + nearly >= last => return Ok(()),
                (None, _) => return Ok(()),
                _ if Instant::now() > until => return Err(failed("the node does not catch up")),
                _ => sleep(Duration::from_millis(5)).await,
            }
        }
    }
}

fn silent(peer: &Peer, error: &CallError) -> OperateError {
    OperateError::Silent { peer: peer.clone(), reason: error.to_string() }
}
