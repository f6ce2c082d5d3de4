//! What every propagation of a worker works with.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::signers::Signers;
use crate::config::WorkerConfig;
use crate::dns::client::{
    Exchange, Notify, NotifyError, NotifyPolicy, PollAnswer, Signed, notify, poll_serial,
};
use crate::dns::tsig::SignedBy;
use crate::domain::host_port::HostPort;
use crate::domain::ids::TsigKeyId;
use crate::domain::name::Name;
use crate::store::Store;

/// Shared by all zones of a worker.
#[derive(Debug)]
pub(super) struct Tools {
    /// The database.
    pub(super) store: Store,
    /// The way to the name servers.
    pub(super) exchange: Arc<dyn Exchange>,
    /// The keys of name servers and masters.
    pub(super) signers: Signers,
    /// The settings.
    pub(super) config: WorkerConfig,
    /// Everything that runs in the background.
    pub(super) tasks: TaskTracker,
    /// Cancelled when the worker stops.
    pub(super) stop: CancellationToken,
}

impl Tools {
    /// Asks a name server for a zone's serial, signed by a key if there is to be one.
    pub(super) async fn poll(&self, server: &HostPort, key: Option<TsigKeyId>, zone: &Name) -> PollAnswer {
        let (tcp, timeout) = (self.config.all_tcp, self.config.poll_timeout);
        match self.signers.get(key).await {
            Ok(by) => self.poll_by(server, by, zone, tcp, timeout).await,
            Err(error) => {
                tracing::warn!(%zone, server = %server.host, %error, "a name server cannot be asked");
                PollAnswer::NoAnswer(error)
            }
        }
    }

    /// Likewise, with the key at hand.
    pub(super) async fn poll_by(
        &self,
        server: &HostPort,
        by: Option<SignedBy>,
        zone: &Name,
        tcp: bool,
        timeout: Duration,
    ) -> PollAnswer {
        let through = self.exchange.as_ref();
        match by {
            Some(by) => poll_serial(&Signed { through, by }, server, zone, tcp, timeout).await,
            None => poll_serial(through, server, zone, tcp, timeout).await,
        }
    }

    /// Tells a server that a zone changed, signed by a key if there is to be one.
    pub(super) async fn notify(
        &self,
        server: &HostPort,
        key: Option<TsigKeyId>,
        what: &Notify,
        policy: NotifyPolicy,
    ) -> Result<(), NotifyError> {
        let through = self.exchange.as_ref();
        match self.signers.get(key).await {
            Ok(Some(by)) => notify(&Signed { through, by }, server, what, policy).await,
            Ok(None) => notify(through, server, what, policy).await,
            Err(source) => Err(NotifyError::NoAnswer { source, attempts: 0 }),
        }
    }
}
