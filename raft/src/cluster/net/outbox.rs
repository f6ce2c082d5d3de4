//! What waits to be written to one connection.
//!
//! **Invariants**: bounded in count and in bytes; what does not fit is refused at once. Everything that waits is written
//! together.
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

/// Most that may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    payloads: VecDeque<Bytes>,
    bytes: usize,
    closed: bool,
}

/// A bounded queue of payloads.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    bound: Bound,
}

/// Why a payload was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Full,
    Closed,
}

impl Outbox {
    pub(crate) fn new(bound: Bound) -> Self {
        Self { waiting: Mutex::default(), filled: Notify::new(), bound }
    }

    pub(crate) fn put(&self, payload: Bytes) -> Result<(), NotTaken> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(NotTaken::Closed);
        }
        let bytes = waiting.bytes + payload.len();
        // A payload alone is never too large for the queue: its size has a limit of its own.
        let fits = waiting.payloads.len() < self.bound.count && bytes <= self.bound.bytes;
        if !fits && !waiting.payloads.is_empty() {
            return Err(NotTaken::Full);
        }
        waiting.bytes = bytes;
        waiting.payloads.push_back(payload);
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Everything that waits, at least one payload; none once the queue is closed.
    pub(crate) async fn take(&self) -> Option<VecDeque<Bytes>> {
        loop {
            {
                let mut waiting = self.lock();
                if waiting.closed {
                    return None;
                }
                if !waiting.payloads.is_empty() {
                    waiting.bytes = 0;
                    return Some(std::mem::take(&mut waiting.payloads));
                }
            }
            self.filled.notified().await;
        }
    }

    /// Takes nothing any more and drops what waits.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.payloads.clear();
        waiting.bytes = 0;
        drop(waiting);
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_bounded_in_count_and_bytes_and_takes_all_at_once() {
        let outbox = Outbox::new(Bound { count: 2, bytes: 10 });
        let payload = |length| Bytes::from(vec![0; length]);
        assert_eq!(outbox.put(payload(4)), Ok(()));
        assert_eq!(outbox.put(payload(7)), Err(NotTaken::Full));
        assert_eq!(outbox.put(payload(6)), Ok(()));
        assert_eq!(outbox.put(payload(0)), Err(NotTaken::Full));
        assert_eq!(outbox.take().await.unwrap().len(), 2);
        assert_eq!(outbox.put(payload(100)), Ok(()), "an empty queue takes one of any size");
        outbox.close();
        assert_eq!(outbox.put(payload(1)), Err(NotTaken::Closed));
        assert_eq!(outbox.take().await, None);
    }
}
