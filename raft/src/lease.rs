//! A lock that is held.
//!
//! **Invariants**: it is renewed as long as it exists. Guarded work starts only while [`Lease::is_safe`], stops on
//! [`Lease::lost`], and claims [`Lease::token`] in the transaction of each write: that is what holds when all clocks fail.
use tokio::time::Instant;

use crate::{CoordError, LockName, Lost, SessionId, Token, session::Session};

/// A lock held until it is released, dropped or lost.
#[derive(Debug)]
#[must_use = "a lease is released when it is dropped"]
pub struct Lease {
    session: Session,
    lock: LockName,
    token: Token,
}

impl Lease {
    pub(crate) fn new(session: Session, lock: &LockName, token: Token) -> Self {
        session.keep();
        Self { session, lock: lock.clone(), token }
    }

    /// The lock.
    #[must_use]
    pub const fn lock(&self) -> &LockName {
        &self.lock
    }

    /// Greater than the token of every earlier holder of this lock.
    #[must_use]
    pub const fn token(&self) -> Token {
        self.token
    }

    /// The session that holds it.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session.id()
    }

    /// Whether nobody else can hold the lock at `now`.
    #[must_use]
    pub fn is_safe(&self, now: Instant) -> bool {
        self.session.is_safe(now)
    }

    /// Resolves once the lock is, or may be, somebody else's.
    pub async fn lost(&self) -> Lost {
        self.session.lost().await
    }

    /// Releases it; on return the next in line holds it.
    ///
    /// # Errors
    /// If the release could not be decided; it is then retried in the background, or the lease expires.
    pub async fn release(self) -> Result<(), CoordError> {
        self.session.close().await
    }

    /// Stops renewing, as if the holder were cut off from the coordinator.
    #[cfg(feature = "testing")]
    pub fn silence(&self) {
        self.session.silence();
    }
}
