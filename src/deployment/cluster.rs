//! This process's part in the cluster of coordinators: a node with a log, or a client of those that have one.
//!
//! Invariants: nothing here waits for a quorum: a process starts without one, and its guarded work begins when there is one.
//! A cluster is made by one process only, that with the lowest address of those configured, and only of nodes that all
//! answered and all are new; any of them that belongs to a cluster already forbids it. A new node that finds a cluster
//! asks to be taken in, as one that does not vote.

use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::net::{Network, Secret, Security, Server, TlsFiles};
use coordinator::cluster::{
    Call, Folder, Identity, Link, Node, Operation, Peer, Remote, Request, Response, Serve, Timing,
};
use coordinator::{Client, Coordinator, Replica};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};

use super::StartError;
use super::estate::{self, Heir};
use crate::config::{Config, RaftConfig};

/// Between two looks at whether there is a cluster.
const LOOK: Duration = Duration::from_millis(200);
/// How long one node is given to say who it is.
const ASKING: Duration = Duration::from_secs(2);
/// How long a new node waits to be taken in by whoever makes the cluster before it asks for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long handing over leadership may take at the end.
const HAND_OVER: Duration = Duration::from_secs(3);

/// A process's end of the cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    coordinator: Arc<dyn Coordinator>,
    member: Option<MemberParts>,
}

/// What a process has that keeps a part of the log.
#[derive(Debug)]
struct MemberParts {
    node: Arc<Node>,
    server: Server,
    founding: JoinHandle<()>,
    settling: JoinHandle<()>,
}

impl Cluster {
    /// Opens this process's part, as configured.
    pub(super) async fn open(config: &Config) -> Result<Self, StartError> {
        let raft = &config.coordinator.raft;
        let name = raft.name.clone().unwrap_or_else(|| config.node.host.clone());
        let network = network(config).await?;
        let link: Arc<dyn Link> = Arc::new(network.clone());
        let (Some(listen), Some(address), Some(folder)) =
            (raft.listen, raft.address(), config.coordinator.state_path.clone())
        else {
            let remote = Remote::start(link, peers(raft));
            return Ok(Self { coordinator: Arc::new(Client::new(remote)), member: None });
        };
        let failed = |path: String| move |source| StartError::DataFolder { path, source };
        let path = folder.display().to_string();
        let opened = spawn_blocking({
            let folder = folder.clone();
            move || Folder::open(folder)
        });
        let opened = opened.await;
        let disk =
            opened.map_err(std::io::Error::other).and_then(|opened| opened).map_err(failed(path.clone()))?;
        let me = Peer { name, address };
        let timing = Timing {
            heartbeat: raft.heartbeat,
            election: (raft.election_timeout, raft.election_timeout * 2),
            ..Timing::default()
        };
        let node = Node::open(Arc::new(disk), me, Arc::clone(&link), timing).await?;
        let before = {
            let file = folder.join(super::opening::TOKENS);
            let read = spawn_blocking(move || coordinator::last_token(&file)).await;
            read.map_err(std::io::Error::other).map_err(failed(path))??
        };
        let before = before.unwrap_or_default();
        node.outrank(before);
        let serve: Arc<dyn Serve> = node.clone();
        let bound =
            TcpListener::bind(listen).await.and_then(|socket| network.serve(socket, node.id(), &serve));
        let server = bound.map_err(|source| StartError::ClusterListen { address: listen, source })?;
        tracing::info!(listen = %server.address(), node = node.id(), "the coordinator listens");
        let founding = tokio::spawn(found(Arc::clone(&node), link, peers(raft)));
        let replica: Arc<dyn Replica> = node.clone();
        let (coordinator, left) = Heir::of(folder.clone(), Arc::clone(&replica)).await;
        let settling = tokio::spawn(async move {
            estate::outrank(&*replica, before).await;
            estate::settle(replica, folder, left).await;
        });
        let member = MemberParts { node, server, founding, settling };
        Ok(Self { coordinator: Arc::new(coordinator), member: Some(member) })
    }

    /// What the services hold.
    pub(super) fn coordinator(&self) -> Arc<dyn Coordinator> {
        Arc::clone(&self.coordinator)
    }

    /// Leaves in good order: another node leads, then this one ends.
    pub(super) async fn leave(self) {
        let Some(MemberParts { node, server, founding, settling }) = self.member else { return };
        founding.abort();
        settling.abort();
        if node.leader().is_some_and(|(leader, _)| leader == node.id()) {
            match timeout(HAND_OVER, node.operate(Operation::TransferLeader { to: None })).await {
                Ok(Ok(_)) => tracing::info!("leadership is handed over"),
                Ok(Err(error)) => tracing::info!(%error, "leadership was not handed over"),
                Err(_) => tracing::info!("leadership was not handed over in time"),
            }
        }
        drop(server);
        node.stop().await;
    }
}

/// This process's network, as configured.
///
/// # Errors
/// If certificates are configured and cannot be used.
pub async fn network(config: &Config) -> Result<Network, StartError> {
    let raft = &config.coordinator.raft;
    let name = raft.name.clone().unwrap_or_else(|| config.node.host.clone());
    let files = (raft.ca_file.clone(), raft.cert_file.clone(), raft.key_file.clone());
    let tls = match files {
        (Some(authority), Some(certificate), Some(key)) => Some(TlsFiles { authority, certificate, key }),
        _ => None,
    };
    let secret = raft.secret.as_ref().and_then(|secret| Secret::new(secret.secret()));
    let network = Network::new(raft.cluster.clone(), name, Security { secret, tls }).await;
    network.map_err(|source| StartError::ClusterSecurity { source })
}

/// The configured addresses, lowest first.
#[must_use]
pub fn peers(raft: &RaftConfig) -> Vec<Peer> {
    let mut peers: Vec<Peer> =
        raft.peers.iter().map(|address| Peer { name: address.clone(), address: address.clone() }).collect();
    peers.sort_by(|one, other| one.address.cmp(&other.address));
    peers.dedup();
    peers
}

/// Makes the cluster if that falls to this node, or gets it taken into the one that there is.
async fn found(node: Arc<Node>, link: Arc<dyn Link>, peers: Vec<Peer>) {
    let own = node.identity().peer.address;
    let founder = peers.first().is_some_and(|first| first.address == own);
    let others: Vec<Peer> = peers.into_iter().filter(|peer| peer.address != own).collect();
    let (mut met, mut told) = (None, false);
    while !node.is_member() {
        let claimed = node.identity().cluster;
        if claimed.is_some() && !node.is_founding() {
            // Claimed by whoever makes a cluster, or has taken this node in: what is decided comes by itself.
            sleep(LOOK).await;
            continue;
        }
        let asked = others.iter().map(|peer| identify(&*link, peer));
        let answers: Vec<Option<Identity>> = futures::future::join_all(asked).await;
        let member = answers.iter().flatten().find(|identity| identity.cluster.is_some());
        if let Some(member) = member.filter(|_| claimed.is_none()) {
            let since = *met.get_or_insert_with(Instant::now);
            if since.elapsed() >= PATIENCE {
                ask_in(&node, &*link, &member.peer).await;
                met = None;
            }
        } else if (founder || claimed.is_some())
            && let Some(all) = answers.into_iter().collect::<Option<Vec<_>>>()
        {
            let peers = all.into_iter().zip(&others);
            let peers = peers.map(|(one, at)| Peer { name: one.peer.name, address: at.address.clone() });
            match node.operate(Operation::Init { peers: peers.collect() }).await {
                Ok(_) => tracing::info!("a new cluster is made"),
                Err(error) => tracing::info!(%error, "the cluster cannot be made yet"),
            }
        } else if !told {
            told = true;
            tracing::info!(peers = others.len(), "waiting for the other nodes of the cluster");
        }
        sleep(LOOK).await;
    }
}

async fn identify(link: &dyn Link, peer: &Peer) -> Option<Identity> {
    let call = Call { cluster: None, from: None, to: None, request: Request::Identify };
    match link.call(peer, call, ASKING).await {
        Ok(Response::Identity(identity)) => Some(identity),
        _ => None,
    }
}

async fn ask_in(node: &Node, link: &dyn Link, member: &Peer) {
    let request = Request::Operate(Operation::Add { peer: node.identity().peer });
    let call = Call { cluster: None, from: None, to: None, request };
    match link.call(member, call, PATIENCE * 2).await {
        Ok(Response::Operated(Ok(_))) => {
            tracing::info!("taken into the cluster; `ordain cluster promote` makes this node a voter");
        }
        Ok(Response::Operated(Err(error))) => tracing::warn!(%error, "not taken into the cluster yet"),
        Ok(other) => tracing::warn!(answer = ?other, "not taken into the cluster yet"),
        Err(error) => tracing::warn!(%error, "not taken into the cluster yet"),
    }
}
