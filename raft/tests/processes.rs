//! Three nodes as processes of their own, with real sockets and disks, that are killed and started again while clients take
//! locks: what all clients saw has an order.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::{
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::AtomicBool, atomic::Ordering::SeqCst},
    time::Duration,
};

use coordinator::{
    Client, CoordError, Coordinator as _, Group, GroupName, LockName, Member, MemberId, Terms,
    cluster::{
        Call, Folder, Link as _, Node, Operated, Operation, Peer, Remote, Request, Response, Serve, Timing,
        net::{Network, Secret, Security},
    },
    testing::linear::{self, Recorder, Step},
};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

const LIMIT: Duration = Duration::from_secs(120);
const TTL: Duration = Duration::from_secs(3);
const LOCKS: [LockName; 2] = [LockName::literal("one"), LockName::literal("other")];
const GROUP: Group = Group::sharded(GroupName::literal("group"), 16);
/// How often a node is killed.
const KILLS: usize = 6;

async fn network(name: &str) -> Network {
    let secret = Secret::new(b"the secret of these tests");
    Network::new("test".into(), name.into(), Security { secret, tls: None }).await.unwrap()
}

/// The node, when this program was started as one. It ends with whoever started it.
#[test]
fn a_node() {
    let Ok(address) = std::env::var("COORDINATOR_NODE") else { return };
    let folder = std::env::var("COORDINATOR_FOLDER").unwrap();
    std::thread::spawn(|| {
        let _ended = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind(&address).await.unwrap();
        let peer = Peer { name: address.clone(), address };
        let network = network(&peer.name).await;
        let disk = Arc::new(Folder::open(folder).unwrap());
        let node = Node::open(disk, peer, Arc::new(network.clone()), Timing::default()).await.unwrap();
        let serve: Arc<dyn Serve> = node.clone();
        let _server = network.serve(listener, node.id(), &serve).unwrap();
        std::future::pending::<()>().await;
    });
}

/// A process and its folder.
struct Process {
    peer: Peer,
    folder: tempfile::TempDir,
    child: Child,
}

fn spawn(peer: &Peer, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_node", "--nocapture"])
        .env("COORDINATOR_NODE", &peer.address)
        .env("COORDINATOR_FOLDER", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

impl Process {
    /// Each node has an address of the loopback network that nobody else uses.
    fn start(number: usize) -> Self {
        let id = std::process::id();
        let address = format!("127.{}.{}.{}:7231", 64 + (id >> 8 & 63), id & 255, number + 1);
        let peer = Peer { name: format!("node-{number}"), address };
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(&peer, folder.path());
        Self { peer, folder, child }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

async fn found(processes: &[Process]) {
    let network = network("operator").await;
    let peers: Vec<_> = processes[1..].iter().map(|process| process.peer.clone()).collect();
    let made = timeout(LIMIT, async {
        loop {
            let request = Request::Operate(Operation::Init { peers: peers.clone() });
            let call = Call { cluster: None, from: None, to: None, request };
            match network.call(&processes[0].peer, call, Duration::from_secs(20)).await {
                Ok(Response::Operated(Ok(Operated::Initialized(_)))) => return,
                Ok(Response::Operated(Err(error))) => println!("not yet: {error}"),
                Err(error) => println!("not yet: {error}"),
                other => panic!("{other:?}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    made.await.unwrap();
}

/// Takes locks, holds them for a while and gives them back, until told to stop. Says how often.
async fn use_locks(
    client: Arc<Client>,
    history: Arc<Recorder>,
    stop: Arc<AtomicBool>,
    number: usize,
) -> usize {
    let mut taken = 0;
    for turn in number.. {
        if stop.load(SeqCst) {
            break;
        }
        let lock = LOCKS[turn % LOCKS.len()].clone();
        let wait = Duration::from_millis(if turn % 3 == 0 { 0 } else { 500 });
        let begun = history.begin(Step::Take { lock: lock.clone(), token: None });
        match client.acquire(&lock, Terms::waiting(wait).with_ttl(TTL)).await {
            Ok(lease) => {
                let token = lease.token();
                history.end(begun, Step::Take { lock: lock.clone(), token: Some(token) });
                taken += 1;
                sleep(Duration::from_millis(5 + turn as u64 % 20)).await;
                let (taken_at, given_back) = (begun, Step::GiveBack { lock, token });
                let begun = history.begin(given_back.clone());
                if !lease.is_safe(Instant::now()) {
                    // Nobody watched, so it may have expired long ago.
                    history.forget(begun);
                    history.perhaps(taken_at, given_back);
                } else if lease.release().await.is_ok() {
                    history.end(begun, given_back);
                }
            }
            Err(CoordError::NotGranted { .. }) if wait.is_zero() => history.end(begun, Step::Busy { lock }),
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
    taken
}

/// Looks at locks and the group.
async fn look(client: Arc<Client>, history: Arc<Recorder>, stop: Arc<AtomicBool>) {
    while !stop.load(SeqCst) {
        for lock in LOCKS {
            let begun = history.begin(None);
            if let Ok(status) = client.inspect(&lock).await {
                history.end(begun, Step::See { lock, token: status.holder.map(|(_, token)| token) });
            }
        }
        let begun = history.begin(None);
        if let Ok(read) = client.read(&GROUP).await {
            let members = read.view.members.iter().map(|seat| seat.session).collect();
            let (group, epoch) = (GROUP.name().clone(), read.view.epoch);
            history.end(begun, Step::Read { group, epoch, members });
        }
        sleep(Duration::from_millis(3)).await;
    }
}

/// Joins and leaves the group.
async fn join(client: Arc<Client>, history: Arc<Recorder>, stop: Arc<AtomicBool>) {
    while !stop.load(SeqCst) {
        let begun = history.begin(None);
        let Ok(seat) = client.join(&GROUP, Member::new(MemberId::literal("m"), "here").with_ttl(TTL)).await
        else {
            continue;
        };
        let (group, session, epoch) = (GROUP.name().clone(), seat.session(), seat.since());
        history.end(begun, Step::Join { group: group.clone(), session, epoch });
        sleep(Duration::from_millis(20)).await;
        let (joined_at, left) = (begun, Step::Leave { group, session });
        let begun = history.begin(left.clone());
        if !seat.is_safe(Instant::now()) {
            history.forget(begun);
            history.perhaps(joined_at, left);
        } else if seat.leave().await.is_ok() {
            history.end(begun, left);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_see_has_an_order_while_nodes_are_killed() {
    let mut processes: Vec<_> = (0..3).map(Process::start).collect();
    found(&processes).await;
    let peers: Vec<_> = processes.iter().map(|process| process.peer.clone()).collect();
    let (history, stop) = (Arc::new(Recorder::default()), Arc::new(AtomicBool::default()));
    let (mut lockers, mut others) = (Vec::new(), Vec::new());
    for number in 0..4 {
        let link = Arc::new(network(&format!("client-{number}")).await);
        let client = Arc::new(Client::new(Remote::start(link, peers.clone())));
        let (client, history, stop) = (|| client.clone(), || history.clone(), || stop.clone());
        lockers.push(tokio::spawn(use_locks(client(), history(), stop(), number)));
        match number {
            0 | 1 => others.push(tokio::spawn(look(client(), history(), stop()))),
            _ => others.push(tokio::spawn(join(client(), history(), stop()))),
        }
    }
    for kill in 0..KILLS {
        sleep(Duration::from_millis(700)).await;
        let process = &mut processes[kill % 3];
        process.kill();
        sleep(Duration::from_millis(300)).await;
        process.child = spawn(&process.peer, process.folder.path());
    }
    sleep(Duration::from_secs(1)).await;
    stop.store(true, SeqCst);
    let mut taken = 0;
    for locker in lockers {
        taken += timeout(LIMIT, locker).await.unwrap().unwrap();
    }
    for other in others {
        timeout(LIMIT, other).await.unwrap().unwrap();
    }
    let calls = history.calls();
    println!("{taken} times a lock was taken, {} calls", calls.len());
    assert!(taken > KILLS, "{taken}");
    linear::check(&calls).unwrap();
}
