//! Zones from their masters: the requesting side of AXFR (RFC 5936).
//!
//! Invariants: what is handed out is one whole version of a zone, each of its records below the zone's name and of class IN;
//! a transfer that is anything else ends with an error that says why; time and memory are bounded, whatever the master
//! sends.

mod assemble;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod message;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::ResponseCode;
use thiserror::Error;

pub use self::assemble::{Arrived, ArrivedSet, Assembly};
pub(super) use self::stream::transfer_from;
use crate::dns::tsig::{AnswerError, SignedBy};
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;

/// What a transfer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferLimits {
    /// For a connection, and for every message.
    pub wait: Duration,
    /// For all of it.
    pub total: Duration,
    /// All messages together.
    pub octets: usize,
    /// Records of the zone.
    pub records: usize,
}

/// Why a zone did not arrive.
#[derive(Debug, Error)]
pub enum TransferError {
    /// The master's name has no address.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// The connection could not be made, or broke.
    #[error("connection failed: {source}")]
    Io {
        /// What the system says.
        #[from]
        source: io::Error,
    },
    /// Nothing came in time, or not all of it.
    #[error("not complete within {} ms", limit.as_millis())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The master closed the connection before the end of the zone.
    #[error("ended before its last record, after {records} records")]
    CutShort {
        /// How many records came.
        records: usize,
    },
    /// The master does not give the zone away.
    #[error("the master answered {code}")]
    Refused {
        /// Its answer.
        code: ResponseCode,
    },
    /// A message cannot be read.
    #[error("malformed message: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A message is not part of this transfer.
    #[error("not an answer to the question: {reason}")]
    NotOurs {
        /// Why not.
        reason: &'static str,
    },
    /// A message is not signed as it must be.
    #[error("bad signature: {source}")]
    BadSignature {
        /// What is wrong.
        #[from]
        source: AnswerError,
    },
    /// What the messages hold is no zone.
    #[error("not a zone: {reason}")]
    NotAZone {
        /// Why not.
        reason: &'static str,
    },
    /// A record that does not belong to the zone.
    #[error("{name} is not in the zone")]
    OutOfZone {
        /// Its owner.
        name: Name,
    },
    /// The zone is larger than allowed.
    #[error("more than {limit} {what}")]
    TooLarge {
        /// Of what there is too much.
        what: &'static str,
        /// How much would be allowed.
        limit: usize,
    },
}

/// Something that gets zones from masters.
#[async_trait]
pub trait Transfers: Send + Sync + fmt::Debug {
    /// Transfers a zone from a master; with a key, the question is signed and every answer must be.
    ///
    /// # Errors
    /// It did not arrive whole.
    async fn transfer(
        &self,
        master: &HostPort,
        zone: &Name,
        limits: &TransferLimits,
        signed_by: Option<&SignedBy>,
    ) -> Result<Arrived, TransferError>;
}
