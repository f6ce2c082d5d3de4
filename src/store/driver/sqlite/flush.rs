//! Bringing commits to the disk, several with one write.
//!
//! SQLite itself could do it within COMMIT (`synchronous=FULL`), but then every writer waits for the disk while it holds
//! the only writing connection. With `synchronous=NORMAL` it only orders its own writes, so that the file stays whole
//! whatever happens; what was committed is in the log file, and one `fdatasync` of that brings all of it to the disk.
//!
//! Invariants: what [`Flush::wait`] answers with `Ok` survives a power cut, with everything committed before it; once
//! the disk has failed, nothing counts as kept any more until the file is opened anew, since a second attempt may
//! succeed without the data.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// The log of one database file.
#[derive(Debug)]
pub(super) struct Flush {
    log: PathBuf,
    committed: AtomicU64,
    /// The commits on the disk; `None` after a failure.
    flushed: Mutex<Option<u64>>,
}

/// A commit that may not be on the disk yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit(u64);

impl Flush {
    /// For the database at `path`.
    pub(super) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Self { log: log.into(), committed: AtomicU64::new(0), flushed: Mutex::new(Some(0)) }
    }

    /// Takes note of a commit. To be called before another may write.
    pub(super) fn committed(&self) -> Commit {
        Commit(self.committed.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Blocks until a commit is on the disk. Whoever comes while the disk is busy is served together by the next write.
    pub(super) fn wait(&self, commit: Commit) -> io::Result<()> {
        let mut flushed = self.flushed.lock();
        let Some(kept) = *flushed else {
            return Err(io::Error::other("the disk has failed before"));
        };
        if kept >= commit.0 {
            return Ok(());
        }
        let upto = self.committed.load(Ordering::SeqCst);
        // Opened each time: SQLite makes a new log after it has removed the old one. Having no file descriptor left for it
        // is no failure of the disk: the next one may try again.
        match File::open(&self.log) {
            Ok(log) => {
                *flushed = None;
                log.sync_data()?;
            }
            // Whoever closes the database last brings all of it into the main file first.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        *flushed = Some(upto);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_write_serves_everybody_who_committed_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let flush = Flush::of(&folder.path().join("ordain.db"));
        std::fs::write(folder.path().join("ordain.db-wal"), "frames").unwrap();
        let (first, second) = (flush.committed(), flush.committed());
        flush.wait(first).unwrap();
        assert_eq!(*flush.flushed.lock(), Some(2));
        // No way to the log any more: it is not asked again.
        std::fs::remove_dir_all(folder.path()).unwrap();
        std::fs::write(folder.path(), "no folder").unwrap();
        flush.wait(second).unwrap();
        std::fs::remove_file(folder.path()).unwrap();
    }

    #[test]
    fn a_log_that_was_removed_is_in_the_main_file() {
        let folder = tempfile::tempdir().unwrap();
        let flush = Flush::of(&folder.path().join("ordain.db"));
        flush.wait(flush.committed()).unwrap();
    }

    #[test]
    fn after_a_failure_of_the_disk_nothing_counts_as_kept() {
        // What is opened here cannot be brought to any disk.
        let flush = Flush { log: "/dev/null".into(), ..Flush::of(Path::new("ordain.db")) };
        let commit = flush.committed();
        assert!(flush.wait(commit).is_err());
        assert!(flush.wait(commit).unwrap_err().to_string().contains("failed before"));
        assert!(flush.wait(flush.committed()).is_err());
    }

    #[test]
    fn a_log_that_cannot_be_opened_now_may_be_later() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::write(&home, "no folder").unwrap();
        let flush = Flush::of(&home.join("ordain.db"));
        let commit = flush.committed();
        assert!(flush.wait(commit).is_err());
        std::fs::remove_file(&home).unwrap();
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("ordain.db-wal"), "frames").unwrap();
        flush.wait(commit).unwrap();
    }
}
