//! Waiting for an index to be reached.
//!
//! **Invariant**: who waits is woken in the order of indexes, then of asking, so that a simulation always goes the same way.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::Index;

#[derive(Debug, Default)]
struct Inner {
    reached: Index,
    waiting: BTreeMap<(Index, u64), oneshot::Sender<()>>,
    asked: u64,
}

/// How far something has got; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Milestones(Arc<Mutex<Inner>>);

/// A place in the queue, given up when dropped.
struct Place<'a> {
    milestones: &'a Milestones,
    at: (Index, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.milestones.lock().waiting.remove(&self.at);
    }
}

impl Milestones {
    /// It has got this far; it never goes back.
    pub(crate) fn set(&self, reached: Index) {
        let mut inner = self.lock();
        if reached <= inner.reached {
            return;
        }
        inner.reached = reached;
        if inner.waiting.is_empty() {
            return;
        }
        let later = inner.waiting.split_off(&(Index(reached.0.saturating_add(1)), 0));
        let told = std::mem::replace(&mut inner.waiting, later);
        drop(inner);
        for waiter in told.into_values() {
            // Whoever waited may have given up.
            let _ = waiter.send(());
        }
    }

    /// Resolves once it has got to `index`.
    pub(crate) async fn reached(&self, index: Index) {
        let (told, reached) = oneshot::channel();
        let _place = {
            let mut inner = self.lock();
            if inner.reached >= index {
                return;
            }
            inner.asked += 1;
            let at = (index, inner.asked);
            inner.waiting.insert(at, told);
            Place { milestones: self, at }
        };
        // The sender stays in the queue until then, so waiting cannot fail.
        drop(reached.await);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
