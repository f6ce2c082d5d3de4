//! Nonsense at the peer port: random bytes, damaged handshakes, and frames of a peer that has gone mad.
//!
//! For longer runs: `COORDINATOR_FUZZ_SECONDS=120 cargo test -p coordinator --lib fuzz -- --nocapture`.
use bytes::{Bytes, BytesMut};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::{
    Client, Coordinator as _, LockName, Terms,
    cluster::{Node, Remote, Timing},
    command::{Command, Opening},
    testing::MemoryDisk,
};

fn duration() -> Duration {
    let seconds = std::env::var("COORDINATOR_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

/// The resident memory of this process, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0) * 1024
}

fn noise(chance: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; chance.random_range(0..most)];
    chance.fill(&mut bytes[..]);
    bytes
}

fn mutate(chance: &mut StdRng, bytes: &mut Vec<u8>) {
    for _ in 0..chance.random_range(1..4) {
        match chance.random_range(0..4) {
            0 if !bytes.is_empty() => {
                let at = chance.random_range(0..bytes.len());
                bytes[at] ^= 1 << chance.random_range(0..8);
            }
            1 if !bytes.is_empty() => {
                let at = chance.random_range(0..bytes.len());
                bytes[at] = chance.random();
            }
            2 => bytes.truncate(chance.random_range(0..=bytes.len())),
            _ => bytes.extend(noise(chance, 40)),
        }
    }
}

/// Bodies that a peer may send, as bytes.
fn bodies() -> Vec<Bytes> {
    let requests = [
        Request::ReadIndex,
        Request::Identify,
        weighing(vec![1, 2, 3]),
        Request::Follow { after: Index(5), wait: Duration::from_millis(1) },
        Request::Vote(openraft::raft::VoteRequest::new(openraft::Vote::new(3, 3), None)),
        Request::Claim(OWN),
        Request::Append(openraft::raft::AppendEntriesRequest {
            vote: openraft::Vote::new_committed(3, 3),
            prev_log_id: None,
            entries: vec![openraft::Entry::default()],
            leader_commit: None,
        }),
    ];
    requests.into_iter().map(|request| codec::encode(&call(request)).unwrap()).collect()
}

/// Bytes without a handshake.
async fn stranger(chance: &mut StdRng, address: &str) {
    let Ok(mut tcp) = TcpStream::connect(address).await else { return };
    let mut bytes = noise(chance, 4000);
    if chance.random_bool(0.5) {
        // As a frame, so that the decoder of the handshake sees it.
        let (mut seal, mut out) = (frame::Seal::new(None), BytesMut::new());
        seal.write(&bytes[..bytes.len().min(2000)], &mut out);
        bytes = out.to_vec();
    }
    let _ = tcp.write_all(&bytes).await;
    let mut sink = [0; 512];
    let _ = timeout(Duration::from_millis(5), tcp.read(&mut sink)).await;
}

/// A handshake whose bytes are damaged on the way.
async fn damaged(chance: &mut StdRng, address: &str) {
    let (near, far) = tokio::io::duplex(4096);
    let me = Party { cluster: "c".into(), of: None, node: Some(3), name: "near".into() };
    let own = Credentials { me, secret: Secret::new(SECRET.as_bytes()), within_tls: false };
    let Ok(tcp) = TcpStream::connect(address).await else { return };
    let (mut from_server, mut to_server) = tcp.into_split();
    let (mut from_caller, mut to_caller) = tokio::io::split(far);
    let (mut up, mut down) = (StdRng::seed_from_u64(chance.random()), StdRng::seed_from_u64(chance.random()));
    let forth = async {
        let mut buffer = vec![0; 4096];
        while let Ok(read @ 1..) = from_caller.read(&mut buffer).await {
            let mut bytes = buffer[..read].to_vec();
            if up.random_bool(0.5) {
                mutate(&mut up, &mut bytes);
            }
            if to_server.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; 4096];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            let mut bytes = buffer[..read].to_vec();
            if down.random_bool(0.2) {
                mutate(&mut down, &mut bytes);
            }
            if to_caller.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let shaking = timeout(Duration::from_millis(20), handshake::call(near, &own, 1000));
    tokio::select! {
        _ = shaking => {}
        () = async { tokio::join!(forth, back); } => {}
    }
}

/// Damaged requests of one who was let in.
async fn insider(chance: &mut StdRng, address: &str, bodies: &[Bytes]) {
    let me = Party { cluster: "c".into(), of: None, node: Some(3), name: "mad".into() };
    let own = Credentials { me, secret: Secret::new(SECRET.as_bytes()), within_tls: false };
    let Ok(tcp) = TcpStream::connect(address).await else { return };
    let Ok(Ok(secured)) = timeout(LIMIT, handshake::call(tcp, &own, 1 << 20)).await else { return };
    let handshake::Secured { mut writer, mut seal, .. } = secured;
    for id in 0..chance.random_range(1..20) {
        let mut body = bodies[chance.random_range(0..bodies.len())].to_vec();
        if chance.random_bool(0.7) {
            mutate(chance, &mut body);
        }
        let lane = if chance.random() { Lane::Vital } else { Lane::Common };
        let mut payload = envelope::request(id, lane, SCHEMA, Duration::from_secs(1), &body).to_vec();
        if chance.random_bool(0.3) {
            mutate(chance, &mut payload);
        }
        let mut out = BytesMut::new();
        seal.write(&payload, &mut out);
        let mut bytes = out.to_vec();
        if chance.random_bool(0.1) {
            mutate(chance, &mut bytes);
        }
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_neither_ends_nor_fattens_nor_stops_a_node() {
    let far = far().await;
    let near = near("c", security(Some(SECRET))).await;
    answered(&near, &far.peer).await;
    let seed = rand::random();
    println!("seed {seed}");
    let (mut chance, bodies) = (StdRng::seed_from_u64(seed), bodies());
    let until = tokio::time::Instant::now() + duration();
    let (mut rounds, mut early) = (0_u64, None);
    while tokio::time::Instant::now() < until {
        match rounds % 3 {
            0 => stranger(&mut chance, &far.peer.address).await,
            1 => damaged(&mut chance, &far.peer.address).await,
            _ => insider(&mut chance, &far.peer.address, &bodies).await,
        }
        rounds += 1;
        if rounds == 300 {
            early = Some(memory());
        }
        if rounds.is_multiple_of(50) {
            answered(&near, &far.peer).await;
        }
    }
    answered(&near, &far.peer).await;
    let counts = far.network.counts();
    println!("{rounds} rounds, {} bytes resident, {counts:?}", memory());
    assert!(counts.malformed > 0 && counts.accepted > 1, "{counts:?}");
    assert_eq!(near.counts().connected, 1, "the honest connection was never lost");
    if let Some(early) = early {
        assert!(memory() < early + (64 << 20), "{early} bytes grew to {}", memory());
    }
    // Nobody who left keeps anything: the counters of the port go back to the one honest connection.
    let again = Network::new("c".into(), "again".into(), security(Some(SECRET))).await.unwrap();
    answered(&again, &far.peer).await;
}

/// One real node with its port.
async fn member(name: &str) -> (Arc<Node>, Server, Peer) {
    let network = Network::new("c".into(), name.into(), security(Some(SECRET))).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer { name: name.into(), address: listener.local_addr().unwrap().to_string() };
    let disk = MemoryDisk::default().attach();
    let node = Node::open(disk, peer.clone(), Arc::new(network.clone()), Timing::default()).await.unwrap();
    let serve: Arc<dyn Serve> = node.clone();
    let server = network.serve(listener, node.id(), &serve).unwrap();
    (node, server, peer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_at_its_ports_does_not_stop_a_cluster() {
    let mut members = Vec::new();
    for name in ["one", "two", "three"] {
        members.push(member(name).await);
    }
    let peers: Vec<Peer> = members.iter().map(|(_, _, peer)| peer.clone()).collect();
    let made = members[0].0.operate(Operation::Init { peers: peers[1..].to_vec() });
    assert!(matches!(timeout(LIMIT, made).await, Ok(Ok(Operated::Initialized(_)))));
    let link = near("c", security(Some(SECRET))).await;
    let client = Client::new(Remote::start(Arc::new(link), peers.clone()));
    let seed = rand::random();
    println!("seed {seed}");
    let (mut chance, mut bodies) = (StdRng::seed_from_u64(seed), bodies());
    // What belongs to no member is for members to refuse, and what a client may ask is damaged on the way.
    let opening = Opening { session: crate::SessionId(Uuid::from_u128(1)), ttl: Duration::from_millis(200) };
    let acquire = Command::Acquire { opening, lock: LockName::literal("mad"), queue: true };
    bodies.push(codec::encode(&call(Request::Submit(std::iter::once(acquire.into()).collect()))).unwrap());
    bodies.remove(2);
    let until = tokio::time::Instant::now() + duration();
    let (mut rounds, mut early, mut token) = (0_u64, None, crate::Token::ZERO);
    while tokio::time::Instant::now() < until || rounds < 50 {
        for peer in &peers {
            match rounds % 3 {
                0 => stranger(&mut chance, &peer.address).await,
                1 => damaged(&mut chance, &peer.address).await,
                _ => insider(&mut chance, &peer.address, &bodies).await,
            }
        }
        rounds += 1;
        if rounds == 300 {
            early = Some(memory());
        }
        if rounds.is_multiple_of(25) {
            let lock = LockName::literal("sane");
            let lease = timeout(LIMIT, client.acquire(&lock, Terms::waiting(LIMIT))).await.unwrap().unwrap();
            assert!(lease.token() > token);
            token = lease.token();
            timeout(LIMIT, lease.release()).await.unwrap().unwrap();
        }
    }
    println!("{rounds} rounds, {} bytes resident", memory());
    assert!(token > crate::Token::ZERO);
    if let Some(early) = early {
        assert!(memory() < early + (64 << 20), "{early} bytes grew to {}", memory());
    }
    for (node, _, _) in &members {
        assert!(node.leader().is_some());
    }
}
