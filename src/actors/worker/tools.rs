//! What every propagation of a worker works with.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::WorkerConfig;
use crate::dns::client::Exchange;
use crate::store::Store;

/// Shared by all zones of a worker.
#[derive(Debug)]
pub(super) struct Tools {
    /// The database.
    pub(super) store: Store,
    /// The way to the name servers.
    pub(super) exchange: Arc<dyn Exchange>,
    /// The settings.
    pub(super) config: WorkerConfig,
    /// Everything that runs in the background.
    pub(super) tasks: TaskTracker,
    /// Cancelled when the worker stops.
    pub(super) stop: CancellationToken,
}
