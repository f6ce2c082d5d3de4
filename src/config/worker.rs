//! Settings of the worker: batching, pushing to targets, polling name servers, transferring from masters.
//!
//! Invariants: back-off never starts above its maximum; a single query is given up before the propagation is.

use std::time::Duration;

use super::reader::Section;

/// `[worker]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Share of targets and of name servers that must have a change before the zone is ACTIVE, in percent.
    pub threshold_percentage: u8,
    /// Changes of a zone within this time share a serial; the first change of a quiet zone does not wait.
    pub batch_window: Duration,
    /// The batch window grows up to here while there is much to do.
    pub batch_window_max: Duration,
    /// Zones being pushed and polled at once.
    pub max_propagations: usize,
    /// How long a change may take to arrive before the zone's status is ERROR.
    pub propagation_timeout: Duration,
    /// Time before the first poll after a NOTIFY.
    pub poll_first_delay: Duration,
    /// Longest time between two polls of a name server; the time grows up to here.
    pub poll_backoff_max: Duration,
    /// Time for a name server to answer a SOA query.
    pub poll_timeout: Duration,
    /// Time for a name server to answer a NOTIFY, before it is sent again.
    pub notify_timeout: Duration,
    /// NOTIFY and SOA queries use TCP only.
    pub all_tcp: bool,
    /// Time for one command to a target, connecting included.
    pub target_timeout: Duration,
    /// Time before a failed command to a target is tried again; doubles.
    pub target_retry_first: Duration,
    /// Longest time between two tries of a command.
    pub target_retry_max: Duration,
    /// What comes from the masters of secondary zones.
    pub xfr: XfrConfig,
}

/// `[worker.xfr]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XfrConfig {
    /// Time for a master to take a connection, and for each of its messages.
    pub timeout: Duration,
    /// Time for the whole transfer of a zone.
    pub total_timeout: Duration,
    /// Time for a master to tell its serial.
    pub soa_timeout: Duration,
    /// Most octets of a transfer.
    pub max_size: usize,
    /// Most records of a zone.
    pub max_records: usize,
    /// Zones being looked after at once.
    pub max_running: usize,
    /// Shortest time between two looks at a zone, whatever its SOA record says; also the first after a failure of a zone that
    /// was never transferred.
    pub min_interval: Duration,
}

impl WorkerConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let millis = Duration::from_millis;
        let seconds = Duration::from_secs;
        let worker = Self {
            threshold_percentage: s.within(
                "threshold_percentage",
                100u8,
                0..=100,
                "Share of targets and of name servers that must have a change before the zone is ACTIVE.",
            ),
            batch_window: s.get(
                "batch_window",
                millis(100),
                "Changes of a zone within this time share a serial; the first change of a quiet zone does not wait.",
            ),
            batch_window_max: s.get(
                "batch_window_max",
                seconds(2),
                "The batch window grows up to here while publishing takes long because there is much to do.",
            ),
            max_propagations: s.within(
                "max_propagations",
                1000usize,
                1..=usize::MAX,
                "Zones being pushed and polled at once.",
            ),
            propagation_timeout: s.get(
                "propagation_timeout",
                seconds(60),
                "How long a change may take to arrive before the zone's status is ERROR.",
            ),
            poll_first_delay: s.get("poll_first_delay", millis(5), "Time before the first poll after a NOTIFY."),
            poll_backoff_max: s.get(
                "poll_backoff_max",
                seconds(5),
                "Longest time between two polls of a name server; the time grows up to here.",
            ),
            poll_timeout: s.get("poll_timeout", seconds(2), "Time for a name server to answer a SOA query."),
            notify_timeout: s.get("notify_timeout", seconds(2), "Time before an unanswered NOTIFY is sent again."),
            all_tcp: s.get("all_tcp", false, "NOTIFY and SOA queries use TCP only."),
            target_timeout: s.get(
                "target_timeout",
                seconds(10),
                "Time for one command to a target, connecting included.",
            ),
            target_retry_first: s.get(
                "target_retry_first",
                millis(100),
                "Time before a failed command to a target is tried again; doubles.",
            ),
            target_retry_max: s.get("target_retry_max", seconds(15), "Longest time between two tries of a command."),
            xfr: s.section("xfr", "Transfers of SECONDARY zones from their masters.", XfrConfig::read),
        };
        s.check("batch_window_max", worker.batch_window <= worker.batch_window_max, || {
            String::from("must not be below batch_window")
        });
        s.check("poll_first_delay", worker.poll_first_delay <= worker.poll_backoff_max, || {
            String::from("must not be above poll_backoff_max")
        });
        s.check("poll_timeout", worker.poll_timeout <= worker.propagation_timeout, || {
            String::from("must not be above propagation_timeout")
        });
        s.check("target_retry_first", worker.target_retry_first <= worker.target_retry_max, || {
            String::from("must not be above target_retry_max")
        });
        worker
    }
}

impl XfrConfig {
    fn read(s: &mut Section<'_>) -> Self {
        let seconds = Duration::from_secs;
        let xfr = Self {
            timeout: s.get(
                "timeout",
                seconds(10),
                "Time for a master to take a connection, and for each of its messages.",
            ),
            total_timeout: s.get("total_timeout", seconds(600), "Time for the whole transfer of a zone."),
            soa_timeout: s.get("soa_timeout", seconds(3), "Time for a master to tell its serial."),
            max_size: s.within(
                "max_size",
                128usize << 20,
                65_536..=usize::MAX,
                "Most octets of a transfer; a zone is in memory until it is written.",
            ),
            max_records: s.within("max_records", 500_000usize, 1..=usize::MAX, "Most records of a zone."),
            max_running: s.within(
                "max_running",
                16usize,
                1..=100_000,
                "Zones of which the masters are asked at once.",
            ),
            min_interval: s.get(
                "min_interval",
                seconds(5),
                "Shortest time between two looks at a zone, whatever its SOA record says.",
            ),
        };
        s.check("min_interval", !xfr.min_interval.is_zero(), || String::from("must not be zero"));
        s.check("total_timeout", xfr.timeout <= xfr.total_timeout, || {
            String::from("must not be below timeout")
        });
        xfr
    }
}
