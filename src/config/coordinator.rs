//! `[coordinator]`: who gives out leases, and the cluster of those who do.
//!
//! Invariants: a process of a cluster knows where to find it and has a secret or certificates to show; one that keeps a part
//! of the log has a folder for it, and an address at which others find it. The secret is never printed.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::reader::Section;
use super::setting::{Setting, choices};
use crate::domain::host_port::HostPort;

/// Shortest secret, in bytes.
const MIN_SECRET: usize = 16;

choices! {
    /// Who gives out leases and group membership.
    CoordinatorKind {
        /// This process alone.
        Solo = "solo",
        /// A cluster of processes that agree.
        Raft = "raft",
    } later {}
}

/// `[coordinator]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoordinatorConfig {
    /// The coordinator.
    pub kind: CoordinatorKind,
    /// Folder that keeps the tokens given out, or the log of a cluster; unset, tokens end with the process.
    pub state_path: Option<PathBuf>,
    /// How long a lease holds without being renewed.
    pub lease_ttl: Duration,
    /// The cluster of `kind = "raft"`.
    pub raft: RaftConfig,
}

impl CoordinatorConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let kind = s.get(
            "kind",
            CoordinatorKind::Solo,
            "Who gives out leases and group membership: this process alone (solo), or a cluster of processes (raft).",
        );
        let config = Self {
            kind,
            state_path: s.optional(
                "state_path",
                &PathBuf::from("/var/lib/ordain/coordinator"),
                "Folder that keeps the tokens given out, or this process's part of the cluster; unset, tokens end with the process.",
            ),
            lease_ttl: s.get(
                "lease_ttl",
                Duration::from_secs(9),
                "How long a lease holds without being renewed: what a process that died held is served again after it.",
            ),
            raft: s.section("raft", "The cluster of the kind \"raft\".", |s| RaftConfig::read(s, kind)),
        };
        s.check("lease_ttl", config.lease_ttl >= Duration::from_secs(1), || {
            String::from("must be at least 1s")
        });
        let keeps = kind == CoordinatorKind::Raft && config.raft.listen.is_some();
        s.check("state_path", !keeps || config.state_path.is_some(), || {
            String::from("must be set where raft.listen is")
        });
        config
    }
}

/// A secret that all processes of a cluster know.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(String);

impl SharedSecret {
    /// The secret itself.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(***)")
    }
}

impl Setting for SharedSecret {
    /// What is refused is not repeated.
    fn read(value: &Value) -> Result<Self, String> {
        let secret = value.as_str().filter(|text| text.len() >= MIN_SECRET);
        secret
            .map(|text| Self(text.to_owned()))
            .ok_or_else(|| format!("expected a text of at least {MIN_SECRET} bytes"))
    }

    fn print(&self) -> String {
        String::from("\"****************\"")
    }
}

/// `[coordinator.raft]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftConfig {
    /// What the cluster is called; processes of another name are refused.
    pub cluster: String,
    /// What this process is called; the host's name if absent.
    pub name: Option<String>,
    /// Where it lets others in; absent in a process that keeps no part of the log.
    pub listen: Option<SocketAddr>,
    /// Where others find it; `listen` if absent.
    pub advertise: Option<String>,
    /// Where the processes are found that make the cluster.
    pub peers: Vec<String>,
    /// Known to all processes of the cluster.
    pub secret: Option<SharedSecret>,
    /// The authority of the cluster.
    pub ca_file: Option<PathBuf>,
    /// This process's certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// Between two signs of life of the leader.
    pub heartbeat: Duration,
    /// Shortest time without a sign of the leader after which another is elected; the longest is twice that.
    pub election_timeout: Duration,
}

impl RaftConfig {
    fn read(s: &mut Section<'_>, kind: CoordinatorKind) -> Self {
        let config = Self {
            cluster: s.get(
                "cluster",
                String::from("ordain"),
                "What the cluster is called; processes of another name are refused.",
            ),
            name: s.optional(
                "name",
                &String::from("producer1"),
                "What this process is called in the cluster: node.host, unless said otherwise.",
            ),
            listen: s.optional(
                "listen",
                &SocketAddr::from(([127, 0, 0, 1], 9005)),
                "Where this process lets the others in. Without it the process keeps no part of the log and only asks the others.",
            ),
            advertise: s.optional(
                "advertise",
                &String::from("producer1.example.org:9005"),
                "Where the others find this process: as listen says, unless said otherwise.",
            ),
            peers: s.get(
                "peers",
                Vec::new(),
                "Where the 1, 3 or 5 processes are found that make the cluster, this one included: host:port. The same everywhere.",
            ),
            secret: s.optional(
                "secret",
                &SharedSecret(String::new()),
                "Known to all processes of the cluster, at least 16 random bytes. It is never sent.",
            ),
            ca_file: s.optional(
                "ca_file",
                &PathBuf::from("/etc/ordain/cluster-ca.pem"),
                "The authority that every process's certificate must be from: mutual TLS, instead of the secret or besides it.",
            ),
            cert_file: s.optional(
                "cert_file",
                &PathBuf::from("/etc/ordain/cluster.pem"),
                "This process's certificate, for the name that it is found by.",
            ),
            key_file: s.optional(
                "key_file",
                &PathBuf::from("/etc/ordain/cluster-key.pem"),
                "The key of this process's certificate.",
            ),
            heartbeat: s.get(
                "heartbeat",
                Duration::from_millis(150),
                "Between two signs of life of the leader.",
            ),
            election_timeout: s.get(
                "election_timeout",
                Duration::from_millis(500),
                "Time without a sign of the leader after which another is elected, up to twice that. A closed connection is noticed at once.",
            ),
        };
        let name = |name: &str| !name.is_empty() && name.len() <= 255;
        s.check("cluster", name(&config.cluster), || String::from("must be 1 to 255 bytes"));
        s.check("name", config.name.as_deref().is_none_or(name), || String::from("must be 1 to 255 bytes"));
        for peer in config.peers.iter().chain(&config.advertise) {
            let port =
                peer.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
            let key = if config.advertise.as_ref() == Some(peer) { "advertise" } else { "peers" };
            s.check(key, port && peer.parse::<HostPort>().is_ok(), || format!("{peer} is not host:port"));
        }
        let tls = [&config.ca_file, &config.cert_file, &config.key_file].map(Option::is_some);
        s.check("key_file", tls == [true; 3] || tls == [false; 3], || {
            String::from("ca_file, cert_file and key_file go together")
        });
        let bounds = Duration::from_millis(20)..=Duration::from_secs(60);
        s.check("heartbeat", bounds.contains(&config.heartbeat), || String::from("must be from 20ms to 1m"));
        s.check("election_timeout", config.election_timeout >= config.heartbeat * 2, || {
            String::from("must be at least twice the heartbeat")
        });
        if kind == CoordinatorKind::Raft {
            s.check("peers", !config.peers.is_empty(), || {
                String::from("must name the processes of the cluster")
            });
            s.check("secret", config.secret.is_some() || tls == [true; 3], || {
                String::from("a cluster needs a secret, or certificates")
            });
            let somewhere = config.listen.is_none_or(|listen| !listen.ip().is_unspecified());
            s.check("advertise", somewhere || config.advertise.is_some(), || {
                String::from("must be set where listen is every address of the machine")
            });
        }
        config
    }

    /// Where others find this process; none if they do not.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        let listen = self.listen?;
        Some(self.advertise.clone().unwrap_or_else(|| listen.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Config;

    fn mistakes(coordinator: &serde_json::Value) -> Vec<String> {
        let mistakes = Config::from_tree(json!({ "coordinator": coordinator })).err().unwrap_or_default();
        mistakes.into_iter().map(|mistake| mistake.path).collect()
    }

    #[test]
    fn a_cluster_needs_peers_and_something_to_know_them_by() {
        assert_eq!(mistakes(&json!({"kind": "raft"})), ["coordinator.raft.peers", "coordinator.raft.secret"]);
        let raft = json!({"peers": ["a:1", "[::1]:2"], "secret": "0123456789abcdef"});
        assert_eq!(mistakes(&json!({"kind": "raft", "raft": raft})), Vec::<String>::new());
        let keeps = json!({"peers": ["a:1"], "secret": "0123456789abcdef", "listen": "0.0.0.0:1"});
        assert_eq!(
            mistakes(&json!({"kind": "raft", "raft": keeps})),
            ["coordinator.raft.advertise", "coordinator.state_path"]
        );
        let wrong = json!({"peers": ["a", "b:0"], "advertise": "x y:1", "ca_file": "/ca"});
        assert_eq!(
            mistakes(&json!({"kind": "solo", "raft": wrong})),
            ["peers", "peers", "advertise", "key_file"].map(|key| format!("coordinator.raft.{key}"))
        );
    }

    #[test]
    fn the_secret_is_neither_shown_nor_repeated() {
        let tree = json!({"coordinator": {"raft": {"secret": "0123456789abcdef"}}});
        assert!(!Config::show(tree.clone()).contains("0123"));
        assert!(!format!("{:?}", Config::from_tree(tree).unwrap()).contains("0123"));
        let short = Config::from_tree(json!({"coordinator": {"raft": {"secret": "t00short"}}}));
        assert!(!format!("{:?}", short.unwrap_err()).contains("t00short"));
    }
}
