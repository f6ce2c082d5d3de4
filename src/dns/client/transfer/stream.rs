//! A transfer over one connection (RFC 5936, section 4).
//!
//! Invariants: every wait ends; after the last record nothing more is read; where a key is used, nothing is handed out that
//! its signatures do not cover.

use std::net::SocketAddr;

use hickory_proto::op::ResponseCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::assemble::{Arrived, Assembly};
use super::message::Incoming;
use super::{TransferError, TransferLimits};
use crate::dns::tsig::{AnswerError, SignedBy};
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;

/// Octets of a message's length in front of it.
const PREFIX: usize = 2;
const AXFR: u16 = 252;
const IN: u16 = 1;
/// Bits of the flag word: response, opcode, authoritative, truncated, code.
const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const AA: u16 = 0x0400;
const TC: u16 = 0x0200;
const RCODE: u16 = 0x000f;

/// Transfers a zone from a master, from the first of its addresses that gives it.
pub(in crate::dns::client) async fn transfer_from(
    master: &HostPort,
    zone: &Name,
    limits: &TransferLimits,
    signed_by: Option<&SignedBy>,
) -> Result<Arrived, TransferError> {
    let deadline = Instant::now() + limits.total;
    let found = tokio::net::lookup_host((master.host.as_str(), master.port));
    let addresses: Vec<SocketAddr> = within(limits, deadline, found).await??.collect();
    let mut outcome = Err(TransferError::NoAddress { host: master.host.clone() });
    for address in addresses {
        outcome = connect_and_read(address, zone, limits, deadline, signed_by).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

async fn connect_and_read(
    address: SocketAddr,
    zone: &Name,
    limits: &TransferLimits,
    deadline: Instant,
    signed_by: Option<&SignedBy>,
) -> Result<Arrived, TransferError> {
    let stream = within(limits, deadline, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    read_zone(stream, zone, rand::random(), limits, deadline, signed_by).await
}

/// Waits for one step.
async fn within<T>(
    limits: &TransferLimits,
    deadline: Instant,
    step: impl Future<Output = T>,
) -> Result<T, TransferError> {
    let step_ends = Instant::now() + limits.wait;
    let (until, limit) =
        if step_ends < deadline { (step_ends, limits.wait) } else { (deadline, limits.total) };
    timeout_at(until, step).await.map_err(|_| TransferError::TimedOut { limit })
}

/// Asks for the zone on a connection, and reads what comes.
pub(super) async fn read_zone<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    zone: &Name,
    id: u16,
    limits: &TransferLimits,
    deadline: Instant,
    signed_by: Option<&SignedBy>,
) -> Result<Arrived, TransferError> {
    let mut question = question(zone, id);
    let mut answers = signed_by.map(|by| by.sign(&mut question, PREFIX));
    let length = u16::try_from(question.len().saturating_sub(PREFIX)).unwrap_or_default();
    if let Some(front) = question.first_chunk_mut() {
        *front = length.to_be_bytes();
    }
    within(limits, deadline, stream.write_all(&question)).await??;
    let mut assembly = Assembly::new(zone.clone(), limits.records);
    let (mut octets, mut message, mut is_first) = (0, Vec::new(), true);
    while !assembly.is_complete() {
        let received = within(limits, deadline, receive(&mut stream, &mut message)).await??;
        if !received {
            return Err(TransferError::CutShort { records: assembly.records() });
        }
        octets += message.len();
        if octets > limits.octets {
            return Err(TransferError::TooLarge { what: "octets", limit: limits.octets });
        }
        // An error that is not signed is told as such: what else it says cannot be believed either.
        if let Some(answers) = &mut answers {
            answers.check(&message)?;
        }
        let mut incoming = Incoming::read(&message)?;
        check(&incoming, zone, id, is_first)?;
        is_first = false;
        let before = assembly.records();
        while let Some((name, ttl, data)) = incoming.record()? {
            assembly.add(name, ttl, data)?;
        }
        if assembly.records() == before && !assembly.is_complete() {
            return Err(TransferError::Malformed { reason: "it holds no records" });
        }
    }
    if answers.is_some_and(|answers| !answers.is_complete()) {
        return Err(AnswerError::Unsigned.into());
    }
    assembly.finish()
}

/// The question, after room for its length.
fn question(zone: &Name, id: u16) -> Vec<u8> {
    let mut message = vec![0, 0];
    for word in [id, 0, 1, 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    zone.write_wire(&mut message);
    message.extend(AXFR.to_be_bytes());
    message.extend(IN.to_be_bytes());
    message
}

/// Receives one message; false if the connection ended before it.
async fn receive<S: AsyncRead + Unpin>(stream: &mut S, message: &mut Vec<u8>) -> Result<bool, TransferError> {
    let mut length = [0; 2];
    let mut have = 0;
    while have < length.len() {
        match stream.read(length.get_mut(have..).unwrap_or_default()).await? {
            0 => return Ok(false),
            more => have += more,
        }
    }
    message.clear();
    message.resize(usize::from(u16::from_be_bytes(length)), 0);
    match stream.read_exact(message).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// RFC 5936, sections 2.2.1 and 2.2.2: the header of the first message is that of an answer; later ones may leave out the
/// question, and their AA bit says nothing.
fn check(incoming: &Incoming<'_>, zone: &Name, id: u16, is_first: bool) -> Result<(), TransferError> {
    let not_ours = |reason| Err(TransferError::NotOurs { reason });
    let flags = incoming.flags;
    if flags & QR == 0 || flags & OPCODE != 0 {
        return not_ours("it is no response");
    }
    if incoming.id != id {
        return not_ours("its id is another");
    }
    let code = flags & RCODE;
    if code != 0 {
        let code = ResponseCode::from(0, u8::try_from(code).unwrap_or_default());
        return Err(TransferError::Refused { code });
    }
    let is_question = |(name, kind, class): &(Name, u16, u16)| name == zone && (*kind, *class) == (AXFR, IN);
    match incoming.questions.as_slice() {
        [] if !is_first => {}
        [question] if is_question(question) => {}
        _ => return not_ours("its question is another"),
    }
    if flags & TC != 0 {
        return Err(TransferError::Malformed { reason: "it is truncated" });
    }
    if is_first && flags & AA == 0 {
        return not_ours("the master is not authoritative");
    }
    Ok(())
}
