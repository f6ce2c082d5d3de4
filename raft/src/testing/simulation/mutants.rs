//! Defects put in on purpose, to see whether the simulation notices.
//!
//! **Invariant**: they live at the seams (disk, replica, database, clock); nothing in the product asks whether there is one.
use std::{
    fmt, io,
    str::FromStr,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    Applied, Client, CoordError, Ledger, LockName, LockStatus, Replica, SessionId,
    cluster::{
        Disk, DiskFile,
        journal::{Record, decode, encode, read_frame, write_frame},
        snapshot::{self, Stored},
        types::SCHEMA,
    },
    command::Command,
};

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// The leader expires sessions by the wall clock, which jumps.
    WallClockExpiry,
    /// A node forgets how far tokens had got when it starts from its snapshot.
    TokenNotPersisted,
    /// A holder trusts its lease from the answer to a renewal on, instead of from its sending.
    TrustFromReply,
    /// A vote is given before it is durable.
    VoteNotSynced,
    /// Entries are acknowledged before they are durable.
    AppendNotSynced,
    /// The database does not look at tokens.
    NoFence,
    /// A copy that may be behind answers reads as if it were not.
    StaleRead,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::WallClockExpiry,
        Self::TokenNotPersisted,
        Self::TrustFromReply,
        Self::VoteNotSynced,
        Self::AppendNotSynced,
        Self::NoFence,
        Self::StaleRead,
    ];
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WallClockExpiry => "wall-clock-expiry",
            Self::TokenNotPersisted => "token-not-persisted",
            Self::TrustFromReply => "trust-from-reply",
            Self::VoteNotSynced => "vote-not-synced",
            Self::AppendNotSynced => "append-not-synced",
            Self::NoFence => "no-fence",
            Self::StaleRead => "stale-read",
        })
    }
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|mutant| mutant.to_string() == name);
        found.ok_or_else(|| {
            format!("there is no mutant {name}; there are {}", Self::ALL.map(|m| m.to_string()).join(", "))
        })
    }
}

/// One process's replica: silent once the process is dead, and perhaps a mutant.
#[derive(Debug)]
pub(super) struct Gate {
    inner: Arc<dyn Replica>,
    dead: AtomicBool,
    mutant: Option<Mutant>,
    client: OnceLock<Weak<Client>>,
}

impl Gate {
    pub(super) fn client(inner: Arc<dyn Replica>, mutant: Option<Mutant>) -> (Arc<Self>, Arc<Client>) {
        let dead = AtomicBool::new(false);
        let gate = Arc::new(Self { inner, dead, mutant, client: OnceLock::new() });
        let client = Arc::new(Client::new(gate.clone()));
        gate.client.get_or_init(|| Arc::downgrade(&client));
        (gate, client)
    }

    /// The process is dead: whatever is left of it neither does nor hears anything.
    pub(super) fn close(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    async fn alive(&self) {
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    fn trust_anew(&self, sessions: Vec<SessionId>) {
        let client = self.client.get().and_then(Weak::upgrade);
        tokio::spawn(async move {
            if let Some(client) = client {
                client.trust_anew(&sessions);
            }
        });
    }
}

#[async_trait]
impl Replica for Gate {
    async fn submit(&self, command: Command) -> Result<Applied, CoordError> {
        self.alive().await;
        let kept = match &command {
            Command::Renew { sessions } => sessions.clone(),
            Command::Acquire { opening, .. } | Command::Join { opening, .. } => vec![opening.session],
            _ => Vec::new(),
        };
        let answer = self.inner.submit(command).await;
        self.alive().await;
        if self.mutant == Some(Mutant::TrustFromReply) && answer.is_ok() {
            self.trust_anew(kept);
        }
        answer
    }

    async fn catch_up(&self) -> Result<(), CoordError> {
        self.alive().await;
        if self.mutant == Some(Mutant::StaleRead) {
            return Ok(());
        }
        let answer = self.inner.catch_up().await;
        self.alive().await;
        answer
    }

    async fn inspect(&self, lock: &LockName) -> Result<LockStatus, CoordError> {
        self.alive().await;
        if self.mutant == Some(Mutant::StaleRead) && !self.ledger().is_mirror() {
            return Ok(self.ledger().look(|state| state.lock(lock)));
        }
        let answer = self.inner.inspect(lock).await;
        self.alive().await;
        answer
    }

    fn ledger(&self) -> &Ledger {
        self.inner.ledger()
    }
}

/// A disk on which the defects of [`Mutant`] show that have to do with one.
#[derive(Debug)]
pub(super) struct MutantDisk {
    pub(super) inner: Arc<dyn Disk>,
    pub(super) mutant: Option<Mutant>,
}

#[derive(Debug)]
struct MutantFile {
    inner: Box<dyn DiskFile>,
    mutant: Option<Mutant>,
    /// The last record that was written is one that the mutant does not sync.
    skips: bool,
}

/// The state in a snapshot as a node finds it that does not keep its tokens.
fn without_tokens(bytes: &[u8]) -> Option<Vec<u8>> {
    let frame = read_frame(bytes).ok()??;
    let mut stored: Stored = decode(frame.record).ok()?;
    let mut state = snapshot::from_bytes(&stored.data).ok()?;
    state.forget_tokens();
    stored.data = encode(&crate::machine::Snapshot::from(state)).ok()?;
    write_frame(SCHEMA, 0, &stored).ok()
}

impl Disk for MutantDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let bytes = self.inner.read(name)?;
        if self.mutant == Some(Mutant::TokenNotPersisted) && name == snapshot::NAME {
            return Ok(bytes.map(|bytes| without_tokens(&bytes).unwrap_or(bytes)));
        }
        Ok(bytes)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.inner.open(name)?;
        match self.mutant {
            Some(Mutant::VoteNotSynced | Mutant::AppendNotSynced) => {
                Ok(Box::new(MutantFile { inner, mutant: self.mutant, skips: false }))
            }
            _ => Ok(inner),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }

    fn simulated(&self) -> Option<Duration> {
        self.inner.simulated()
    }
}

impl DiskFile for MutantFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while let Ok(Some(frame)) = read_frame(rest) {
            self.skips = matches!(
                (self.mutant, decode::<Record>(frame.record)),
                (Some(Mutant::VoteNotSynced), Ok(Record::Vote(_)))
                    | (Some(Mutant::AppendNotSynced), Ok(Record::Entries { .. }))
            );
            rest = rest.get(frame.length()..).unwrap_or_default();
        }
        self.inner.write_at(offset, bytes)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.skips { Ok(()) } else { self.inner.sync() }
    }
}
