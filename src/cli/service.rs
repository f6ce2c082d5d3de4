//! `ordain service`: running services, as they last said of themselves.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ordain::actors::api::api::{Api, Readmit, Traffic, Withdraw};
use ordain::clock::Clock;
use ordain::config::TransportKind;
use ordain::deployment::open_store;
use ordain::domain::ids::InstanceId;
use ordain::domain::page::{Direction, PageRequest, ServiceFilter, ServiceSortKey};
use ordain::domain::service_status::ServiceStatus;
use ordain::store::repo::statuses;
use ordain::transport::{Amqp, Cx, Message, ServiceRef};

use super::Configured;

/// Silence after which `clean` removes a status, in heartbeats.
const SILENT_BEATS: u32 = 2;
/// How long the broker may take, and then the instance.
const PATIENCE: Duration = Duration::from_secs(5);

/// `ordain service …`
#[derive(Debug, Subcommand)]
pub(super) enum ServiceCommand {
    /// Lists instances, one per line: service, host, status, seconds since the last sign of life, instance.
    List(Configured),
    /// Removes the statuses of instances that have been silent for two heartbeats.
    Clean(Configured),
    /// Lets an API ask its clients to go elsewhere, before maintenance of its host; it goes on serving whoever comes.
    Withdraw(Addressed),
    /// Takes `withdraw` back.
    Readmit(Addressed),
}

/// One running API, reached over the broker.
#[derive(Debug, Args)]
pub(super) struct Addressed {
    /// Its instance, as `ordain service list` shows it.
    instance: InstanceId,
    #[command(flatten)]
    from: Configured,
}

impl ServiceCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(from) => rows(&from, false),
            Self::Clean(from) => rows(&from, true),
            Self::Withdraw(addressed) => tell(&addressed, Withdraw),
            Self::Readmit(addressed) => tell(&addressed, Readmit),
        }
    }
}

/// Says something to one API, and then what goes through it.
fn tell<M: Message<To = Api, Reply = Traffic>>(
    Addressed { instance, from }: &Addressed,
    message: M,
) -> anyhow::Result<()> {
    let config = from.load()?;
    anyhow::ensure!(
        config.transport.kind == TransportKind::Amqp,
        "a service is reached from outside over a broker only: [transport] kind is not \"amqp\""
    );
    super::in_system(async move {
        let amqp = Amqp::start(config.transport.amqp).await?;
        amqp.ready(PATIENCE).await.context("no broker")?;
        let api = ServiceRef::<Api>::new(Arc::new(amqp)).at(*instance);
        let told = api.call(&Cx::system(PATIENCE), message).await.context("the API did not answer")?;
        let Traffic { withdrawn, connections, under_way, .. } = told;
        let state = if withdrawn { "withdrawn" } else { "admitted" };
        super::say(format_args!("{state}\t{connections} connections\t{under_way} requests under way\n"))
    })
}

/// Shows the statuses, or removes those of the silent.
fn rows(from: &Configured, clean: bool) -> anyhow::Result<()> {
    let config = from.load()?;
    super::in_system(async move {
        let store = open_store(&config).await?;
        super::migrate(&config, &store).await?;
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
        for ServiceStatus { service_name, hostname, health, heartbeated_at, instance, .. } in found.items {
            let silent = now.since(heartbeated_at).as_secs();
            let health = health.as_str();
            super::say(format_args!("{service_name}\t{hostname}\t{health}\t{silent}\t{instance}\n"))?;
        }
        Ok(())
    })
}
