//! What an operator does with the cluster of coordinators, from any machine that has the configuration.
//!
//! Invariants: an operation is asked of one node after another only while it certainly was not carried out. Nothing is
//! changed to say how things stand.

use std::time::Duration;

use coordinator::cluster::net::Network;
pub use coordinator::cluster::operation::{GroupLine, LockLine, MemberStatus, Operated, Operation, Status};
use coordinator::cluster::{Call, Identity, Link, LinkError, NodeId, OperateError, Peer, Request, Response};
use serde::Serialize;
use thiserror::Error;

use super::{StartError, cluster};
use crate::config::{Config, CoordinatorKind};

/// How long one node is given for a question.
const ASKING: Duration = Duration::from_secs(3);
/// How long it is given for a change, which may bring a new node up to date first.
const CHANGING: Duration = Duration::from_secs(90);

/// Why something could not be done.
#[derive(Debug, Error)]
pub enum OperatorError {
    /// There is no cluster in the configuration.
    #[error("[coordinator] kind is not \"raft\": there is no cluster")]
    NoCluster,
    /// The configuration's certificates.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No node could be asked.
    #[error("no node of the cluster answers: {reason}")]
    Silent {
        /// What was tried last.
        reason: String,
    },
    /// It was asked and there was no answer.
    #[error("it may have been done: {reason}")]
    Unknown {
        /// What happened.
        reason: String,
    },
    /// The cluster says no.
    #[error(transparent)]
    Refused(#[from] OperateError),
    /// No node is called that, or more than one is.
    #[error("{name} is not the name, address or id of one node; known: {known}")]
    NoSuchNode {
        /// What was given.
        name: String,
        /// All names.
        known: String,
    },
}

/// How a cluster stands, and who of it answers.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// As the leader says, or whoever answers if there is no leader.
    pub status: Status,
    /// The members and the configured processes that answer.
    pub answering: Vec<Answering>,
}

/// Whether a process answers.
#[derive(Debug, Clone, Serialize)]
pub struct Answering {
    /// Where it was asked.
    pub address: String,
    /// Who it is; none if it does not answer.
    pub identity: Option<Identity>,
}

/// The way to a cluster.
#[derive(Debug)]
pub struct Operator {
    network: Network,
    peers: Vec<Peer>,
}

impl Operator {
    /// The way to the configured cluster; `at` is asked first.
    ///
    /// # Errors
    /// If there is none, or its certificates cannot be used.
    pub async fn new(config: &Config, at: Option<String>) -> Result<Self, OperatorError> {
        if config.coordinator.kind != CoordinatorKind::Raft {
            return Err(OperatorError::NoCluster);
        }
        let network = cluster::network(config).await?;
        let mut peers = cluster::peers(&config.coordinator.raft);
        if let Some(address) = at {
            peers.retain(|peer| peer.address != address);
            peers.insert(0, Peer { name: address.clone(), address });
        }
        Ok(Self { network, peers })
    }

    /// Has something done by whichever node can.
    ///
    /// # Errors
    /// What the cluster says, or that nobody could be asked.
    pub async fn operate(&self, operation: &Operation) -> Result<Operated, OperatorError> {
        let mut silent = OperatorError::Silent { reason: "no node is configured".to_owned() };
        for peer in &self.peers {
            match self.ask(peer, operation.clone(), CHANGING).await {
                Ok(Err(OperateError::NoCluster)) => silent = OperateError::NoCluster.into(),
                Ok(answer) => return Ok(answer?),
                Err(error @ OperatorError::Silent { .. }) => silent = error,
                Err(error) => return Err(error),
            }
        }
        Err(silent)
    }

    /// Makes a cluster of all configured processes, whatever they themselves wait for.
    ///
    /// # Errors
    /// As [`Self::operate`]; also if one of them belongs to a cluster or does not answer.
    pub async fn init(&self) -> Result<Operated, OperatorError> {
        let Some((first, others)) = self.peers.split_first() else {
            return Err(OperatorError::Silent { reason: "no node is configured".to_owned() });
        };
        let mut peers = Vec::new();
        for peer in others {
            let name = self.identify(peer).await.map_or_else(|| peer.name.clone(), |one| one.peer.name);
            peers.push(Peer { name, address: peer.address.clone() });
        }
        Ok(self.ask(first, Operation::Init { peers }, CHANGING).await??)
    }

    /// How things stand.
    ///
    /// # Errors
    /// If nobody answers.
    pub async fn overview(&self) -> Result<Overview, OperatorError> {
        let mut status = self.status().await?;
        let leader = status.members.iter().find(|member| Some(member.node) == status.leader);
        if let Some(leader) = leader.filter(|leader| leader.node != status.node)
            && let Ok(Ok(Operated::Status(better))) =
                self.ask(&leader.peer.clone(), Operation::Status, ASKING).await
        {
            status = *better;
        }
        let mut addresses: Vec<&Peer> = status.members.iter().map(|member| &member.peer).collect();
        addresses.extend(self.peers.iter());
        addresses.sort_by(|one, other| one.address.cmp(&other.address));
        addresses.dedup_by(|one, other| one.address == other.address);
        let asked = addresses.into_iter().map(async |peer| Answering {
            address: peer.address.clone(),
            identity: self.identify(peer).await,
        });
        let answering = futures::future::join_all(asked).await;
        Ok(Overview { status, answering })
    }

    /// The id of a member named by id, name or address.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub async fn member(&self, name: &str) -> Result<NodeId, OperatorError> {
        let status = self.status().await?;
        let fits = |member: &&MemberStatus| {
            member.node.to_string() == name || member.peer.name == name || member.peer.address == name
        };
        let found: Vec<NodeId> = status.members.iter().filter(fits).map(|member| member.node).collect();
        match found.as_slice() {
            [one] => Ok(*one),
            _ => {
                let known: Vec<String> =
                    status.members.iter().map(|one| format!("{} (id {})", one.peer, one.node)).collect();
                Err(OperatorError::NoSuchNode { name: name.to_owned(), known: known.join(", ") })
            }
        }
    }

    /// The process at an address, with the name that it gives itself.
    pub async fn peer_at(&self, address: &str) -> Peer {
        let peer = Peer { name: address.to_owned(), address: address.to_owned() };
        match self.identify(&peer).await {
            Some(identity) => Peer { name: identity.peer.name, ..peer },
            None => peer,
        }
    }

    /// What the node says that knows most: one that has just started may not know who leads, nor what was decided meanwhile.
    async fn status(&self) -> Result<Status, OperatorError> {
        let asked = self.peers.iter().map(|peer| self.ask(peer, Operation::Status, ASKING));
        let (mut best, mut silent): (Option<Box<Status>>, _) = (None, "no node is configured".to_owned());
        let knows =
            |status: &Status| (status.cluster.is_some(), status.leader.is_some(), status.term, status.index);
        for answer in futures::future::join_all(asked).await {
            match answer {
                Ok(Ok(Operated::Status(status))) => {
                    if best.as_ref().is_none_or(|best| knows(&status) > knows(best)) {
                        best = Some(status);
                    }
                }
                Ok(Ok(_)) => silent = "a node answered something else".to_owned(),
                Ok(Err(error)) => silent = error.to_string(),
                Err(error) => silent = error.to_string(),
            }
        }
        best.map(|best| *best).ok_or(OperatorError::Silent { reason: silent })
    }

    async fn identify(&self, peer: &Peer) -> Option<Identity> {
        let call = Call { cluster: None, from: None, to: None, request: Request::Identify };
        match self.network.call(peer, call, ASKING).await {
            Ok(Response::Identity(identity)) => Some(identity),
            _ => None,
        }
    }

    async fn ask(
        &self,
        peer: &Peer,
        operation: Operation,
        limit: Duration,
    ) -> Result<Result<Operated, OperateError>, OperatorError> {
        let call = Call { cluster: None, from: None, to: None, request: Request::Operate(operation) };
        match self.network.call(peer, call, limit).await {
            Ok(Response::Operated(outcome)) => Ok(outcome),
            Ok(Response::Refused(refusal)) => Err(OperatorError::Silent { reason: refusal.to_string() }),
            Ok(_) => Err(OperatorError::Unknown { reason: format!("{peer} answered something else") }),
            Err(error @ LinkError::Lost { .. }) => Err(OperatorError::Unknown { reason: error.to_string() }),
            Err(error) => Err(OperatorError::Silent { reason: error.to_string() }),
        }
    }
}
