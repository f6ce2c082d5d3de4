//! Runs this coordinator, etcd and ZooKeeper side by side: three nodes each on 127.0.0.1, every write synced to disk, the same
//! load by the same loop, one system at a time. Prints a table; `scripts/coordinators` sees to what it needs.
//!
//! `coordinator-bench [ours] [etcd] [zookeeper] [--seconds N] [--goes N]`; without names all three.
//!
//! **Invariants**: answers are checked (a lock that two hold at once, or a member that is not seen, ends the run). Whatever was
//! started ends with this process, and its files are removed.
mod etcd;
mod etcd_rpc;
mod load;
mod ours;
mod process;
mod system;
mod zookeeper;
mod zookeeper_rpc;

use std::{path::Path, time::Duration};

use load::Figures;
use system::System;

/// What is asked for on the command line.
struct Wanted {
    systems: Vec<String>,
    /// For each load.
    run: Duration,
    /// How often the leader is killed.
    goes: usize,
}

fn wanted(arguments: &[String]) -> Wanted {
    let mut wanted = Wanted { systems: Vec::new(), run: Duration::from_secs(5), goes: 5 };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || rest.next().and_then(|text| text.parse().ok()).expect("a number");
        match argument.as_str() {
            "--seconds" => wanted.run = Duration::from_secs(number()),
            "--goes" => wanted.goes = usize::try_from(number()).expect("a small number"),
            "ours" | "etcd" | "zookeeper" => wanted.systems.push(argument.clone()),
            other => panic!("what is {other}?"),
        }
    }
    if wanted.systems.is_empty() {
        wanted.systems = ["ours", "etcd", "zookeeper"].map(str::to_owned).to_vec();
    }
    wanted
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        // One thread: on few cores most of what several would do is wake each other.
        [mode, folder, address] if mode == "node" => {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(ours::node(Path::new(folder), address));
        }
        _ => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
            runtime.block_on(compare(&wanted(&arguments)));
        }
    }
}

async fn compare(wanted: &Wanted) {
    let mut columns = Vec::new();
    for name in &wanted.systems {
        let folder = tempfile::Builder::new().prefix("coordinators-").tempdir().expect("a folder");
        let mut system: Box<dyn System> = match name.as_str() {
            "ours" => Box::new(ours::Ours::start(folder.path()).await),
            "etcd" => Box::new(etcd::Etcd::start(folder.path()).await),
            _ => Box::new(zookeeper::ZooKeeper::start(folder.path()).await),
        };
        system.whole().await;
        eprintln!("{}: started", system.name());
        columns.push((system.name(), load::measure(&mut *system, wanted.run, wanted.goes).await));
    }
    table(&columns);
}

fn table(columns: &[(&'static str, Figures)]) {
    let rows = columns.first().map_or(0, |(_, figures)| figures.0.len());
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    println!("| | {} |", names.join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    for row in 0..rows {
        let cells: Vec<&str> = columns.iter().map(|(_, figures)| figures.0[row].1.as_str()).collect();
        println!("| {} | {} |", columns[0].1.0[row].0, cells.join(" | "));
    }
}
