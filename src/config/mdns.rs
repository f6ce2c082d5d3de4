//! Settings of the built-in name server and hidden primary.
//!
//! Invariants: there is at least one address to listen on; a message holds at least what plain UDP DNS carries.

use std::net::SocketAddr;
use std::time::Duration;

use super::network::Network;
use super::reader::Section;

/// `[mdns]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdnsConfig {
    /// Addresses to listen on, UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Ordinary queries are answered; otherwise only SOA queries, transfers and NOTIFY are.
    pub answer_queries: bool,
    /// Who may transfer zones.
    pub allow_transfer: Vec<Network>,
    /// Queries and transfers are refused unless they are signed by a TSIG key.
    pub query_enforce_tsig: bool,
    /// Most changed recordsets that a client is told of instead of being given the whole zone.
    pub ixfr_max_changes: u32,
    /// Memory for all that clients are being told of changes, in bytes.
    pub ixfr_memory: u32,
    /// Largest message of a transfer, in bytes.
    pub max_message_size: u16,
    /// Largest UDP answer, in bytes, whatever the client offers.
    pub max_udp_size: u16,
    /// TCP connections open at once.
    pub tcp_max_connections: usize,
    /// Time for a client to send a query, hence also how long an idle connection is kept.
    pub tcp_recv_timeout: Duration,
    /// Time for a client to take one message.
    pub tcp_send_timeout: Duration,
    /// UDP queries being answered at once; more are dropped.
    pub udp_max_in_flight: usize,
    /// Zone transfers running at once; more are refused.
    pub max_transfers: usize,
    /// Time between two looks for changes whose nudge was lost.
    pub follow_interval: Duration,
    /// However often a master says that a zone changed, a worker is told once in this time.
    pub notify_window: Duration,
}

impl MdnsConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let listen = s.get(
            "listen",
            vec![SocketAddr::from(([0, 0, 0, 0], 5354))],
            "Addresses to listen on, UDP and TCP.",
        );
        let follow_interval = s.get(
            "follow_interval",
            Duration::from_secs(1),
            "Time between two looks for changes whose nudge was lost.",
        );
        s.check("follow_interval", !follow_interval.is_zero(), || String::from("must not be zero"));
        s.check("listen", !listen.is_empty(), || String::from("needs at least one address"));
        Self {
            listen,
            answer_queries: s.get(
                "answer_queries",
                true,
                "Ordinary queries are answered; otherwise only SOA queries, transfers and NOTIFY are.",
            ),
            allow_transfer: s.get(
                "allow_transfer",
                Network::loopback(),
                "Who may transfer zones: the pool's name servers have to be among them.",
            ),
            query_enforce_tsig: s.get(
                "query_enforce_tsig",
                false,
                "Queries and transfers are refused unless they are signed by a TSIG key; NOTIFY is not.",
            ),
            ixfr_max_changes: s.within(
                "ixfr_max_changes",
                5000u32,
                1..=1_000_000,
                "Most changes that an incremental transfer is made of; beyond that the whole zone is sent.",
            ),
            ixfr_memory: s.within(
                "ixfr_memory",
                32u32 << 20,
                65_536..=1 << 30,
                "Memory for all incremental transfers under way, bytes; while it is used up, whole zones are sent.",
            ),
            max_message_size: s.within(
                "max_message_size",
                16_384u16,
                512..=u16::MAX,
                "Largest message of a transfer, bytes; names are compressed in the first 16 KiB only.",
            ),
            max_udp_size: s.within(
                "max_udp_size",
                1232u16,
                512..=u16::MAX,
                "Largest UDP answer, bytes, whatever the client offers.",
            ),
            tcp_max_connections: s.within(
                "tcp_max_connections",
                1000usize,
                1..=usize::MAX,
                "TCP connections open at once.",
            ),
            tcp_recv_timeout: s.get(
                "tcp_recv_timeout",
                Duration::from_secs(10),
                "Time for a client to send a query, hence also how long an idle connection is kept.",
            ),
            tcp_send_timeout: s.get(
                "tcp_send_timeout",
                Duration::from_secs(10),
                "Time for a client to take one message.",
            ),
            udp_max_in_flight: s.within(
                "udp_max_in_flight",
                1000usize,
                1..=usize::MAX,
                "UDP queries being answered at once; more are dropped.",
            ),
            max_transfers: s.within(
                "max_transfers",
                100usize,
                1..=usize::MAX,
                "Zone transfers running at once; more are refused.",
            ),
            follow_interval,
            notify_window: s.get(
                "notify_window",
                Duration::from_millis(500),
                "However often the masters of a SECONDARY zone say that it changed, they are asked once in this time.",
            ),
        }
    }
}
