//! `ordain db`: the database's schema.

use clap::Subcommand;
use ordain::deployment::open_store;
use ordain::store::Store;

use super::Configured;

/// `ordain db …`
#[derive(Debug, Subcommand)]
pub(super) enum Db {
    /// Brings the schema to this program's version. Starting a service does so too.
    Migrate(Configured),
    /// Tells which version the schema has and which this program wants.
    Status(Configured),
}

impl Db {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let migrate = matches!(self, Self::Migrate(_));
        let (Self::Migrate(from) | Self::Status(from)) = self;
        let config = from.load()?;
        super::in_system(async move {
            let store = open_store(&config).await?;
            if migrate {
                super::migrate(&config, &store).await?;
            }
            let latest = Store::latest_version();
            let version =
                store.schema_version().await?.map_or_else(|| String::from("none"), |v| v.to_string());
            super::say(format_args!("schema: {version}, wanted: {latest}\n"))
        })
    }
}
