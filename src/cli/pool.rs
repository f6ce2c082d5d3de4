//! `ordain pool`: pools of name servers.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use ordain::actors::central::pools::{self, Change, Notices, Options};
use ordain::clock::Clock;
use ordain::config::{Config, pool_file, pool_text};
use ordain::deployment::{StartError, open_store, singleton};
use ordain::domain::ids::PoolId;
use ordain::domain::pool::Pool;
use ordain::store::Store;
use ordain::store::repo;

use super::Configured;

/// `ordain pool …`
#[derive(Debug, Subcommand)]
pub(super) enum PoolCommand {
    /// Makes the pools what a pool file says.
    Update(Update),
    /// Prints a pool as a pool file.
    Show(Show),
    /// Writes all pools to a pool file.
    Generate(Generate),
}

/// `ordain pool update`
#[derive(Debug, Args)]
pub(super) struct Update {
    #[command(flatten)]
    from: Configured,
    /// The pool file; the configured one if not given.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only tells what would change.
    #[arg(long)]
    dry_run: bool,
    /// Removes pools that the file does not mention; refused while they have zones.
    #[arg(long)]
    delete: bool,
}

/// `ordain pool show`
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    from: Configured,
    /// Which pool; the default one if not given.
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pool_id: Option<PoolId>,
    /// All pools.
    #[arg(long)]
    all: bool,
}

/// `ordain pool generate`
#[derive(Debug, Args)]
pub(super) struct Generate {
    #[command(flatten)]
    from: Configured,
    /// Where to write to; standard output if not given.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl PoolCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Update(update) => {
                let config = update.from.load()?;
                super::in_system(async move { update.apply(&config).await })
            }
            Self::Show(show) => {
                let config = show.from.load()?;
                super::in_system(async move {
                    let known = list(&config).await?;
                    let wanted = show.pool_id.unwrap_or(config.central.default_pool_id);
                    let shown: Vec<Pool> =
                        known.into_iter().filter(|pool| show.all || pool.id == wanted).map(masked).collect();
                    anyhow::ensure!(show.all || !shown.is_empty(), "there is no pool {wanted}");
                    super::say(pool_text::print(&shown))
                })
            }
            Self::Generate(generate) => {
                let config = generate.from.load()?;
                super::in_system(async move {
                    let text = pool_text::print(&list(&config).await?);
                    match generate.file {
                        Some(path) => write_private(&path, &text)
                            .with_context(|| format!("cannot write {}", path.display()))?,
                        None => super::say(text)?,
                    }
                    Ok(())
                })
            }
        }
    }
}

impl Update {
    async fn apply(&self, config: &Config) -> anyhow::Result<()> {
        let file = self.file.as_ref().or(config.pools_file.as_ref());
        let file = file.context("name a pool file with --file, or in [pools] of the configuration")?;
        let specs = pool_file::parse(&super::read(file)?)?;
        let store = open(config).await?;
        let default_pool = config.central.default_pool_id;
        let options = Options {
            dry_run: self.dry_run,
            delete_absent: self.delete,
            default_pool,
            token: None,
            notices: Notices::new(&config.notifications, &config.node.host),
        };
        let arbiter = if self.dry_run { None } else { singleton::arbiter(config).await? };
        let ttl = config.coordinator.lease_ttl;
        let apply = async |token| {
            let changes =
                pools::apply(&store, Clock::system(), &specs, Options { token, ..options.clone() }).await;
            changes.map_err(StartError::from)
        };
        let changes = singleton::alone(arbiter.as_deref(), &singleton::POOLS, ttl, apply).await?;
        let would = if self.dry_run { "would be " } else { "" };
        for change in &changes {
            super::say(match change {
                Change::Created(pool) => format!("{}: {would}created, id {}\n", pool.name, pool.id),
                Change::Updated { pool, .. } if self.dry_run => format!("{}: would be updated\n", pool.name),
                Change::Updated { pool, zones } => {
                    format!("{}: updated, {} zones with it\n", pool.name, zones.len())
                }
                Change::Deleted(pool) => format!("{}: {would}deleted\n", pool.name),
            })?;
        }
        if changes.is_empty() {
            super::say("the pools are as the file says\n")?;
        }
        Ok(())
    }
}

/// The pool with stars for what opens doors; `generate` writes it all, since its file is to be used.
fn masked(mut pool: Pool) -> Pool {
    let opens_doors = |name: &str| ["secret", "password", "token"].iter().any(|word| name.contains(word));
    for target in &mut pool.targets {
        for (_, value) in target.options.iter_mut().filter(|(name, _)| opens_doors(name)) {
            "***".clone_into(value);
        }
    }
    pool
}

/// Writes a file that, if it is new, nobody else may read: it holds the secrets of targets.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

async fn open(config: &Config) -> anyhow::Result<Store> {
    let store = open_store(config).await?;
    super::migrate(config, &store).await?;
    Ok(store)
}

async fn list(config: &Config) -> anyhow::Result<Vec<Pool>> {
    Ok(open(config).await?.read(|tx| Box::pin(repo::pools::list(tx))).await?)
}
