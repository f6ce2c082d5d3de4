//! Measures a cluster of three processes on this machine, each with its log on disk and synced, over TCP on 127.0.0.1.
//!
//! `cargo run -p coordinator --profile ci --example bench_cluster`. It makes a temporary folder and three child processes, which
//! it removes and stops again, and takes about a minute.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark stops where it fails"
)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use coordinator::{
    Client, CoordError, Coordinator, Group, GroupName, LockName, Member, MemberId, Terms,
    cluster::{
        Call, Folder, Link, Node, NodeId, Operated, Operation, Peer, Remote, Request, Response, Serve,
        Status, Timing,
        net::{Network, Secret, Security},
    },
};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

const RUN: Duration = Duration::from_secs(4);
const WAIT: Duration = Duration::from_secs(30);
const SECRET: &str = "only for this benchmark";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("node") => node(Path::new(&arguments[2]), &arguments[3]).await,
        _ => measure().await,
    }
}

async fn network(name: &str) -> Network {
    let secret = Secret::new(SECRET.as_bytes()).expect("a secret");
    let security = Security { secret: Some(secret), tls: None };
    Network::new("bench".to_owned(), name.to_owned(), security).await.unwrap()
}

fn peer(address: &str) -> Peer {
    Peer { name: address.to_owned(), address: address.to_owned() }
}

/// One process of the cluster.
async fn node(folder: &Path, address: &str) {
    let network = network(address).await;
    let disk = Arc::new(Folder::open(folder).unwrap());
    let node = Node::open(disk, peer(address), Arc::new(network.clone()), Timing::default()).await.unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let serve: Arc<dyn Serve> = node.clone();
    let _server = network.serve(listener, node.id(), &serve).unwrap();
    // The parent closes the pipe when it ends, however it ends.
    let mut line = String::new();
    tokio::task::spawn_blocking(move || std::io::stdin().read_line(&mut line)).await.unwrap().ok();
}

/// A process of the cluster as seen by its parent.
struct Process {
    folder: PathBuf,
    peer: Peer,
    child: Child,
}

impl Process {
    fn start(folder: PathBuf, address: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("node").arg(&folder).arg(address).stdin(Stdio::piped());
        Self { folder, peer: peer(address), child: command.spawn().unwrap() }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Resident memory in MiB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn ask(link: &Network, peer: &Peer, operation: Operation) -> Result<Operated, String> {
    let call = Call { cluster: None, from: None, to: None, request: Request::Operate(operation) };
    match link.call(peer, call, WAIT).await {
        Ok(Response::Operated(Ok(done))) => Ok(done),
        other => Err(format!("{other:?}")),
    }
}

async fn status(link: &Network, peer: &Peer) -> Option<Status> {
    match ask(link, peer, Operation::Status).await {
        Ok(Operated::Status(status)) => Some(*status),
        _ => None,
    }
}

async fn leader(link: &Network, processes: &[Process]) -> NodeId {
    let found = async {
        loop {
            for process in processes {
                if let Some(Status { leader: Some(leader), .. }) = status(link, &process.peer).await {
                    return leader;
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(WAIT, found).await.expect("a leader")
}

async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let mut ports = Vec::new();
    for _ in 0..3 {
        ports.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let addresses: Vec<String> = ports.iter().map(|port| port.local_addr().unwrap().to_string()).collect();
    drop(ports);
    let mut processes: Vec<Process> =
        addresses.iter().map(|address| Process::start(folder.path().join(address), address)).collect();
    let link = network("bench").await;
    let peers: Vec<Peer> = processes.iter().map(|process| process.peer.clone()).collect();
    let init = Operation::Init { peers: peers[1..].to_vec() };
    let made = async {
        while let Err(error) = ask(&link, &peers[0], init.clone()).await {
            assert!(!error.contains("Taken"), "{error}");
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(WAIT, made).await.expect("the cluster is made");
    leader(&link, &processes).await;

    let mut clients = Vec::new();
    for n in 0..4 {
        let remote = Remote::start(Arc::new(network(&format!("client-{n}")).await), peers.clone());
        clients.push(Arc::new(Client::new(remote)));
    }
    memory("resident memory, fresh", &processes);
    locks("acquire and release, 1 client", &clients, 1, false).await;
    locks("acquire and release, 64 clients, each its own lock", &clients, 64, false).await;
    locks("acquire and release, 64 clients, one lock", &clients, 64, true).await;
    watchers(&clients).await;
    memory("resident memory, after load", &processes);
    fail_over(&link, &mut processes, &clients[0]).await;
}

fn memory(what: &str, processes: &[Process]) {
    let each: Vec<String> = processes.iter().map(|process| format!("{:.0}", process.memory())).collect();
    let sum: f64 = processes.iter().map(Process::memory).sum();
    println!("{what:52} {sum:.0} MiB ({})", each.join(" + "));
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn report(what: &str, mut times: Vec<Duration>, over: Duration) {
    let rate = times.len() as f64 / over.as_secs_f64();
    let (median, tail) = (percentile(&mut times, 50), percentile(&mut times, 99));
    println!("{what:52} {rate:8.0} /s   p50 {median:9.2?}   p99 {tail:9.2?}");
}

async fn locks(what: &str, clients: &[Arc<Client>], count: usize, shared: bool) {
    let since = Instant::now();
    let tasks = (0..count).map(|n| {
        let client = clients[n % clients.len()].clone();
        let lock = LockName::new(if shared { "shared".to_owned() } else { format!("own-{n}") }).unwrap();
        tokio::spawn(async move {
            let mut times = Vec::new();
            while since.elapsed() < RUN {
                let begun = Instant::now();
                let lease = client.acquire(&lock, Terms::waiting(WAIT)).await.expect("acquire");
                lease.release().await.expect("release");
                times.push(begun.elapsed());
            }
            times
        })
    });
    let mut times = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        times.extend(task.await.unwrap());
    }
    report(what, times, since.elapsed());
}

async fn watchers(clients: &[Arc<Client>]) {
    let group = Group::sharded(GroupName::literal("bench"), 4096);
    let mut watch = clients[1].watch(&group);
    let mut times = Vec::new();
    let since = Instant::now();
    for n in 0..200 {
        let member = Member::new(MemberId::new(format!("member-{n}")).unwrap(), "bench");
        let begun = Instant::now();
        let (seat, seen) = tokio::join!(
            clients[0].join(&group, member),
            timeout(WAIT, watch.wait_for(|view| view.members.len() == 1))
        );
        drop(seen.expect("in time").expect("a view"));
        times.push(begun.elapsed());
        let begun = Instant::now();
        let (left, seen) = tokio::join!(
            seat.expect("a seat").leave(),
            timeout(WAIT, watch.wait_for(|view| view.members.is_empty()))
        );
        left.expect("leaving");
        drop(seen.expect("in time").expect("a view"));
        times.push(begun.elapsed());
    }
    report("join or leave until another process sees it", times, since.elapsed());
}

/// Kills the leader and takes a lock that is free, five times.
async fn fail_over(link: &Network, processes: &mut [Process], client: &Arc<Client>) {
    let rounds = AtomicUsize::new(0);
    let mut times = Vec::new();
    for _ in 0..5 {
        let leading = leader(link, processes).await;
        let mut found = None;
        for (number, process) in processes.iter().enumerate() {
            if status(link, &process.peer).await.is_some_and(|status| status.node == leading) {
                found = Some(number);
            }
        }
        let number = found.expect("the leader is one of them");
        let begun = Instant::now();
        processes[number].kill();
        let lock = LockName::new(format!("after-{}", rounds.fetch_add(1, Ordering::Relaxed))).unwrap();
        let lease = loop {
            match client.acquire(&lock, Terms::at_once()).await {
                Ok(lease) => break lease,
                Err(CoordError::Unavailable { .. } | CoordError::Unknown { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            assert!(begun.elapsed() < WAIT);
        };
        times.push(begun.elapsed());
        lease.release().await.expect("release");
        let (folder, address) = (processes[number].folder.clone(), processes[number].peer.address.clone());
        processes[number] = Process::start(folder, &address);
        let back = async {
            while status(link, &processes[number].peer).await.is_none_or(|status| status.leader.is_none()) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(WAIT, back).await.expect("it comes back");
    }
    let all: Vec<String> = times.iter().map(|time| format!("{} ms", time.as_millis())).collect();
    let median = percentile(&mut times, 50);
    let median = median.as_millis();
    println!("{:52} median {median} ms ({})", "kill -9 of the leader until the next grant", all.join(", "));
}
