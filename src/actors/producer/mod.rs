//! The producer: does what has to be done from time to time, each part of it by one producer of the deployment.
//!
//! Invariants: what a producer does is safe to do twice and safe to leave to another; it works only on shards that it
//! holds, and stops when it can no longer be sure of them.

pub mod api;
mod jobs;
mod outlet;
mod ownership;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::{Coordinator, Group, GroupName, Member};
use parking_lot::Mutex;
use tokio::runtime::Handle as Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::api::RunTask;
pub use self::outlet::{AmqpOutlet, Emission, LogOutlet, Outlet};
use self::ownership::Ownership;
use crate::actors::central::api::Central;
use crate::actors::reconcile::{Cadence, Nudge, Reconcile, Reconciler};
use crate::actors::worker::api::Worker;
use crate::clock::Clock;
use crate::config::{ProducerConfig, TaskName};
use crate::health::Condition;
use crate::transport::{Cx, Fault, Handle, ServiceRef};

/// The group in which every instance of every service has a seat, called `service:instance`.
pub const SERVICES: Group = Group::plain(GroupName::literal("services"));
/// How often it is looked at whether a lease has ended.
const LIVENESS: Duration = Duration::from_secs(1);
/// The longest that one pass of a task may take.
const PASS_BUDGET: Duration = Duration::from_secs(60);

/// The state of one producer: the way to each of its tasks.
#[derive(Debug)]
pub struct ProducerService {
    tasks: BTreeMap<&'static str, Nudge>,
    ownership: Ownership,
}

/// Whom the tasks talk to.
#[derive(Debug, Clone)]
pub struct Peers {
    /// Writes.
    pub central: ServiceRef<Central>,
    /// Propagates.
    pub worker: ServiceRef<Worker>,
    /// Whether there is a seat among the producers.
    pub seat: Condition,
    /// Wall time.
    pub clock: Clock,
    /// How notifications leave, if others are told anything.
    pub emission: Option<Emission>,
}

/// A producer at work: its state, its tasks, and the task that keeps its seat.
#[derive(Debug)]
pub struct Running {
    /// To be mounted.
    pub service: Arc<ProducerService>,
    /// The enabled tasks.
    pub tasks: Vec<Reconciler>,
    /// Ends after `stop`, once the seat is given up.
    pub seat: JoinHandle<()>,
}

impl ProducerService {
    /// Takes a seat among the producers as `me` and starts the enabled tasks; all of it ends with `stop`.
    #[must_use]
    pub fn start(
        coordinator: Arc<dyn Coordinator>,
        me: Member,
        peers: &Peers,
        config: &ProducerConfig,
        stop: &CancellationToken,
        runtime: &Runtime,
    ) -> Running {
        let ownership = Ownership::default();
        let start = |name: &TaskName| -> Option<Reconciler> {
            let ownership = ownership.clone();
            let (central, worker) = (peers.central.clone(), peers.worker.clone());
            Some(match name {
                TaskName::Recovery => {
                    let task = tasks::Recovery { ownership, worker, config: config.recovery };
                    reconciler(task, config.recovery.interval, stop, runtime)
                }
                TaskName::ZonePurge => {
                    let task = tasks::ZonePurge { ownership, central, config: config.zone_purge };
                    reconciler(task, config.zone_purge.interval, stop, runtime)
                }
                TaskName::ServiceStatus => {
                    let task =
                        tasks::ServiceStatusCheck { ownership, central, config: config.service_status };
                    reconciler(task, config.service_status.interval, stop, runtime)
                }
                TaskName::JournalTrim => {
                    let task = tasks::JournalTrim { ownership, central, config: config.journal_trim };
                    reconciler(task, config.journal_trim.interval, stop, runtime)
                }
                TaskName::PeriodicExists => {
                    peers.emission.as_ref()?;
                    let (clock, config) = (peers.clock, config.periodic_exists);
                    let told = Mutex::default();
                    let task = tasks::PeriodicExists { ownership, central, clock, config, told };
                    reconciler(task, config.interval, stop, runtime)
                }
                TaskName::InboxTrim => {
                    let task = tasks::InboxTrim { ownership, central, config: config.inbox_trim };
                    reconciler(task, config.inbox_trim.interval, stop, runtime)
                }
                TaskName::ZoneTasks => {
                    let task = jobs::ZoneTasks { ownership, central, config: config.zone_tasks };
                    reconciler(task, config.zone_tasks.interval, stop, runtime)
                }
                TaskName::PoolWork => {
                    let task = jobs::PoolWork { ownership, central };
                    reconciler(task, config.pool_work.interval, stop, runtime)
                }
                TaskName::SecondaryRefresh => {
                    let task = jobs::SecondaryRefresh { ownership, worker, config: config.secondary_refresh };
                    reconciler(task, config.secondary_refresh.interval, stop, runtime)
                }
                TaskName::ServiceCleanup => {
                    let task = tasks::ServiceCleanup { ownership, central, config: config.service_cleanup };
                    reconciler(task, config.service_cleanup.interval, stop, runtime)
                }
            })
        };
        let mut tasks: Vec<_> = config.enabled_tasks.iter().filter_map(start).collect();
        if config.enabled_tasks.contains(&TaskName::ServiceStatus) {
            let (ownership, central) = (ownership.clone(), peers.central.clone());
            let coordinator = Arc::clone(&coordinator);
            let task = tasks::Liveness { ownership, central, coordinator, seen: Mutex::default() };
            tasks.push(reconciler(task, LIVENESS, stop, runtime));
        }
        if let Some(emission) = peers.emission.clone() {
            let (ownership, central, interval) =
                (ownership.clone(), peers.central.clone(), emission.interval);
            let outbox = outlet::Outbox { ownership, central, emission };
            tasks.push(reconciler(outbox, interval, stop, runtime));
        }
        let tell = tasks.iter().map(|task| task.nudge().clone()).collect();
        let seat = ownership.keep(coordinator, me, tell, peers.seat.clone(), stop.clone(), runtime);
        let nudges = tasks.iter().map(|task| (task.name(), task.nudge().clone())).collect();
        Running { service: Arc::new(Self { tasks: nudges, ownership }), tasks, seat }
    }

    /// What it tells of itself: its shards.
    #[must_use]
    pub fn stats(&self) -> BTreeMap<String, String> {
        self.ownership.stats()
    }
}

fn reconciler<R: Reconcile>(
    task: R,
    every: Duration,
    stop: &CancellationToken,
    runtime: &Runtime,
) -> Reconciler {
    let cadence = Cadence { budget: PASS_BUDGET, ..Cadence::every(every) };
    Reconciler::start(Arc::new(task), cadence, stop, runtime)
}

impl Handle<RunTask> for ProducerService {
    async fn handle(&self, _: &Cx, m: RunTask) -> Result<(), Fault> {
        match self.tasks.get(m.task.as_str()) {
            Some(task) => {
                task.nudge();
                Ok(())
            }
            None => Err(Fault::not_found("task_not_found", format!("there is no enabled task {}", m.task))),
        }
    }
}
