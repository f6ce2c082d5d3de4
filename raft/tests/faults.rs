//! The client over a replica that is slow, cut off, or loses its answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use coordinator::{
    Applied, Client, CoordError, Coordinator, Epoch, Group, GroupName, Index, Ledger, LockName, Lost, Member,
    MemberId, Replica, SessionId, Terms,
    command::{Command, Opening, Reply},
    machine::{State, apply},
};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

const LOCK: LockName = LockName::literal("lock");
const GROUP: Group = Group::sharded(GroupName::literal("group"), 8);
const TTL: Duration = Duration::from_secs(9);
/// 95 % of the ttl, less a second.
const TRUST: Duration = Duration::from_millis(7550);

/// What goes wrong on the way.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// Decided at once, answered late.
    SlowAnswer(Duration),
    /// Decided, but the caller is told that nobody knows.
    LostAnswer,
    /// Not decided.
    CutOff,
    /// Never answered.
    Silence,
}

#[derive(Debug)]
struct Faulty {
    ledger: Ledger,
    fault: Mutex<Fault>,
    renewals: AtomicUsize,
}

impl Faulty {
    fn new() -> Arc<Self> {
        let ledger = Ledger::new(State::default());
        Arc::new(Self { ledger, fault: Mutex::new(Fault::None), renewals: AtomicUsize::new(0) })
    }

    fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    fn decide(&self, command: &Command) -> Applied {
        let index = Index(self.ledger.look(State::applied).0 + 1);
        Applied { index, reply: self.ledger.apply(index, command) }
    }
}

#[async_trait]
impl Replica for Faulty {
    async fn submit(&self, command: Command) -> Result<Applied, CoordError> {
        self.renewals.fetch_add(usize::from(matches!(command, Command::Renew { .. })), SeqCst);
        match self.fault() {
            Fault::None => Ok(self.decide(&command)),
            Fault::SlowAnswer(delay) => {
                let applied = self.decide(&command);
                sleep(delay).await;
                Ok(applied)
            }
            Fault::LostAnswer => {
                self.decide(&command);
                Err(CoordError::Unknown { reason: "lost".to_owned() })
            }
            Fault::CutOff => Err(CoordError::Unavailable { reason: "cut off".to_owned() }),
            Fault::Silence => std::future::pending().await,
        }
    }

    async fn catch_up(&self) -> Result<(), CoordError> {
        match self.fault() {
            Fault::Silence => std::future::pending().await,
            Fault::CutOff => Err(CoordError::Unavailable { reason: "cut off".to_owned() }),
            _ => Ok(()),
        }
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn me() -> Member {
    Member::new(MemberId::literal("me"), "here")
}

#[tokio::test(start_paused = true)]
async fn trust_counts_from_the_sending_not_from_the_answer() {
    let replica = Faulty::new();
    let client = Client::new(replica.clone());
    replica.set(Fault::SlowAnswer(Duration::from_secs(1)));
    let sent = Instant::now();
    let lease = client.acquire(&LOCK, Terms::at_once()).await.unwrap();
    lease.silence();
    assert!(lease.is_safe(sent + TRUST - Duration::from_millis(1)));
    assert!(!lease.is_safe(sent + TRUST));
    assert_eq!(lease.lost().await, Lost::Lapsed);
    assert!(sent.elapsed() <= TRUST + Duration::from_millis(2));

    // The same for renewals: what was trusted to begin with is over, so only a renewal can make it safe.
    let other = client.acquire(&LockName::literal("other"), Terms::at_once()).await.unwrap();
    while replica.renewals.load(SeqCst) == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let renewed = Instant::now();
    assert!(timeout(Duration::from_secs(2), other.lost()).await.is_err());
    other.silence();
    assert!(other.is_safe(renewed + TRUST - Duration::from_millis(10)) && !other.is_safe(renewed + TRUST));
}

#[tokio::test(start_paused = true)]
async fn what_was_granted_late_is_renewed_in_time() {
    let replica = Faulty::new();
    let client = Client::new(replica.clone());
    replica.set(Fault::SlowAnswer(Duration::from_secs(6)));
    let lease = client.acquire(&LOCK, Terms::at_once()).await.unwrap();
    replica.set(Fault::None);
    assert!(timeout(TTL * 3, lease.lost()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_loses_nothing() {
    let replica = Faulty::new();
    let client = Client::new(replica.clone());
    let lease = client.acquire(&LOCK, Terms::at_once()).await.unwrap();
    for fault in [Fault::CutOff, Fault::LostAnswer] {
        replica.set(fault);
        assert!(timeout(Duration::from_secs(4), lease.lost()).await.is_err());
        replica.set(Fault::None);
        assert!(timeout(TTL * 3, lease.lost()).await.is_err());
    }
    assert!(lease.is_safe(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_stops_the_holder_within_its_ttl_and_for_good() {
    for fault in [Fault::CutOff, Fault::Silence] {
        let replica = Faulty::new();
        let client = Client::new(replica.clone());
        let member = client.join(&GROUP, me()).await.unwrap();
        assert!(!member.holdings(Instant::now()).is_empty());
        replica.set(fault);
        let since = Instant::now();
        assert_eq!(timeout(TTL, member.lost()).await.unwrap(), Lost::Lapsed);
        assert!(since.elapsed() <= TRUST + Duration::from_millis(2));
        assert!(member.holdings(Instant::now()).is_empty());

        replica.set(Fault::None);
        replica.decide(&Command::Renew { sessions: vec![member.session()] });
        assert!(!member.is_safe(Instant::now()), "a lost seat stays lost");
        let session = member.session();
        drop(member);
        let mut watch = client.watch(&GROUP);
        timeout(TTL, watch.wait_for(|view| !view.has(session))).await.unwrap().unwrap();
        assert!(client.join(&GROUP, me()).await.unwrap().is_safe(Instant::now()), "the member joins anew");
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_ends_even_if_no_answer_comes() {
    let replica = Faulty::new();
    let client = Client::new(replica.clone());
    replica.set(Fault::Silence);
    let limit = Duration::from_secs(15);
    let acquired = timeout(limit, client.acquire(&LOCK, Terms::waiting(limit))).await.unwrap();
    assert!(matches!(acquired, Err(CoordError::Unknown { .. })), "{acquired:?}");
    let joined = timeout(limit, client.join(&GROUP, me())).await.unwrap();
    assert!(matches!(joined, Err(CoordError::Unknown { .. })), "{joined:?}");
    let read = timeout(limit, client.read(&GROUP)).await.unwrap();
    assert!(matches!(read, Err(CoordError::Unavailable { .. })), "{read:?}");
    assert!(client.cached(&GROUP).view.members.is_empty(), "a cached read needs nobody");
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_behind_the_callers_back_is_undone() {
    let replica = Faulty::new();
    let client = Client::new(replica.clone());
    replica.set(Fault::LostAnswer);
    assert!(matches!(client.join(&GROUP, me()).await, Err(CoordError::Unknown { .. })));
    assert_eq!(client.cached(&GROUP).view.members.len(), 1);
    let mut watch = client.watch(&GROUP);
    timeout(TTL, watch.wait_for(|view| view.members.is_empty())).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_sessions_are_renewed_together() {
    let replica = Faulty::new();
    let client = Client::new(replica.clone());
    let mut leases = Vec::new();
    for n in 0..200 {
        let lock = LockName::new(format!("lock-{n}")).unwrap();
        leases.push(client.acquire(&lock, Terms::at_once()).await.unwrap());
        sleep(Duration::from_millis(3)).await;
    }
    let before = replica.renewals.load(SeqCst);
    assert!(timeout(TTL * 10, leases[0].lost()).await.is_err());
    let renewals = replica.renewals.load(SeqCst) - before;
    assert!((30..=40).contains(&renewals), "{renewals} renewals in {} ttls", 10);
    assert!(leases.iter().all(|lease| lease.is_safe(Instant::now())));
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_is_noticed_however_it_is_learned() {
    let replica = Faulty::new();
    let client = Client::new(replica.clone());
    let lease = client.acquire(&LOCK, Terms::at_once()).await.unwrap();
    let session = lease.session();
    let seen_renewal = replica.ledger.look(State::applied);
    replica.decide(&Command::Expire { session, seen_renewal: Index(0) });
    assert!(lease.is_safe(Instant::now()), "renewed since, so not expired");
    replica.decide(&Command::Expire { session, seen_renewal });
    assert!(!lease.is_safe(Instant::now()));
    assert_eq!(lease.lost().await, Lost::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_newer_snapshot_moves_watchers_forward_and_an_older_one_does_nothing() {
    let replica = Faulty::new();
    let client = Client::new(replica.clone());
    let member = client.join(&GROUP, me()).await.unwrap();
    let watch = client.watch(&GROUP);
    let older = replica.ledger.look(State::clone);
    let mut newer = older.clone();
    apply(&mut newer, Index(50), &Command::Close { session: member.session() });
    let opening = Opening { session: SessionId(Uuid::from_u128(7)), ttl: TTL };
    let joined = apply(&mut newer, Index(60), &Command::Join { opening, group: GROUP, member: me() });
    assert_eq!(joined.reply, Reply::Joined(Epoch::new(0, Index(60))));

    replica.ledger.install(newer);
    assert_eq!(watch.borrow().epoch, Epoch::new(0, Index(60)));
    assert!(watch.borrow().has(opening.session));
    assert_eq!(member.lost().await, Lost::Expired);
    replica.ledger.install(older);
    assert_eq!(watch.borrow().epoch, Epoch::new(0, Index(60)));
    assert_eq!(client.cached(&GROUP).index, Index(60));
}
