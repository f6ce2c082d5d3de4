//! Our own name servers: what they show is what is published.
//!
//! [`MdnsService`] keeps a copy of every published zone in memory and answers from it: [`MdnsService::load`] first, then
//! [`MdnsService::follower`] on a tick, nudges as they come, and [`MdnsService::listen`]. Everything that the listeners
//! do can be asked of [`MdnsService::responder`] without sockets.
//!
//! Invariants: the database is the truth, memory only ever moves towards it; nobody is answered before all zones were
//! loaded once.

pub mod api;
mod changes;
mod follow;
mod fresh;
mod keys;
mod load;
mod notified;
mod read;

use std::sync::Arc;

use crate::actors::worker::api::Worker;
use crate::clock::Clock;
use crate::config::MdnsConfig;
use crate::dns::answer::{Authority, Peer};
use crate::dns::catalog::Catalog;
use crate::dns::server::{BindError, Limits, Responder, Server};
use crate::store::{Store, StoreError};
use crate::transport::{Cx, Fault, Handle, ServiceRef};

pub use follow::Follower;

use api::ZonePublished;
use changes::Changes;
use fresh::Freshness;
use keys::Keys;
use load::Loader;
use notified::Notified;

/// One name server.
#[derive(Debug)]
pub struct MdnsService {
    loader: Arc<Loader>,
    follower: Arc<Follower>,
    responder: Arc<Responder>,
    config: MdnsConfig,
}

impl MdnsService {
    /// A name server for the zones of `store`; it has none before [`Self::load`]. What the masters of secondary zones say is
    /// passed on to `worker`, if there is one. Signatures are verified and made by `clock`.
    #[must_use]
    pub fn new(store: Store, clock: Clock, config: MdnsConfig, worker: Option<ServiceRef<Worker>>) -> Self {
        let catalog = Arc::new(Catalog::default());
        let loader = Arc::new(Loader::new(store, Arc::clone(&catalog), config.answer_queries));
        let allowed = config.allow_transfer.clone();
        let may_transfer = move |peer: &Peer| allowed.iter().any(|net| net.contains(peer.address.ip()));
        let authority =
            Authority::new(catalog, may_transfer, config.max_udp_size).only_signed(config.query_enforce_tsig);
        let notified =
            worker.map(|worker| Notified::new(loader.store().clone(), worker, config.notify_window));
        let keys = Arc::new(Keys::new(loader.store().clone()));
        let changes = Changes::new(loader.store().clone(), &config);
        let backing = Arc::new(Freshness::new(Arc::clone(&loader), notified, Arc::clone(&keys), changes));
        let responder = Responder::new(authority, backing, config.max_transfers, config.max_message_size)
            .with_clock(clock);
        let follower = Arc::new(Follower::new(Arc::clone(&loader), keys));
        Self { loader, follower, responder: Arc::new(responder), config }
    }

    /// Loads every published zone; answers how many there are. To be done before the first question.
    ///
    /// # Errors
    /// If the database fails; then some zones may be loaded already, and it can be tried again.
    pub async fn load(&self) -> Result<usize, StoreError> {
        self.follower.catch_up().await?;
        Ok(self.loader.catalog().len())
    }

    /// What notices changes whose nudge got lost; to be run by a [`crate::actors::reconcile::Reconciler`].
    #[must_use]
    pub const fn follower(&self) -> &Arc<Follower> {
        &self.follower
    }

    /// Answers questions without sockets.
    #[must_use]
    pub const fn responder(&self) -> &Arc<Responder> {
        &self.responder
    }

    /// Answers questions on the configured addresses.
    ///
    /// # Errors
    /// If one of the addresses cannot be had.
    pub async fn listen(&self) -> Result<Server, BindError> {
        let limits = Limits::from(&self.config);
        Server::bind(&self.config.listen, Arc::clone(&self.responder), limits).await
    }
}

impl Handle<ZonePublished> for MdnsService {
    async fn handle(&self, _cx: &Cx, message: ZonePublished) -> Result<(), Fault> {
        self.loader.load(message.zone).await.map_err(|error| fault(&error))
    }
}

fn fault(error: &StoreError) -> Fault {
    Fault::unavailable("database", error.to_string())
}

#[cfg(test)]
mod tests;
