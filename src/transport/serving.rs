//! A mounted instance, as its owner holds it.
//!
//! Invariants: dropping it takes the instance off the transport and closes it at once; draining first lets what was
//! accepted finish.

use std::fmt;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::address::Endpoint;
use super::inbox::{Drained, Inbox};

/// Takes an instance off its transport. What can be done at once is done by the call, the rest by the future.
pub type Leave = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// A mounted instance.
#[must_use = "dropping it takes the instance off the transport"]
pub struct Serving {
    at: Endpoint,
    inbox: Inbox,
    leave: Option<Leave>,
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Serving {
    /// For transports: the instance at `at`, with the way off.
    pub fn new(at: Endpoint, inbox: Inbox, leave: Leave) -> Self {
        Self { at, inbox, leave: Some(leave) }
    }

    /// Where it is mounted.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.at
    }

    /// The way into it.
    #[must_use]
    pub const fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// For transports made of others: the way off, and nothing else happens.
    pub(super) fn into_leave(mut self) -> Option<Leave> {
        self.leave.take()
    }

    /// Takes it off the transport, lets what was accepted finish until `deadline`, then closes it.
    pub async fn drain(mut self, deadline: Instant) -> Drained {
        let inbox = self.inbox.clone();
        if let Some(leave) = self.leave.take() {
            // A transport that cannot say goodbye in time is left without.
            if tokio::time::timeout_at(deadline, leave()).await.is_err() {
                tracing::warn!(service = self.at.service, "leaving the transport took too long");
            }
        }
        inbox.drain(deadline).await
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Whoever took the way off answers for the rest, too.
        if let Some(leave) = self.leave.take() {
            // The part that can be done without waiting is done by the call itself.
            drop(leave());
            self.inbox.close();
        }
    }
}
