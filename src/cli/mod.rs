//! The command line.
//!
//! Invariants: nothing is started before the configuration has been checked as a whole; what people should read goes to
//! standard output, logs to standard error.

mod cluster;
mod config;
mod db;
mod dev;
mod policy;
mod pool;
mod serve;
mod service;
mod stop;
mod token;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actix_rt::System;
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use ordain::config::Config;
use ordain::config_load::{ConfigError, Sources};
use ordain::deployment::{StartError, singleton};
use ordain::store::Store;

/// DNS as a service: an OpenStack Designate compatible API, and the name servers behind it.
#[derive(Debug, Parser)]
#[command(name = "ordain", version, about, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything in one process, with nothing to set up: API, name server and database in one folder.
    Dev(dev::Dev),
    /// Any subset of the services, as a configuration file says.
    Serve(serve::Serve),
    /// The database's schema.
    #[command(subcommand)]
    Db(db::Db),
    /// The configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Pools of name servers.
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    /// Who may do what.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// The cluster of coordinators.
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Tokens of the strategy "token", for those without an identity service.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Running services.
    #[command(subcommand)]
    Service(service::ServiceCommand),
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
struct Configured {
    /// Configuration file (TOML); every key can also be set as `ORDAIN__SECTION__KEY`.
    #[arg(long, env = "ORDAIN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configured {
    fn sources(&self) -> Sources {
        Sources::of_process(self.config.as_deref())
    }

    fn load(&self) -> Result<Config, ConfigError> {
        self.sources().load()
    }
}

/// A file that the configuration names cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct WrongConfiguration(StartError);

/// Reads the command line and does what it says.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Dev(dev) => dev.run().map(done),
        Command::Serve(serve) => serve.run().map(done),
        Command::Db(db) => db.run().map(done),
        Command::Config(config) => config.run().map(done),
        Command::Pool(pool) => pool.run().map(done),
        Command::Policy(policy) => policy.run(),
        Command::Cluster(cluster) => cluster.run().map(done),
        Command::Service(service) => service.run().map(done),
        Command::Token(token) => token.run().map(done),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell that standard error is closed.
            drop(writeln!(io::stderr(), "ordain: {}", explain(&error)));
            if error.is::<ConfigError>() || error.is::<WrongConfiguration>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// The error and its causes, each told once: some tell their cause themselves.
fn explain(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        if told.contains(&cause) { told } else { format!("{told}: {cause}") }
    })
}

/// Brings the schema to this program's version, if it is not there yet, while nobody else does.
async fn migrate(config: &Config, store: &Store) -> Result<(), StartError> {
    if store.schema_version().await? == Some(Store::latest_version()) {
        return Ok(());
    }
    let (arbiter, ttl) = (singleton::arbiter(config).await?, config.coordinator.lease_ttl);
    let migrate = |token| singleton::migrate(store, token);
    singleton::alone(arbiter.as_deref(), &singleton::SCHEMA, ttl, migrate).await
}

/// Writes to standard output. A reader that wants no more of it is no failure.
fn say(text: impl Display) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match write!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Runs `work` inside an actix system on a runtime of as many threads as there are cores, with as many open files as the
/// system allows: every connection takes one or two, and the usual limit is a thousand.
fn in_system<F: Future<Output = anyhow::Result<()>>>(work: F) -> anyhow::Result<()> {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let mut runtime = Some(runtime);
    System::with_tokio_rt(move || match runtime.take() {
        Some(runtime) => runtime,
        None => unreachable!("actix asks for one runtime"),
    })
    .block_on(work)
}

/// The file's text, or an error that names the file.
fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
