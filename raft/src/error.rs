//! What may go wrong between a caller and the coordinator.
//!
//! **Invariant**: who leads the cluster is never the caller's business; an error says whether the command may have been
//! carried out ([`CoordError::Unknown`]) or certainly was not.
use crate::{CounterError, LockName, command::Refusal};

/// Why a session is over for its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The log says that the session expired.
    #[error("the session expired")]
    Expired,
    /// No renewal was acknowledged in time, so that it may be expired by now.
    #[error("the session could not be renewed in time")]
    Lapsed,
    /// It was closed, by its holder or by an operator.
    #[error("the session was closed")]
    Closed,
}

/// A failed request to the coordinator.
#[derive(Debug, thiserror::Error)]
pub enum CoordError {
    /// The lock was not granted within the time the caller was ready to wait; the caller is not queued any more.
    #[error("lock {lock} was not granted in time")]
    NotGranted {
        /// The lock.
        lock: LockName,
    },
    /// The command was carried out and refused.
    #[error("the coordinator refused: {refusal}")]
    Refused {
        /// Why.
        #[from]
        refusal: Refusal,
    },
    /// The session ended before the request was through.
    #[error("the session is lost: {lost}")]
    SessionLost {
        /// How it ended.
        #[from]
        lost: Lost,
    },
    /// Nobody can decide at present; nothing was done.
    #[error("the coordinator is unavailable: {reason}")]
    Unavailable {
        /// What is missing.
        reason: String,
    },
    /// The answer did not come in time; the command may still be, or have been, carried out.
    #[error("the outcome is unknown: {reason}")]
    Unknown {
        /// What was waited for.
        reason: String,
    },
    /// The replica answered something that does not fit the command.
    #[error("the coordinator answered {command} with something else")]
    Mismatch {
        /// The command that was sent.
        command: &'static str,
    },
    /// The persisted counter cannot be trusted or written.
    #[error("the index counter failed")]
    Counter {
        /// How.
        #[from]
        source: CounterError,
    },
}
