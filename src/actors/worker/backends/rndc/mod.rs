//! A client of BIND's control channel: what the program `rndc` does, without running a program.
//!
//! Connections are kept for the next command while that is useful.
//!
//! Invariants: at most a fixed number of connections per client, every command ends within its time limit (waiting for
//! a connection included); the key file is read again for every new connection, so a changed key needs no restart.

mod auth;
#[cfg(test)]
pub(crate) mod fake_channel;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod key_file;
mod session;
pub(crate) mod syntax;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use self::auth::{Algorithm, Key, KeyError};
pub use self::key_file::{KeyFileError, included_files, key_from_text};
use self::session::Session;
pub use self::session::{Reply, SessionError};
pub use self::wire::WireError;
use crate::clock::Clock;

/// Most connections of one client. `named` runs control commands one after the other anyway.
const MAX_CONNECTIONS: usize = 4;
/// Files of one configuration, those included counted; more are not read.
const MAX_FILES: usize = 8;
/// A connection silent for longer is not used again.
const MAX_IDLE: Duration = Duration::from_secs(10);
/// A connection older than this is not used again.
const MAX_AGE: Duration = Duration::from_secs(45);

/// Why a command got no reply.
#[derive(Debug, Error)]
pub enum RndcError {
    /// The key file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    ReadKey {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key file holds no usable key.
    #[error("{}: {source}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyFileError,
    },
    /// No reply in time.
    #[error("no reply within {} ms", limit.as_millis())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The conversation failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Where a client gets its key.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// From the pool's own options.
    Given(Arc<Key>),
    /// From a key or configuration file of rndc.
    File(PathBuf),
}

/// A control channel and how to use it.
#[derive(Debug, Clone)]
pub struct RndcConfig {
    /// Name or address of the server.
    pub host: String,
    /// Port of the control channel.
    pub port: u16,
    /// The key.
    pub key: KeySource,
    /// Limit for one command, connecting included.
    pub timeout: Duration,
}

/// A client of one control channel.
#[derive(Debug)]
pub struct RndcClient {
    config: RndcConfig,
    clock: Clock,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
}

impl RndcClient {
    /// A client; nothing is connected yet.
    #[must_use]
    pub fn new(config: RndcConfig, clock: Clock) -> Self {
        Self { config, clock, permits: Semaphore::new(MAX_CONNECTIONS), idle: Mutex::new(Vec::new()) }
    }

    /// Runs a command. It may run twice when a kept connection turns out to be dead, so it must be repeatable.
    ///
    /// # Errors
    /// No reply came, or not one to be trusted. What the server thinks of the command is in the reply.
    pub async fn command(&self, command: &str) -> Result<Reply, RndcError> {
        let limit = self.config.timeout;
        match timeout(limit, self.converse(command)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(RndcError::TimedOut { limit }),
        }
    }

    async fn converse(&self, command: &str) -> Result<Reply, RndcError> {
        let _permit = self.permits.acquire().await.map_err(|_| SessionError::Closed)?;
        if let Some(mut session) = self.take_idle() {
            match session.command(command).await {
                Ok(reply) => return Ok(self.keep(session, reply)),
                Err(SessionError::Closed | SessionError::Io { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let key = self.key().await?;
        let mut session = Session::open(&self.config.host, self.config.port, key, self.clock).await?;
        let reply = session.command(command).await?;
        Ok(self.keep(session, reply))
    }

    fn take_idle(&self) -> Option<Session> {
        let mut idle = self.idle.lock();
        idle.retain(|session| session.used().elapsed() < MAX_IDLE && session.opened().elapsed() < MAX_AGE);
        idle.pop()
    }

    fn keep(&self, session: Session, reply: Reply) -> Reply {
        self.idle.lock().push(session);
        reply
    }

    async fn key(&self) -> Result<Arc<Key>, RndcError> {
        match &self.config.key {
            KeySource::Given(key) => Ok(Arc::clone(key)),
            KeySource::File(path) => {
                let text = read_with_includes(path).await?;
                let key = key_from_text(&text, &self.config.host)
                    .map_err(|source| RndcError::KeyFile { path: path.clone(), source })?;
                Ok(Arc::new(key))
            }
        }
    }
}

/// The text of a file and of those it includes, which are taken to lie beside it unless their paths are absolute.
async fn read_with_includes(path: &Path) -> Result<String, RndcError> {
    let mut text = String::new();
    let mut wanted = vec![path.to_path_buf()];
    for at in 0..MAX_FILES {
        let Some(file) = wanted.get(at).cloned() else { break };
        let part = tokio::fs::read_to_string(&file)
            .await
            .map_err(|source| RndcError::ReadKey { path: file.clone(), source })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        wanted.extend(included_files(&part).into_iter().map(|name| folder.join(name)));
        text.push_str(&part);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
