//! [`Coordinator`], the only thing the rest of a deployment needs to hold.
//!
//! **Invariants**: the trait is object-safe. Each of its futures may be dropped at any point: what it had begun is undone
//! in the background or expires. Whatever returns a [`Token`] was decided by the log before it returns.
use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{CoordError, Group, Index, Lease, LockName, MemberId, Membership, SessionId, Token, View};

/// How long a session lives without a renewal, unless the caller says otherwise.
pub(crate) const DEFAULT_TTL: Duration = Duration::from_secs(9);

/// Knows who is in a group, who owns which of its shards, and who holds a lock.
#[async_trait]
pub trait Coordinator: fmt::Debug + Send + Sync + 'static {
    /// Takes a seat in a group under a session of its own. The seat is given up when the [`Membership`] is dropped.
    ///
    /// # Errors
    /// [`CoordError::Refused`] if the group has another number of shards or the ttl is out of range;
    /// [`CoordError::Unavailable`], [`CoordError::Unknown`] or [`CoordError::Counter`] if nobody could decide.
    async fn join(&self, group: &Group, me: Member) -> Result<Membership, CoordError>;

    /// Follows the group as this process knows it. Epochs come in order; intermediate ones may be skipped, the last never.
    fn watch(&self, group: &Group) -> watch::Receiver<Arc<View>>;

    /// The group as this process knows it, labelled with the log index of that knowledge. It may be behind.
    fn cached(&self, group: &Group) -> Read;

    /// The group as it stands at some moment between call and return.
    ///
    /// # Errors
    /// [`CoordError::Unavailable`] or [`CoordError::Unknown`] if nobody could say.
    async fn read(&self, group: &Group) -> Result<Read, CoordError>;

    /// Takes a lock, in order of asking, under a session of its own. It is released when the [`Lease`] is dropped.
    ///
    /// # Errors
    /// [`CoordError::NotGranted`] if `terms.wait` passed first; the others as with [`Self::join`].
    async fn acquire(&self, lock: &LockName, terms: Terms) -> Result<Lease, CoordError>;

    /// Who holds a lock and how many wait, at some moment between call and return.
    ///
    /// # Errors
    /// As [`Self::read`].
    async fn inspect(&self, lock: &LockName) -> Result<LockStatus, CoordError>;
}

/// Who takes a seat in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its own name for itself.
    pub id: MemberId,
    /// Where it runs, for humans.
    pub node: String,
    /// How long it stays a member without a sign of life.
    pub ttl: Duration,
}

impl Member {
    /// A member with a ttl of nine seconds.
    #[must_use]
    pub fn new(id: MemberId, node: impl Into<String>) -> Self {
        Self { id, node: node.into(), ttl: DEFAULT_TTL }
    }

    /// The same with another ttl, between 100 milliseconds and one hour.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }
}

/// On what terms a lock is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long the lock outlives its holder's last sign of life.
    pub ttl: Duration,
    /// How long to queue; zero takes the lock only if it is free.
    pub wait: Duration,
}

impl Terms {
    /// Takes the lock if it is free, for a ttl of nine seconds that is renewed as long as the lease is held.
    #[must_use]
    pub const fn at_once() -> Self {
        Self { ttl: DEFAULT_TTL, wait: Duration::ZERO }
    }

    /// Queues for up to `wait`.
    #[must_use]
    pub const fn waiting(wait: Duration) -> Self {
        Self { ttl: DEFAULT_TTL, wait }
    }

    /// The same with another ttl, between 100 milliseconds and one hour.
    #[must_use]
    pub const fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl, wait: self.wait }
    }
}

/// A view and the log index it was read at.
#[derive(Debug, Clone)]
pub struct Read {
    /// Everything up to here is in the view.
    pub index: Index,
    /// The group.
    pub view: Arc<View>,
}

/// A lock as it stood at an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockStatus {
    /// Where in the log this was true.
    pub index: Index,
    /// Who holds it, by which token.
    pub holder: Option<(SessionId, Token)>,
    /// How many are queued.
    pub waiting: usize,
}
