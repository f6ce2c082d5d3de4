//! Which serial does a name server show for a zone?
//!
//! Invariants: a serial counts only from an authoritative answer for the zone's own name; what cannot be read as «this
//! server does not serve the zone» is never taken for it.

use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use super::exchange::{Ask, Exchange, ExchangeError};
use super::wire_name;
use crate::domain::consensus::Answer;
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;
use crate::domain::serial::Serial;

/// What a name server said about a zone.
#[derive(Debug)]
pub enum PollAnswer {
    /// It is authoritative and shows this serial.
    Serial(Serial),
    /// It does not serve the zone.
    NoZone(ResponseCode),
    /// It answered, but says nothing either way (SERVFAIL and the like, or not authoritative).
    Broken(ResponseCode),
    /// It did not answer.
    NoAnswer(ExchangeError),
}

impl PollAnswer {
    /// The answer as it counts for the consensus.
    #[must_use]
    pub const fn counts_as(&self) -> Answer {
        match self {
            Self::Serial(serial) => Answer::Serial(*serial),
            Self::NoZone(_) => Answer::NoZone,
            Self::Broken(_) | Self::NoAnswer(_) => Answer::Unknown,
        }
    }
}

/// Asks `server` for the zone's SOA record.
pub async fn poll_serial(
    exchange: &dyn Exchange,
    server: &HostPort,
    zone: &Name,
    tcp: bool,
    timeout: Duration,
) -> PollAnswer {
    let name = match wire_name(zone) {
        Ok(name) => name,
        Err(error) => return PollAnswer::NoAnswer(error),
    };
    let mut message = Message::query();
    message.add_query(Query::query(name.clone(), RecordType::SOA));
    message.set_edns(Edns::new());
    let answer = match exchange.exchange(server, &Ask { message, tcp, signed_by: None, timeout }).await {
        Ok(answer) => answer,
        Err(error) => return PollAnswer::NoAnswer(error),
    };
    let code = answer.metadata.response_code;
    let serial = answer.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) if record.name == name => Some(Serial::new(soa.serial)),
        _ => None,
    });
    match (code, serial) {
        (ResponseCode::NoError, Some(serial)) if answer.metadata.authoritative => PollAnswer::Serial(serial),
        // No data: a zone above it is served. Not authoritative, too: a referral from there.
        (ResponseCode::NoError, None) if answer.answers.is_empty() => PollAnswer::NoZone(code),
        (ResponseCode::NXDomain | ResponseCode::Refused | ResponseCode::NotAuth, _) => {
            PollAnswer::NoZone(code)
        }
        _ => PollAnswer::Broken(code),
    }
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;
