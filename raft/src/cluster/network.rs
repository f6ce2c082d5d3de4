//! The network as openraft sees it, over any [`Link`].
//!
//! **Invariants**: all clients of a peer share what the link keeps for it. Whatever fails is reported as unreachable, so that
//! the engine waits before it tries again. Entries are sent and taken without a gap, or not at all.
use std::{sync::Arc, time::Duration};

use openraft::{
    RaftNetwork, RaftNetworkFactory,
    error::{InstallSnapshotError, RPCError, RaftError, RemoteError, Unreachable},
    network::{Backoff, RPCOption},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
        VoteRequest, VoteResponse,
    },
};

use tokio::time::timeout;

use super::{
    log::Log,
    peer::{Call, Link, LinkError, Refusal, Request, Response},
    types::{NodeId, Peer, TypeConfig},
};

/// The first wait after a peer could not be reached, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// A write that takes longer is one that may never end.
const STUCK: Duration = Duration::from_millis(500);

/// Speaks for one node.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    log: Log,
    link: Arc<dyn Link>,
}

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    #[error("the peer answered something else")]
    Mismatch,
    #[error("this node cannot write its log")]
    CannotWrite,
    #[error("entries that would come first are purged here")]
    Purged,
}

impl Voice {
    pub(crate) const fn new(log: Log, link: Arc<dyn Link>) -> Self {
        Self { log, link }
    }

    /// Asks a peer; anything but the hoped-for kind of answer is an error.
    pub(crate) async fn ask(
        &self,
        to: Option<NodeId>,
        peer: &Peer,
        request: Request,
        limit: Duration,
    ) -> Result<Response, CallError> {
        let summary = self.log.summary();
        let call = Call { cluster: summary.cluster, from: Some(summary.node), to, request };
        match self.link.call(peer, call, limit).await? {
            Response::Refused(refusal) => Err(refusal.into()),
            Response::Unknown(reason) => Err(CallError::Unknown(reason)),
            response => Ok(response),
        }
    }
}

/// Whether the entries follow what they claim to follow, and each other.
///
/// The engine reads what it sends a moment after it has decided to: what was purged in between is missing then, and a
/// follower that took the rest would have a gap for good.
pub(super) fn is_unbroken(rpc: &AppendEntriesRequest<TypeConfig>) -> bool {
    let first = rpc.prev_log_id.map_or(0, |prev| prev.index.saturating_add(1));
    (first..).zip(&rpc.entries).all(|(index, entry)| entry.log_id.index == index)
}

/// Makes clients of peers.
#[derive(Debug)]
pub(crate) struct Network(pub(crate) Voice);

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = PeerClient;

    async fn new_client(&mut self, target: NodeId, node: &Peer) -> PeerClient {
        PeerClient { target, peer: node.clone(), voice: self.0.clone() }
    }
}

/// Speaks to one peer.
#[derive(Debug)]
pub(crate) struct PeerClient {
    target: NodeId,
    peer: Peer,
    voice: Voice,
}

type RpcError<E> = RPCError<NodeId, Peer, E>;

impl PeerClient {
    async fn ask<T, E: std::error::Error + 'static>(
        &self,
        request: Request,
        limit: Duration,
        pick: impl FnOnce(Response) -> Option<Result<T, E>>,
    ) -> Result<T, RpcError<E>> {
        let answer = match self.voice.ask(Some(self.target), &self.peer, request, limit).await {
            Ok(response) => pick(response).ok_or(CallError::Mismatch),
            Err(error) => Err(error),
        };
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(RemoteError::new(self.target, error).into()),
            Err(error) => {
                tracing::debug!(peer = %self.peer, %error, "a peer cannot be asked");
                Err(Unreachable::new(&error).into())
            }
        }
    }
}

impl PeerClient {
    /// Keeps a follower from acting on what is not durable here: it hears of what is committed and durable. A leader that
    /// cannot write is silent, so that another is elected.
    async fn only_durable(
        &self,
        rpc: &mut AppendEntriesRequest<TypeConfig>,
        limit: Duration,
    ) -> Result<(), CallError> {
        let log = &self.voice.log;
        if log.trouble().is_some() || log.durable().busy_for() > STUCK {
            return Err(CallError::CannotWrite);
        }
        let Some(committed) = rpc.leader_commit.map(|last| last.index) else { return Ok(()) };
        // Without entries there is nothing else to hurry for.
        if !log.durable().is(committed)
            && (!rpc.entries.is_empty()
                || !matches!(timeout(limit / 2, log.durable().reached(committed)).await, Ok(Ok(()))))
        {
            rpc.leader_commit = None;
        }
        Ok(())
    }
}

impl RaftNetwork<TypeConfig> for PeerClient {
    async fn append_entries(
        &mut self,
        mut rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RpcError<RaftError<NodeId>>> {
        if !is_unbroken(&rpc) {
            return Err(Unreachable::new(&CallError::Purged).into());
        }
        self.only_durable(&mut rpc, option.hard_ttl()).await.map_err(|error| Unreachable::new(&error))?;
        self.ask(Request::Append(rpc), option.hard_ttl(), |response| match response {
            Response::Append(answer) => Some(answer),
            _ => None,
        })
        .await
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, RpcError<RaftError<NodeId, InstallSnapshotError>>> {
        self.ask(Request::Snapshot(rpc), option.hard_ttl(), |response| match response {
            Response::Snapshot(answer) => Some(answer),
            _ => None,
        })
        .await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RpcError<RaftError<NodeId>>> {
        self.ask(Request::Vote(rpc), option.hard_ttl(), |response| match response {
            Response::Vote(answer) => Some(answer),
            _ => None,
        })
        .await
    }

    fn backoff(&self) -> Backoff {
        let (first, longest) = BACKOFF;
        Backoff::new(std::iter::successors(Some(first), move |wait| Some((*wait * 2).min(longest))))
    }
}
