//! Bringing commits to the disk, several with one write.
//!
//! SQLite itself could do it within COMMIT (`synchronous=FULL`), but then every writer waits for the disk while it holds
//! the only writing connection. With `synchronous=NORMAL` it only orders its own writes, so that the file stays whole
//! whatever happens; what was committed is in the log file, and one `fdatasync` of that brings all of it to the disk.
//!
//! Invariants: what [`Flush::kept`] answers with `Ok` survives a power cut, with everything committed before it; once
//! the disk has failed, nothing counts as kept any more until the file is opened anew, since a second attempt may
//! succeed without the data. One thread at a time waits for the disk, on behalf of all.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// The log of one database file.
#[derive(Debug)]
pub(super) struct Flush {
    log: PathBuf,
    committed: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The commits on the disk; `None` after a failure.
    flushed: Option<u64>,
    waiting: Vec<Waiter>,
    /// Somebody works off what waits.
    busy: bool,
}

#[derive(Debug)]
struct Waiter {
    commit: u64,
    tell: oneshot::Sender<io::Result<()>>,
}

/// A commit that may not be on the disk yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit(u64);

/// What the disk said.
enum Said {
    Kept,
    /// It was not asked; the next one may try.
    NotAsked(io::Error),
    Failed(io::Error),
}

impl Flush {
    /// For the database at `path`.
    pub(super) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Self::at(log.into())
    }

    fn at(log: PathBuf) -> Self {
        let state = State { flushed: Some(0), waiting: Vec::new(), busy: false };
        Self { log, committed: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// Takes note of a commit. To be called before another may write.
    pub(super) fn committed(&self) -> Commit {
        Commit(self.committed.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Resolves when a commit is on the disk. Whoever comes while the disk is busy is served together by the next write.
    pub(super) async fn kept(self: Arc<Self>, Commit(commit): Commit) -> io::Result<()> {
        let (told, begin) = {
            let mut state = self.state.lock();
            match state.flushed {
                None => return Err(failed_before()),
                Some(flushed) if flushed >= commit => return Ok(()),
                Some(_) => {}
            }
            let (tell, told) = oneshot::channel();
            state.waiting.push(Waiter { commit, tell });
            (told, !std::mem::replace(&mut state.busy, true))
        };
        if begin {
            drop(spawn_blocking(move || while self.serve() {}));
        }
        told.await.unwrap_or_else(|_| Err(io::Error::other("nobody waited for the disk")))
    }

    /// Writes once, and tells those whom it serves; false if nobody is left.
    fn serve(&self) -> bool {
        let upto = self.committed.load(Ordering::SeqCst);
        let said = self.sync();
        let (served, more) = {
            let mut state = self.state.lock();
            let waiting = std::mem::take(&mut state.waiting);
            let (served, rest) = match &said {
                Said::Failed(_) => (waiting, Vec::new()),
                Said::Kept | Said::NotAsked(_) => waiting.into_iter().partition(|one| one.commit <= upto),
            };
            match &said {
                Said::Kept => state.flushed = Some(upto),
                Said::NotAsked(_) => {}
                Said::Failed(_) => state.flushed = None,
            }
            state.busy = !rest.is_empty();
            state.waiting = rest;
            (served, state.busy)
        };
        for Waiter { tell, .. } in served {
            let said = match &said {
                Said::Kept => Ok(()),
                Said::NotAsked(error) | Said::Failed(error) => {
                    Err(io::Error::new(error.kind(), error.to_string()))
                }
            };
            // Whoever went away does not want to know.
            let _gone = tell.send(said);
        }
        more
    }

    fn sync(&self) -> Said {
        // Opened each time: SQLite makes a new log after it has removed the old one. Having no file descriptor left for it
        // is no failure of the disk: the next one may try again.
        match File::open(&self.log) {
            Ok(log) => match log.sync_data() {
                Ok(()) => Said::Kept,
                Err(error) => Said::Failed(error),
            },
            // Whoever closes the database last brings all of it into the main file first.
            Err(error) if error.kind() == ErrorKind::NotFound => Said::Kept,
            Err(error) => Said::NotAsked(error),
        }
    }
}

fn failed_before() -> io::Error {
    io::Error::other("the disk has failed before")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_write_serves_everybody_who_committed_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let flush = Arc::new(Flush::of(&folder.path().join("ordain.db")));
        std::fs::write(folder.path().join("ordain.db-wal"), "frames").unwrap();
        let (first, second) = (flush.committed(), flush.committed());
        flush.clone().kept(first).await.unwrap();
        assert_eq!(flush.state.lock().flushed, Some(2));
        // No way to the log any more: it is not asked again.
        std::fs::remove_dir_all(folder.path()).unwrap();
        std::fs::write(folder.path(), "no folder").unwrap();
        flush.clone().kept(second).await.unwrap();
        std::fs::remove_file(folder.path()).unwrap();
    }

    #[tokio::test]
    async fn a_log_that_was_removed_is_in_the_main_file() {
        let folder = tempfile::tempdir().unwrap();
        let flush = Arc::new(Flush::of(&folder.path().join("ordain.db")));
        flush.clone().kept(flush.committed()).await.unwrap();
    }

    #[tokio::test]
    async fn after_a_failure_of_the_disk_nothing_counts_as_kept() {
        // What is opened here cannot be brought to any disk.
        let flush = Arc::new(Flush::at("/dev/null".into()));
        let commit = flush.committed();
        assert!(flush.clone().kept(commit).await.is_err());
        assert!(flush.clone().kept(commit).await.unwrap_err().to_string().contains("failed before"));
        assert!(flush.clone().kept(flush.committed()).await.is_err());
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_opened_now_may_be_later() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::write(&home, "no folder").unwrap();
        let flush = Arc::new(Flush::of(&home.join("ordain.db")));
        let commit = flush.committed();
        assert!(flush.clone().kept(commit).await.is_err());
        std::fs::remove_file(&home).unwrap();
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("ordain.db-wal"), "frames").unwrap();
        flush.clone().kept(commit).await.unwrap();
    }

    #[tokio::test]
    async fn many_at_a_time_are_all_told() {
        let folder = tempfile::tempdir().unwrap();
        let flush = Arc::new(Flush::of(&folder.path().join("ordain.db")));
        std::fs::write(folder.path().join("ordain.db-wal"), "frames").unwrap();
        let all = (0..200).map(|_| {
            let flush = Arc::clone(&flush);
            tokio::spawn(async move { flush.clone().kept(flush.committed()).await })
        });
        for one in futures::future::join_all(all).await {
            one.unwrap().unwrap();
        }
        let state = flush.state.lock();
        assert_eq!((state.flushed, state.waiting.len(), state.busy), (Some(200), 0, false));
    }
}
