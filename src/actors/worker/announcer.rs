//! NOTIFY to everybody who wants to know of a zone's new version.
//!
//! Invariants: at most one word to a place is under way; word of a newer version takes the place of an older one; what
//! is under way goes on when the announcer is dropped and ends by itself.

use std::sync::Arc;

use hickory_proto::rr::{RData, Record, RecordType};
use tokio::task::AbortHandle;

use super::tools::Tools;
use crate::dns::client::{Notify, NotifyPolicy};
use crate::domain::host_port::HostPort;
use crate::domain::ids::TsigKeyId;
use crate::domain::name::Name;

/// Attempts of one word; the last one waits 15 times as long as the first.
const ATTEMPTS: u32 = 4;

/// Tells places of one zone.
#[derive(Debug)]
pub(super) struct Announcer {
    tools: Arc<Tools>,
    what: Notify,
    told: Vec<(HostPort, Option<TsigKeyId>, AbortHandle)>,
}

impl Announcer {
    /// For the zone; nobody is told yet.
    pub(super) fn new(tools: Arc<Tools>, zone: Name) -> Self {
        Self { tools, what: Notify { zone, soa: None }, told: Vec::new() }
    }

    /// One of the same version that has told nobody.
    pub(super) fn again(&self) -> Self {
        Self { tools: Arc::clone(&self.tools), what: self.what.clone(), told: Vec::new() }
    }

    /// The version to tell of from now on; everybody told so far is told again.
    pub(super) fn version(&mut self, soa: Option<Record>) {
        self.what.soa = soa;
        for (place, key, word) in std::mem::take(&mut self.told) {
            word.abort();
            self.tell(place, key);
        }
    }

    /// Tells `place`, unless it was told of this version; the word is signed by a key if there is to be one.
    pub(super) fn tell(&mut self, place: HostPort, key: Option<TsigKeyId>) {
        if !self.told.iter().any(|(told, _, _)| *told == place) {
            let word = self.word(place.clone(), key);
            self.told.push((place, key, word));
        }
    }

    /// Tells again whoever was told and has nothing under way.
    pub(super) fn repeat(&mut self) {
        for at in 0..self.told.len() {
            let Some((place, key, word)) = self.told.get(at) else { return };
            if word.is_finished() {
                let word = self.word(place.clone(), *key);
                if let Some(told) = self.told.get_mut(at) {
                    told.2 = word;
                }
            }
        }
    }

    fn word(&self, place: HostPort, key: Option<TsigKeyId>) -> AbortHandle {
        let (tools, what) = (Arc::clone(&self.tools), self.what.clone());
        let policy = NotifyPolicy {
            attempts: ATTEMPTS,
            first_timeout: tools.config.notify_timeout,
            tcp: tools.config.all_tcp,
        };
        let task = async move {
            let told = tools.notify(&place, key, &what, policy);
            if let Some(Err(error)) = tools.stop.run_until_cancelled(told).await {
                tracing::debug!(zone = %what.zone, server = %place.host, port = place.port, %error, "notify failed");
            }
        };
        self.tools.tasks.spawn(task).abort_handle()
    }
}

/// The SOA record of a zone from its text, as a hint in NOTIFY; without it NOTIFY works as well.
pub(super) fn soa_record(zone: &Name, text: &str) -> Option<Record> {
    let name = hickory_proto::rr::Name::from_ascii(zone.as_str()).ok()?;
    let data = RData::try_from_str(RecordType::SOA, text).ok()?;
    Some(Record::from_rdata(name, 0, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soa_hint_is_made_of_the_records_text() {
        let zone = Name::parse("example.org.").unwrap();
        let text = "ns1.example.net. host\\.master.example.org. 7 3501 600 86400 3600";
        let record = soa_record(&zone, text).unwrap();
        assert!(matches!(&record.data, RData::SOA(soa) if soa.serial == 7 && soa.rname.num_labels() == 3));
        assert!(soa_record(&zone, "rubbish").is_none());
    }
}
