//! What a worker consists of; everything it does in the background shares it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::api::Worker;
use super::desk::Desk;
use super::inbound::Inbound;
use super::kit::PoolKits;
use super::pace::Pace;
use super::tools::Tools;
use crate::actors::central::api::Central;
use crate::actors::mdns::api::Mdns;
use crate::clock::Clock;
use crate::config::RecoveryConfig;
use crate::domain::ids::InstanceId;
use crate::store::Store;
use crate::transport::ServiceRef;

/// The parts of a worker.
#[derive(Debug)]
pub(super) struct Core {
    /// Whose claims are ours.
    pub(super) instance: InstanceId,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) tools: Arc<Tools>,
    pub(super) recovery: RecoveryConfig,
    pub(super) kits: PoolKits,
    /// How often a zone is published.
    pub(super) pace: Pace,
    pub(super) desk: Arc<Desk>,
    /// One for each zone being propagated.
    pub(super) permits: Arc<Semaphore>,
    /// Secondary zones and their masters.
    pub(super) inbound: Inbound,
    pub(super) central: ServiceRef<Central>,
    pub(super) mdns: ServiceRef<Mdns>,
    pub(super) workers: ServiceRef<Worker>,
}
