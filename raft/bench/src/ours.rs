//! This coordinator: each node a process with its log on disk, over TCP with a shared secret; clients keep no log.
use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use coordinator::{
    CoordError, Coordinator, Group, GroupName, LockName, Member, MemberId, Terms,
    cluster::{
        Call, Folder, Link, Node, NodeId, Operated, Operation, Peer, Remote, Request, Response, Serve,
        Status, Timing,
        net::{Network, Secret, Security},
    },
};
use tokio::{net::TcpListener, sync::watch, time::sleep};
use tracing_subscriber::EnvFilter;

use crate::{
    load::{WAIT, within},
    process::{Process, free_ports},
    system::{Client, Held, Standby, System},
};

const SECRET: &str = "only for this benchmark";
const PAUSE: Duration = Duration::from_millis(20);

async fn network(name: &str) -> Network {
    let secret = Secret::new(SECRET.as_bytes()).expect("a secret");
    let security = Security { secret: Some(secret), tls: None };
    Network::new("bench".to_owned(), name.to_owned(), security).await.expect("a network")
}

fn peer(address: &str) -> Peer {
    Peer { name: address.to_owned(), address: address.to_owned() }
}

/// One process of the cluster.
pub async fn node(folder: &Path, address: &str) {
    tracing_subscriber::fmt().with_ansi(false).with_env_filter(EnvFilter::from_default_env()).init();
    let network = network(address).await;
    let disk = Arc::new(Folder::open(folder).expect("a folder"));
    let node = Node::open(disk, peer(address), Arc::new(network.clone()), Timing::default()).await;
    let node = node.expect("a node");
    let listener = TcpListener::bind(address).await.expect("its port");
    let serve: Arc<dyn Serve> = node.clone();
    let _server = network.serve(listener, node.id(), &serve).expect("it listens");
    std::future::pending::<()>().await;
}

pub struct Ours {
    processes: Vec<Process>,
    peers: Vec<Peer>,
    link: Network,
}

impl Ours {
    pub async fn start(folder: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        let program = program.to_str().expect("a name").to_owned();
        let addresses: Vec<String> = free_ports(3).iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let start = |address: &String| {
            let at = folder.join(address);
            let words = ["node", at.to_str().expect("a name"), address].map(str::to_owned);
            Process::start(
                [vec![program.clone()], words.to_vec()].concat(),
                &folder.join(format!("log-{address}")),
            )
        };
        let processes = addresses.iter().map(start).collect();
        let peers: Vec<Peer> = addresses.iter().map(|address| peer(address)).collect();
        let ours = Self { processes, peers, link: network("bench").await };
        let init = Operation::Init { peers: ours.peers[1..].to_vec() };
        let made = async {
            while let Err(error) = ours.ask(&ours.peers[0], init.clone()).await {
                assert!(!error.contains("Taken"), "{error}");
                sleep(PAUSE).await;
            }
        };
        within("the cluster is made", made).await;
        ours
    }

    async fn ask(&self, peer: &Peer, operation: Operation) -> Result<Operated, String> {
        let call = Call { cluster: None, from: None, to: None, request: Request::Operate(operation) };
        match self.link.call(peer, call, WAIT).await {
            Ok(Response::Operated(Ok(done))) => Ok(done),
            other => Err(format!("{other:?}")),
        }
    }

    async fn status(&self, peer: &Peer) -> Option<Status> {
        match self.ask(peer, Operation::Status).await {
            Ok(Operated::Status(status)) => Some(*status),
            _ => None,
        }
    }

    /// The leader, and where each node stands, if all answer and agree.
    async fn agreed(&self) -> Option<NodeId> {
        let mut leaders = Vec::new();
        for peer in &self.peers {
            leaders.push(self.status(peer).await?.leader?);
        }
        leaders.iter().all(|leader| *leader == leaders[0]).then_some(leaders[0])
    }

    async fn remote(&self) -> Arc<coordinator::Client> {
        let remote = Remote::start(Arc::new(network("client").await), self.peers.clone());
        Arc::new(coordinator::Client::new(remote))
    }
}

#[async_trait]
impl System for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn processes(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    async fn client(&mut self) -> Arc<dyn Client> {
        Arc::new(Ourselves(self.remote().await))
    }

    async fn leader(&mut self) -> usize {
        let mut place = None;
        let leader = self.agreed().await.expect("a leader");
        for (at, peer) in self.peers.iter().enumerate() {
            if self.status(peer).await.is_some_and(|status| status.node == leader) {
                place = Some(at);
            }
        }
        place.expect("the leader is one of them")
    }

    async fn whole(&mut self) {
        let agreed = async {
            while self.agreed().await.is_none() {
                sleep(PAUSE).await;
            }
        };
        within("all agree", agreed).await;
    }

    async fn standby(&mut self) -> Box<dyn Standby> {
        let client = self.remote().await;
        let lock = LockName::literal("before");
        let lease = client.acquire(&lock, Terms::waiting(WAIT)).await.expect("a lock");
        lease.release().await.expect("a release");
        Box::new(Waiting(client))
    }
}

struct Waiting(Arc<coordinator::Client>);

#[async_trait]
impl Standby for Waiting {
    async fn first_grant(&mut self, lock: &str) {
        let lock = LockName::new(lock).expect("a name");
        loop {
            match self.0.acquire(&lock, Terms::at_once()).await {
                Ok(lease) => return lease.release().await.expect("a release"),
                Err(CoordError::Unavailable { .. } | CoordError::Unknown { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

struct Ourselves(Arc<coordinator::Client>);

#[async_trait]
impl Client for Ourselves {
    async fn acquire(&self, lock: &str, who: usize) -> Held {
        self.queue(lock, who).await
    }

    async fn queue(&self, lock: &str, _: usize) -> Held {
        let lock = LockName::new(lock).expect("a name");
        let lease = self.0.acquire(&lock, Terms::waiting(WAIT)).await.expect("a lock");
        Held::Lease(Box::new(lease))
    }

    async fn give(&self, held: Held) {
        match held {
            Held::Lease(lease) => lease.release().await.expect("a release"),
            Held::Seat(seat) => seat.leave().await.expect("leaving"),
            Held::Key(_) => panic!("not ours"),
        }
    }

    async fn join(&self, group: &str, member: &str) -> Held {
        let group = group_of(group);
        let member = Member::new(MemberId::new(member).expect("a name"), "bench");
        Held::Seat(Box::new(self.0.join(&group, member).await.expect("a seat")))
    }

    async fn watch(&self, group: &str) -> watch::Receiver<usize> {
        let mut views = self.0.watch(&group_of(group));
        let (tell, told) = watch::channel(views.borrow_and_update().members.len());
        tokio::spawn(async move {
            while views.changed().await.is_ok() {
                if tell.send(views.borrow_and_update().members.len()).is_err() {
                    return;
                }
            }
        });
        told
    }
}

fn group_of(name: &str) -> Group {
    // As with the others, it only says who is there.
    Group::plain(GroupName::new(name).expect("a name"))
}
