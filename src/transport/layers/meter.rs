//! Counts of what one instance took, refused and finished.
//!
//! Invariants: every offered parcel is counted once as offered and once as finished or faulted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::transport::fault::{Fault, FaultCode};

/// The counters of one instance.
#[derive(Debug, Default)]
pub(in crate::transport) struct Meter {
    offered: AtomicU64,
    finished: AtomicU64,
    faulted: AtomicU64,
    overloaded: AtomicU64,
    expired: AtomicU64,
    panicked: AtomicU64,
    replaced: AtomicU64,
}

/// What the counters show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Parcels that came in.
    pub offered: u64,
    /// Parcels that were answered, with a reply or a fault.
    pub finished: u64,
    /// Of those, with a fault.
    pub faulted: u64,
    /// Of those, refused because there was no room.
    pub overloaded: u64,
    /// Of those, with a time-out: almost always refused because their deadline had passed.
    pub expired: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Actors that died and were replaced.
    pub replaced: u64,
}

impl Meter {
    pub(in crate::transport) fn offered(&self) {
        self.offered.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::transport) fn finished(&self, fault: Option<&Fault>) {
        self.finished.fetch_add(1, Ordering::Relaxed);
        if let Some(fault) = fault {
            self.faulted.fetch_add(1, Ordering::Relaxed);
            match fault.code {
                FaultCode::Overloaded => self.overloaded.fetch_add(1, Ordering::Relaxed),
                FaultCode::Timeout => self.expired.fetch_add(1, Ordering::Relaxed),
                _ => 0,
            };
        }
    }

    pub(in crate::transport) fn panicked(&self) {
        self.panicked.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::transport) fn replaced(&self) {
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::transport) fn read(&self) -> Reading {
        Reading {
            offered: self.offered.load(Ordering::Relaxed),
            finished: self.finished.load(Ordering::Relaxed),
            faulted: self.faulted.load(Ordering::Relaxed),
            overloaded: self.overloaded.load(Ordering::Relaxed),
            expired: self.expired.load(Ordering::Relaxed),
            panicked: self.panicked.load(Ordering::Relaxed),
            replaced: self.replaced.load(Ordering::Relaxed),
        }
    }
}
