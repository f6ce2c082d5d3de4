//! A transfer over one connection (RFC 5936, section 4).
//!
//! Invariants: every wait ends; after the last record nothing more is read.

use std::net::SocketAddr;

use hickory_proto::op::ResponseCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::assemble::{Arrived, Assembly};
use super::message::Incoming;
use super::{TransferError, TransferLimits};
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;

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
) -> Result<Arrived, TransferError> {
    let deadline = Instant::now() + limits.total;
    let found = tokio::net::lookup_host((master.host.as_str(), master.port));
    let addresses: Vec<SocketAddr> = within(limits, deadline, found).await??.collect();
    let mut outcome = Err(TransferError::NoAddress { host: master.host.clone() });
    for address in addresses {
        outcome = connect_and_read(address, zone, limits, deadline).await;
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
) -> Result<Arrived, TransferError> {
    let stream = within(limits, deadline, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    read_zone(stream, zone, rand::random(), limits, deadline).await
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
) -> Result<Arrived, TransferError> {
    within(limits, deadline, stream.write_all(&question(zone, id))).await??;
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
    assembly.finish()
}

fn question(zone: &Name, id: u16) -> Vec<u8> {
    let mut message = vec![0, 0];
    for word in [id, 0, 1, 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    zone.write_wire(&mut message);
    message.extend(AXFR.to_be_bytes());
    message.extend(IN.to_be_bytes());
    let length = u16::try_from(message.len().saturating_sub(2)).unwrap_or_default();
    if let Some(front) = message.first_chunk_mut() {
        *front = length.to_be_bytes();
    }
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
