//! A pool: the name servers that serve a set of zones, and how zones get there.
//!
//! Invariants: the ids of unchanged rows stay the same when a pool is updated; `version` grows with every change, so
//! that nobody works with an old definition unknowingly.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::host_port::HostPort;
use super::ids::{AlsoNotifyId, NameserverId, NsRecordId, PoolId, ProjectId, TargetId, TsigKeyId};
use super::name::Name;
use super::time::Timestamp;

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// The project that it was made for; nothing follows from it.
    pub project_id: Option<ProjectId>,
    /// Its name, unique.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Hints for the scheduler.
    pub attributes: BTreeMap<String, String>,
    /// The NS set of every primary zone, by priority; the first is the SOA's MNAME.
    pub ns_records: Vec<NsRecord>,
    /// The servers whose SOA answers decide about propagation.
    pub nameservers: Vec<Nameserver>,
    /// The servers that zones are pushed to.
    pub targets: Vec<Target>,
    /// Extra receivers of NOTIFY.
    pub also_notifies: Vec<AlsoNotify>,
    /// Grows with every change of the pool or its parts.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// One NS record of a pool's zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NsRecord {
    /// Its id.
    pub id: NsRecordId,
    /// The name server's host name.
    pub hostname: Name,
    /// 1 to 10000; lower comes first.
    pub priority: u16,
}

/// One server whose SOA answers count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nameserver {
    /// Its id.
    pub id: NameserverId,
    /// Where it answers.
    pub at: HostPort,
    /// The key that signs the question.
    pub tsigkey_id: Option<TsigKeyId>,
}

/// One server that zones are pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// The driver's name: `bind9`, `native`, `fake` …
    pub driver: String,
    /// Free text.
    pub description: Option<String>,
    /// Where the server transfers zones from: our mdns services.
    pub masters: Vec<HostPort>,
    /// The driver's options; `host` and `port` say where NOTIFY goes.
    pub options: BTreeMap<String, String>,
    /// The key that signs NOTIFY.
    pub tsigkey_id: Option<TsigKeyId>,
}

/// One extra receiver of NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlsoNotify {
    /// Its id.
    pub id: AlsoNotifyId,
    /// Where it listens.
    pub at: HostPort,
}

impl Pool {
    /// The NS records in the order zones show them: by priority, then by name.
    #[must_use]
    pub fn ns_in_order(&self) -> Vec<&NsRecord> {
        let mut records: Vec<_> = self.ns_records.iter().collect();
        records.sort_by_key(|r| (r.priority, r.hostname.key()));
        records
    }
}

impl Target {
    /// Where NOTIFY goes: options `host` and `port`, by default 127.0.0.1 port 53.
    #[must_use]
    pub fn notify_at(&self) -> HostPort {
        let host = self.options.get("host").map_or("127.0.0.1", String::as_str);
        let port = self.options.get("port").and_then(|p| p.parse().ok()).unwrap_or(HostPort::DNS);
        HostPort::new(host, port)
    }
}
