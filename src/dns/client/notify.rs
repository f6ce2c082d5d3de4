//! Word to a server that a zone changed (RFC 1996).
//!
//! Invariants: AA is set and the new SOA stands in the answer section (sections 3.7 and 3.8 of the RFC); repeated only
//! while there is no answer, at growing distances; any answer of the server ends it.

use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Record, RecordType};
use thiserror::Error;
use tokio::time::{Instant, sleep_until};

use super::exchange::{Ask, Exchange, ExchangeError};
use super::wire_name;
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;

/// Why a server does not know of the change.
#[derive(Debug, Error)]
pub enum NotifyError {
    /// It answered, but with an error: repeating is no use.
    #[error("the server answered {code}")]
    Rejected {
        /// Its answer.
        code: ResponseCode,
    },
    /// It never answered.
    #[error("{source} ({attempts} attempts)")]
    NoAnswer {
        /// The last attempt's failure.
        source: ExchangeError,
        /// How many there were.
        attempts: u32,
    },
}

/// How often to repeat an unanswered word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifyPolicy {
    /// Attempts, at least one.
    pub attempts: u32,
    /// Time for the first answer; doubles with every attempt.
    pub first_timeout: Duration,
    /// Use TCP.
    pub tcp: bool,
}

impl Default for NotifyPolicy {
    fn default() -> Self {
        Self { attempts: 4, first_timeout: Duration::from_secs(2), tcp: false }
    }
}

/// What changed.
#[derive(Debug, Clone)]
pub struct Notify {
    /// The zone.
    pub zone: Name,
    /// Its new SOA record, a hint.
    pub soa: Option<Record>,
}

/// Tells `server`, and returns when it knows.
///
/// # Errors
/// It answered with an error, or not at all.
pub async fn notify(
    exchange: &dyn Exchange,
    server: &HostPort,
    what: &Notify,
    policy: NotifyPolicy,
) -> Result<(), NotifyError> {
    let mut timeout = policy.first_timeout;
    let mut attempt = 1;
    loop {
        let due = Instant::now() + timeout;
        let outcome = match question(what) {
            Ok(message) => {
                exchange.exchange(server, &Ask { message, tcp: policy.tcp, signed_by: None, timeout }).await
            }
            Err(source) => return Err(NotifyError::NoAnswer { source, attempts: 0 }),
        };
        match outcome.map(|answer| answer.metadata.response_code) {
            Ok(ResponseCode::NoError) => return Ok(()),
            Ok(code) => return Err(NotifyError::Rejected { code }),
            Err(source) if attempt >= policy.attempts => {
                return Err(NotifyError::NoAnswer { source, attempts: attempt });
            }
            // Also after a quick failure (nobody listens there) the next attempt keeps its distance.
            Err(_) => sleep_until(due).await,
        }
        attempt += 1;
        timeout = timeout.saturating_mul(2);
    }
}

fn question(what: &Notify) -> Result<Message, ExchangeError> {
    let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Notify);
    message.metadata.authoritative = true;
    message.add_query(Query::query(wire_name(&what.zone)?, RecordType::SOA));
    message.add_answers(what.soa.clone());
    Ok(message)
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
