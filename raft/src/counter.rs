//! The file that makes the tokens of a single process grow over restarts.
//!
//! It holds one line: a magic word, a schema number, the last stamp that may have been used, and a checksum.
//!
//! **Invariants**: a stamp is given out only after the file that covers it is on disk (written aside, synced, renamed,
//! directory synced). A file that does not check is refused, never replaced. One process at a time has it open.
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::Token;

const MAGIC: &str = "coordinator-counter";
const SCHEMA: u16 = 1;

/// The counter file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CounterError {
    /// Another process has it open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It does not say what this crate wrote, so tokens could repeat.
    #[error("{} is damaged ({reason}); restore it, or remove it and name a token above all that were used", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// The last token that a process may have given out by a file of its own; none if there is no file. Blocks.
///
/// # Errors
/// [`CounterError`] if the file is damaged, in use by another process, or cannot be read.
pub fn last_token(path: &Path) -> Result<Option<Token>, CounterError> {
    if !path.exists() {
        return Ok(None);
    }
    Counter::open(path).map(|(_, last)| Some(last))
}

/// The open file; locked against other processes.
#[derive(Debug)]
pub(crate) struct Counter {
    path: PathBuf,
    _lock: File,
}

impl Counter {
    /// Opens or begins the file; says the last stamp that may have been used. Blocks.
    pub(crate) fn open(path: &Path) -> Result<(Self, Token), CounterError> {
        let failed = |action| move |source| CounterError::Io { path: path.to_owned(), action, source };
        let lock_path = beside(path, ".lock");
        let mut options = OpenOptions::new();
        let lock =
            options.create(true).write(true).truncate(false).open(lock_path).map_err(failed("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CounterError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let last = match std::fs::read(path) {
            Ok(bytes) => {
                parse(&bytes).map_err(|reason| CounterError::Corrupt { path: path.to_owned(), reason })?
            }
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Token::ZERO,
            Err(source) => return Err(failed("read")(source)),
        };
        Ok((Self { path: path.to_owned(), _lock: lock }, last))
    }

    /// Makes it known, durably, that stamps up to `last` may be used. Blocks.
    pub(crate) fn reserve(&self, last: Token) -> Result<(), CounterError> {
        let failed = |action| move |source| CounterError::Io { path: self.path.clone(), action, source };
        let aside = beside(&self.path, ".new");
        let write = || -> io::Result<()> {
            let mut file = File::create(&aside)?;
            file.write_all(line(last).as_bytes())?;
            file.sync_all()
        };
        write().map_err(failed("write"))?;
        std::fs::rename(&aside, &self.path).map_err(failed("replace"))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(failed("sync"))?;
        folder.sync_all().map_err(failed("sync"))
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn line(last: Token) -> String {
    let body = format!("{MAGIC} {SCHEMA} {}", last.as_i64());
    format!("{body} {:016x}\n", checksum(&body))
}

fn parse(bytes: &[u8]) -> Result<Token, &'static str> {
    let text = std::str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n'));
    let (body, sum) = text.and_then(|text| text.rsplit_once(' ')).ok_or("not a whole line")?;
    if u64::from_str_radix(sum, 16) != Ok(checksum(body)) {
        return Err("the checksum does not fit");
    }
    let mut words = body.split(' ');
    if words.next() != Some(MAGIC) {
        return Err("it is some other file");
    }
    if words.next().and_then(|schema| schema.parse().ok()) != Some(SCHEMA) {
        return Err("it was written by another version");
    }
    let last = words.next().and_then(|last| last.parse().ok()).ok_or("no number")?;
    Ok(Token::from_i64(last))
}

/// FNV-1a: enough to notice a torn or edited line.
fn checksum(body: &str) -> u64 {
    body.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;

    #[test]
    fn what_was_reserved_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counter");
        let (counter, last) = Counter::open(&path).unwrap();
        assert_eq!(last, Token::ZERO);
        counter.reserve(Token::new(3, Index(1000))).unwrap();
        assert!(matches!(Counter::open(&path), Err(CounterError::InUse { .. })));
        drop(counter);
        assert_eq!(Counter::open(&path).unwrap().1, Token::new(3, Index(1000)));
    }

    #[test]
    fn no_damaged_file_is_believed() {
        let good = line(Token::new(0, Index(4000)));
        assert_eq!(parse(good.as_bytes()), Ok(Token::new(0, Index(4000))));
        for at in 0..good.len() {
            assert!(parse(&good.as_bytes()[..at]).is_err(), "cut at {at}");
            let mut flipped = good.clone().into_bytes();
            flipped[at] ^= 1;
            assert!(parse(&flipped).is_err(), "flipped at {at}");
        }
    }

    #[test]
    fn a_full_or_missing_disk_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counter");
        let (counter, _) = Counter::open(&path).unwrap();
        drop(folder);
        assert!(matches!(
            counter.reserve(Token::new(0, Index(1))),
            Err(CounterError::Io { action: "write", .. })
        ));
    }
}
