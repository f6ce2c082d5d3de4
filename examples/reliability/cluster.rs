//! The cluster that is put under load: `scripts/cluster` in a folder of its own, with a wire between every service and the
//! broker.
//!
//! Invariants: what was started is stopped when [`Cluster::down`] is called, and nothing else; every command is bounded by
//! the script.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::wire::Wire;

/// The services of the cluster.
pub(crate) const SERVICES: [&str; 11] = [
    "api1",
    "api2",
    "central1",
    "central2",
    "worker1",
    "worker2",
    "mdns1",
    "mdns2",
    "producer1",
    "producer2",
    "producer3",
];

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    ports: BTreeMap<String, u16>,
    wires: BTreeMap<&'static str, Wire>,
}

impl Cluster {
    /// Starts one in the folder; wires can be done without where nothing is to be cut.
    pub(crate) async fn up(folder: &Path, wired: bool) -> anyhow::Result<Self> {
        let mut wires = BTreeMap::new();
        for service in SERVICES.into_iter().filter(|_| wired) {
            wires.insert(service, Wire::new().await?);
        }
        let mut cluster = Self { folder: folder.to_owned(), ports: BTreeMap::new(), wires };
        std::fs::create_dir_all(folder)?;
        // The broker's port is known once the first step of the script was taken; the wires wait for it.
        cluster.script(&["ports"]).await?;
        let text = std::fs::read_to_string(folder.join("ports"))?;
        for line in text.lines() {
            let (role, port) = line.split_once('=').context("a line without a port")?;
            cluster.ports.insert(role.to_owned(), port.parse()?);
        }
        let broker = cluster.address("rabbitmq")?;
        for wire in cluster.wires.values() {
            wire.lead_to(broker);
        }
        cluster.script(&["up"]).await?;
        Ok(cluster)
    }

    /// Stops it; its folder goes too, unless it is to be looked at.
    pub(crate) async fn down(folder: &Path, keep: bool) -> anyhow::Result<()> {
        let arguments: &[&str] = if keep { &["down"] } else { &["down", "--purge"] };
        run(folder, arguments, "").await
    }

    /// Where a part listens.
    pub(crate) fn address(&self, role: &str) -> anyhow::Result<SocketAddr> {
        let port = *self.ports.get(role).with_context(|| format!("no port for {role}"))?;
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// The way between a service and the broker.
    pub(crate) fn wire(&self, service: &str) -> anyhow::Result<&Wire> {
        self.wires.get(service).with_context(|| format!("no wire of {service}"))
    }

    /// The process id of a part, if it runs as far as its keeper knows.
    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        let text = std::fs::read_to_string(self.folder.join(format!("{name}.pid"))).ok()?;
        text.trim().parse().ok()
    }

    /// Resident memory of a part in MiB.
    pub(crate) fn memory(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid(name)?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kibibytes / 1024)
    }

    /// Sends a signal to a part.
    pub(crate) async fn signal(&self, name: &str, signal: &str) -> anyhow::Result<()> {
        let pid = self.pid(name).with_context(|| format!("{name} does not run"))?;
        let (signal, pid) = (format!("-{signal}"), pid.to_string());
        let status =
            tokio::task::spawn_blocking(move || Command::new("kill").args([signal, pid]).status()).await??;
        anyhow::ensure!(status.success(), "{name} cannot be signalled");
        Ok(())
    }

    /// Runs a command of the script.
    pub(crate) async fn script(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let wires: Vec<_> = self.wires.iter().map(|(name, wire)| format!("{name}={}", wire.port())).collect();
        run(&self.folder, arguments, &wires.join(" ")).await
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

async fn run(folder: &Path, arguments: &[&str], wires: &str) -> anyhow::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cluster");
    let told = format!("scripts/cluster {}", arguments.join(" "));
    let mut command = Command::new(script);
    command.args(arguments).env("ORDAIN_CLUSTER_DIR", folder).env("ORDAIN_CLUSTER_WIRES", wires);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = tokio::task::spawn_blocking(move || command.status()).await??;
    anyhow::ensure!(status.success(), "{told} failed");
    Ok(())
}
