//! Rows that the points begin with.

use std::collections::BTreeMap;

use crate::domain::delta::{JournalEntry, RrSet};
use crate::domain::generation::Generation;
use crate::domain::host_port::HostPort;
use crate::domain::ids::{
    AlsoNotifyId, NameserverId, NsRecordId, PoolId, ProjectId, RecordsetId, TargetId, ZoneId,
};
use crate::domain::name::Name;
use crate::domain::page::{Direction, PageRequest, Scope};
use crate::domain::pool::{AlsoNotify, Nameserver, NsRecord, Pool, Target};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::domain::zone::{SoaTimers, Zone, ZoneKind};
use crate::domain::zone_status::{Action, Progress, Status};

/// A moment.
#[must_use]
pub const fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A name.
#[must_use]
pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A project.
#[must_use]
pub fn project(text: &str) -> ProjectId {
    ProjectId::new(text)
}

/// A caller of a project.
#[must_use]
pub fn of(text: &str) -> Scope {
    Scope::Project(Some(project(text)))
}

/// A TTL.
#[must_use]
pub fn ttl(seconds: i64) -> Ttl {
    Ttl::new(seconds).unwrap()
}

/// A zone just created in the default pool for project `p1`.
#[must_use]
pub fn zone(text: &str) -> Zone {
    Zone {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        project_id: Some(project("p1")),
        name: name(text),
        kind: ZoneKind::Primary,
        email: "a@example.org".into(),
        description: None,
        ttl: ttl(3600),
        timers: SoaTimers { refresh: 3501, retry: 600, expire: 86400, minimum: 3600 },
        serial: Serial::new(100),
        progress: Progress::created(),
        shared: false,
        attributes: BTreeMap::new(),
        masters: Vec::new(),
        parent_id: None,
        recordset_count: 0,
        record_count: 0,
        hard_delete: false,
        version: 1,
        created_at: at(1),
        updated_at: None,
        transferred_at: None,
        published_at: Some(at(1)),
    }
}

/// A recordset of a zone, as its creation with the zone left it.
#[must_use]
pub fn set(zone: &Zone, text: &str, kind: RecordType, records: &[&str]) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: zone.project_id.clone(),
        name: name(text),
        kind,
        ttl: None,
        description: None,
        records: records.iter().map(ToString::to_string).collect(),
        managed: false,
        generation: Generation::FIRST,
        change: Action::Create,
        action: if records.is_empty() { Action::None } else { Action::Create },
        status: if records.is_empty() { Status::Active } else { Status::Pending },
        version: 1,
        created_at: at(1),
        updated_at: None,
    }
}

/// Records as DNS sees them, `None` for no records.
#[must_use]
pub fn rrset(ttl: Option<Ttl>, records: &[&str]) -> Option<RrSet> {
    let records: Vec<_> = records.iter().map(ToString::to_string).collect();
    (!records.is_empty()).then_some(RrSet { ttl, records })
}

/// A line of the journal about A records.
#[must_use]
pub fn line(generation: u64, text: &str, before: &[&str], after: &[&str]) -> JournalEntry {
    JournalEntry {
        generation: Generation::new(generation),
        name: name(text),
        kind: RecordType::A,
        before: rrset(None, before),
        after: rrset(None, after),
    }
}

/// A first page.
#[must_use]
pub const fn first<K>(limit: u64, sort_key: K) -> PageRequest<K> {
    PageRequest { limit, marker: None, sort_key, direction: Direction::Ascending }
}

/// A pool with two of everything.
#[must_use]
pub fn pool(text: &str) -> Pool {
    let ns = |priority, host: &str| NsRecord { id: NsRecordId::random(), hostname: name(host), priority };
    let server =
        |host: &str| Nameserver { id: NameserverId::random(), at: HostPort::new(host, 53), tsigkey_id: None };
    let target = |host: &str| Target {
        id: TargetId::random(),
        driver: "bind9".into(),
        description: Some("a target".into()),
        masters: vec![HostPort::new("192.0.2.10", 5354), HostPort::new("2001:db8::1", 53)],
        options: BTreeMap::from([("host".into(), host.into()), ("port".into(), "53".into())]),
        tsigkey_id: None,
    };
    let also = |host: &str| AlsoNotify { id: AlsoNotifyId::random(), at: HostPort::new(host, 53) };
    Pool {
        id: PoolId::random(),
        project_id: Some(ProjectId::new("maker")),
        name: text.into(),
        description: Some("a pool".into()),
        attributes: BTreeMap::from([("tier".into(), "gold".into())]),
        ns_records: vec![ns(1, "ns1.example.net."), ns(2, "ns2.example.net.")],
        nameservers: vec![server("192.0.2.1"), server("192.0.2.2")],
        targets: vec![target("192.0.2.1"), target("192.0.2.2")],
        also_notifies: vec![also("192.0.2.3"), also("192.0.2.4")],
        version: 1,
        created_at: at(1),
        updated_at: None,
    }
}
