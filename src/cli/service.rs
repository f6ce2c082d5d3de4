//! `ordain service`: running services, as they last said of themselves.

use clap::Subcommand;
use ordain::clock::Clock;
use ordain::deployment::open_store;
use ordain::domain::page::{Direction, PageRequest, ServiceFilter, ServiceSortKey};
use ordain::domain::service_status::ServiceStatus;
use ordain::store::repo::statuses;

use super::Configured;

/// Silence after which `clean` removes a status, in heartbeats.
const SILENT_BEATS: u32 = 2;

/// `ordain service …`
#[derive(Debug, Subcommand)]
pub(super) enum ServiceCommand {
    /// Lists instances, one per line: service, host, status, seconds since the last sign of life, instance.
    List(Configured),
    /// Removes the statuses of instances that have been silent for two heartbeats.
    Clean(Configured),
}

impl ServiceCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let clean = matches!(self, Self::Clean(_));
        let (Self::List(from) | Self::Clean(from)) = self;
        let config = from.load()?;
        super::in_system(async move {
            let store = open_store(&config).await?;
            store.migrate().await?;
            let now = Clock::system().now();
            if clean {
                let before = now.minus(config.heartbeat_interval * SILENT_BEATS);
                let removed = store.transact(|tx| Box::pin(statuses::delete_silent(tx, before))).await?;
                return super::say(format_args!("{removed} removed\n"));
            }
            let page = PageRequest {
                limit: u64::from(u32::MAX),
                marker: None,
                sort_key: ServiceSortKey::ServiceName,
                direction: Direction::Ascending,
            };
            let filter = ServiceFilter::default();
            let found = store.read(|tx| Box::pin(statuses::find(tx, &filter, &page))).await?;
            for ServiceStatus { service_name, hostname, health, heartbeated_at, instance, .. } in found.items
            {
                let silent = now.since(heartbeated_at).as_secs();
                let health = health.as_str();
                super::say(format_args!("{service_name}\t{hostname}\t{health}\t{silent}\t{instance}\n"))?;
            }
            Ok(())
        })
    }
}
