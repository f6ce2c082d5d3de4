//! The network as openraft sees it, over any [`Link`].
//!
//! **Invariants**: all clients of a peer share what the link keeps for it. Whatever fails is reported as unreachable, so that
//! the engine waits before it tries again.
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

use super::{
    log::Log,
    peer::{Call, Link, LinkError, Refusal, Request, Response},
    types::{NodeId, Peer, TypeConfig},
};

/// The first wait after a peer could not be reached, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

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

impl RaftNetwork<TypeConfig> for PeerClient {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RpcError<RaftError<NodeId>>> {
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
