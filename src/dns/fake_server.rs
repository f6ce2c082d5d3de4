//! Secondary name servers in memory, behind [`Exchange`]: they hold zones, take NOTIFY, transfer from a source, and fail
//! in the ways real ones do.
//!
//! Invariants: a server answers only for zones it was told to serve, and SERVFAIL until the first transfer succeeded, as
//! BIND does; a transfer is started by the order to serve a zone, by NOTIFY and by coming back, never by a query; all
//! waiting is on tokio's clock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{Message, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};
use parking_lot::Mutex;
use tokio::time::sleep;

use super::client::{Ask, Exchange, ExchangeError};
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;
use crate::domain::serial::Serial;

/// Where the servers transfer zones from.
#[async_trait]
pub trait TransferSource: Send + Sync {
    /// All records of the zone, its SOA record first; `None` if there is no such zone or no answer.
    async fn transfer(&self, zone: &Name) -> Option<Vec<Record>>;
}

/// How a server behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    #[default]
    Normal,
    /// It answers nothing and transfers nothing.
    Silent,
    /// It answers REFUSED to everything and transfers nothing.
    Refusing,
    /// It answers SERVFAIL to everything and transfers nothing.
    Failing,
}

/// Many servers, found by where they are asked.
#[derive(Clone)]
pub struct FakeNet {
    source: Arc<dyn TransferSource>,
    servers: Arc<Mutex<BTreeMap<HostPort, FakeServer>>>,
}

/// One server; clones are the same server.
#[derive(Clone)]
pub struct FakeServer {
    source: Arc<dyn TransferSource>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    manner: Manner,
    lag: Duration,
    zones: BTreeMap<Name, Vec<Record>>,
    notified: Vec<(Name, Option<Serial>)>,
    queries: usize,
}

impl FakeNet {
    /// A net without servers.
    #[must_use]
    pub fn new(source: Arc<dyn TransferSource>) -> Self {
        Self { source, servers: Arc::default() }
    }

    /// The server at that place; there is one from the first time on that it is named here.
    #[must_use]
    pub fn server(&self, at: &HostPort) -> FakeServer {
        let new = || FakeServer { source: Arc::clone(&self.source), state: Arc::default() };
        self.servers.lock().entry(at.clone()).or_insert_with(new).clone()
    }
}

#[async_trait]
impl Exchange for FakeNet {
    async fn exchange(&self, server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        let found = self.servers.lock().get(server).cloned();
        match found.and_then(|server| server.answer(&ask.message)) {
            Some(answer) => Ok(answer),
            None => {
                sleep(ask.timeout).await;
                Err(ExchangeError::TimedOut { limit: ask.timeout })
            }
        }
    }
}

impl FakeServer {
    /// Serves the zone from now on and transfers it. Returns false if it did already.
    pub fn add_zone(&self, zone: &Name) -> bool {
        let is_new = {
            let zones = &mut self.state.lock().zones;
            let is_new = !zones.contains_key(zone);
            zones.entry(zone.clone()).or_default();
            is_new
        };
        if is_new {
            self.start_transfer(zone.clone());
        }
        is_new
    }

    /// Serves the zone no more. Returns false if it did not.
    pub fn remove_zone(&self, zone: &Name) -> bool {
        self.state.lock().zones.remove(zone).is_some()
    }

    /// Behaves so from now on. Back to normal, it transfers every zone, as a server that was started again.
    pub fn behave(&self, manner: Manner) {
        let zones: Vec<Name> = {
            let mut state = self.state.lock();
            state.manner = manner;
            state.zones.keys().cloned().collect()
        };
        for zone in zones {
            self.start_transfer(zone);
        }
    }

    /// How it behaves.
    #[must_use]
    pub fn manner(&self) -> Manner {
        self.state.lock().manner
    }

    /// Lets every transfer start that much later.
    pub fn lag(&self, lag: Duration) {
        self.state.lock().lag = lag;
    }

    /// True if it was told to serve the zone.
    #[must_use]
    pub fn has_zone(&self, zone: &Name) -> bool {
        self.state.lock().zones.contains_key(zone)
    }

    /// The serial it shows, if it serves the zone and has transferred it.
    #[must_use]
    pub fn serial(&self, zone: &Name) -> Option<Serial> {
        self.state.lock().zones.get(zone).and_then(|records| serial_of(records))
    }

    /// The records it holds of that name and type.
    #[must_use]
    pub fn records(&self, zone: &Name, name: &Name, kind: RecordType) -> Vec<Record> {
        let state = self.state.lock();
        let all = state.zones.get(zone).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|r| r.record_type() == kind && is(&r.name, name)).cloned().collect()
    }

    /// The zones and serials that NOTIFY told it of, since this was asked last.
    #[must_use]
    pub fn notified(&self) -> Vec<(Name, Option<Serial>)> {
        std::mem::take(&mut self.state.lock().notified)
    }

    /// How many queries it was asked so far, answered or not.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.state.lock().queries
    }

    fn answer(&self, question: &Message) -> Option<Message> {
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata = Metadata::response_from_request(&question.metadata);
        answer.queries.clone_from(&question.queries);
        let (Some(query), mut state) = (question.queries.first(), self.state.lock()) else { return None };
        if question.metadata.op_code == OpCode::Query {
            state.queries += 1;
        }
        let name = Name::parse(&query.name().to_ascii()).ok()?;
        let code = match state.manner {
            Manner::Silent => return None,
            Manner::Refusing => ResponseCode::Refused,
            Manner::Failing => ResponseCode::ServFail,
            Manner::Normal if question.metadata.op_code == OpCode::Notify => {
                state.notified.push((name.clone(), serial_of(&question.answers)));
                if state.zones.contains_key(&name) {
                    drop(state);
                    self.start_transfer(name);
                    answer.metadata.authoritative = true;
                    ResponseCode::NoError
                } else {
                    ResponseCode::NotAuth
                }
            }
            Manner::Normal => state.query(&name, query.query_type(), &mut answer),
        };
        answer.metadata.response_code = code;
        Some(answer)
    }

    fn start_transfer(&self, zone: Name) {
        let server = self.clone();
        tokio::spawn(async move {
            let lag = server.state.lock().lag;
            sleep(lag).await;
            if server.state.lock().manner != Manner::Normal {
                return;
            }
            let Some(records) = server.source.transfer(&zone).await else { return };
            let mut state = server.state.lock();
            let Some(held) = state.zones.get_mut(&zone) else { return };
            let is_newer = match (serial_of(held), serial_of(&records)) {
                (Some(have), Some(got)) => got.is_newer_than(have),
                (None, got) => got.is_some(),
                (Some(_), None) => false,
            };
            if is_newer {
                *held = records;
            }
        });
    }
}

impl State {
    fn query(&self, name: &Name, kind: RecordType, answer: &mut Message) -> ResponseCode {
        let zone =
            std::iter::once(name.clone()).chain(name.ancestors()).find_map(|zone| self.zones.get(&zone));
        let Some(records) = zone else { return ResponseCode::Refused };
        if serial_of(records).is_none() {
            return ResponseCode::ServFail;
        }
        answer.metadata.authoritative = true;
        let of_name: Vec<&Record> = records.iter().filter(|record| is(&record.name, name)).collect();
        answer.add_answers(of_name.iter().copied().filter(|record| record.record_type() == kind).cloned());
        if of_name.is_empty() { ResponseCode::NXDomain } else { ResponseCode::NoError }
    }
}

fn serial_of(records: &[Record]) -> Option<Serial> {
    records.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(Serial::new(soa.serial)),
        _ => None,
    })
}

fn is(theirs: &hickory_proto::rr::Name, ours: &Name) -> bool {
    Name::parse(&theirs.to_ascii()).is_ok_and(|theirs| theirs == *ours)
}

impl fmt::Debug for FakeNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.servers.lock().iter()).finish()
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let zones: BTreeMap<_, _> =
            state.zones.iter().map(|(name, records)| (name, serial_of(records))).collect();
        f.debug_struct("FakeServer")
            .field("manner", &state.manner)
            .field("zones", &zones)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "fake_server_tests.rs"]
mod tests;
