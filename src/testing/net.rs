//! The network of a world: fake name servers, fake masters, and the deployment's own name server, asked without sockets.
//!
//! Invariants: fake servers transfer zones from the deployment's own name server by real AXFR messages.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use hickory_proto::op::{Message, OpCode, Query};
use hickory_proto::rr::{DNSClass, Name as WireName, Record, RecordType};

use super::masters::Masters;
use crate::dns::answer::{Carrier, Peer};
use crate::dns::client::{Arrived, Ask, Exchange, ExchangeError, TransferError, TransferLimits, Transfers};
use crate::dns::fake_server::{FakeNet, TransferSource};
use crate::dns::server::Responder;
use crate::dns::tsig::SignedBy;
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;

/// Where the deployment's own name server is found in a world.
pub(super) const OWN: &str = "mdns.world";

/// The deployment's own name server, once there is one; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnServer(Arc<ArcSwapOption<Responder>>);

/// Everything that can be asked over DNS.
#[derive(Debug, Clone)]
pub(super) struct WorldNet {
    pub(super) own: OwnServer,
    pub(super) fakes: FakeNet,
    pub(super) masters: Masters,
}

impl OwnServer {
    /// Puts the running server in its place, or takes it away.
    pub(super) fn put(&self, responder: Option<Arc<Responder>>) {
        self.0.store(responder);
    }

    /// The messages that answer `message`, as over this carrier.
    pub(super) async fn ask(&self, message: &Message, carrier: Carrier) -> Vec<Message> {
        let peer = Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 5300)), carrier };
        self.ask_from(message, peer).await
    }

    /// The same, asked by anybody.
    pub(super) async fn ask_from(&self, message: &Message, peer: Peer) -> Vec<Message> {
        let (Some(responder), Ok(octets)) = (self.0.load_full(), message.to_vec()) else { return Vec::new() };
        let answers = responder.exchange(&octets, &peer).await;
        answers.iter().filter_map(|octets| Message::from_vec(octets).ok()).collect()
    }
}

/// A question as a client would put it.
pub(super) fn question(name: &Name, kind: RecordType) -> Option<Message> {
    let name = WireName::from_ascii(name.as_str()).ok()?;
    let mut query = Query::query(name, kind);
    query.set_query_class(DNSClass::IN);
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Query;
    message.add_query(query);
    Some(message)
}

#[async_trait]
impl TransferSource for OwnServer {
    async fn transfer(&self, zone: &Name) -> Option<Vec<Record>> {
        let messages = self.ask(&question(zone, RecordType::AXFR)?, Carrier::Tcp).await;
        let mut records: Vec<Record> = messages.into_iter().flat_map(|message| message.answers).collect();
        let is_soa = |record: &Record| record.record_type() == RecordType::SOA;
        // First and last are the same SOA, or the transfer is not complete (RFC 5936, section 2.2).
        if records.len() < 2 || !records.first().is_some_and(is_soa) || !records.last().is_some_and(is_soa) {
            return None;
        }
        records.pop();
        Some(records)
    }
}

#[async_trait]
impl Exchange for WorldNet {
    async fn exchange(&self, server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        if self.masters.is_at(server) {
            return self.masters.exchange(server, ask).await;
        }
        if server.host != OWN {
            return self.fakes.exchange(server, ask).await;
        }
        let carrier = if ask.tcp { Carrier::Tcp } else { Carrier::Udp };
        match self.own.ask(&ask.message, carrier).await.into_iter().next() {
            Some(answer) => Ok(answer),
            None => {
                tokio::time::sleep(ask.timeout).await;
                Err(ExchangeError::TimedOut { limit: ask.timeout })
            }
        }
    }
}

#[async_trait]
impl Transfers for WorldNet {
    async fn transfer(
        &self,
        master: &HostPort,
        zone: &Name,
        limits: &TransferLimits,
        signed_by: Option<&SignedBy>,
    ) -> Result<Arrived, TransferError> {
        self.masters.transfer(master, zone, limits, signed_by).await
    }
}
