//! What nodes say to each other, and the two traits by which a network carries it.
//!
//! A network implements [`Link`] for what a node asks, and brings what arrives to the node's [`Serve`].
//!
//! **Invariants**: every request names the cluster and the node it is meant for, and is refused by any other. A request
//! that may have arrived is reported as [`LinkError::Lost`], never as unreachable. Shapes change with [`super::types::SCHEMA`].
use std::{fmt, time::Duration};

use async_trait::async_trait;
use openraft::{
    error::{InstallSnapshotError, RaftError},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
        VoteRequest, VoteResponse,
    },
};
use serde::{Deserialize, Serialize};

use super::operation::{OperateError, Operated, Operation};
use super::types::{Answer, Batch, ClusterId, NodeId, Peer, TypeConfig, Vote};
use crate::{Index, LockName, LockStatus, News, command::Entry};

/// One question from one node or client to another node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// The cluster of the caller; none if it belongs to none yet.
    pub cluster: Option<ClusterId>,
    /// The caller; none if it is a client without a log.
    pub from: Option<NodeId>,
    /// Whom it is meant for; none if whoever answers at the address will do.
    pub to: Option<NodeId>,
    /// What is asked.
    pub request: Request,
}

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Log entries, or a heartbeat. Answers [`Response::Append`].
    Append(AppendEntriesRequest<TypeConfig>),
    /// A candidate asks for a vote. Answers [`Response::Vote`].
    Vote(VoteRequest<NodeId>),
    /// A piece of a snapshot. Answers [`Response::Snapshot`].
    Snapshot(InstallSnapshotRequest<TypeConfig>),
    /// Commands to be decided, by the leader alone. Answers [`Response::Decided`].
    Submit(Batch),
    /// What has been decided by now, confirmed by a quorum; by the leader alone. Answers [`Response::Index`].
    ReadIndex,
    /// What was decided after an index, waiting for it if there is nothing yet. Answers [`Response::Commands`] or
    /// [`Response::State`]. Asked by schema 1.
    Follow {
        /// The last index that the caller knows.
        after: Index,
        /// How long to wait.
        wait: Duration,
    },
    /// Who is there, and what it knows. Answers [`Response::Identity`].
    Identify,
    /// Joins a fresh node to a cluster; for one that is in it already nothing changes. Answers [`Response::Done`].
    Claim(ClusterId),
    /// Takes a claim back from a node that has seen nothing of the cluster yet. Answers [`Response::Done`].
    Unclaim(ClusterId),
    /// The leader wants the receiver to lead. Answers [`Response::Done`] once it tries.
    Campaign,
    /// The leader steps down for the node in this vote: the receiver need not wait for the lease to end. Answers
    /// [`Response::Done`].
    Yield(Vote),
    /// Asks for something that only an operator does. Answers [`Response::Operated`].
    Operate(Operation),
    /// What is news after an index, waiting for it if there is nothing yet. Answers [`Response::News`] or
    /// [`Response::State`]. From schema 2 on, as what follows.
    News {
        /// The last index that the caller knows.
        after: Index,
        /// How long to wait.
        wait: Duration,
    },
    /// What is news after an index, at once and with all that was decided before the question, confirmed by a quorum; by the
    /// leader alone. Answers as [`Request::News`].
    Read {
        /// The last index that the caller knows.
        after: Index,
    },
    /// A lock, confirmed by a quorum; by the leader alone. Answers [`Response::Lock`].
    Inspect(LockName),
}

impl Request {
    /// Whether only a member of the cluster may ask it.
    #[must_use]
    pub const fn is_for_members(&self) -> bool {
        matches!(self, Self::Append(_) | Self::Vote(_) | Self::Snapshot(_) | Self::Campaign | Self::Yield(_))
    }

    /// Its name, for logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Append(_) => "append",
            Self::Vote(_) => "vote",
            Self::Snapshot(_) => "snapshot",
            Self::Submit(_) => "submit",
            Self::ReadIndex => "read_index",
            Self::Follow { .. } => "follow",
            Self::Identify => "identify",
            Self::Claim(_) => "claim",
            Self::Unclaim(_) => "unclaim",
            Self::Campaign => "campaign",
            Self::Yield(_) => "yield",
            Self::Operate(_) => "operate",
            Self::News { .. } => "news",
            Self::Read { .. } => "read",
            Self::Inspect(_) => "inspect",
        }
    }
}

/// What can be answered.
#[derive(Debug, Serialize, Deserialize)]
pub enum Response {
    /// To [`Request::Append`].
    Append(Result<AppendEntriesResponse<NodeId>, RaftError<NodeId>>),
    /// To [`Request::Vote`].
    Vote(Result<VoteResponse<NodeId>, RaftError<NodeId>>),
    /// To [`Request::Snapshot`].
    Snapshot(Result<InstallSnapshotResponse<NodeId>, RaftError<NodeId, InstallSnapshotError>>),
    /// To [`Request::Submit`].
    Decided(Answer),
    /// To [`Request::ReadIndex`].
    Index(Index),
    /// To [`Request::Follow`]: what came next; nothing if the wait was over first.
    Commands {
        /// Index of the first.
        first: Index,
        /// In order, without a gap.
        commands: Vec<Entry>,
    },
    /// To [`Request::Follow`] and the like: the caller is too far behind, this is everything.
    State(Box<crate::machine::Snapshot>),
    /// To [`Request::Identify`].
    Identity(Identity),
    /// It is done.
    Done,
    /// To [`Request::Operate`].
    Operated(Result<Operated, OperateError>),
    /// It was not done and will not be.
    Refused(Refusal),
    /// It may have been done, or may be done yet.
    Unknown(String),
    /// To [`Request::News`] and [`Request::Read`].
    News {
        /// All news up to here are told.
        upto: Index,
        /// How often the cluster was restored.
        incarnation: u16,
        /// In order.
        news: Vec<News>,
    },
    /// To [`Request::Inspect`].
    Lock(LockStatus),
}

/// Who answers at an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub node: NodeId,
    /// What it calls itself, and where it says that it is found.
    pub peer: Peer,
    /// The cluster it belongs to, if any.
    pub cluster: Option<ClusterId>,
    /// Whom it takes for the leader.
    pub leader: Option<(NodeId, Peer)>,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The caller belongs to another cluster.
    #[error("this node belongs to {}", cluster.map_or("no cluster".to_owned(), |id| format!("cluster {id}")))]
    OtherCluster {
        /// Of the one who refuses.
        cluster: Option<ClusterId>,
    },
    /// Another node is found at this address.
    #[error("this is node {node}")]
    OtherNode {
        /// Who it is.
        node: NodeId,
    },
    /// Only the leader can do this.
    #[error("not the leader")]
    NotLeader {
        /// Who is, as far as known.
        leader: Option<(NodeId, Peer)>,
    },
    /// Not at present.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nothing listens there: the process is gone. The request did not arrive.
    #[error("{peer} does not listen")]
    Gone {
        /// Who.
        peer: Peer,
    },
    /// No connection could be made, or the queue to it is full. The request did not arrive.
    #[error("{peer} cannot be reached: {reason}")]
    Unreachable {
        /// Who.
        peer: Peer,
        /// What failed.
        reason: String,
    },
    /// The request was sent, but no answer came.
    #[error("{peer} did not answer: {reason}")]
    Lost {
        /// Who.
        peer: Peer,
        /// What failed.
        reason: String,
    },
}

/// The way out: brings requests to other nodes.
#[async_trait]
pub trait Link: fmt::Debug + Send + Sync + 'static {
    /// Asks whoever listens at the peer's address, and waits for the answer up to `limit`.
    ///
    /// Requests to one peer share a connection that is kept; they may overtake each other.
    ///
    /// # Errors
    /// [`LinkError`] if no answer came.
    async fn call(&self, peer: &Peer, call: Call, limit: Duration) -> Result<Response, LinkError>;
}

/// The way in: answers what other nodes ask.
#[async_trait]
pub trait Serve: fmt::Debug + Send + Sync + 'static {
    /// Whether a caller of this cluster may ask the node `to` here at all; for the start of a connection.
    ///
    /// # Errors
    /// [`Refusal::OtherCluster`] or [`Refusal::OtherNode`].
    fn admit(&self, cluster: Option<ClusterId>, to: Option<NodeId>) -> Result<(), Refusal>;

    /// Answers. Checks what [`Self::admit`] checks. The future may be dropped when nobody waits for the answer any more.
    async fn serve(&self, call: Call) -> Response;

    /// An established connection to or from this node was closed by the other side: it may be gone.
    fn closed(&self, peer: NodeId);
}
