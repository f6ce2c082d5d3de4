//! Settings of the producer's periodic tasks.
//!
//! Invariants: an interval is never zero; a batch has at least one item.

use std::time::Duration;

use super::reader::Section;
use super::setting::choices;

choices! {
    /// A periodic task of the producer.
    TaskName {
        /// Nudges zones whose published or propagated generation lags.
        Recovery = "recovery",
        /// Removes rows of deleted zones for good.
        ZonePurge = "zone_purge",
        /// Marks services without a heartbeat as DOWN.
        ServiceStatus = "service_status",
        /// Removes statuses of services that are gone.
        ServiceCleanup = "service_cleanup",
        /// Forgets old lines of the zones' journals.
        JournalTrim = "journal_trim",
        /// Forgets the outcomes of requests that nobody asks for any more.
        InboxTrim = "inbox_trim",
        /// Notifies that zones exist.
        PeriodicExists = "periodic_exists",
        /// Takes up imports and exports again that nobody is at.
        ZoneTasks = "zone_tasks",
        /// Gives zones the NS set of their pool where somebody has left off.
        PoolWork = "pool_work",
        /// Has the masters of secondary zones asked when it is time.
        SecondaryRefresh = "secondary_refresh",
    } later {}
}

/// `[producer]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerConfig {
    /// The tasks that run.
    pub enabled_tasks: Vec<TaskName>,
    /// Of the task `recovery`.
    pub recovery: RecoveryConfig,
    /// Of the task `zone_purge`; the threshold is the age of a deletion.
    pub zone_purge: TaskConfig,
    /// Of the task `service_status`; the threshold is the age of the last heartbeat.
    pub service_status: TaskConfig,
    /// Of the task `service_cleanup`; the threshold is the age of the last heartbeat.
    pub service_cleanup: TaskConfig,
    /// Of the task `journal_trim`; the threshold is the age of a line.
    pub journal_trim: TaskConfig,
    /// Of the task `inbox_trim`; the threshold is the age of an outcome.
    pub inbox_trim: TaskConfig,
    /// Of the task `periodic_exists`.
    pub periodic_exists: ExistsConfig,
    /// Of the task `zone_tasks`.
    pub zone_tasks: ZoneTasksConfig,
    /// Of the task `pool_work`.
    pub pool_work: PoolWorkConfig,
    /// Of the task `secondary_refresh`.
    pub secondary_refresh: RefreshConfig,
}

/// `[producer.pool_work]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolWorkConfig {
    /// Time between two runs.
    pub interval: Duration,
}

/// `[producer.secondary_refresh]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshConfig {
    /// Time between two looks at what is due.
    pub interval: Duration,
    /// Zones taken up by one look.
    pub batch_size: u32,
}

/// `[producer.zone_tasks]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneTasksConfig {
    /// Time between two runs.
    pub interval: Duration,
    /// Imports and exports taken up at once.
    pub batch_size: u32,
}

/// `[producer.periodic_exists]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExistsConfig {
    /// The period that each notification tells of.
    pub interval: Duration,
    /// Zones told of in one transaction.
    pub batch_size: u32,
}

/// `[producer.recovery]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryConfig {
    /// Time between two runs.
    pub interval: Duration,
    /// Zones nudged by one run.
    pub batch_size: u32,
    /// A lagging zone is nudged once its last sign of progress is this old; doubles while it fails.
    pub retry_first: Duration,
    /// Longest time between two nudges of a failing zone.
    pub retry_max: Duration,
}

/// `[producer.zone_purge]` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskConfig {
    /// Time between two runs.
    pub interval: Duration,
    /// Rows of one run.
    pub batch_size: u32,
    /// Age from which a row is concerned.
    pub time_threshold: Duration,
}

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);

impl ProducerConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        Self {
            enabled_tasks: s.get("enabled_tasks", TaskName::ALL.to_vec(), "The tasks that run."),
            recovery: s.section(
                "recovery",
                "Nudges zones whose published or propagated generation lags, whatever message got lost.",
                RecoveryConfig::read,
            ),
            zone_purge: s.section("zone_purge", "Removes rows of deleted zones for good.", |s| {
                TaskConfig::read(s, HOUR, DAY * 7)
            }),
            service_status: s.section("service_status", "Marks services without a heartbeat as DOWN.", |s| {
                TaskConfig::read(s, HOUR, HOUR / 2)
            }),
            journal_trim: s.section("journal_trim", "Forgets old lines of the zones' journals.", |s| {
                TaskConfig::read(s, HOUR, DAY * 7)
            }),
            inbox_trim: s.section(
                "inbox_trim",
                "Forgets the outcomes of requests that nobody asks for any more.",
                |s| TaskConfig::read(s, HOUR / 60, HOUR / 6),
            ),
            periodic_exists: s.section(
                "periodic_exists",
                "Notifies that zones exist; nothing unless notifications are on.",
                |s| ExistsConfig {
                    interval: interval(s, HOUR),
                    batch_size: s.within(
                        "batch_size",
                        100u32,
                        1..=10_000,
                        "Zones told of in one transaction.",
                    ),
                },
            ),
            zone_tasks: s.section(
                "zone_tasks",
                "Takes up imports and exports again whose central died.",
                |s| ZoneTasksConfig {
                    interval: interval(s, Duration::from_secs(10)),
                    batch_size: s.within("batch_size", 10u32, 1..=1000, "Taken up by one call."),
                },
            ),
            pool_work: s.section(
                "pool_work",
                "Gives zones the NS set of their pool where whoever changed the pool has left off.",
                |s| PoolWorkConfig { interval: interval(s, Duration::from_secs(5)) },
            ),
            secondary_refresh: s.section(
                "secondary_refresh",
                "Has the masters of SECONDARY zones asked when their SOA timers say so.",
                |s| RefreshConfig {
                    interval: interval(s, Duration::from_secs(1)),
                    batch_size: s.within("batch_size", 500u32, 1..=10_000, "Zones taken up by one look."),
                },
            ),
            service_cleanup: s.section(
                "service_cleanup",
                "Removes statuses of services that are gone.",
                |s| TaskConfig::read(s, DAY * 2, DAY * 7),
            ),
        }
    }
}

fn interval(s: &mut Section<'_>, default: Duration) -> Duration {
    let interval = s.get("interval", default, "Time between two runs.");
    s.check("interval", !interval.is_zero(), || String::from("must not be zero"));
    interval
}

impl RecoveryConfig {
    fn read(s: &mut Section<'_>) -> Self {
        let recovery = Self {
            interval: interval(s, Duration::from_secs(1)),
            batch_size: s.within("batch_size", 1000u32, 1..=100_000, "Zones nudged by one run."),
            retry_first: s.get(
                "retry_first",
                Duration::from_secs(5),
                "A lagging zone is nudged once its last sign of progress is this old; doubles while it fails.",
            ),
            retry_max: s.get(
                "retry_max",
                Duration::from_secs(120),
                "Longest time between two nudges of a failing zone.",
            ),
        };
        s.check("retry_first", recovery.retry_first <= recovery.retry_max, || {
            String::from("must not be above retry_max")
        });
        recovery
    }
}

impl TaskConfig {
    fn read(s: &mut Section<'_>, every: Duration, threshold: Duration) -> Self {
        Self {
            interval: interval(s, every),
            batch_size: s.within("batch_size", 100u32, 1..=100_000, "Rows of one run."),
            time_threshold: s.get("time_threshold", threshold, "Age from which a row is concerned."),
        }
    }
}
