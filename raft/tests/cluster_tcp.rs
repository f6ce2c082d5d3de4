//! Three nodes with real sockets and real disks: the conformance suite on their coordinators and on those of clients
//! without a log, and what is particular to the network.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use coordinator::{
    Client, Coordinator, LockName, Replica as _, Terms,
    cluster::{
        Call, Folder, Link, Node, Operated, Operation, Peer, Remote, Request, Response, Serve, Timing,
        net::{Network, Secret, Security, Server},
    },
    testing::Nodes,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, time::timeout};

const LIMIT: Duration = Duration::from_secs(60);
/// How much longer than on a paused clock things may take here.
const PATIENCE: u32 = 8;

async fn network(name: &str) -> Network {
    let secret = Secret::new(b"the secret of these tests");
    Network::new("test".into(), name.into(), Security { secret, tls: None }).await.unwrap()
}

/// One node and what it lives in.
struct Machine {
    folder: TempDir,
    peer: Peer,
    node: Arc<Node>,
    network: Network,
    server: Option<Server>,
}

impl Machine {
    async fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Peer { name: name.into(), address: listener.local_addr().unwrap().to_string() };
        Self::on(tempfile::tempdir().unwrap(), peer, listener).await
    }

    async fn on(folder: TempDir, peer: Peer, listener: TcpListener) -> Self {
        let network = network(&peer.name).await;
        let disk = Arc::new(Folder::open(folder.path()).unwrap());
        let node =
            Node::open(disk, peer.clone(), Arc::new(network.clone()), Timing::default()).await.unwrap();
        let serve: Arc<dyn Serve> = node.clone();
        let server = Some(network.serve(listener, node.id(), &serve).unwrap());
        Self { folder, peer, node, network, server }
    }

    /// Ends it without a word.
    async fn kill(mut self) -> (TempDir, Peer) {
        self.server.take();
        self.node.stop().await;
        (self.folder, self.peer)
    }
}

async fn machines() -> Vec<Machine> {
    let mut machines = Vec::new();
    for name in ["one", "two", "three"] {
        machines.push(Machine::start(name).await);
    }
    let peers = machines[1..].iter().map(|machine| machine.peer.clone()).collect();
    let made = machines[0].node.operate(Operation::Init { peers }).await;
    assert!(matches!(made, Ok(Operated::Initialized(_))), "{made:?}");
    for machine in &machines {
        timeout(LIMIT, async { while machine.node.catch_up().await.is_err() {} }).await.unwrap();
    }
    machines
}

async fn remote(machines: &[Machine]) -> Arc<Remote> {
    let peers = machines.iter().map(|machine| machine.peer.clone()).collect();
    Remote::start(Arc::new(network("client").await), peers)
}

mod on_the_nodes {
    use super::*;

    async fn nodes() -> (Nodes, Vec<Machine>) {
        let machines = machines().await;
        let mut all =
            machines.iter().map(|machine| Arc::new(machine.node.coordinator()) as Arc<dyn Coordinator>);
        let first = all.next().unwrap();
        (Nodes::many(first, all.collect()).patient(PATIENCE), machines)
    }

    coordinator::conformance!(
        #[tokio::test]
        nodes
    );
}

mod on_clients {
    use super::*;

    async fn clients() -> (Nodes, Vec<Machine>) {
        let machines = machines().await;
        let client = async || Arc::new(Client::new(remote(&machines).await)) as Arc<dyn Coordinator>;
        let nodes = Nodes::many(client().await, vec![client().await, client().await]);
        (nodes.patient(PATIENCE), machines)
    }

    coordinator::conformance!(
        #[tokio::test]
        clients
    );
}

/// Takes and gives back a lock, however often it takes.
async fn lock(coordinator: &dyn Coordinator) {
    let name = LockName::literal("lock");
    timeout(LIMIT, async {
        loop {
            if let Ok(lease) = coordinator.acquire(&name, Terms::waiting(LIMIT)).await
                && lease.release().await.is_ok()
            {
                return;
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_survivors_and_their_clients_go_on_when_the_leader_dies_and_it_comes_back() {
    let mut machines = machines().await;
    let client = Client::new(remote(&machines).await);
    lock(&client).await;
    let (leader, _) = machines[0].node.leader().unwrap();
    let at = machines.iter().position(|machine| machine.node.id() == leader).unwrap();
    let (folder, peer) = machines.remove(at).kill().await;
    lock(&client).await;
    lock(&machines[0].node.coordinator()).await;

    let listener = TcpListener::bind(&peer.address).await.unwrap();
    let again = timeout(LIMIT, async {
        loop {
            // Tasks of the engine may hold the folder a little longer.
            match Folder::open(folder.path()) {
                Ok(_) => return,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    });
    again.await.unwrap();
    let back = Machine::on(folder, peer, listener).await;
    assert_eq!(back.node.id(), leader);
    lock(&back.node.coordinator()).await;
}

#[tokio::test]
async fn strangers_show_in_the_status() {
    let machines = machines().await;
    let secret = Secret::new(b"not the secret of these tests");
    let stranger = Network::new("test".into(), "x".into(), Security { secret, tls: None }).await.unwrap();
    let call = |request| Call { cluster: None, from: None, to: None, request };
    let refused = stranger.call(&machines[0].peer, call(Request::Identify), LIMIT).await;
    assert!(refused.is_err(), "{refused:?}");
    let friend = network("friend").await;
    let status = call(Request::Operate(Operation::Status));
    match friend.call(&machines[0].peer, status, LIMIT).await.unwrap() {
        Response::Operated(Ok(Operated::Status(status))) => {
            assert_eq!(status.network.unwrap().refused_secret, 1);
            assert_eq!(status.members.len(), 3);
        }
        other => panic!("{other:?}"),
    }
    assert!(machines.iter().all(|machine| machine.network.counts().malformed == 0));
}
