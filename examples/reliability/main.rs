//! Puts a whole cluster under a steady load, breaks parts of it, and checks that nothing acknowledged was lost.
//!
//! `scripts/reliability` runs it: HAProxy, RabbitMQ, PostgreSQL, two BIND 9 and eleven processes of the program, changes at a
//! fixed rate, one fault after the other. In the end every acknowledged change has to be on both name servers, nothing
//! may be there twice or be stuck, no serial may have gone back; otherwise it fails. `--help` tells the options.
//!
//! Invariants: whatever is started is stopped again, also when it is interrupted; every wait is bounded.
#![allow(
    clippy::indexing_slicing,
    reason = "JSON answers null where nothing is; other indexes come from their lists"
)]

mod cluster;
mod dns;
mod faults;
mod http;
mod judge;
mod load;
mod measure;
mod oracle;
mod report;
mod watch;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use ordain::clock::Clock;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, SERVICES};
use crate::faults::Kind;
use crate::http::Client;
use crate::load::Load;
use crate::oracle::Oracle;
use crate::report::{Injected, Report};
use crate::watch::Serials;

/// Load and faults for a whole cluster.
#[derive(Debug, Parser)]
struct Options {
    /// Goes through the faults over and over until so many minutes are over; without it, once.
    #[arg(long)]
    minutes: Option<u64>,
    /// What goes wrong, in this order: kill-SERVICE, drain-SERVICE, stop-SERVICE, partition-SERVICE, broker, broker-emptied, postgres.
    /// Without it, everything, each several times.
    #[arg(long, value_delimiter = ',')]
    faults: Vec<String>,
    /// Instead of faults, how many changes a second there can be, and how soon they are on the name servers.
    #[arg(long)]
    measure: bool,
    /// Changes a second.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Zones that stay.
    #[arg(long, default_value_t = 300)]
    zones: usize,
    /// Seconds before the first fault.
    #[arg(long, default_value_t = 20)]
    calm: u64,
    /// Of the choices of what is changed and who is hit.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file whose part after the line «## The run» the report replaces.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Leaves the state folder for a look, also if all went well.
    #[arg(long)]
    keep: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::Builder::new().prefix("ordain-reliability.").tempdir()?.keep();
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let outcome = tokio::select! {
            outcome = run(&options, &folder) => outcome,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
        };
        let keep = options.keep || outcome.is_err();
        let down = Cluster::down(&folder, keep).await;
        if keep {
            eprintln!("configuration and logs are left in {}", folder.display());
        }
        outcome.and(down)
    })
}

async fn run(options: &Options, folder: &Path) -> anyhow::Result<()> {
    let faults = match &*options.faults {
        [] => Kind::all(),
        names => names.iter().map(|name| Kind::parse(name)).collect::<Result<_, _>>()?,
    };
    say("starting the cluster");
    let cluster = Cluster::up(folder, !options.measure).await?;
    if options.measure {
        return measure::measure(&cluster).await;
    }
    let binds = vec![cluster.address("bind1")?, cluster.address("bind2")?];
    let begun = Instant::now();
    let mut random = StdRng::seed_from_u64(options.seed);
    let oracle = Oracle::new(options.zones, StdRng::from_rng(&mut random));
    let load = Load::new(Client::new(cluster.address("haproxy")?), oracle);
    say("creating zones");
    load.prepare().await?;
    // They came as fast as could be, which is no steady load.
    load.samples.lock().clear();

    let stop = CancellationToken::new();
    let serials = Arc::new(Serials::default());
    let changing = tokio::spawn(Arc::clone(&load).run(options.rate, stop.clone()));
    let watching = tokio::spawn(Arc::clone(&serials).watch(Arc::clone(&load), binds.clone(), stop.clone()));
    sleep(Duration::from_secs(options.calm)).await;
    let before = memory(&cluster);
    let mut injected: Vec<Injected> = Vec::new();
    let limit = options.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    for kind in faults.iter().cycle().take(if limit.is_some() { usize::MAX } else { faults.len() }) {
        if limit.is_some_and(|limit| begun.elapsed() >= limit) {
            break;
        }
        let (title, at) = (kind.title(), load.now());
        let (victim, undone) = kind.inject(&cluster, &mut random).await?;
        let until = load.now();
        let undone = until.saturating_sub(undone.elapsed());
        let samples = load.samples.lock();
        let failed = samples.iter().filter(|s| s.at >= at && s.trouble.is_some()).count();
        say(&format!("{title}: {victim}; {failed} changes failed, {} answers so far", samples.len()));
        drop(samples);
        injected.push(Injected { title, victim, at, undone, until });
    }
    stop.cancel();
    changing.await?;
    watching.await?;
    say("waiting until all is settled, then comparing");
    let findings = judge::judge(&load, &serials, &binds).await?;
    let after = memory(&cluster);
    let memory = SERVICES.iter().zip(before).zip(after).map(|((name, before), after)| {
        let ended =
            injected.iter().filter(|fault| fault.victim == *name && fault.title.starts_with("`kill")).count();
        ((*name).to_owned(), before, after, ended)
    });
    let report = Report {
        command: command(options),
        rate: options.rate,
        memory: memory.collect(),
        faults: injected,
        samples: std::mem::take(&mut *load.samples.lock()),
        serial_questions: serials.questions(),
        took: begun.elapsed(),
        findings,
    };
    let text = report.text();
    if let Some(file) = &options.report {
        write_report(file, &text)?;
    }
    println!("{text}");
    anyhow::ensure!(report.findings.wrong.is_empty(), "{} things are wrong", report.findings.wrong.len());
    Ok(())
}

fn memory(cluster: &Cluster) -> Vec<u64> {
    SERVICES.iter().map(|service| cluster.memory(service).unwrap_or_default()).collect()
}

fn command(options: &Options) -> String {
    let mut command = String::from("scripts/reliability");
    if let Some(minutes) = options.minutes {
        command.push_str(&format!(" --minutes {minutes}"));
    }
    if options.rate != 50 {
        command.push_str(&format!(" --rate {}", options.rate));
    }
    if options.zones != 300 {
        command.push_str(&format!(" --zones {}", options.zones));
    }
    if !options.faults.is_empty() {
        command.push_str(&format!(" --faults {}", options.faults.join(",")));
    }
    command
}

/// Puts the report in the place of the one before.
fn write_report(file: &Path, text: &str) -> anyhow::Result<()> {
    const MARK: &str = "## The run\n";
    let old = std::fs::read_to_string(file).unwrap_or_default();
    let head = old.split_once(MARK).map_or(old.as_str(), |(head, _)| head);
    let time = now();
    let date = time.get(..10).unwrap_or_default();
    std::fs::write(file, format!("{head}{MARK}\nOn {date}: {text}"))?;
    Ok(())
}

fn say(what: &str) {
    eprintln!("{} {what}", now());
}

fn now() -> String {
    let now = Clock::system().now().seconds();
    jiff::Timestamp::from_second(now).map(|now| now.to_string()).unwrap_or_default()
}
