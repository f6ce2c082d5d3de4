//! The loop that keeps something as it should be, whatever message got lost.
//!
//! A reconciler looks at the whole truth (the database) on every pass, so a pass takes no input; it runs on a tick and
//! on a nudge, both the same way. The other way, work queued per change, would need durable queues and lose what a
//! crash loses.
//!
//! Invariants: one pass at a time; any number of nudges during a pass lead to one more pass; a pass that fails or panics
//! is not retried but followed by the next; a pause between passes bounds what a storm of nudges costs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::health::Complaint;
use crate::transport::{Cx, Fault};

/// Something that can bring the world closer to how it should be.
pub trait Reconcile: Send + Sync + 'static {
    /// Its name in logs.
    const NAME: &'static str;

    /// Looks at the truth and does what is missing. Must be idempotent, and must not retry: the next pass does.
    fn pass(&self, cx: &Cx) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// When passes happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cadence {
    /// From the end of a pass to the next tick.
    pub every: Duration,
    /// The tick is late by up to this share of `every`, so that instances do not tick together.
    pub jitter: f64,
    /// The least pause between two passes, nudges or not.
    pub pause: Duration,
    /// A pass that takes longer is given up.
    pub budget: Duration,
}

impl Cadence {
    /// A tick every so often, late by up to a tenth; ten milliseconds between passes; a minute for each.
    #[must_use]
    pub const fn every(every: Duration) -> Self {
        Self { every, jitter: 0.1, pause: Duration::from_millis(10), budget: Duration::from_secs(60) }
    }

    fn tick(&self) -> Duration {
        self.every + self.every.mul_f64(self.jitter.clamp(0.0, 1.0) * rand::random::<f64>())
    }
}

/// Asks for a pass soon; cheap to clone. Nudges that nobody has taken yet count as one.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Asks for a pass that begins after now.
    pub fn nudge(&self) {
        self.0.notify_one();
    }
}

/// How many passes there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passes {
    /// Begun.
    pub begun: u64,
    /// Ended, however.
    pub ended: u64,
    /// Of those, failed, given up or panicked.
    pub failed: u64,
}

/// A running reconciler. Dropping it stops it after the pass under way.
#[derive(Debug)]
#[must_use = "dropping it stops the reconciler"]
pub struct Reconciler {
    name: &'static str,
    nudge: Nudge,
    passes: watch::Receiver<Passes>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Reconciler {
    /// Starts `reconcile` on `runtime`, with a pass at once. It stops when `stop` is cancelled, after the pass under way.
    pub fn start<R: Reconcile>(
        reconcile: Arc<R>,
        cadence: Cadence,
        stop: &CancellationToken,
        runtime: &Handle,
    ) -> Self {
        let nudge = Nudge::default();
        let (progress, passes) = watch::channel(Passes::default());
        let stop = stop.child_token();
        let task = runtime.spawn(run(reconcile, cadence, nudge.clone(), progress, stop.clone()));
        Self { name: R::NAME, nudge, passes, stop, task: Some(task) }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The way to ask for a pass.
    #[must_use]
    pub const fn nudge(&self) -> &Nudge {
        &self.nudge
    }

    /// How many passes there were so far.
    #[must_use]
    pub fn passes(&self) -> Passes {
        *self.passes.borrow()
    }

    /// Nudges, and resolves when a pass that began afterwards has ended, or at once if the reconciler has stopped.
    pub async fn settle(&self) {
        let mut passes = self.passes.clone();
        let begun = passes.borrow().begun;
        self.nudge.nudge();
        // An error means that the loop has ended.
        drop(passes.wait_for(|now| now.ended > begun).await);
    }

    /// Stops after the pass under way, or in the midst of it at `deadline`. True if it ended by itself.
    pub async fn stop(mut self, deadline: Instant) -> bool {
        self.stop.cancel();
        let Some(mut task) = self.task.take() else { return true };
        if tokio::time::timeout_at(deadline, &mut task).await.is_ok() {
            return true;
        }
        task.abort();
        false
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run<R: Reconcile>(
    reconcile: Arc<R>,
    cadence: Cadence,
    nudge: Nudge,
    progress: watch::Sender<Passes>,
    stop: CancellationToken,
) {
    let mut complaint = Complaint::default();
    while !stop.is_cancelled() {
        progress.send_modify(|passes| passes.begun += 1);
        let succeeded = pass(&*reconcile, cadence.budget, &mut complaint).await;
        progress.send_modify(|passes| {
            passes.ended += 1;
            passes.failed += u64::from(!succeeded);
        });
        let waiting = async {
            tokio::time::sleep(cadence.pause).await;
            // A tick or a nudge: the pass that follows is the same.
            drop(tokio::time::timeout(cadence.tick(), nudge.0.notified()).await);
        };
        tokio::select! {
            () = waiting => {}
            () = stop.cancelled() => return,
        }
    }
}

/// One pass, contained. True if it succeeded. What fails pass after pass is told as a complaint is.
async fn pass<R: Reconcile>(reconcile: &R, budget: Duration, complaint: &mut Complaint) -> bool {
    let cx = Cx::system(budget);
    let span = tracing::info_span!("reconcile", name = R::NAME, request_id = %cx.request);
    async {
        let contained = AssertUnwindSafe(async { reconcile.pass(&cx).await }).catch_unwind();
        match tokio::time::timeout(budget, contained).await {
            Ok(Ok(Ok(()))) => {
                if let Some(lasted) = complaint.settled() {
                    tracing::info!(after = ?lasted, "passes succeed again");
                }
                return true;
            }
            Ok(Ok(Err(fault))) => match complaint.about(&fault.to_string()) {
                Some(since) => tracing::warn!(%fault, ?since, "a pass failed"),
                None => tracing::debug!(%fault, "a pass failed"),
            },
            Ok(Err(_panic)) => tracing::error!("a pass panicked"),
            Err(_elapsed) => tracing::error!("a pass was given up"),
        }
        false
    }
    .instrument(span)
    .await
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tokio::sync::Semaphore;

    use super::*;

    /// Passes through a gate; notes when it began; does what it is told.
    struct Counting {
        gate: Semaphore,
        begun: Mutex<Vec<Duration>>,
        start: Instant,
        act: fn(usize) -> Result<(), Fault>,
    }

    impl Counting {
        fn new(open: usize, act: fn(usize) -> Result<(), Fault>) -> Arc<Self> {
            let (gate, begun) = (Semaphore::new(open), Mutex::default());
            Arc::new(Self { gate, begun, start: Instant::now(), act })
        }
    }

    impl Reconcile for Counting {
        const NAME: &'static str = "counting";

        async fn pass(&self, _: &Cx) -> Result<(), Fault> {
            let number = {
                let mut begun = self.begun.lock();
                begun.push(self.start.elapsed());
                begun.len()
            };
            self.gate.acquire().await.unwrap().forget();
            (self.act)(number)
        }
    }

    const EXACT: Cadence = Cadence {
        every: Duration::from_secs(60),
        jitter: 0.0,
        pause: Duration::ZERO,
        budget: Duration::from_secs(10),
    };

    fn start(reconcile: &Arc<Counting>, cadence: Cadence) -> (Reconciler, CancellationToken) {
        let stop = CancellationToken::new();
        (Reconciler::start(Arc::clone(reconcile), cadence, &stop, &Handle::current()), stop)
    }

    async fn ended(reconciler: &Reconciler, count: u64) -> Passes {
        *reconciler.passes.clone().wait_for(|passes| passes.ended >= count).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_passes_at_once_then_on_every_tick() {
        let counting = Counting::new(100, |_| Ok(()));
        let (reconciler, _stop) = start(&counting, EXACT);
        ended(&reconciler, 3).await;
        assert_eq!(*counting.begun.lock(), [0, 60, 120].map(Duration::from_secs));
    }

    #[tokio::test(start_paused = true)]
    async fn nudges_during_a_pass_become_one_pass_after_it() {
        let counting = Counting::new(0, |_| Ok(()));
        let (reconciler, _stop) = start(&counting, EXACT);
        while counting.begun.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        for _ in 0..50 {
            reconciler.nudge().nudge();
        }
        counting.gate.add_permits(100);
        ended(&reconciler, 3).await;
        // The third one is the tick.
        let tick = counting.begun.lock()[2];
        assert_eq!((counting.begun.lock().len(), tick >= Duration::from_secs(60)), (3, true));
    }

    #[tokio::test(start_paused = true)]
    async fn settling_waits_for_a_pass_that_began_later() {
        let counting = Counting::new(100, |_| Ok(()));
        let (reconciler, stop) = start(&counting, EXACT);
        for _ in 0..3 {
            let begun = reconciler.passes().begun;
            reconciler.settle().await;
            assert!(reconciler.passes().ended > begun);
        }
        assert!(counting.start.elapsed() < Duration::from_secs(60));
        stop.cancel();
        assert!(reconciler.stop(Instant::now() + Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn faults_panics_and_hangs_are_followed_by_the_next_pass() {
        let counting = Counting::new(3, |number| match number {
            1 => Err(Fault::unavailable("database_away", "not now")),
            2 => panic!("a defect"),
            _ => Ok(()),
        });
        let (reconciler, _stop) = start(&counting, EXACT);
        let passes = ended(&reconciler, 4).await;
        assert_eq!((passes.ended, passes.failed), (4, 3), "the fourth had no gate to pass");
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_told_and_at_the_deadline_in_the_midst_of_a_pass() {
        let counting = Counting::new(1, |_| Ok(()));
        let (reconciler, stop) = start(&counting, EXACT);
        ended(&reconciler, 1).await;
        stop.cancel();
        assert!(reconciler.stop(Instant::now() + Duration::from_secs(1)).await);

        let hanging = Counting::new(0, |_| Ok(()));
        let (reconciler, _stop) = start(&hanging, EXACT);
        while hanging.begun.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(!reconciler.stop(Instant::now() + Duration::from_secs(1)).await);
    }

    #[test]
    fn a_tick_is_late_by_its_jitter_at_most() {
        let cadence = Cadence { jitter: 0.5, ..EXACT };
        for _ in 0..100 {
            let tick = cadence.tick();
            assert!(tick >= cadence.every && tick <= cadence.every.mul_f64(1.5));
        }
    }
}
