//! A name server without sockets: whoever would ask it over the network asks it directly, in the same octets.
//!
//! Invariants: what is sent and received is what a socket would carry, truncation included.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name as HickoryName, Record, RecordType};
use tokio::time::timeout;

use super::responder::Responder;
use crate::dns::answer::{Carrier, Peer};
use crate::dns::client::{Ask, Exchange, ExchangeError, written};
use crate::dns::fake_server::TransferSource;
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;

/// Asks one responder, whatever address is named.
#[derive(Clone)]
pub struct Unplugged {
    responder: Arc<Responder>,
    from: SocketAddr,
}

impl fmt::Debug for Unplugged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unplugged").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Unplugged {
    /// A client at `from`.
    #[must_use]
    pub const fn new(responder: Arc<Responder>, from: SocketAddr) -> Self {
        Self { responder, from }
    }

    async fn messages(&self, ask: &Ask, carrier: Carrier) -> Result<Vec<Message>, ExchangeError> {
        let (octets, mut verified_by) = written(ask)?;
        let peer = Peer { address: self.from, carrier };
        let answers = self.responder.exchange(&octets, &peer).await;
        let read = |answer: &Vec<u8>| {
            if let Some(answers) = &mut verified_by {
                answers.check(answer)?;
            }
            Message::from_vec(answer).map_err(|e| ExchangeError::BadAnswer { reason: e.to_string() })
        };
        answers.iter().map(read).collect()
    }

    async fn answer(&self, ask: &Ask) -> Result<Option<Message>, ExchangeError> {
        if !ask.tcp {
            let answer = self.messages(ask, Carrier::Udp).await?.into_iter().next();
            if !answer.as_ref().is_some_and(|answer| answer.metadata.truncation) {
                return Ok(answer);
            }
        }
        Ok(self.messages(ask, Carrier::Tcp).await?.into_iter().next())
    }
}

#[async_trait]
impl Exchange for Unplugged {
    async fn exchange(&self, _server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        let answer = async {
            match self.answer(ask).await.transpose() {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        };
        let late = ExchangeError::TimedOut { limit: ask.timeout };
        timeout(ask.timeout, answer).await.unwrap_or(Err(late))
    }
}

#[async_trait]
impl TransferSource for Unplugged {
    async fn transfer(&self, zone: &Name) -> Option<Vec<Record>> {
        let mut message = Message::query();
        let name = HickoryName::from_ascii(zone.as_str()).ok()?;
        message.add_query(Query::query(name, RecordType::AXFR));
        let ask = Ask { message, tcp: true, signed_by: None, timeout: Duration::MAX };
        let messages = self.messages(&ask, Carrier::Tcp).await.ok()?;
        let failed = messages.iter().any(|m| m.metadata.response_code != ResponseCode::NoError);
        let mut records: Vec<Record> = messages.into_iter().flat_map(|m| m.answers).collect();
        let closing = records.pop()?;
        let complete = records.first() == Some(&closing) && closing.record_type() == RecordType::SOA;
        (complete && !failed).then_some(records)
    }
}
