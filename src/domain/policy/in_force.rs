//! The policy that a process goes by now, which may be exchanged while it runs.
//!
//! Invariants: every holder of a clone sees the same policy; whoever has loaded one keeps it to the end of his question.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Policy;

/// A policy that may be exchanged as a whole; clones share it.
#[derive(Debug, Clone)]
pub struct PolicyInForce(Arc<ArcSwap<Policy>>);

impl PolicyInForce {
    /// `policy` from now on.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(policy)))
    }

    /// The policy now.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<Policy>> {
        self.0.load()
    }

    /// Exchanges it.
    pub fn replace(&self, policy: Policy) {
        self.0.store(Arc::new(policy));
    }
}
