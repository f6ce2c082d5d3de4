//! Masters of secondary zones, faked: they show serials and give zones, or fail in the ways of [`Manner`].
//!
//! Invariants: what a master gives goes the way of records that came over a connection, in their order.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name as WireName, RData as WireData, Record};
use parking_lot::Mutex;
use tokio::time::sleep;

use super::Failure;
use crate::dns::client::{
    Arrived, Ask, Assembly, Exchange, ExchangeError, TransferError, TransferLimits, Transfers,
};
use crate::dns::fake_server::Manner;
use crate::dns::tsig::SignedBy;
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;
use crate::domain::rdata::{RData, Soa};
use crate::domain::ttl::Ttl;
use crate::domain::zonefile::{self, ZoneFile};

/// All masters, found by where they are asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Masters(Arc<Mutex<BTreeMap<HostPort, FakeMaster>>>);

/// One master; clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct FakeMaster(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    manner: Manner,
    zones: BTreeMap<Name, ZoneFile>,
    asked: usize,
    transfers: usize,
}

impl FakeMaster {
    /// Serves this from now on: a zone file whose first record is the SOA record.
    ///
    /// # Errors
    /// If it is none.
    pub fn serve(&self, origin: &str, text: &str) -> Result<(), Failure> {
        let file = zonefile::parse(text, Some(&Name::parse(origin)?))?;
        file.soa().ok_or("there is no SOA record")?;
        self.0.lock().zones.insert(file.origin.clone(), file);
        Ok(())
    }

    /// Behaves so from now on.
    pub fn behave(&self, manner: Manner) {
        self.0.lock().manner = manner;
    }

    /// How often it was asked for a serial.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.0.lock().asked
    }

    /// How often it gave a zone.
    #[must_use]
    pub fn transfers(&self) -> usize {
        self.0.lock().transfers
    }

    /// Its word on a question; the error is a code, or silence.
    fn look<T>(
        &self,
        zone: &Name,
        take: impl FnOnce(&mut State, ZoneFile) -> T,
    ) -> Result<T, Option<ResponseCode>> {
        let mut state = self.0.lock();
        match state.manner {
            Manner::Normal => {}
            Manner::Silent => return Err(None),
            Manner::Refusing => return Err(Some(ResponseCode::Refused)),
            Manner::Failing => return Err(Some(ResponseCode::ServFail)),
        }
        let file = state.zones.get(zone).cloned().ok_or(Some(ResponseCode::NotAuth))?;
        Ok(take(&mut state, file))
    }
}

impl Masters {
    /// The master at that place; there is one from the first time on that it is named here.
    pub(super) fn at(&self, place: &HostPort) -> FakeMaster {
        self.0.lock().entry(place.clone()).or_default().clone()
    }

    fn find(&self, place: &HostPort) -> Option<FakeMaster> {
        self.0.lock().get(place).cloned()
    }

    /// True if there is one.
    pub(super) fn is_at(&self, place: &HostPort) -> bool {
        self.0.lock().contains_key(place)
    }
}

#[async_trait]
impl Exchange for Masters {
    async fn exchange(&self, server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        let asked = ask.message.queries.first().and_then(|query| Name::parse(&query.name().to_ascii()).ok());
        let looked = match (self.find(server), asked) {
            (Some(master), Some(zone)) => {
                master.0.lock().asked += 1;
                master.look(&zone, |_, file| file)
            }
            _ => Err(None),
        };
        let mut answer = Message::response(ask.message.metadata.id, OpCode::Query);
        answer.queries.clone_from(&ask.message.queries);
        match looked {
            Ok(file) => {
                answer.metadata.authoritative = true;
                answer.add_answers(file.soa().and_then(|(soa, ttl)| soa_record(&file.origin, soa, ttl)));
            }
            Err(Some(code)) => answer.metadata.response_code = code,
            Err(None) => {
                sleep(ask.timeout).await;
                return Err(ExchangeError::TimedOut { limit: ask.timeout });
            }
        }
        Ok(answer)
    }
}

fn soa_record(origin: &Name, soa: &Soa, ttl: Option<Ttl>) -> Option<Record> {
    let wire = |name: &Name| WireName::from_ascii(name.as_str()).ok();
    let data = SOA::new(
        wire(&soa.mname)?,
        wire(&soa.rname)?,
        soa.serial.number(),
        i32::try_from(soa.refresh).ok()?,
        i32::try_from(soa.retry).ok()?,
        i32::try_from(soa.expire).ok()?,
        soa.minimum,
    );
    Some(Record::from_rdata(wire(origin)?, ttl.map_or(0, Ttl::seconds), WireData::SOA(data)))
}

#[async_trait]
impl Transfers for Masters {
    async fn transfer(
        &self,
        master: &HostPort,
        zone: &Name,
        limits: &TransferLimits,
        _signed_by: Option<&SignedBy>,
    ) -> Result<Arrived, TransferError> {
        let looked = self.find(master).map_or(Err(None), |master| {
            master.look(zone, |state, file| {
                state.transfers += 1;
                file
            })
        });
        let file = match looked {
            Ok(file) => file,
            Err(Some(code)) => return Err(TransferError::Refused { code }),
            Err(None) => {
                sleep(limits.wait).await;
                return Err(TransferError::TimedOut { limit: limits.wait });
            }
        };
        let mut assembly = Assembly::new(zone.clone(), limits.records);
        for record in &file.records {
            assembly.add(record.name.clone(), record.ttl.unwrap_or(Ttl::ZERO), record.data.clone())?;
        }
        if let Some((soa, ttl)) = file.soa() {
            assembly.add(zone.clone(), ttl.unwrap_or(Ttl::ZERO), RData::Soa(soa.clone()))?;
        }
        assembly.finish()
    }
}
