//! What is written to the log, and what applying it answers.
//!
//! **Invariants**: every command may be repeated: the client chooses the session id, and a second copy finds its work
//! done. Shapes change only together with [`SCHEMA`]; a variant is appended, never moved or removed.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Epoch, Group, GroupName, Index, LockName, Member, SessionId, Token};

/// Number of the shape of [`Command`] and [`Reply`]; one more with every change.
pub const SCHEMA: u16 = 1;
/// Shortest and longest time that a session may live without being renewed.
pub const TTL_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);
/// Sessions that may wait for one lock.
pub const MAX_WAITING: usize = 16_384;

/// A log entry: a command and the schema it was written with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// [`SCHEMA`] of the writer.
    pub schema: u16,
    /// What to do.
    pub command: Command,
}

impl From<Command> for Entry {
    fn from(command: Command) -> Self {
        Self { schema: SCHEMA, command }
    }
}

/// A session to be opened unless it is open already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Its id, never used before.
    pub session: SessionId,
    /// How long it lives without a renewal.
    pub ttl: Duration,
}

/// Everything that can be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Takes a seat in a group. Answers [`Reply::Joined`].
    Join {
        /// Whose seat.
        opening: Opening,
        /// The group, made by its first member.
        group: Group,
        /// Who sits there.
        member: Member,
    },
    /// Says that the session does no more work on what it was asked to release up to an epoch. Answers [`Reply::Done`].
    HandOver {
        /// The owner so far.
        session: SessionId,
        /// Where.
        group: GroupName,
        /// The newest view that the owner has acted upon.
        epoch: Epoch,
    },
    /// Takes a lock or, if `queue`, a place in its queue. Answers [`Reply::Granted`], [`Reply::Waiting`] or [`Reply::Busy`].
    Acquire {
        /// Who wants it.
        opening: Opening,
        /// Which.
        lock: LockName,
        /// Whether to wait for it.
        queue: bool,
    },
    /// Proves that sessions live. Answers [`Reply::Renewed`].
    Renew {
        /// Which.
        sessions: Vec<SessionId>,
    },
    /// Ends a session and with it every seat, lock and place in a queue. Answers [`Reply::Done`], also if it is over already.
    Close {
        /// Which.
        session: SessionId,
    },
    /// Ends a session that was silent for its ttl, unless it was renewed after `seen_renewal`. Answers [`Reply::Done`].
    Expire {
        /// Which.
        session: SessionId,
        /// Index of the last renewal that the proposer has applied.
        seen_renewal: Index,
    },
    /// Starts a newer incarnation, after a restore from backup: sessions from before cannot be renewed any more, and expire.
    /// Answers [`Reply::Done`].
    Incarnate {
        /// Its number; one that is not newer changes nothing.
        incarnation: u16,
    },
}

impl Command {
    /// Its name, for logs and errors.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Join { .. } => "join",
            Self::HandOver { .. } => "hand_over",
            Self::Acquire { .. } => "acquire",
            Self::Renew { .. } => "renew",
            Self::Close { .. } => "close",
            Self::Expire { .. } => "expire",
            Self::Incarnate { .. } => "incarnate",
        }
    }
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done, or there was nothing to do.
    Done,
    /// A member since this epoch.
    Joined(Epoch),
    /// Holds the lock.
    Granted(Token),
    /// Queued for the lock, behind this many others.
    Waiting(u32),
    /// Somebody else has the lock and the caller did not want to wait.
    Busy,
    /// Renewed, except these, which do not exist.
    Renewed {
        /// Sessions that are over.
        unknown: Vec<SessionId>,
    },
    /// Refused; nothing changed.
    Refused(Refusal),
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The session does not exist, or no longer.
    #[error("unknown session {0}")]
    UnknownSession(SessionId),
    /// The members of a group must agree on its shards.
    #[error("the group has {0} shards")]
    ShardsDiffer(u16),
    /// See [`TTL_RANGE`].
    #[error("a session must live between 100 milliseconds and one hour")]
    TtlOutOfRange,
    /// See [`MAX_WAITING`].
    #[error("too many sessions wait for this lock")]
    QueueFull,
    /// The index is not greater than the last applied one.
    #[error("the log stands at {0} already")]
    OutOfOrder(Index),
}

/// What changed, for whoever watches the copy that applied the command. Never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A session was opened or renewed and has its full ttl again.
    Renewed(SessionId, Duration),
    /// A session got a lock.
    Granted(SessionId, Token),
    /// A session is over.
    Ended(SessionId, Ending),
    /// A group has a new view.
    GroupChanged(GroupName),
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By [`Command::Close`].
    Closed,
    /// By [`Command::Expire`].
    Expired,
}

/// All that follows from one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// For the caller.
    pub reply: Reply,
    /// For watchers, in order.
    pub events: Vec<Event>,
}
