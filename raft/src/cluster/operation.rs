//! What operators ask of a cluster, and what they are told.
//!
//! **Invariants**: every type here has a readable form in JSON. Shapes change with [`super::types::SCHEMA`].
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    net::Counts,
    types::{ClusterId, NodeId, Peer},
};
use crate::{Epoch, GroupName, Index, LockName, MemberId, SessionId, Token};

/// A task for the cluster; any node passes it to the one that can do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Makes a cluster of this node and others, none of which may belong to one. Answers [`Operated::Initialized`].
    Init {
        /// The others.
        peers: Vec<Peer>,
    },
    /// Answers [`Operated::Status`].
    Status,
    /// Adds a fresh node as a learner. Answers [`Operated::Added`].
    Add {
        /// Where it listens.
        peer: Peer,
    },
    /// Makes a learner a voter, once it has caught up. Answers [`Operated::Done`].
    Promote {
        /// The learner.
        node: NodeId,
    },
    /// Takes a node out. Answers [`Operated::Done`].
    Remove {
        /// The node.
        node: NodeId,
    },
    /// Puts a fresh node in the place of one that will not come back. Answers [`Operated::Added`].
    Replace {
        /// The one that is gone.
        dead: NodeId,
        /// Where the new one listens.
        peer: Peer,
    },
    /// Has another voter lead. Answers [`Operated::Transferred`].
    TransferLeader {
        /// Which one; none for the one that has most of the log, of those that answer.
        to: Option<NodeId>,
    },
    /// Answers [`Operated::Backup`].
    Backup,
    /// Starts a newer incarnation after the one in a backup: every token given out from now on is greater than all of the
    /// cluster that the backup is from, and every session from before ends. Answers [`Operated::Restored`].
    Restore {
        /// What [`Operation::Backup`] gave.
        backup: Vec<u8>,
        /// A token that is known to have been given out after the backup, if there is one.
        floor: Option<Token>,
    },
}

/// What came of an [`Operation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operated {
    /// Done, or it was so already.
    Done,
    /// The new cluster.
    Initialized(ClusterId),
    /// How things stand.
    Status(Box<Status>),
    /// The new member.
    Added(NodeId),
    /// The new leader.
    Transferred(NodeId),
    /// To be kept.
    Backup(Vec<u8>),
    /// The new incarnation.
    Restored(u16),
}

/// Why an [`Operation`] was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum OperateError {
    /// A node is in a cluster already.
    #[error("{peer} belongs to cluster {cluster} already")]
    Taken {
        /// Which node.
        peer: Peer,
        /// Which cluster.
        cluster: ClusterId,
    },
    /// All nodes of a new cluster must be there, or one of them might belong to another.
    #[error("{peer} does not answer: {reason}")]
    Silent {
        /// Who.
        peer: Peer,
        /// Why.
        reason: String,
    },
    /// The node belongs to no cluster.
    #[error("this node belongs to no cluster yet")]
    NoCluster,
    /// There is no such member.
    #[error("node {node} is not a member that this can be done with")]
    NoSuchMember {
        /// The id that was named.
        node: NodeId,
    },
    /// There may be no more than five voters.
    #[error("there are five voters already")]
    TooManyVoters,
    /// The backup cannot be used.
    #[error("the backup cannot be used: {reason}")]
    BadBackup {
        /// Why.
        reason: String,
    },
    /// Nobody could do it now.
    #[error("it could not be done: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

/// A cluster as one of its nodes sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who says this.
    pub node: NodeId,
    /// What it calls itself.
    pub peer: Peer,
    /// The cluster; none before it is made.
    pub cluster: Option<ClusterId>,
    /// Who leads, as far as known.
    pub leader: Option<NodeId>,
    /// Number of the election.
    pub term: u64,
    /// All nodes.
    pub members: Vec<MemberStatus>,
    /// Last entry in the log.
    pub last_log: Option<u64>,
    /// Last entry that was applied.
    pub applied: Option<u64>,
    /// Last entry in the snapshot.
    pub snapshot: Option<u64>,
    /// Last entry that was removed from the log.
    pub purged: Option<u64>,
    /// Index of the last command.
    pub index: Index,
    /// How often the cluster was restored.
    pub incarnation: u16,
    /// On the leader: how long ago a quorum last answered.
    pub quorum_silence: Option<Duration>,
    /// What is wrong with the disk, if anything.
    pub trouble: Option<String>,
    /// How many sessions are open.
    pub sessions: usize,
    /// The locks that are held.
    pub locks: Vec<LockLine>,
    /// The groups with members.
    pub groups: Vec<GroupLine>,
    /// What the node's network has counted, strangers that were refused among it; none where it does not count.
    pub network: Option<Counts>,
}

/// One node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its id.
    pub node: NodeId,
    /// Where it is.
    pub peer: Peer,
    /// Whether it votes; a learner does not.
    pub voter: bool,
    /// Whether it leads.
    pub leader: bool,
    /// On the leader: the last entry that it is known to have.
    pub matched: Option<u64>,
}

/// A lock that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockLine {
    /// Its name.
    pub lock: LockName,
    /// Who holds it.
    pub holder: SessionId,
    /// By which token.
    pub token: Token,
    /// How many are queued.
    pub waiting: usize,
}

/// A group with members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLine {
    /// Its name.
    pub group: GroupName,
    /// Version of its view.
    pub epoch: Epoch,
    /// Who is in.
    pub members: Vec<SeatLine>,
}

/// A member of a group and what it owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatLine {
    /// Its own name.
    pub member: MemberId,
    /// Where it runs.
    pub node: String,
    /// Its session.
    pub session: SessionId,
    /// How many shards it owns, those being released included.
    pub shards: usize,
    /// The shards, first to last, of neighbours together.
    pub spans: Vec<(u16, u16)>,
    /// How many of them it is asked to release.
    pub releasing: usize,
}
