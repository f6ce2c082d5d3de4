//! What the listeners call: answers from memory at once, and those that have to look at the database first.
//!
//! Invariants: an answer that shows a serial is never older than the last committed publish at the time of the request,
//! unless the database does not answer; the number of transfers under way is bounded, more wait for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};

use crate::clock::Clock;
use crate::dns::answer::{Authority, Carrier, Outcome, Peer};
use crate::dns::difference::Difference;
use crate::dns::transfer::{Frames, TransferRequest, in_one_datagram, what_changed, whole_zone};
use crate::dns::tsig::{Keyring, Rejection, Verified, verify};
use crate::dns::wire::{Opcode, QName, Rcode, Request, Unreadable, kind};
use crate::dns::zone::RrSet;
use crate::domain::ids::ZoneId;
use crate::domain::name::Name;
use crate::domain::serial::Serial;

/// How long a transfer waits for one of those under way to end.
const TRANSFER_PATIENCE: Duration = Duration::from_secs(10);
/// Messages that [`Responder::exchange`] holds back.
const EXCHANGE_QUEUE: usize = 16;

/// Where the zones in memory come from.
#[async_trait]
pub trait Backing: Send + Sync + 'static {
    /// Brings the zone that encloses `name` in memory up to the last publish that was committed before this call.
    /// If that cannot be found out in time, memory has to do.
    async fn refresh(&self, name: &QName);

    /// Takes the word that a zone has changed elsewhere, perhaps with its serial there; answers what to answer.
    async fn notified(&self, _name: &QName, _serial: Option<Serial>, _peer: &Peer) -> Rcode {
        Rcode::NotAuth
    }

    /// The keys that requests may be signed by.
    fn keys(&self) -> Arc<Keyring> {
        Arc::default()
    }
    /// Has another look at the keys, since one was not known.
    async fn refresh_keys(&self) {}
    /// What changed in a zone since the version of a serial; `None` if that is not known, or not worth telling.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn difference(&self, _zone: ZoneId, _since: Serial) -> Result<Option<Difference>, BackingError> {
        Ok(None)
    }
    /// Opens the published version of a zone, to be transferred; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn open(&self, zone: ZoneId) -> Result<Option<Box<dyn ZoneReader>>, BackingError>;
}

/// Sets of records with their owners.
pub type Sets = Vec<(Name, RrSet)>;

/// One version of a zone, read bit by bit.
#[async_trait]
pub trait ZoneReader: Send {
    /// The zone's name and its SOA set.
    fn soa(&self) -> (&Name, &RrSet);

    /// Some more sets, the SOA left out; none at the end.
    ///
    /// # Errors
    /// If they cannot be read; then the rest cannot, either.
    async fn next(&mut self) -> Result<Sets, BackingError>;
}

/// The zone cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the zone: {reason}")]
pub struct BackingError {
    /// Why.
    pub reason: String,
}

/// For zones that are in memory only.
#[derive(Debug, Clone, Copy)]
pub struct InMemory;

#[async_trait]
impl Backing for InMemory {
    async fn refresh(&self, _name: &QName) {}

    async fn open(&self, _zone: ZoneId) -> Result<Option<Box<dyn ZoneReader>>, BackingError> {
        Ok(None)
    }
}

/// An answer.
#[derive(Debug)]
pub enum Reply {
    /// None is due.
    Silent,
    /// One message.
    Message(Vec<u8>),
    /// A zone transfer; see [`Responder::transfer`].
    Transfer(Box<TransferRequest>),
}

/// Answers requests.
pub struct Responder {
    authority: Authority,
    backing: Arc<dyn Backing>,
    transfers: Semaphore,
    message_size: u16,
    clock: Clock,
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Responder {
    /// Answers as `authority` says. At most `transfers` transfers run at once, in messages of about `message_size`
    /// octets.
    pub fn new(authority: Authority, backing: Arc<dyn Backing>, transfers: usize, message_size: u16) -> Self {
        let transfers = Semaphore::new(transfers.min(Semaphore::MAX_PERMITS));
        Self { authority, backing, transfers, message_size, clock: Clock::system() }
    }

    /// Signs and verifies by this clock.
    #[must_use]
    pub const fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What is answered from memory.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Answers from memory if that will do, appending to `out`; `None` if [`Self::respond`] has to be asked.
    pub fn respond_now(&self, message: &[u8], peer: &Peer, out: &mut Vec<u8>) -> Option<Outcome> {
        match Request::read(message) {
            Ok(request) if request.signed || shows_serial(&request) || request.opcode == Opcode::Notify => {
                None
            }
            Ok(request) => Some(self.authority.answer_request(&request, peer, out)),
            Err(Unreadable::Silent) => Some(Outcome::Silent),
            Err(Unreadable::Refuse(refusal)) => {
                refusal.write(out);
                Some(Outcome::Answered)
            }
        }
    }

    /// Answers a message, looking at the database first if need be. A message begins after `prefix` free octets.
    pub async fn respond(&self, message: &[u8], peer: &Peer, prefix: usize) -> Reply {
        let mut out = vec![0; prefix];
        let mut request = match Request::read(message) {
            Ok(request) => request,
            Err(Unreadable::Silent) => return Reply::Silent,
            Err(Unreadable::Refuse(refusal)) => {
                refusal.write(&mut out);
                return Reply::Message(out);
            }
        };
        let mut signer = None;
        if request.signed {
            match self.verify(message).await {
                Ok(verified) => {
                    request.scope = Some(verified.scope);
                    request.reserve = verified.signer.room();
                    signer = Some(verified.signer);
                }
                Err(rejection) => {
                    tracing::info!(from = %peer.address, error = rejection.error(), "a signature does not hold");
                    let rcode = match &rejection {
                        Rejection::Malformed => Rcode::FormErr,
                        _ => Rcode::NotAuth,
                    };
                    self.authority.fail(&request, rcode, &mut out);
                    rejection.seal(&mut out, prefix);
                    return Reply::Message(out);
                }
            }
        }
        match self.answer(&request, peer, &mut out).await {
            Outcome::Silent => Reply::Silent,
            Outcome::Answered => {
                if let Some(signer) = &mut signer {
                    signer.sign(&mut out, prefix);
                }
                Reply::Message(out)
            }
            Outcome::Transfer(transfer) => {
                let transfer = Box::new(transfer.signed_by(signer));
                if transfer.carrier() == Carrier::Tcp {
                    return Reply::Transfer(transfer);
                }
                let difference = self.difference(&transfer).await;
                out.extend(in_one_datagram(&transfer, difference.as_ref(), self.authority.payload()));
                Reply::Message(out)
            }
        }
    }

    /// Verifies the signature of a request by the keys there are.
    async fn verify(&self, message: &[u8]) -> Result<Verified, Rejection> {
        let mut verified = verify(message, &self.backing.keys(), self.clock);
        if verified.as_ref().is_err_and(Rejection::concerns_key) {
            self.backing.refresh_keys().await;
            verified = verify(message, &self.backing.keys(), self.clock);
        }
        verified?.ok_or(Rejection::Malformed)
    }

    async fn answer(&self, request: &Request<'_>, peer: &Peer, out: &mut Vec<u8>) -> Outcome {
        let name = &request.question.name;
        if request.opcode == Opcode::Notify {
            let rcode = match self.authority.notify_flaw(request) {
                Some(flaw) => flaw,
                None => self.backing.notified(name, request.known_serial, peer).await,
            };
            self.authority.acknowledge(request, rcode, out);
            return Outcome::Answered;
        }
        if shows_serial(request) {
            self.backing.refresh(name).await;
        }
        self.authority.answer_request(request, peer, out)
    }

    /// What changed since the version that the client has, if it asked for that and it can be told in less than the zone.
    async fn difference(&self, request: &TransferRequest) -> Option<Difference> {
        let (zone, known) = (request.zone(), request.known()?);
        match self.backing.difference(zone.version().id, known).await {
            Ok(found) => found.filter(|found| !zone.is_complete() || found.records() <= zone.records()),
            Err(error) => {
                tracing::warn!(zone = %zone.version().origin, %error, "cannot tell what changed");
                None
            }
        }
    }

    /// Sends the messages of a transfer, each with its length in front. Ends early if nobody takes them any more; a
    /// failure is told in a last message.
    pub async fn transfer(&self, request: &TransferRequest, sink: &mpsc::Sender<Vec<u8>>) {
        let zone = &request.zone().version().origin;
        let permit = tokio::time::timeout(TRANSFER_PATIENCE, self.transfers.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            tracing::warn!(%zone, "too many transfers");
            // An error means that the client has gone.
            drop(sink.send(request.failure(self.authority.payload())).await);
            return;
        };
        let started = tokio::time::Instant::now();
        let difference = self.difference(request).await;
        let incremental = difference.is_some();
        let sent = if let Some(difference) = difference {
            self.transfer_changes(request, &difference, sink).await
        } else if request.zone().is_complete() {
            self.transfer_memory(request, sink).await
        } else {
            self.transfer_database(request, sink).await
        };
        match sent {
            Ok(octets) => {
                tracing::debug!(%zone, octets, incremental, took = ?started.elapsed(), "transferred");
            }
            Err(TransferError::ClientGone) => tracing::debug!(%zone, "the client of a transfer has gone"),
            Err(error) => {
                tracing::warn!(%zone, %error, "transfer failed");
                // An error means that the client has gone.
                drop(sink.send(request.failure(self.authority.payload())).await);
            }
        }
    }

    async fn transfer_changes(
        &self,
        request: &TransferRequest,
        difference: &Difference,
        sink: &mpsc::Sender<Vec<u8>>,
    ) -> Result<usize, TransferError> {
        let origin = difference.origin.to_wire();
        let (size, payload) = (usize::from(self.message_size), self.authority.payload());
        let mut octets = 0;
        for frame in what_changed(request, difference, &origin, size, payload) {
            octets += send(sink, frame?).await?;
        }
        Ok(octets)
    }

    async fn transfer_memory(
        &self,
        request: &TransferRequest,
        sink: &mpsc::Sender<Vec<u8>>,
    ) -> Result<usize, TransferError> {
        let mut octets = 0;
        for frame in whole_zone(request, usize::from(self.message_size), self.authority.payload()) {
            octets += send(sink, frame?).await?;
        }
        Ok(octets)
    }

    async fn transfer_database(
        &self,
        request: &TransferRequest,
        sink: &mpsc::Sender<Vec<u8>>,
    ) -> Result<usize, TransferError> {
        let opened = self.backing.open(request.zone().version().id).await?;
        let mut reader = opened.ok_or(TransferError::Gone)?;
        let mut frames = Frames::new(request, usize::from(self.message_size), self.authority.payload());
        let mut octets = 0;
        let (origin, soa) = reader.soa();
        let soa = vec![(origin.clone(), soa.clone())];
        let mut sets = soa.clone();
        while !sets.is_empty() {
            octets += pack(&mut frames, &sets, sink).await?;
            sets = reader.next().await?;
        }
        octets += pack(&mut frames, &soa, sink).await?;
        octets += send(sink, frames.finish()).await?;
        Ok(octets)
    }

    /// Answers a message with all that it takes, without sockets: one message, none, or those of a transfer.
    pub async fn exchange(&self, message: &[u8], peer: &Peer) -> Vec<Vec<u8>> {
        match self.respond(message, peer, 0).await {
            Reply::Silent => Vec::new(),
            Reply::Message(answer) => vec![answer],
            Reply::Transfer(request) => {
                let (sink, mut frames) = mpsc::channel::<Vec<u8>>(EXCHANGE_QUEUE);
                let collecting = async {
                    let mut messages = Vec::new();
                    while let Some(frame) = frames.recv().await {
                        messages.push(frame.get(2..).unwrap_or_default().to_vec());
                    }
                    messages
                };
                let sending = async {
                    self.transfer(&request, &sink).await;
                    drop(sink);
                };
                tokio::join!(sending, collecting).1
            }
        }
    }
}

/// Why a transfer broke off.
#[derive(Debug, Error)]
enum TransferError {
    #[error(transparent)]
    Unreadable(#[from] BackingError),
    #[error(transparent)]
    TooLarge(#[from] crate::dns::transfer::TooLarge),
    #[error("the zone is there no longer")]
    Gone,
    #[error("the client has gone")]
    ClientGone,
}

/// Packs sets into messages and sends those that became full; answers how many octets that were.
async fn pack(
    frames: &mut Frames,
    sets: &[(Name, RrSet)],
    sink: &mpsc::Sender<Vec<u8>>,
) -> Result<usize, TransferError> {
    let mut octets = 0;
    for (owner, set) in sets {
        let owner = owner.to_wire();
        let mut full = Vec::new();
        for data in set.records() {
            full.extend(frames.push(&owner, set.kind(), set.ttl(), data)?);
        }
        for frame in full {
            octets += send(sink, frame).await?;
        }
    }
    Ok(octets)
}

async fn send(sink: &mpsc::Sender<Vec<u8>>, frame: Vec<u8>) -> Result<usize, TransferError> {
    let octets = frame.len();
    sink.send(frame).await.map_err(|_| TransferError::ClientGone)?;
    Ok(octets)
}

/// True if the answer is about the present version of a zone.
const fn shows_serial(request: &Request<'_>) -> bool {
    matches!(request.opcode, Opcode::Query)
        && matches!(request.question.kind, kind::SOA | kind::AXFR | kind::IXFR)
}
