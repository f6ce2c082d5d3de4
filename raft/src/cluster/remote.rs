//! A process without a log: asks the leader, and hears the news.
//!
//! **Invariants**: what a caller is answered about a group is in the local mirror. A command is sent again only if it
//! certainly was not taken: a copy that is decided late would open again what was closed meanwhile. Wherever the leader
//! goes, it is found by asking those who are configured, and whom they name.
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Batch, Call, ClusterId, Identity, Link, LinkError, Peer, Refusal, Request, Response,
    gather::{self, Decide, Gathering, unknown},
    types::Answer,
};
use crate::{
    Applied, CoordError, Ledger, LockName, LockStatus, Pace, Replica, SessionId, chance, command::Command,
    machine::State,
};

/// How long a command or a read may take.
const LIMIT: Duration = Duration::from_secs(8);
/// How long one node is given to answer.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The pause before somebody is asked again who had no leader to name: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));
/// How long a node holds the line when there is nothing new.
const WAIT: Duration = Duration::from_secs(2);

/// A replica that keeps no log.
#[derive(Debug)]
pub struct Remote {
    link: Arc<dyn Link>,
    peers: Vec<Peer>,
    /// The cluster, once somebody has named it. This process never turns to another.
    cluster: OnceLock<ClusterId>,
    /// Who led when it was last asked.
    leader: Mutex<Option<Peer>>,
    /// Who of those configured is asked next: another than the last, and another first one in each process.
    turn: AtomicUsize,
    ledger: Ledger,
    gathering: Gathering,
    /// The sessions that sit in a group: what becomes of them shows.
    seated: Mutex<HashSet<SessionId>>,
}

impl Remote {
    /// A replica that finds the cluster at any of these addresses. Must be made within a tokio runtime.
    #[must_use]
    pub fn start(link: Arc<dyn Link>, peers: Vec<Peer>) -> Arc<Self> {
        Self::paced(link, peers, Pace::default())
    }

    /// The same in a process whose clock is not quite right.
    #[must_use]
    pub fn paced(link: Arc<dyn Link>, peers: Vec<Peer>, pace: Pace) -> Arc<Self> {
        let (gathering, gathered) = gather::queue();
        let this = Arc::new(Self {
            link,
            peers,
            cluster: OnceLock::new(),
            leader: Mutex::default(),
            turn: AtomicUsize::new(chance::number()),
            ledger: Ledger::mirror(pace),
            gathering,
            seated: Mutex::default(),
        });
        tokio::spawn(gather::run(Arc::downgrade(&this), gathered));
        tokio::spawn(follow(Arc::downgrade(&this)));
        this
    }

    fn leader(&self) -> Option<Peer> {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lead_by(&self, leader: Option<Peer>) {
        *self.leader.lock().unwrap_or_else(PoisonError::into_inner) = leader;
    }

    /// Whom to ask: the leader as far as known, or the configured ones in turn.
    fn next(&self) -> Option<Peer> {
        self.leader().or_else(|| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            self.peers.get(turn.checked_rem(self.peers.len())?).cloned()
        })
    }

    /// Asks one node, which must be of the cluster.
    async fn call(&self, peer: &Peer, request: Request, limit: Duration) -> Result<Response, LinkError> {
        let cluster = match self.cluster.get() {
            Some(cluster) => *cluster,
            None => {
                let identify = Call { cluster: None, from: None, to: None, request: Request::Identify };
                match self.link.call(peer, identify, limit).await? {
                    Response::Identity(Identity { cluster: Some(cluster), .. }) => {
                        *self.cluster.get_or_init(|| cluster)
                    }
                    Response::Identity(_) => {
                        let reason = "it belongs to no cluster yet".to_owned();
                        return Ok(Response::Refused(Refusal::Unavailable { reason }));
                    }
                    other => return Ok(other),
                }
            }
        };
        let call = Call { cluster: Some(cluster), from: None, to: None, request };
        self.link.call(peer, call, limit).await
    }

    /// Asks the leader until it answers or the time is over.
    async fn ask(&self, request: Request, until: Instant) -> Result<Response, CoordError> {
        let mut last = "no node is configured".to_owned();
        let once = matches!(request, Request::Submit(_));
        let attempt = if once { LIMIT } else { ATTEMPT };
        let mut next_pause = PAUSES.0;
        while let Some(peer) = self.next() {
            let now = Instant::now();
            if now >= until {
                break;
            }
            let answer = self.call(&peer, request.clone(), attempt.min(until - now)).await;
            let pause = match answer {
                Ok(Response::Refused(Refusal::NotLeader { leader: Some((_, leader)) }))
                    if leader.address != peer.address =>
                {
                    self.lead_by(Some(leader));
                    Duration::ZERO
                }
                Ok(Response::Refused(refusal)) => {
                    last = refusal.to_string();
                    self.lead_by(None);
                    next_pause
                }
                Ok(Response::Unknown(reason)) if once => return Err(CoordError::Unknown { reason }),
                Ok(Response::Unknown(reason)) => {
                    last = reason;
                    next_pause
                }
                Ok(response) => {
                    self.lead_by(Some(peer));
                    return Ok(response);
                }
                Err(error) => {
                    self.lead_by(None);
                    last = error.to_string();
                    if once && matches!(error, LinkError::Lost { .. }) {
                        return Err(CoordError::Unknown { reason: last });
                    }
                    next_pause
                }
            };
            if !pause.is_zero() {
                next_pause = (next_pause * 2).min(PAUSES.1);
            }
            if timeout_at(until, sleep(pause)).await.is_err() {
                break;
            }
        }
        Err(CoordError::Unavailable { reason: last })
    }

    /// Takes in what a node says is news; false if it is not what was asked for.
    fn take_in(&self, response: Response) -> bool {
        match response {
            Response::News { upto, incarnation, news } => self.ledger.hear(upto, incarnation, news),
            Response::State(snapshot) => self.ledger.overlook(&snapshot.state),
            _ => return false,
        }
        true
    }

    fn seated(&self) -> MutexGuard<'_, HashSet<SessionId>> {
        self.seated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the ledger of a replica up with the cluster until the replica is gone.
async fn follow(replica: Weak<Remote>) {
    let mut pause = PAUSES.0;
    loop {
        let Some(this) = replica.upgrade() else { return };
        let after = this.ledger.look(State::applied);
        let request = Request::News { after, wait: WAIT };
        let Some(peer) = this.next() else { return };
        // The replica lives on for at most one answer after it was dropped.
        let answer = this.call(&peer, request, WAIT + ATTEMPT).await;
        if answer.is_ok_and(|response| this.take_in(response)) {
            pause = PAUSES.0;
        } else {
            if this.leader().as_ref() == Some(&peer) {
                this.lead_by(None);
            }
            drop(this);
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

impl Decide for Remote {
    async fn decide(&self, batch: Batch, deadline: Instant) -> Result<Answer, CoordError> {
        match self.ask(Request::Submit(batch), deadline).await? {
            Response::Decided(answer) => Ok(answer),
            _ => Err(unknown("the leader answered something else")),
        }
    }

    fn copy(&self) -> &Ledger {
        &self.ledger
    }

    fn shows(&self, batch: &Batch) -> bool {
        let mut seated = self.seated();
        batch.entries().iter().fold(false, |shows, entry| match &entry.command {
            Command::Join { opening, .. } => {
                seated.insert(opening.session);
                true
            }
            Command::Close { session } => seated.remove(session) || shows,
            Command::HandOver { .. } | Command::Expire { .. } | Command::Incarnate { .. } => true,
            Command::Acquire { .. } | Command::Renew { .. } => shows,
        })
    }
}

#[async_trait]
impl Replica for Remote {
    async fn submit(&self, command: Command) -> Result<Applied, CoordError> {
        gather::submit(self, &self.gathering, command, Instant::now() + LIMIT).await
    }

    async fn catch_up(&self) -> Result<(), CoordError> {
        let after = self.ledger.look(State::applied);
        let answer = self.ask(Request::Read { after }, Instant::now() + LIMIT).await?;
        if self.take_in(answer) { Ok(()) } else { Err(CoordError::Mismatch { command: "read" }) }
    }

    async fn inspect(&self, lock: &LockName) -> Result<LockStatus, CoordError> {
        match self.ask(Request::Inspect(lock.clone()), Instant::now() + LIMIT).await? {
            Response::Lock(status) => Ok(status),
            _ => Err(CoordError::Mismatch { command: "inspect" }),
        }
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}
