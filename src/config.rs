//! The configuration of a deployment as plain, checked values.
//!
//! Invariants: a [`Config`] out of [`Config::from_tree`] is complete and consistent: whoever reads it checks nothing
//! again; every key has a default, so an empty configuration is a valid one.

mod amqp;
mod api;
mod auth;
mod central;
mod coordinator;
mod cors;
mod database;
mod duration;
mod health;
mod mdns;
mod network;
mod neutron;
mod notifications;
mod policy;
pub mod policy_file;
pub mod pool_file;
pub mod pool_text;
mod printed;
mod process;
mod producer;
mod reader;
mod schema_ceiling;
mod secrets;
mod setting;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

pub use self::coordinator::{CoordinatorConfig, CoordinatorKind, RaftConfig, SharedSecret};
pub use amqp::{AmqpConfig, BrokerUrl};
pub use api::{AdminExtension, ApiConfig};
pub use auth::{AuthConfig, AuthStrategy, KeystoneConfig, Password};
pub use central::{CentralConfig, QuotaDriver, SchedulerFilter, SoaConfig};
pub use cors::CorsConfig;
pub use database::{DatabaseConfig, DatabaseUrl, PostgresUrl};
pub use health::HealthConfig;
pub use mdns::MdnsConfig;
pub use network::{Network, NotANetwork};
pub use neutron::{Interface, NeutronConfig, RegionUrl};
pub use notifications::{NotificationDriver, NotificationsConfig, PayloadFormat};
pub use policy::PolicyConfig;
pub use process::{LogConfig, LogFormat, NodeConfig, TransportConfig, TransportKind};
pub use producer::{
    ExistsConfig, PoolWorkConfig, ProducerConfig, RecoveryConfig, RefreshConfig, TaskConfig, TaskName,
    ZoneTasksConfig,
};
pub use reader::Mistake;
pub use schema_ceiling::SchemaCeiling;
pub use secrets::{SecretKey, SecretsConfig};
pub use worker::{WorkerConfig, XfrConfig};

use reader::{Line, Section};

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// This process.
    pub node: NodeConfig,
    /// The REST API.
    pub api: ApiConfig,
    /// What is told of how this process is.
    pub health: HealthConfig,
    /// Web pages of other origins.
    pub cors: CorsConfig,
    /// How callers prove who they are.
    pub auth: AuthConfig,
    /// Who may do what.
    pub policy: PolicyConfig,
    /// Business rules.
    pub central: CentralConfig,
    /// The network service.
    pub neutron: NeutronConfig,
    /// Pushing changes to name servers.
    pub worker: WorkerConfig,
    /// Periodic tasks.
    pub producer: ProducerConfig,
    /// The built-in name server.
    pub mdns: MdnsConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Keys of what is secret in the database.
    pub secrets: SecretsConfig,
    /// Messages between services.
    pub transport: TransportConfig,
    /// What others are told of.
    pub notifications: NotificationsConfig,
    /// Leases and group membership.
    pub coordinator: CoordinatorConfig,
    /// Time between two heartbeats of a service.
    pub heartbeat_interval: Duration,
    /// Log lines.
    pub log: LogConfig,
    /// The pool file that `pool update` reads when it is given none.
    pub pools_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        reader::read_tree(Value::Object(serde_json::Map::new()), Self::read).0
    }
}

impl Config {
    /// Reads and checks a tree of sections and keys.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn from_tree(tree: Value) -> Result<Self, Vec<Mistake>> {
        let (config, findings) = reader::read_tree(tree, Self::read);
        if findings.mistakes.is_empty() { Ok(config) } else { Err(findings.mistakes) }
    }

    /// A configuration file with every key, each commented out at its default and explained.
    #[must_use]
    pub fn sample() -> String {
        printed::sample(&lines(Value::Object(serde_json::Map::new())))
    }

    /// The values in force for a tree, as TOML.
    #[must_use]
    pub fn show(tree: Value) -> String {
        printed::show(&lines(tree))
    }

    fn read(root: &mut Section<'_>) -> Self {
        Self {
            node: root.section("node", "This process.", NodeConfig::read),
            api: root.section("api", "The REST API.", ApiConfig::read),
            cors: root.section("cors", "Which web pages of other origins may use the API.", CorsConfig::read),
            health: root.section("health", "Whether this process is ready.", HealthConfig::read),
            auth: root.section("auth", "How callers prove who they are.", AuthConfig::read),
            policy: root.section("policy", "Who may do what.", PolicyConfig::read),
            central: root.section("central", "Business rules.", CentralConfig::read),
            neutron: root.section(
                "neutron",
                "The network service, whose floating IPs get PTR records.",
                NeutronConfig::read,
            ),
            worker: root.section("worker", "Pushing changes to name servers.", WorkerConfig::read),
            producer: root.section("producer", "Periodic tasks.", ProducerConfig::read),
            mdns: root.section("mdns", "The built-in name server and hidden primary.", MdnsConfig::read),
            database: root.section("database", "Where everything is kept.", DatabaseConfig::read),
            secrets: root.section("secrets", "What is secret in the database.", SecretsConfig::read),
            transport: root.section("transport", "Messages between services.", TransportConfig::read),
            notifications: root.section(
                "notifications",
                "Telling others what happened to zones and recordsets.",
                NotificationsConfig::read,
            ),
            coordinator: root.section("coordinator", "Leases and group membership.", CoordinatorConfig::read),
            heartbeat_interval: root.section("heartbeat", "Signs of life.", |s| {
                let interval =
                    s.get("interval", Duration::from_secs(10), "Time between two heartbeats of a service.");
                s.check("interval", !interval.is_zero(), || String::from("must not be zero"));
                interval
            }),
            log: root.section("log", "Log lines, on standard error.", LogConfig::read),
            pools_file: root.section("pools", "Pools of name servers.", |s| {
                s.optional(
                    "file",
                    &PathBuf::from("/etc/ordain/pools.yaml"),
                    "The pool file that `ordain pool update` reads when it is given none.",
                )
            }),
        }
    }
}

/// Mistakes as they stand in an error: each on a line of its own.
pub(crate) fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect()
}

fn lines(tree: Value) -> Vec<Line> {
    reader::read_tree(tree, Config::read).1.lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_configuration_is_valid_and_is_the_default() {
        assert_eq!(Config::from_tree(json!({})), Ok(Config::default()));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let tree = json!({
            "api": {"listen": ["nowhere"], "default_limit_v2": 50, "max_limit_v2": 10, "colour": "red"},
            "central": {"soa": {"refresh_min": 10, "refresh_max": 5}, "supported_record_type": ["A", "B"]},
            "producer": {"enabled_tasks": ["recovery", "dance"], "zone_purge": {"interval": "0s"}},
            "database": {"url": "mysql://u:password@db/ordain"},
            "auth": {"strategy": "kerberos"},
            "transport": {"call_timeout": "0s"},
            "log": {"level": "loud=very=much"},
            "apu": {},
        });
        let mistakes = Config::from_tree(tree).unwrap_err();
        let paths: Vec<&str> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "api.listen",
                "api.default_limit_v2",
                "api.colour",
                "auth.strategy",
                "central.supported_record_type",
                "central.soa.refresh_min",
                "producer.enabled_tasks",
                "producer.zone_purge.interval",
                "database.url",
                "transport.call_timeout",
                "log.level",
                "apu",
            ]
        );
        assert!(mistakes.iter().all(|mistake| !mistake.problem.contains("password")));
    }

    /// The sample with every key uncommented.
    fn uncommented() -> Value {
        let sample = Config::sample();
        let lines: Vec<&str> = sample
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(key) if !key.starts_with(' ') => key,
                _ => line,
            })
            .collect();
        let table: toml::Table = lines.join("\n").parse().unwrap();
        serde_json::to_value(table).unwrap()
    }

    #[test]
    fn the_sample_is_valid_and_shows_the_defaults() {
        let table: toml::Table = Config::sample().parse().unwrap();
        assert_eq!(Config::from_tree(serde_json::to_value(table).unwrap()), Ok(Config::default()));

        let config = Config::from_tree(uncommented()).unwrap();
        let optional = Config {
            policy: PolicyConfig { file: None, ..config.policy.clone() },
            pools_file: None,
            auth: AuthConfig {
                keystone: KeystoneConfig {
                    www_authenticate_uri: None,
                    ca_file: None,
                    ..config.auth.keystone.clone()
                },
                ..config.auth.clone()
            },
            health: HealthConfig { disable_by_file: None, ..config.health.clone() },
            neutron: NeutronConfig { ca_file: None, ..config.neutron.clone() },
            coordinator: CoordinatorConfig {
                state_path: None,
                raft: RaftConfig {
                    name: None,
                    listen: None,
                    advertise: None,
                    secret: None,
                    ca_file: None,
                    cert_file: None,
                    key_file: None,
                    ..config.coordinator.raft.clone()
                },
                ..config.coordinator.clone()
            },
            transport: TransportConfig {
                amqp: AmqpConfig {
                    ca_file: None,
                    cert_file: None,
                    key_file: None,
                    ..config.transport.amqp.clone()
                },
                ..config.transport.clone()
            },
            ..config
        };
        assert_eq!(optional, Config::default());
    }

    #[test]
    fn the_sample_covers_every_key() {
        let keys = lines(json!({})).iter().filter(|line| matches!(line, Line::Key { .. })).count();
        fn leaves(value: &Value) -> usize {
            value.as_object().map_or(1, |table| table.values().map(leaves).sum())
        }
        assert_eq!(leaves(&uncommented()), keys);
    }

    #[test]
    fn what_is_shown_is_what_was_read() {
        let tree = json!({"central": {"quotas": {"zones": -1}}, "policy": {"file": "/p"}});
        let shown: toml::Table = Config::show(tree.clone()).parse().unwrap();
        assert_eq!(Config::from_tree(serde_json::to_value(shown).unwrap()), Config::from_tree(tree));
    }
}
