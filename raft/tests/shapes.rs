//! What other builds have written, on disk and on the wire, is read by this one, and written in the same shape.
//!
//! `tests/golden/wire.txt` holds one line for every kind of request, answer and command; `tests/golden/disk` is the folder of a node.
//! A shape that changes fails here: give it a new schema number and go on reading the old one, so that the processes of a cluster
//! can be replaced one by one. `ORDAIN_BLESS=1` adds what is new.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use coordinator::{
    Coordinator as _, Epoch, Group, GroupName, Index, LockName, LockStatus, Member, MemberId, News,
    Replica as _, SessionId, Terms, Token,
    cluster::{
        Batch, Call, ClusterId, Folder, Identity, Link, LinkError, Node, Operated, Operation, Peer, Refusal,
        Request, Response, Timing,
        types::{Answer, LogId, Vote},
    },
    command::{Command, Entry, Opening, Reply},
    machine::{Snapshot, State, apply},
};
use openraft::{
    CommittedLeaderId, EntryPayload, SnapshotMeta, StoredMembership,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
        VoteRequest, VoteResponse,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

const GROUP: Group = Group::sharded(GroupName::literal("group"), 8);

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn is_blessed() -> bool {
    std::env::var_os("ORDAIN_BLESS").is_some()
}

fn session(n: u128) -> SessionId {
    SessionId(Uuid::from_u128(n))
}

fn opening() -> Opening {
    Opening { session: session(1), ttl: Duration::from_millis(9_001) }
}

fn commands() -> Vec<Command> {
    let lock = LockName::literal("lock");
    let member = Member::new(MemberId::literal("member"), "node");
    vec![
        Command::Join { opening: opening(), group: GROUP, member },
        Command::HandOver {
            session: session(1),
            group: GROUP.name().clone(),
            epoch: Epoch::new(1, Index(7)),
        },
        Command::Acquire { opening: opening(), lock, queue: true },
        Command::Renew { sessions: vec![session(1), session(2)] },
        Command::Close { session: session(1) },
        Command::Expire { session: session(1), seen_renewal: Index(300) },
        Command::Incarnate { incarnation: 3 },
    ]
}

fn log_id() -> LogId {
    LogId::new(CommittedLeaderId::new(5, 77), 1234)
}

fn peer() -> Peer {
    Peer { name: "name".to_owned(), address: "host:1".to_owned() }
}

fn state() -> State {
    let mut state = State::default();
    for (index, command) in (1..).zip(commands().into_iter().take(4)) {
        apply(&mut state, Index(index), &command);
    }
    state
}

fn requests() -> Vec<Request> {
    let entry = |payload| openraft::Entry { log_id: log_id(), payload };
    let batch = || commands().into_iter().map(Entry::from).collect::<Batch>();
    let members = BTreeMap::from([(77, peer()), (78, peer())]);
    let membership = openraft::Membership::new(vec![BTreeSet::from([77])], members);
    let entries = vec![
        entry(EntryPayload::Blank),
        entry(EntryPayload::Normal(batch())),
        entry(EntryPayload::Membership(membership.clone())),
    ];
    let vote = Vote::new_committed(5, 77);
    let meta = SnapshotMeta {
        last_log_id: Some(log_id()),
        last_membership: StoredMembership::new(Some(log_id()), membership),
        snapshot_id: "id".to_owned(),
    };
    let (data, done) = (vec![1, 2, 3], true);
    vec![
        Request::Append(AppendEntriesRequest {
            vote,
            prev_log_id: Some(log_id()),
            entries,
            leader_commit: Some(log_id()),
        }),
        Request::Vote(VoteRequest { vote: Vote::new(6, 78), last_log_id: None }),
        Request::Snapshot(InstallSnapshotRequest { vote, meta, offset: 9, data, done }),
        Request::Submit(batch()),
        Request::ReadIndex,
        Request::Follow { after: Index(70_000), wait: Duration::from_secs(2) },
        Request::Identify,
        Request::Claim(ClusterId(Uuid::from_u128(9))),
        Request::Unclaim(ClusterId(Uuid::from_u128(9))),
        Request::Campaign,
        Request::Yield(Vote::new(6, 78)),
        Request::Operate(Operation::Replace { dead: 78, peer: peer() }),
        Request::News { after: Index(70_000), wait: Duration::from_secs(2) },
        Request::Read { after: Index(70_000) },
        Request::Inspect(LockName::literal("lock")),
    ]
}

fn responses() -> Vec<Response> {
    let leader = Some((77, peer()));
    let identity = Identity { node: 78, peer: peer(), cluster: Some(ClusterId(Uuid::from_u128(9))), leader };
    vec![
        Response::Append(Ok(AppendEntriesResponse::Success)),
        Response::Vote(Ok(VoteResponse::new(Vote::new(6, 78), Some(log_id()), true))),
        Response::Snapshot(Ok(InstallSnapshotResponse { vote: Vote::new(6, 78) })),
        Response::Decided(Answer {
            first: Index(70_000),
            replies: vec![
                Reply::Done,
                Reply::Joined(Epoch::new(1, Index(7))),
                Reply::Granted(Token::new(1, Index(8))),
                Reply::Waiting(3),
                Reply::Busy,
                Reply::Renewed { unknown: vec![session(2)] },
                Reply::Refused(coordinator::command::Refusal::UnknownSession(session(2))),
            ],
        }),
        Response::Index(Index(70_000)),
        Response::Commands { first: Index(7), commands: commands().into_iter().map(Entry::from).collect() },
        Response::State(Box::new(Snapshot::from(state()))),
        Response::Identity(identity),
        Response::Done,
        Response::Operated(Ok(Operated::Added(78))),
        Response::Refused(Refusal::NotLeader { leader: Some((77, peer())) }),
        Response::Unknown("reason".to_owned()),
        Response::News {
            upto: Index(70_000),
            incarnation: 1,
            news: vec![
                News::Granted(session(1), Token::new(1, Index(8))),
                News::Expired(session(2)),
                News::Changed(Box::new(state().view(GROUP.name()))),
            ],
        },
        Response::Lock(LockStatus {
            index: Index(70_000),
            holder: Some((session(1), Token::new(1, Index(8)))),
            waiting: 3,
        }),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap()
}

/// Reads it and writes it again.
fn through<T: Serialize + DeserializeOwned>(written: &[u8]) -> Vec<u8> {
    let (value, read): (T, usize) =
        bincode::serde::decode_from_slice(written, bincode::config::standard()).unwrap();
    assert_eq!(read, written.len());
    encode(&value)
}

#[test]
fn what_is_said_has_the_shape_it_had() {
    let mut written = BTreeMap::new();
    for request in requests() {
        let name = format!("request {}", request.name());
        let call =
            Call { cluster: Some(ClusterId(Uuid::from_u128(9))), from: Some(77), to: Some(78), request };
        written.insert(name, encode(&call));
    }
    for (number, response) in responses().iter().enumerate() {
        written.insert(format!("response {number:02}"), encode(response));
    }
    let file = golden().join("wire.txt");
    if is_blessed() {
        let lines: String = written.iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes))).collect();
        fs::create_dir_all(golden()).unwrap();
        fs::write(&file, lines).unwrap();
    }
    let text = fs::read_to_string(file).unwrap();
    let known: BTreeMap<String, Vec<u8>> = text
        .lines()
        .map(|line| line.rsplit_once(' ').map(|(name, hex)| (name.to_owned(), bytes(hex))).unwrap())
        .collect();
    assert_eq!(known, written);
    for (name, bytes) in &known {
        let again =
            if name.starts_with("request") { through::<Call>(bytes) } else { through::<Response>(bytes) };
        assert_eq!(&again, bytes, "{name}");
    }
}

/// Nobody else is there.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Link for Nobody {
    async fn call(&self, peer: &Peer, _: Call, _: Duration) -> Result<Response, LinkError> {
        Err(LinkError::Gone { peer: peer.clone() })
    }
}

async fn open(folder: &Path) -> Arc<Node> {
    let disk = Arc::new(Folder::open(folder).unwrap());
    Node::open(disk, peer(), Arc::new(Nobody), Timing::default()).await.unwrap()
}

/// A node with a snapshot, and a log behind it, that holds a lock and a seat.
async fn make(folder: &Path) {
    let timing = Timing { snapshot_after: 4, keep: 0, ..Timing::default() };
    let disk = Arc::new(Folder::open(folder).unwrap());
    let node = Node::open(disk, peer(), Arc::new(Nobody), timing).await.unwrap();
    node.operate(Operation::Init { peers: Vec::new() }).await.unwrap();
    for command in commands().into_iter().take(4) {
        node.submit(command).await.unwrap();
    }
    while node.status().snapshot.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ttl = Duration::from_secs(3600);
    let acquire = |n: u128, name: &'static str| Command::Acquire {
        opening: Opening { session: session(n), ttl },
        lock: LockName::literal(name),
        queue: true,
    };
    for (n, name) in [(11, "one"), (12, "one"), (13, "other")] {
        node.submit(acquire(n, name)).await.unwrap();
    }
    node.stop().await;
}

#[tokio::test]
async fn a_folder_that_another_build_has_written_is_gone_on_with() {
    let (kept, copy) = (golden().join("disk"), tempfile::tempdir().unwrap());
    if is_blessed() {
        let made = tempfile::tempdir().unwrap();
        make(made.path()).await;
        fs::create_dir_all(&kept).unwrap();
        for file in fs::read_dir(made.path()).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), kept.join(file.file_name())).unwrap();
        }
    }
    for file in fs::read_dir(kept).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let node = open(copy.path()).await;
    let coordinator = node.coordinator();
    let wait = Terms::waiting(Duration::from_secs(60));
    let lease = coordinator.acquire(&LockName::literal("new"), wait).await.unwrap();
    let status = node.status();
    let held = |name: &str| status.locks.iter().find(|lock| lock.lock.to_string() == name).unwrap();
    assert_eq!(
        (held("one").holder, held("one").waiting, held("other").holder),
        (session(11), 1, session(13))
    );
    assert_eq!(held("one").token, Token::new(0, Index(5)));
    assert!(lease.token() > held("other").token && lease.token() == held("new").token);
    assert!(status.snapshot.is_some());
    node.stop().await;
}
