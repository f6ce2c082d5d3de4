//! How much an instance takes on: running handlers, waiting parcels, and for how long they may wait.
//!
//! Invariants: no queue without a capacity and a time limit; a parcel that has no chance is answered `Overloaded`
//! instead of waiting past its use. actix's mailbox alone bounds neither (a handler's future is spawned and the next
//! message taken), hence the permits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::transport::context::Cx;
use crate::transport::fault::Fault;

/// A queue's two limits, which are always set together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// How many may wait.
    pub capacity: usize,
    /// How long one may wait.
    pub patience: Duration,
}

/// The right to run one handler.
pub(in crate::transport) type Permit = OwnedSemaphorePermit;

/// The door of one instance.
#[derive(Debug)]
pub(in crate::transport) struct Admission {
    permits: Arc<Semaphore>,
    patience: Duration,
    service: &'static str,
}

impl Admission {
    pub(in crate::transport) fn new(service: &'static str, permits: usize, patience: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(permits)), patience, service }
    }

    /// A permit, if one is free.
    pub(in crate::transport) fn try_enter(&self) -> Option<Permit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Waits for a permit as long as a parcel accepted at `accepted` may wait.
    pub(in crate::transport) async fn enter(&self, cx: &Cx, accepted: Instant) -> Result<Permit, Fault> {
        let limit = accepted + self.patience;
        let permits = Arc::clone(&self.permits);
        match tokio::time::timeout_at(limit.min(cx.deadline), permits.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) if cx.is_expired() => Err(Fault::expired()),
            Ok(Err(_)) | Err(_) => Err(Fault::overloaded(self.service)),
        }
    }
}
