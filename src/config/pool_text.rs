//! Writes pools as a pool file.
//!
//! Invariants: what is written, [`super::pool_file::parse`] reads as a description of the same pools; every part is
//! written, also if empty, so that reading the file elsewhere gives the same pools there.

use std::collections::BTreeMap;

use serde_yaml_ng::{Mapping, Value};

use crate::domain::host_port::HostPort;
use crate::domain::ids::TsigKeyId;
use crate::domain::pool::{Pool, Target};

/// A map that keeps its order and leaves out absent values.
#[derive(Default)]
struct Map(Mapping);

impl Map {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(Value::from(key), value.into());
        self
    }

    fn maybe(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    fn list<T>(self, key: &str, items: &[T], write: impl Fn(&T) -> Self) -> Self {
        let items = items.iter().map(|item| Value::from(write(item).0)).collect::<Vec<_>>();
        self.with(key, items)
    }

    fn texts(self, key: &str, texts: &BTreeMap<String, String>) -> Self {
        let map = texts.iter().fold(Self::default(), |map, (name, text)| map.with(name, text.as_str()));
        self.with(key, map.0)
    }

    fn at(at: &HostPort) -> Self {
        Self::default().with("host", at.host.as_str()).with("port", at.port)
    }

    fn key(self, id: Option<TsigKeyId>) -> Self {
        self.maybe("tsigkey_id", id.map(|id| id.to_string()))
    }
}

/// The pools as the text of a pool file.
#[must_use]
pub fn print(pools: &[Pool]) -> String {
    let pools: Vec<Value> = pools.iter().map(|pool| Value::from(write(pool).0)).collect();
    serde_yaml_ng::to_string(&pools).unwrap_or_default()
}

fn write(pool: &Pool) -> Map {
    Map::default()
        .with("id", pool.id.to_string())
        .with("name", pool.name.as_str())
        .maybe("description", pool.description.as_deref())
        .texts("attributes", &pool.attributes)
        .list("ns_records", &pool.ns_records, |record| {
            Map::default().with("hostname", record.hostname.as_str()).with("priority", record.priority)
        })
        .list("nameservers", &pool.nameservers, |nameserver| {
            Map::at(&nameserver.at).key(nameserver.tsigkey_id)
        })
        .list("targets", &pool.targets, target)
        .list("also_notifies", &pool.also_notifies, |receiver| Map::at(&receiver.at))
}

fn target(target: &Target) -> Map {
    Map::default()
        .with("type", target.driver.as_str())
        .maybe("description", target.description.as_deref())
        .key(target.tsigkey_id)
        .list("masters", &target.masters, Map::at)
        .texts("options", &target.options)
}

#[cfg(test)]
mod tests {
    use super::super::pool_file::{self, NameserverSpec, NsRecordSpec, PoolSpec, TargetSpec};
    use super::*;
    use crate::domain::ids::{AlsoNotifyId, NameserverId, NsRecordId, PoolId, TargetId};
    use crate::domain::pool::{AlsoNotify, Nameserver, NsRecord};
    use crate::domain::time::Timestamp;

    #[test]
    fn what_is_written_is_read_as_the_same_pool() {
        let key = TsigKeyId::random();
        let texts = BTreeMap::from([
            (String::from("true"), String::from("0755")),
            (String::from("x"), String::new()),
        ]);
        let pool = Pool {
            id: PoolId::random(),
            project_id: None,
            name: String::from("yes"),
            description: Some(String::from("a: \"b\"\n# c")),
            attributes: texts.clone(),
            ns_records: vec![NsRecord {
                id: NsRecordId::random(),
                hostname: "ns1.example.org.".parse().unwrap(),
                priority: 3,
            }],
            nameservers: vec![Nameserver {
                id: NameserverId::random(),
                at: HostPort::new("2001:db8::1", 54),
                tsigkey_id: Some(key),
            }],
            targets: vec![Target {
                id: TargetId::random(),
                driver: String::from("fake"),
                description: None,
                masters: vec![HostPort::new("192.0.2.1", 5354)],
                options: texts.clone(),
                tsigkey_id: None,
            }],
            also_notifies: vec![AlsoNotify {
                id: AlsoNotifyId::random(),
                at: HostPort::new("ns.example.net", 53),
            }],
            version: 1,
            created_at: Timestamp::default(),
            updated_at: None,
        };
        let expected = PoolSpec {
            id: Some(pool.id),
            name: pool.name.clone(),
            description: pool.description.clone(),
            attributes: Some(texts.clone()),
            ns_records: Some(vec![NsRecordSpec {
                hostname: pool.ns_records[0].hostname.clone(),
                priority: 3,
            }]),
            nameservers: Some(vec![NameserverSpec {
                at: pool.nameservers[0].at.clone(),
                tsigkey_id: Some(key),
            }]),
            targets: Some(vec![TargetSpec {
                driver: String::from("fake"),
                description: None,
                masters: pool.targets[0].masters.clone(),
                options: texts,
                tsigkey_id: None,
            }]),
            also_notifies: Some(vec![pool.also_notifies[0].at.clone()]),
            catalog_zone: None,
        };
        assert_eq!(pool_file::parse(&print(&[pool])).unwrap(), [expected]);
        assert_eq!(pool_file::parse(&print(&[])).unwrap(), []);
    }
}
