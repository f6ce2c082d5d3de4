//! What goes through this API, and whether clients are asked to go elsewhere: what its actor tells and sets.
//!
//! Invariants: a connection counts until its socket is closed, a request until it is answered or its client is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Api;
use crate::actors::api::api::{Front, Traffic};

/// The counters of one API.
#[derive(Debug, Default)]
pub(super) struct Counters {
    connections: AtomicU64,
    under_way: AtomicU64,
    answered: AtomicU64,
}

impl Counters {
    /// Counts a connection for as long as the value lives.
    pub(super) fn connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    /// Counts a request for as long as the value lives.
    pub(super) fn request(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(super) struct OpenConnection(Arc<Counters>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that is counted.
#[derive(Debug)]
pub(super) struct UnderWay<'c>(&'c Counters);

impl UnderWay<'_> {
    /// Its answer is ready.
    pub(super) fn answered(self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Front for Api {
    fn traffic(&self) -> Traffic {
        let Counters { connections, under_way, answered } = &*self.counters;
        Traffic {
            withdrawn: self.is_withdrawn(),
            connections: connections.load(Ordering::Relaxed),
            under_way: under_way.load(Ordering::Relaxed),
            answered: answered.load(Ordering::Relaxed),
        }
    }

    fn admit(&self, welcome: bool) {
        self.health.health.withdraw(!welcome);
    }
}
