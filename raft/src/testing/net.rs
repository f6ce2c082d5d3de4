//! A network in memory: messages are encoded and decoded, and links can be cut.
//!
//! **Invariants**: a node that was detached is gone for everybody at once, as a killed process is, and its peers hear of it.
//! A cut link loses requests and answers without a word.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::timeout;

use crate::cluster::{
    Call, Link, LinkError, NodeId, Peer, Response, Serve,
    journal::{decode, encode},
};

/// The network; clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryNet(Arc<Mutex<Wires>>);

#[derive(Debug, Default)]
struct Wires {
    nodes: BTreeMap<String, (NodeId, Arc<dyn Serve>)>,
    cut: BTreeSet<(String, String)>,
    delay: Duration,
}

/// One address's way out.
#[derive(Debug)]
struct Wire {
    net: MemoryNet,
    from: String,
}

impl MemoryNet {
    /// The way out of an address.
    #[must_use]
    pub fn link(&self, from: impl Into<String>) -> Arc<dyn Link> {
        Arc::new(Wire { net: self.clone(), from: from.into() })
    }

    /// A node listens at an address.
    pub fn attach(&self, address: impl Into<String>, id: NodeId, node: Arc<dyn Serve>) {
        self.lock().nodes.insert(address.into(), (id, node));
    }

    /// Nobody listens at an address any more.
    pub fn detach(&self, address: &str) {
        let Some((gone, _)) = self.lock().nodes.remove(address) else { return };
        let rest: Vec<_> = self.lock().nodes.values().map(|(_, node)| node.clone()).collect();
        for node in rest {
            node.closed(gone);
        }
    }

    /// Cuts what goes from one address to another.
    pub fn cut(&self, from: &str, to: &str) {
        self.lock().cut.insert((from.to_owned(), to.to_owned()));
    }

    /// Cuts an address off from all others, both ways.
    pub fn isolate(&self, address: &str) {
        let others: Vec<String> =
            self.lock().nodes.keys().filter(|other| *other != address).cloned().collect();
        for other in others {
            self.cut(address, &other);
            self.cut(&other, address);
        }
    }

    /// Mends everything.
    pub fn heal(&self) {
        self.lock().cut.clear();
    }

    /// How long a message takes.
    pub fn set_delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    fn lock(&self) -> MutexGuard<'_, Wires> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cut(&self, from: &str, to: &str) -> bool {
        self.lock().cut.contains(&(from.to_owned(), to.to_owned()))
    }

    /// Takes a message from one address to another, or loses it.
    async fn carry(&self, from: &str, to: &str) {
        let delay = self.lock().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if self.is_cut(from, to) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Link for Wire {
    async fn call(&self, peer: &Peer, call: Call, limit: Duration) -> Result<Response, LinkError> {
        let lost = |reason: String| LinkError::Lost { peer: peer.clone(), reason };
        let there = self.net.lock().nodes.get(&peer.address).map(|(_, node)| node.clone());
        let Some(there) = there else { return Err(LinkError::Gone { peer: peer.clone() }) };
        let bytes = encode(&call).map_err(lost)?;
        let (net, from, to) = (self.net.clone(), self.from.clone(), peer.address.clone());
        let exchange = tokio::spawn(async move {
            net.carry(&from, &to).await;
            let response = there.serve(decode(&bytes)?).await;
            net.carry(&to, &from).await;
            decode::<Response>(&encode(&response)?)
        });
        match timeout(limit, exchange).await {
            Ok(Ok(response)) => response.map_err(lost),
            Ok(Err(stopped)) => Err(lost(stopped.to_string())),
            Err(_) => Err(lost("no answer in time".to_owned())),
        }
    }
}
