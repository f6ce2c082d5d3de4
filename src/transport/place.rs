//! Where a service runs: its actor on an arbiter's thread, its handlers on the shared runtime.
//!
//! Invariants: nothing here starts a thread or a clock of its own, so on a current-thread runtime with a paused clock
//! all of a deployment stands still together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_rt::{ArbiterHandle, System};
use tokio::runtime::Handle;

/// The arbiters that actors live on and the runtime that handlers run on; cheap to clone.
#[derive(Debug, Clone)]
pub struct Place {
    runtime: Handle,
    arbiters: Arc<[ArbiterHandle]>,
    /// Shared by all clones, so that actors spread over the arbiters.
    turn: Arc<AtomicUsize>,
}

/// There is no running actix system (or tokio runtime) to take a place in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not inside a running actix system on a tokio runtime")]
pub struct NoSystem;

impl Place {
    /// Actors take their places on `arbiters` (at least one) in turn, handlers run on `runtime`.
    #[must_use]
    pub fn new(runtime: Handle, arbiters: Vec<ArbiterHandle>) -> Self {
        Self { runtime, arbiters: arbiters.into(), turn: Arc::default() }
    }

    /// The runtime and the system's own arbiter that the calling code runs in.
    ///
    /// # Errors
    /// If it runs outside an actix system or a tokio runtime.
    pub fn current() -> Result<Self, NoSystem> {
        let runtime = Handle::try_current().map_err(|_| NoSystem)?;
        let system = System::try_current().ok_or(NoSystem)?;
        Ok(Self::new(runtime, vec![system.arbiter().clone()]))
    }

    /// The runtime that handlers run on.
    #[must_use]
    pub const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs `work` on the arbiter whose turn it is or, if that one has ended, another. False if all have ended.
    pub(super) fn spawn_fn(&self, work: impl Fn() + Clone + Send + 'static) -> bool {
        let number = self.arbiters.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % number.max(1);
        self.arbiters.iter().cycle().skip(first).take(number).any(|arbiter| arbiter.spawn_fn(work.clone()))
    }
}

/// Runs `work` to its end in an actix system of its own, on this thread alone and on a paused clock: time passes only
/// while everything waits, and then at once.
///
/// # Panics
/// If the operating system refuses a runtime.
#[cfg(feature = "testing")]
#[expect(clippy::expect_used, reason = "a test without a runtime has nothing to go on with")]
pub fn run_paused<F: Future>(work: F) -> F::Output {
    System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime can be built")
    })
    .block_on(work)
}

/// Runs `work` to its end in an actix system of its own, on a multi-thread runtime and in real time.
///
/// # Panics
/// If the operating system refuses a runtime.
#[cfg(feature = "testing")]
#[expect(clippy::expect_used, reason = "a test without a runtime has nothing to go on with")]
pub fn run_threaded<F: Future>(work: F) -> F::Output {
    System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be built")
    })
    .block_on(work)
}
