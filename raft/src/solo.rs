//! The coordinator of a deployment that is one process: the same machine, without a cluster.
//!
//! Sessions die with the process, so nothing but the log index is kept on disk. Indexes are reserved in blocks: a grant
//! waits for the disk once in a thousand commands.
//!
//! **Invariants**: a command is applied only at an index that was reserved before; indexes never repeat, restarts
//! included. With a disk that cannot be written nothing is granted or renewed any more, and every lease lapses.
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use async_trait::async_trait;
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    Applied, Client, CoordError, Coordinator, CounterError, Group, Index, Lease, Ledger, LockName,
    LockStatus, Member, Membership, Read, Replica, Terms, Token, View, command::Command, counter::Counter,
    expiry, machine::State,
};

/// Indexes reserved at once.
const BLOCK: u64 = 1000;

/// A coordinator for one process.
#[derive(Debug)]
pub struct Solo {
    client: Client,
    replica: Arc<SoloReplica>,
}

impl Solo {
    /// A coordinator whose tokens continue after those of every earlier run on this file.
    ///
    /// # Errors
    /// [`CounterError`] if the file is damaged, in use by another process, or cannot be read or written.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, CounterError> {
        Self::open_after(path, Token::ZERO).await
    }

    /// The same, with tokens also greater than `floor`: for a file that was lost, or tokens that came from elsewhere.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_after(path: impl Into<PathBuf>, floor: Token) -> Result<Self, CounterError> {
        let path = path.into();
        let opened = spawn_blocking({
            let path = path.clone();
            move || Counter::open(&path)
        });
        let (counter, last) = finish(opened, &path).await?;
        let last = last.max(floor);
        let solo =
            Self::start(last, Sequence { last: last.index(), reserved: last.index() }, Some((counter, path)));
        solo.replica.reserve().await?;
        Ok(solo)
    }

    /// A coordinator that forgets its tokens with the process: for tests. Must be made within a tokio runtime.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self::start(Token::ZERO, Sequence { last: Index(0), reserved: Index(u64::MAX) }, None)
    }

    fn start(last: Token, sequence: Sequence, counter: Option<(Counter, PathBuf)>) -> Self {
        let replica = Arc::new(SoloReplica {
            ledger: Ledger::new(State::after(last)),
            incarnation: last.incarnation(),
            sequence: Arc::new(Mutex::new(sequence)),
            file: counter.map(|(counter, path)| CounterFile {
                counter: Arc::new(tokio::sync::Mutex::new(counter)),
                path,
            }),
            expiry: OnceLock::new(),
        });
        let expiry = tokio::spawn(expiry::run(Arc::downgrade(&replica)));
        replica.expiry.get_or_init(|| expiry);
        Self { client: Client::new(replica.clone()), replica }
    }
}

/// The log of one process: a counter and the copy it numbers commands for.
#[derive(Debug)]
struct SoloReplica {
    ledger: Ledger,
    incarnation: u16,
    sequence: Arc<Mutex<Sequence>>,
    file: Option<CounterFile>,
    expiry: OnceLock<JoinHandle<()>>,
}

#[derive(Debug)]
struct CounterFile {
    counter: Arc<tokio::sync::Mutex<Counter>>,
    path: PathBuf,
}

/// The last index that was used, and the last that may be.
#[derive(Debug, Clone, Copy)]
struct Sequence {
    last: Index,
    reserved: Index,
}

impl SoloReplica {
    /// Applies the command if an index is left for it.
    fn apply(&self, command: &Command) -> Option<Applied> {
        let mut sequence = lock(&self.sequence);
        if sequence.last >= sequence.reserved {
            return None;
        }
        sequence.last.0 += 1;
        let index = sequence.last;
        Some(Applied { index, reply: self.ledger.apply(index, command) })
    }

    /// Reserves the next block, unless somebody else just did. Goes on in the background when the caller gives up.
    async fn reserve(&self) -> Result<(), CounterError> {
        let Some(file) = &self.file else { return Ok(()) };
        let counter = file.counter.clone().lock_owned().await;
        let Sequence { last, reserved } = *lock(&self.sequence);
        if last < reserved {
            return Ok(());
        }
        let (sequence, incarnation, next) = (self.sequence.clone(), self.incarnation, Index(last.0 + BLOCK));
        let written = spawn_blocking(move || {
            counter.reserve(Token::new(incarnation, next))?;
            lock(&sequence).reserved = next;
            Ok(())
        });
        finish(written, &file.path).await
    }
}

#[async_trait]
impl Replica for SoloReplica {
    async fn submit(&self, command: Command) -> Result<Applied, CoordError> {
        loop {
            if let Some(applied) = self.apply(&command) {
                return Ok(applied);
            }
            self.reserve().await?;
        }
    }

    async fn catch_up(&self) -> Result<(), CoordError> {
        Ok(())
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Drop for SoloReplica {
    fn drop(&mut self) {
        if let Some(expiry) = self.expiry.get() {
            expiry.abort();
        }
    }
}

fn lock(sequence: &Mutex<Sequence>) -> MutexGuard<'_, Sequence> {
    sequence.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The result of work on the blocking pool.
async fn finish<T>(work: JoinHandle<Result<T, CounterError>>, path: &Path) -> Result<T, CounterError> {
    work.await.unwrap_or_else(|stopped| {
        Err(CounterError::Io { path: path.to_owned(), action: "wait for", source: stopped.into() })
    })
}

#[async_trait]
impl Coordinator for Solo {
    async fn join(&self, group: &Group, me: Member) -> Result<Membership, CoordError> {
        self.client.join(group, me).await
    }

    fn watch(&self, group: &Group) -> watch::Receiver<Arc<View>> {
        self.client.watch(group)
    }

    fn cached(&self, group: &Group) -> Read {
        self.client.cached(group)
    }

    async fn read(&self, group: &Group) -> Result<Read, CoordError> {
        self.client.read(group).await
    }

    async fn acquire(&self, lock: &LockName, terms: Terms) -> Result<Lease, CoordError> {
        self.client.acquire(lock, terms).await
    }

    async fn inspect(&self, lock: &LockName) -> Result<LockStatus, CoordError> {
        self.client.inspect(lock).await
    }
}
