//! The faults, and how each is done and undone.
//!
//! Invariants: nothing is repaired by hand: a killed process comes back by its keeper, everything else heals because the
//! fault ends; after each there is a time without faults that its effects count to.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{Cluster, SERVICES};

const PARTITION: Duration = Duration::from_secs(30);
const STANDSTILL: Duration = Duration::from_secs(60);
const BROKER_AWAY: Duration = Duration::from_secs(8);
const RESTART_LIMIT: Duration = Duration::from_secs(120);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SIGKILL for an instance of a service.
    Kill(&'static str),
    /// SIGTERM for an instance of a service, which ends in order.
    Drain(&'static str),
    /// SIGKILL for the broker, which returns with its data.
    Broker,
    /// SIGKILL for the broker, which returns empty.
    BrokerEmptied,
    /// The database ends as in a crash.
    Postgres,
    /// Nothing passes between an instance and the broker.
    Partition(&'static str),
    /// SIGSTOP for an instance.
    Stop(&'static str),
}

const NAMES: [&str; 5] = ["api", "central", "worker", "mdns", "producer"];

impl Kind {
    /// From names such as `kill-api`, `broker`, `partition-worker`.
    pub(crate) fn parse(name: &str) -> anyhow::Result<Self> {
        let service = |wanted: &str| {
            NAMES.into_iter().find(|name| *name == wanted).with_context(|| format!("no service {wanted}"))
        };
        Ok(match name.split_once('-') {
            None if name == "broker" => Self::Broker,
            None if name == "postgres" => Self::Postgres,
            Some(("broker", "emptied")) => Self::BrokerEmptied,
            Some(("drain", of)) => Self::Drain(service(of)?),
            Some(("kill", of)) => Self::Kill(service(of)?),
            Some(("partition", of)) => Self::Partition(service(of)?),
            Some(("stop", of)) => Self::Stop(service(of)?),
            _ => anyhow::bail!("no fault {name}"),
        })
    }

    /// Everything, in an order that spreads the long ones.
    pub(crate) fn all() -> Vec<Self> {
        let mut all: Vec<_> = NAMES.into_iter().map(Self::Kill).collect();
        all.extend([Self::Broker, Self::Postgres, Self::BrokerEmptied]);
        for name in NAMES {
            all.extend([Self::Partition(name), Self::Kill(name), Self::Drain(name), Self::Stop(name)]);
        }
        all.extend([Self::Broker, Self::Postgres, Self::BrokerEmptied]);
        all.extend(NAMES.into_iter().map(Self::Kill));
        all.extend([Self::Broker, Self::Postgres, Self::BrokerEmptied]);
        all
    }

    /// As the table calls it.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Kill(name) => format!("`kill -9` of {}", one(name)),
            Self::Drain(name) => format!("{} ended with SIGTERM", one(name)),
            Self::Broker => String::from("RabbitMQ killed, started again after 8 s with its data"),
            Self::BrokerEmptied => String::from("RabbitMQ killed, started again after 8 s without its data"),
            Self::Postgres => String::from("PostgreSQL restarted as after a crash"),
            Self::Partition(name) => format!("30 s nothing between RabbitMQ and {}", one(name)),
            Self::Stop(name) => format!("{} stopped with SIGSTOP for 60 s", one(name)),
        }
    }

    /// The time after it that counts to it.
    const fn aftermath(self) -> Duration {
        Duration::from_secs(match self {
            Self::Kill(_) | Self::Drain(_) => 15,
            Self::Postgres => 20,
            Self::Broker | Self::BrokerEmptied | Self::Partition(_) | Self::Stop(_) => 25,
        })
    }

    /// Does it to somebody, undoes it, and waits; who it was, and when it was undone.
    pub(crate) async fn inject(
        self,
        cluster: &Cluster,
        random: &mut StdRng,
    ) -> anyhow::Result<(String, Instant)> {
        let mut pick = |name: &str| {
            let some: Vec<_> = SERVICES.into_iter().filter(|service| service.starts_with(name)).collect();
            some[random.random_range(0..some.len())]
        };
        let victim = match self {
            Self::Kill(name) | Self::Drain(name) | Self::Partition(name) | Self::Stop(name) => pick(name),
            Self::Broker | Self::BrokerEmptied => "rabbitmq",
            Self::Postgres => "postgres",
        };
        match self {
            Self::Kill(_) => restart(cluster, victim, "KILL").await?,
            Self::Drain(_) => restart(cluster, victim, "TERM").await?,
            // Of its three ways to end, the one that loses what was not committed.
            Self::Postgres => restart(cluster, victim, "QUIT").await?,
            Self::Broker | Self::BrokerEmptied => {
                cluster.script(&["kill", victim]).await?;
                sleep(BROKER_AWAY).await;
                if self == Self::BrokerEmptied {
                    std::fs::remove_dir_all(cluster.folder().join("rabbitmq/data"))?;
                }
                cluster.script(&["start", victim]).await?;
                await_greeting(cluster.address(victim)?).await?;
            }
            Self::Partition(_) => {
                cluster.wire(victim)?.set_open(false);
                sleep(PARTITION).await;
                cluster.wire(victim)?.set_open(true);
            }
            Self::Stop(_) => {
                cluster.signal(victim, "STOP").await?;
                sleep(STANDSTILL).await;
                cluster.signal(victim, "CONT").await?;
            }
        }
        let undone = Instant::now();
        sleep(self.aftermath()).await;
        Ok((victim.to_owned(), undone))
    }
}

fn one(name: &str) -> String {
    if name == "api" { String::from("an api") } else { format!("one {name}") }
}

/// Waits until a broker answers the header of the protocol.
async fn await_greeting(broker: SocketAddr) -> anyhow::Result<()> {
    let since = Instant::now();
    let greeted = || async {
        let mut stream = TcpStream::connect(broker).await?;
        stream.write_all(b"AMQP\0\0\x09\x01").await?;
        stream.read_u8().await
    };
    while !matches!(timeout(Duration::from_secs(5), greeted()).await, Ok(Ok(_))) {
        anyhow::ensure!(since.elapsed() < RESTART_LIMIT, "the broker does not start");
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Ends a process and waits until its keeper has started it again.
async fn restart(cluster: &Cluster, name: &str, signal: &str) -> anyhow::Result<()> {
    let before = cluster.pid(name);
    cluster.signal(name, signal).await?;
    let since = Instant::now();
    while cluster.pid(name).is_none_or(|pid| Some(pid) == before) {
        anyhow::ensure!(since.elapsed() < RESTART_LIMIT, "{name} is not started again");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
