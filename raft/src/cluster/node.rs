//! One node of a cluster: its log, its copy of the state, and its part in deciding.
//!
//! **Invariants**: a node decides nothing while its disk is in trouble or no quorum has answered for longer than a lease. Its
//! id belongs to its disk: an empty disk is a new node, which has never voted.
use std::{
    io,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use openraft::{Raft, ServerState};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    apply::Machine,
    disk::Disk,
    feed::Feed,
    founding::FoundingFile,
    gather::{self, Gathering},
    journal::JournalError,
    log::Log,
    network::{Network, Voice},
    peer::{Identity, Link, Refusal, Request, Response},
    snapshot::SnapshotFile,
    timing::Timing,
    types::{self, NodeId, Peer},
};
use crate::{
    Applied, Client, CoordError, Index, Ledger, Replica, Token, chance,
    command::{Command, Entry},
    expiry,
    machine::State,
};

/// How often it is checked whether a snapshot is due.
const SNAPSHOT_CHECK: Duration = Duration::from_millis(500);

/// A node cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its disk cannot be used.
    #[error(transparent)]
    Disk(#[from] JournalError),
    /// The log does not reach back to the snapshot, or one of them is missing.
    #[error(
        "the log and the snapshot do not fit together; the node must be replaced by one with an empty disk"
    )]
    Gap,
    /// The time-outs make no sense, or the engine did not start.
    #[error("cannot start the node")]
    Start {
        /// Why.
        source: io::Error,
    },
}

/// A node of a cluster, or one that waits to become one.
pub struct Node {
    pub(super) id: NodeId,
    pub(super) me: Peer,
    pub(super) raft: types::Raft,
    pub(super) log: Log,
    pub(super) voice: Voice,
    pub(super) timing: Timing,
    pub(crate) ledger: Ledger,
    /// The greatest token from before there was a cluster, as [`Token::as_i64`].
    floor: AtomicI64,
    /// Leadership is being handed over: nothing more is proposed here.
    pub(super) leaving: AtomicBool,
    /// Held while this node changes its cluster.
    pub(super) claiming: tokio::sync::Mutex<()>,
    /// Held while this node makes a cluster.
    pub(super) founding: tokio::sync::Mutex<()>,
    pub(super) founding_file: FoundingFile,
    /// Held while it is found out whether the leader is gone.
    pub(super) checking: tokio::sync::Mutex<()>,
    pub(crate) feed: Feed,
    gathering: Gathering,
    tasks: OnceLock<Vec<JoinHandle<()>>>,
    pub(super) this: Weak<Self>,
}

impl Node {
    /// Opens a node on a disk that nobody else uses. What it was a member of, it goes on with.
    ///
    /// # Errors
    /// [`OpenError`] if the disk is damaged or cannot be used.
    pub async fn open(
        disk: Arc<dyn Disk>,
        me: Peer,
        link: Arc<dyn Link>,
        timing: Timing,
    ) -> Result<Arc<Self>, OpenError> {
        let failed = |source| OpenError::Start { source };
        let config = Arc::new(timing.config().map_err(failed)?);
        let file = SnapshotFile::new(disk.clone());
        let founding_file = FoundingFile::open(disk.clone())?;
        let log = Log::open(&disk, fresh_id())?;
        let machine = Machine::open(file, timing.pace)?.behind(&log);
        let summary = log.summary();
        if summary.purged > machine.applied() {
            return Err(OpenError::Gap);
        }
        let (id, ledger, since) = (log.node(), machine.ledger().clone(), machine.since_snapshot());
        // Until it leads, if ever.
        ledger.stop_timers();
        let feed = machine.feed();
        let voice = Voice::new(log.clone(), link);
        let raft = Raft::new(id, config, Network(voice.clone()), log.clone(), machine)
            .await
            .map_err(|error| failed(io::Error::other(error)))?;
        let (gathering, gathered) = gather::queue();
        let node = Arc::new_cyclic(|this| Self {
            id,
            me,
            raft,
            log,
            voice,
            timing,
            ledger,
            floor: AtomicI64::default(),
            leaving: AtomicBool::new(false),
            claiming: tokio::sync::Mutex::default(),
            founding: tokio::sync::Mutex::default(),
            founding_file,
            checking: tokio::sync::Mutex::default(),
            feed,
            gathering,
            tasks: OnceLock::new(),
            this: this.clone(),
        });
        let weak = Arc::downgrade(&node);
        node.tasks.get_or_init(|| {
            vec![
                tokio::spawn(gather::run(weak.clone(), gathered)),
                tokio::spawn(lead(weak.clone())),
                tokio::spawn(make_snapshots(weak, since)),
            ]
        });
        Ok(node)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// What a service holds: sessions on this node.
    #[must_use]
    pub fn coordinator(self: &Arc<Self>) -> Client {
        Client::new(self.clone())
    }

    /// Whom this node takes for the leader.
    #[must_use]
    pub fn leader(&self) -> Option<(NodeId, Peer)> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow();
        let id = metrics.current_leader?;
        let peer = metrics.membership_config.membership().get_node(&id)?.clone();
        Some((id, peer))
    }

    /// Who this is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let summary = self.log.summary();
        Identity { node: self.id, peer: self.me.clone(), cluster: summary.cluster, leader: self.leader() }
    }

    /// Gives out nothing but greater tokens than this while it leads, whatever was given out before there was a cluster.
    pub fn outrank(&self, floor: Token) {
        self.floor.fetch_max(floor.as_i64(), Ordering::Relaxed);
    }

    /// The incarnation that has to begin before anything is given out here.
    pub(super) fn overdue_incarnation(&self) -> Option<u16> {
        let floor = Token::from_i64(self.floor.load(Ordering::Relaxed));
        let next = floor.incarnation().saturating_add(1);
        (floor > Token::ZERO && self.ledger.look(State::last_token) < floor).then_some(next)
    }

    /// Stops taking part; the disk is free once this returns and the node is dropped.
    pub async fn stop(&self) {
        for task in self.tasks.get().into_iter().flatten() {
            task.abort();
        }
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "a node did not stop in order");
        }
    }

    /// Whether what is proposed here has a chance; `Err` says why not.
    pub(super) fn may_grant(&self) -> Result<(), String> {
        if let Some(trouble) = self.log.trouble() {
            return Err(trouble);
        }
        if self.leaving.load(Ordering::Relaxed) {
            return Err("leadership is being handed over".to_owned());
        }
        let silence = self.raft.data_metrics().borrow().millis_since_quorum_ack;
        if silence.is_some_and(|millis| Duration::from_millis(millis) > self.timing.lease()) {
            return Err("no quorum answers".to_owned());
        }
        Ok(())
    }

    /// Gets commands decided together.
    pub(super) async fn submit_all(&self, commands: Vec<Entry>) -> Result<types::Answer, CoordError> {
        self.gathering.submit(commands, Instant::now() + self.timing.limit).await
    }

    /// What has been decided by now, if this node leads: confirmed by a quorum, and applied here.
    pub(super) async fn read_index(&self) -> Result<Index, Refusal> {
        let unavailable = |reason: String| Refusal::Unavailable { reason };
        if self.raft.server_metrics().borrow().state != ServerState::Leader {
            return Err(Refusal::NotLeader { leader: self.leader() });
        }
        match timeout(self.timing.limit, self.confirm()).await {
            Ok(Ok(())) => Ok(self.ledger.look(State::applied)),
            Ok(Err(error)) => Err(unavailable(error)),
            Err(_) => Err(unavailable("no quorum answered in time".to_owned())),
        }
    }

    /// Returns once a quorum has said that this node leads, and all that was decided before is applied here.
    async fn confirm(&self) -> Result<(), String> {
        self.raft.ensure_linearizable().await.map(drop).map_err(|error| error.to_string())
    }

    async fn read_index_anywhere(&self) -> Result<Index, String> {
        match self.leader() {
            Some((id, _)) if id == self.id => self.read_index().await.map_err(|refusal| refusal.to_string()),
            Some((id, peer)) => {
                match self.voice.ask(Some(id), &peer, Request::ReadIndex, self.timing.limit).await {
                    Ok(Response::Index(index)) => Ok(index),
                    Ok(_) => Err("the leader answered something else".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            }
            None => Err("no leader is known".to_owned()),
        }
    }
}

#[async_trait]
impl Replica for Node {
    async fn submit(&self, command: Command) -> Result<Applied, CoordError> {
        gather::submit(self, &self.gathering, command, Instant::now() + self.timing.limit).await
    }

    async fn catch_up(&self) -> Result<(), CoordError> {
        let mut reason = "nobody answered in time".to_owned();
        let reached = async {
            loop {
                match self.read_index_anywhere().await {
                    Ok(index) => return self.ledger.reached(index).await,
                    Err(error) => reason = error,
                }
                sleep(self.timing.heartbeat / 4).await;
            }
        };
        match timeout(self.timing.limit, reached).await {
            Ok(()) => Ok(()),
            Err(_) => Err(CoordError::Unavailable { reason }),
        }
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("id", &self.id).field("me", &self.me).finish_non_exhaustive()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for task in self.tasks.get().into_iter().flatten() {
            task.abort();
        }
    }
}

/// An id that no other disk has.
fn fresh_id() -> NodeId {
    let (high, low) = chance::uuid().as_u64_pair();
    // 53 bits, which every reader of JSON takes for what they are, and never 0.
    ((high ^ low) >> 11).max(1)
}

/// Expires sessions while this node leads.
async fn lead(node: Weak<Node>) {
    let Some(mut metrics) = node.upgrade().map(|node| node.raft.server_metrics()) else { return };
    loop {
        if metrics.wait_for(|metrics| metrics.state == ServerState::Leader).await.is_err() {
            return;
        }
        let Some(ledger) = node.upgrade().map(|node| node.ledger.clone()) else { return };
        ledger.restart_timers();
        tokio::select! {
            biased;
            () = expiry::run(node.clone()) => return,
            deposed = metrics.wait_for(|metrics| metrics.state != ServerState::Leader) => {
                if deposed.is_err() {
                    return;
                }
            }
        }
        ledger.stop_timers();
    }
}

/// Makes a snapshot whenever enough was applied since the last.
async fn make_snapshots(node: Weak<Node>, since: Arc<AtomicUsize>) {
    loop {
        sleep(SNAPSHOT_CHECK).await;
        let Some(node) = node.upgrade() else { return };
        if since.load(Ordering::Relaxed) >= node.timing.snapshot_after
            && let Err(error) = node.raft.trigger().snapshot().await
        {
            tracing::warn!(%error, "cannot make a snapshot");
        }
    }
}
