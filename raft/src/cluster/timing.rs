//! How long things take in a cluster.
//!
//! **Invariants**: the shortest election time-out is several heartbeats, so that one lost heartbeat elects nobody.
use std::{io, time::Duration};

use openraft::{Config, SnapshotPolicy};

use crate::Pace;

/// Time-outs and sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Between two signs of life of the leader.
    pub heartbeat: Duration,
    /// Without a sign of the leader for so long, a voter stands for election.
    pub election: (Duration, Duration),
    /// How long one write or read may take.
    pub limit: Duration,
    /// Commands after which a snapshot is made.
    pub snapshot_after: usize,
    /// Entries that stay in the log behind a snapshot, for followers that are a little behind.
    pub keep: u64,
    /// The clock that leases are timed by.
    pub pace: Pace,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(150),
            election: (Duration::from_millis(500), Duration::from_secs(1)),
            limit: Duration::from_secs(5),
            snapshot_after: 20_000,
            keep: 1000,
            pace: Pace::default(),
        }
    }
}

impl Timing {
    /// How long a voter trusts that the leader leads.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        self.election.1
    }

    pub(crate) fn config(&self) -> io::Result<Config> {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let config = Config {
            cluster_name: "coordinator".to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election.0),
            election_timeout_max: millis(self.election.1),
            install_snapshot_timeout: millis(self.limit),
            max_payload_entries: 64,
            replication_lag_threshold: self.keep.saturating_add(self.snapshot_after as u64 * 2),
            // Made when enough commands have piled up, which entries do not tell.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: self.keep,
            ..Config::default()
        };
        config.validate().map_err(io::Error::other)
    }
}
