//! Questions over sockets: UDP first, TCP when asked for or when the answer is truncated.
//!
//! Every question over UDP has a socket of its own, thus a port of the system's random choosing, connected to the
//! server, so that the system drops what comes from elsewhere.
//!
//! Invariants: a datagram that is no answer to the question is passed over, waiting goes on (RFC 5452, section 9);
//! no more sockets at once than allowed, waiting for one counts against the question's time.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::exchange::{Ask, Exchange, ExchangeError, mismatch, written};
use super::transfer::{Arrived, TransferError, TransferLimits, Transfers, transfer_from};
use crate::dns::tsig::{AnswerError, Answers, SignedBy};
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;

/// Most sockets at once of one instance.
const MAX_SOCKETS: usize = 1024;
/// No answer over UDP is larger: nobody is told that more could be received.
const MAX_DATAGRAM: usize = 4096;

/// Asks over the network.
#[derive(Debug)]
pub struct SocketExchange {
    sockets: Semaphore,
}

impl Default for SocketExchange {
    fn default() -> Self {
        Self { sockets: Semaphore::new(MAX_SOCKETS) }
    }
}

#[async_trait]
impl Exchange for SocketExchange {
    async fn exchange(&self, server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        let limit: Duration = ask.timeout;
        match timeout(limit, self.ask(server, ask)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ExchangeError::TimedOut { limit }),
        }
    }
}

#[async_trait]
impl Transfers for SocketExchange {
    async fn transfer(
        &self,
        master: &HostPort,
        zone: &Name,
        limits: &TransferLimits,
        signed_by: Option<&SignedBy>,
    ) -> Result<Arrived, TransferError> {
        transfer_from(master, zone, limits, signed_by).await
    }
}

impl SocketExchange {
    async fn ask(&self, server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        let (question, answers) = written(ask)?;
        let no_address = || ExchangeError::NoAddress { host: server.host.clone() };
        let mut found = tokio::net::lookup_host((server.host.as_str(), server.port)).await?;
        let address = found.next().ok_or_else(no_address)?;
        let _permit = self.sockets.acquire().await.map_err(|_| no_address())?;
        if !ask.tcp {
            let answer = over_udp(address, &ask.message, &question, answers.as_ref()).await?;
            if !answer.metadata.truncation {
                return Ok(answer);
            }
        }
        over_tcp(address, &ask.message, &question, answers).await
    }
}

async fn over_udp(
    server: SocketAddr,
    asked: &Message,
    question: &[u8],
    answers: Option<&Answers>,
) -> Result<Message, ExchangeError> {
    let local: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = [0; MAX_DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let octets = buffer.get(..length).unwrap_or_default();
        if let Ok(answer) = Message::from_vec(octets)
            && mismatch(asked, &answer).is_none()
        {
            match answers.cloned().map(|mut answers| answers.check(octets)) {
                None | Some(Ok(_)) => return Ok(answer),
                // What the server complains of in vain it would complain of again.
                Some(Err(source @ AnswerError::Rejected { .. })) => return Err(source.into()),
                // Anybody may have sent this (RFC 8945, section 5.4).
                Some(Err(_)) => {}
            }
        }
    }
}

async fn over_tcp(
    server: SocketAddr,
    asked: &Message,
    question: &[u8],
    answers: Option<Answers>,
) -> Result<Message, ExchangeError> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let length = u16::try_from(question.len())
        .map_err(|_| ExchangeError::Encode { reason: "it is longer than 65535 octets".to_owned() })?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(question);
    stream.write_all(&framed).await?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut buffer).await?;
    let answer =
        Message::from_vec(&buffer).map_err(|error| ExchangeError::BadAnswer { reason: error.to_string() })?;
    match mismatch(asked, &answer) {
        None => {
            if let Some(mut answers) = answers {
                answers.check(&buffer)?;
            }
            Ok(answer)
        }
        Some(reason) => Err(ExchangeError::BadAnswer { reason: reason.to_owned() }),
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
