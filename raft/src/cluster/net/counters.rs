//! What happened at the peer port and on the way to peers, counted; and a log that a stranger cannot fill.
//!
//! **Invariant**: every refusal is counted; of each kind at most one line in [`QUIET`] is logged.
use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Time between two log lines about refusals of one kind.
const QUIET: Duration = Duration::from_secs(10);

/// Why somebody was not let in, or an answer was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Refused {
    /// It belongs to another cluster.
    #[error("another cluster")]
    Cluster,
    /// It does not know the secret.
    #[error("wrong secret")]
    Secret,
    /// Its certificate, or ours to it, is not good enough.
    #[error("certificate not accepted")]
    Certificate,
    /// There is no version that both speak.
    #[error("no common version of the protocol")]
    Version,
    /// Somebody else lives at this address, or it says to be whom it is not.
    #[error("another node than expected")]
    Node,
    /// What it sent is not the protocol.
    #[error("not the protocol")]
    Malformed,
    /// It did not finish the handshake in time.
    #[error("handshake not finished in time")]
    Slow,
    /// Too many connections.
    #[error("too many connections")]
    Busy,
}

impl Refused {
    const ALL: [Self; 8] = [
        Self::Cluster,
        Self::Secret,
        Self::Certificate,
        Self::Version,
        Self::Node,
        Self::Malformed,
        Self::Slow,
        Self::Busy,
    ];
}

/// The counters as they stood once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections let in.
    pub accepted: u64,
    /// Connections made.
    pub connected: u64,
    /// Attempts to connect that failed.
    pub unreachable: u64,
    /// Strangers of another cluster.
    pub refused_cluster: u64,
    /// Strangers without the secret.
    pub refused_secret: u64,
    /// Certificates not accepted.
    pub refused_certificate: u64,
    /// Peers of other versions.
    pub refused_version: u64,
    /// Peers that were not who they should be.
    pub refused_node: u64,
    /// Bytes that were not the protocol, also after the handshake.
    pub malformed: u64,
    /// Handshakes not finished in time.
    pub refused_slow: u64,
    /// Connections above the limit.
    pub refused_busy: u64,
    /// Requests refused because a queue was full.
    pub overloaded: u64,
    /// Connections given up because nothing was heard on them.
    pub silent: u64,
    /// Frames received.
    pub frames_in: u64,
    /// Frames sent.
    pub frames_out: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// The counters of one node.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) connected: AtomicU64,
    pub(crate) unreachable: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
    pub(crate) overloaded: AtomicU64,
    pub(crate) silent: AtomicU64,
    pub(crate) frames_in: AtomicU64,
    pub(crate) frames_out: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    logged: Mutex<[Option<Instant>; Refused::ALL.len()]>,
}

pub(crate) fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    /// Counts a refusal; logs it unless one of its kind was logged a moment ago.
    pub(crate) fn refused(&self, why: Refused, whom: &dyn fmt::Display) {
        let place = Refused::ALL.iter().position(|known| *known == why).unwrap_or_default();
        let Some(counter) = self.refused.get(place) else { return };
        let count = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Instant::now();
        let loud = {
            let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
            match logged.get_mut(place) {
                Some(last) if last.is_none_or(|last| now.duration_since(last) >= QUIET) => {
                    *last = Some(now);
                    true
                }
                _ => false,
            }
        };
        if loud {
            tracing::warn!(peer = %whom, reason = %why, count, "a peer was refused");
        }
    }

    /// How they stand.
    pub(crate) fn read(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [cluster, secret, certificate, version, node, malformed, slow, busy] = &self.refused;
        Counts {
            accepted: get(&self.accepted),
            connected: get(&self.connected),
            unreachable: get(&self.unreachable),
            refused_cluster: get(cluster),
            refused_secret: get(secret),
            refused_certificate: get(certificate),
            refused_version: get(version),
            refused_node: get(node),
            malformed: get(malformed),
            refused_slow: get(slow),
            refused_busy: get(busy),
            overloaded: get(&self.overloaded),
            silent: get(&self.silent),
            frames_in: get(&self.frames_in),
            frames_out: get(&self.frames_out),
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
        }
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_refusal_has_a_counter_of_its_own() {
        let counters = Counters::default();
        for (times, why) in Refused::ALL.into_iter().enumerate() {
            for _ in 0..=times {
                counters.refused(why, &"somebody");
            }
        }
        let counts = counters.read();
        assert_eq!(
            [
                counts.refused_cluster,
                counts.refused_secret,
                counts.refused_certificate,
                counts.refused_version,
                counts.refused_node,
                counts.malformed,
                counts.refused_slow,
                counts.refused_busy
            ],
            [1, 2, 3, 4, 5, 6, 7, 8]
        );
    }
}
