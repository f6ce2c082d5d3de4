//! How commands get decided: the seam between one process and many.
//!
//! **Invariants**: a command is applied at one index or not at all; an `Ok` means that it survives whatever the replica
//! promises to survive, and that the local ledger shows it if it shows anything of its kind.
use std::fmt;

use async_trait::async_trait;

use crate::{
    CoordError, Index, Ledger, LockName, LockStatus,
    command::{Command, Reply},
};

/// A command that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Where in the log.
    pub index: Index,
    /// What it came to.
    pub reply: Reply,
}

/// One process's end of the log.
#[async_trait]
pub trait Replica: fmt::Debug + Send + Sync + 'static {
    /// Gets a command decided, and whatever of it shows in the local copy applied there.
    ///
    /// # Errors
    /// [`CoordError::Unknown`] if it may have been, or may still be, applied; [`CoordError::Unavailable`] or
    /// [`CoordError::Counter`] if it was not and will not be.
    async fn submit(&self, command: Command) -> Result<Applied, CoordError>;

    /// Returns once the ledger has everything that was decided before the call.
    ///
    /// # Errors
    /// [`CoordError::Unavailable`] if nobody could say what that is.
    async fn catch_up(&self) -> Result<(), CoordError>;

    /// A lock as it stands at some moment between call and return. A replica whose copy has no locks asks one that has.
    ///
    /// # Errors
    /// As [`Self::catch_up`].
    async fn inspect(&self, lock: &LockName) -> Result<LockStatus, CoordError> {
        self.catch_up().await?;
        Ok(self.ledger().look(|state| state.lock(lock)))
    }

    /// The local copy.
    fn ledger(&self) -> &Ledger;
}
