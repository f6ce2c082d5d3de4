//! What happened in a simulation, in order.
//!
//! **Invariant**: the hash covers every line and every message, so that two runs with one hash went the same way.
use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Violations that are told of.
const ENOUGH: usize = 10;

/// The protocol of one run.
#[derive(Debug)]
pub(super) struct Trace {
    begun: Instant,
    content: Mutex<Content>,
    operations: AtomicUsize,
    faults: AtomicUsize,
}

#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) hasher: crc32fast::Hasher,
    pub(super) messages: u64,
    pub(super) lines: Vec<(Duration, String)>,
    pub(super) violations: Vec<String>,
}

impl Trace {
    pub(super) fn begin() -> Self {
        let begun = Instant::now();
        Self {
            begun,
            content: Mutex::default(),
            operations: AtomicUsize::default(),
            faults: AtomicUsize::default(),
        }
    }

    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened.
    pub(super) fn note(&self, line: impl fmt::Display) {
        let (at, line) = (self.begun.elapsed(), line.to_string());
        let mut content = self.content();
        content.hasher.update(&at.as_nanos().to_le_bytes());
        content.hasher.update(line.as_bytes());
        content.lines.push((at, line));
    }

    /// A client did something.
    pub(super) fn operation(&self, line: impl fmt::Display) {
        self.operations.fetch_add(1, Ordering::Relaxed);
        self.note(line);
    }

    /// Something was broken.
    pub(super) fn fault(&self, line: impl fmt::Display) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.note(format_args!("-- {line}"));
    }

    /// A message went from one place to another.
    pub(super) fn message(&self, from: usize, to: usize, bytes: &[u8]) {
        let at = self.begun.elapsed();
        let mut content = self.content();
        content.messages += 1;
        content.hasher.update(&at.as_nanos().to_le_bytes());
        content.hasher.update(&[from as u8, to as u8]);
        content.hasher.update(bytes);
    }

    /// Something happened that must not.
    pub(super) fn wrong(&self, property: &str, what: impl fmt::Display) {
        let line = format!("{property}: {what}");
        self.note(format_args!("!! {line}"));
        let at = self.begun.elapsed();
        let mut content = self.content();
        if content.violations.len() < ENOUGH {
            content.violations.push(format!("{line} (at {at:?})"));
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// How much clients did, and how much was broken.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.operations.load(Ordering::Relaxed), self.faults.load(Ordering::Relaxed))
    }
}
