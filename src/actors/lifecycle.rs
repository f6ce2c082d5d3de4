//! What runs in a process, and the order in which it ends.
//!
//! Invariants: parts of a higher tier end first, and within a tier the latest, so that whoever is called outlives its
//! callers in whatever order they came; a drain ends at its deadline, and a part that is quick leaves its share of the
//! time to the others.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::transport::{Drained, Serving};

use super::reconcile::Reconciler;

/// The parts of a process, in the reverse of the order in which they end.
#[derive(Debug, Default)]
pub struct Lifecycle {
    stop: CancellationToken,
    parts: Vec<(Tier, &'static str, Part)>,
}

/// Who calls whom: the higher ends first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// What everything else stands on.
    Ground,
    /// Called by all services.
    Central,
    /// Asked by name servers that the worker waits for.
    Mdns,
    /// Called by central and the producer.
    Worker,
    /// Called by nobody.
    Producer,
    /// Called from outside.
    Api,
    /// Signs of life, which tell of the end before it comes.
    Hearts,
}

#[derive(Debug)]
enum Part {
    Serving(Serving),
    Reconciler(Reconciler),
    Task { stop: CancellationToken, task: JoinHandle<()> },
}

/// How one part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its name.
    pub part: &'static str,
    /// False if it had to be cut off.
    pub complete: bool,
}

impl Lifecycle {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled at the start of a drain. For whatever should end with the first, such as membership in groups.
    #[must_use]
    pub const fn draining(&self) -> &CancellationToken {
        &self.stop
    }

    /// Adds a mounted service.
    pub fn serve(&mut self, tier: Tier, part: &'static str, serving: Serving) {
        self.add(tier, part, Part::Serving(serving));
    }

    /// Adds a reconciler.
    pub fn reconcile(&mut self, tier: Tier, reconciler: Reconciler) {
        self.add(tier, reconciler.name(), Part::Reconciler(reconciler));
    }

    /// Adds a task that ends by itself soon after `stop` is cancelled.
    pub fn task(&mut self, tier: Tier, part: &'static str, stop: CancellationToken, task: JoinHandle<()>) {
        self.add(tier, part, Part::Task { stop, task });
    }

    fn add(&mut self, tier: Tier, name: &'static str, part: Part) {
        let place = self.parts.partition_point(|(other, ..)| *other <= tier);
        self.parts.insert(place, (tier, name, part));
    }

    /// Ends all parts within `budget`.
    pub async fn drain(mut self, budget: Duration) -> Vec<Ended> {
        self.stop.cancel();
        let deadline = Instant::now() + budget;
        let mut ended = Vec::with_capacity(self.parts.len());
        while let Some((_, name, part)) = self.parts.pop() {
            let left = deadline.saturating_duration_since(Instant::now());
            let sharing = u32::try_from(self.parts.len() + 1).unwrap_or(u32::MAX);
            let complete = part.end(Instant::now() + left / sharing).await;
            tracing::info!(part = name, complete, "ended");
            ended.push(Ended { part: name, complete });
        }
        ended
    }
}

impl Drop for Lifecycle {
    /// Without a drain everything ends where it stands.
    fn drop(&mut self) {
        self.stop.cancel();
        for (.., part) in &self.parts {
            if let Part::Task { task, .. } = part {
                task.abort();
            }
        }
    }
}

impl Part {
    async fn end(self, deadline: Instant) -> bool {
        match self {
            Self::Serving(serving) => serving.drain(deadline).await == Drained::Complete,
            Self::Reconciler(reconciler) => reconciler.stop(deadline).await,
            Self::Task { stop, mut task } => {
                stop.cancel();
                let ended = tokio::time::timeout_at(deadline, &mut task).await.is_ok();
                if !ended {
                    task.abort();
                }
                ended
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn callers_end_first_and_the_slow_leaves_time_for_the_rest() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut lifecycle = Lifecycle::new();
        let parts = [
            (Tier::Api, "api", 1),
            (Tier::Central, "central", 25),
            (Tier::Worker, "worker", 3600),
            (Tier::Central, "late central", 1),
        ];
        for (tier, name, takes) in parts {
            let (stop, order) = (CancellationToken::new(), Arc::clone(&order));
            let stopped = stop.clone();
            let task = tokio::spawn(async move {
                stopped.cancelled().await;
                order.lock().push(name);
                tokio::time::sleep(Duration::from_secs(takes)).await;
            });
            lifecycle.task(tier, name, stop, task);
        }
        let draining = lifecycle.draining().clone();
        let start = Instant::now();
        let ended = lifecycle.drain(Duration::from_secs(60)).await;
        assert!(draining.is_cancelled() && start.elapsed() <= Duration::from_secs(60));
        assert_eq!(*order.lock(), ["api", "worker", "late central", "central"]);
        assert_eq!(ended.iter().map(|end| end.complete).collect::<Vec<_>>(), [true, false, true, true]);
    }
}
