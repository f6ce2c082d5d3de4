//! `ordain db`: the database's schema.

use clap::Subcommand;
use ordain::deployment::open_store;
use ordain::store::Store;
use ordain::store::repo::secrets;

use super::Configured;

/// `ordain db …`
#[derive(Debug, Subcommand)]
pub(super) enum Db {
    /// Brings the schema to this program's version. Starting a service does so too.
    Migrate(Configured),
    /// Tells which version the schema has and which this program wants.
    Status(Configured),
    /// Encrypts secrets that are plain, or encrypted with an older key, with the first of `[secrets] keys`.
    Seal(Configured),
}

impl Db {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let migrate = !matches!(self, Self::Status(_));
        let seal = matches!(self, Self::Seal(_));
        let (Self::Migrate(from) | Self::Status(from) | Self::Seal(from)) = self;
        let config = from.load()?;
        super::in_system(async move {
            let store = open_store(&config).await?;
            if migrate {
                super::migrate(&config, &store).await?;
            }
            if seal {
                anyhow::ensure!(!config.secrets.keys.is_empty(), "[secrets] keys has no key to encrypt with");
                let sealed = store.transact(|tx| Box::pin(secrets::seal_all(tx))).await?;
                return super::say(format_args!("{sealed} secrets encrypted\n"));
            }
            let latest = Store::latest_version();
            let version =
                store.schema_version().await?.map_or_else(|| String::from("none"), |v| v.to_string());
            super::say(format_args!("schema: {version}, wanted: {latest}\n"))
        })
    }
}
