//! The pool file, `pools.yaml`: what an operator wants the pools of name servers to be.
//!
//! Invariants: a part of a pool that the file does not mention is `None` and stays as it is in the database, a part
//! that it mentions replaces all of it; within a file no pool, address or host name stands twice where it must not.
//! Parsing tells all mistakes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reader::{self, Mistake, Section};
use super::setting::choices;
use crate::domain::host_port::HostPort;
use crate::domain::ids::{PoolId, TsigKeyId};
use crate::domain::name::Name;

choices! {
    /// The drivers that targets may name.
    Driver {
        /// Our own mdns services: nothing to push.
        Native = "native",
        /// BIND 9 over its control channel.
        Bind9 = "bind9",
        /// Nothing at all.
        Fake = "fake",
    } later { "pdns4" "nsd4" "designate" "infoblox" "akamai_v2" "dynect" "ns1" }
}

/// A pool as the file wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSpec {
    /// The pool's id; without it the name tells which pool is meant.
    pub id: Option<PoolId>,
    /// The name, unique.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Hints for the scheduler.
    pub attributes: Option<BTreeMap<String, String>>,
    /// The NS set of every primary zone.
    pub ns_records: Option<Vec<NsRecordSpec>>,
    /// The servers whose SOA answers decide about propagation.
    pub nameservers: Option<Vec<NameserverSpec>>,
    /// The servers that zones are pushed to.
    pub targets: Option<Vec<TargetSpec>>,
    /// Extra receivers of NOTIFY.
    pub also_notifies: Option<Vec<HostPort>>,
    /// The catalog zone (RFC 9432) that lists the pool's zones.
    pub catalog_zone: Option<CatalogSpec>,
}

/// One NS record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NsRecordSpec {
    /// The name server's host name.
    pub hostname: Name,
    /// 1 to 10000; lower comes first.
    pub priority: u16,
}

/// One server whose SOA answers count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameserverSpec {
    /// Where it answers.
    pub at: HostPort,
    /// The key that signs the question.
    pub tsigkey_id: Option<TsigKeyId>,
}

/// One server that zones are pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// The driver's name, one of [`Driver`].
    pub driver: String,
    /// Free text.
    pub description: Option<String>,
    /// Where the server transfers zones from.
    pub masters: Vec<HostPort>,
    /// The driver's options, all as text.
    pub options: BTreeMap<String, String>,
    /// The key that signs NOTIFY.
    pub tsigkey_id: Option<TsigKeyId>,
}

/// The catalog zone of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogSpec {
    /// Its name.
    pub fqdn: Name,
    /// Its SOA refresh in seconds.
    pub refresh: Option<u32>,
    /// Secret of the key that signs its transfers.
    pub tsig_key: Option<String>,
    /// Algorithm of that key.
    pub tsig_algorithm: Option<String>,
}

/// A pool file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PoolFileError {
    /// It is no YAML.
    #[error("the pool file cannot be parsed: {message}")]
    Syntax {
        /// Where and why.
        message: String,
    },
    /// Keys or values are wrong; all of them are told.
    #[error("the pool file has {} mistake(s):{}", mistakes.len(), super::listed(mistakes))]
    Mistakes {
        /// What is wrong, in the order of the file.
        mistakes: Vec<Mistake>,
    },
}

/// Reads a pool file: a YAML list with one map per pool.
///
/// # Errors
/// If it is no YAML, or all mistakes at once.
pub fn parse(text: &str) -> Result<Vec<PoolSpec>, PoolFileError> {
    let tree: Value = serde_yaml_ng::from_str(text)
        .map_err(|error| PoolFileError::Syntax { message: error.to_string() })?;
    let mut names = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let (pools, mistakes) = reader::read_list(tree, |s| {
        let pool = pool(s)?;
        s.check("name", names.insert(pool.name.clone()), || {
            format!("\"{}\" is another pool's name too", pool.name)
        });
        if let Some(id) = pool.id {
            s.check("id", ids.insert(id), || format!("{id} is another pool's id too"));
        }
        Some(pool)
    });
    if mistakes.is_empty() { Ok(pools) } else { Err(PoolFileError::Mistakes { mistakes }) }
}

fn pool(s: &mut Section<'_>) -> Option<PoolSpec> {
    let id = s.given("id");
    let name = s.required::<String>("name");
    if let Some(name) = &name {
        s.check("name", !name.is_empty(), || String::from("must not be empty"));
        at_most(s, "name", name, 50);
    }
    let attributes = s.texts("attributes");
    for (key, value) in attributes.iter().flatten() {
        at_most(s, "attributes", key, 50);
        at_most(s, "attributes", value, 255);
    }
    let ns_records = s.items("ns_records", |s| {
        let hostname = s.required("hostname");
        let priority = s.within("priority", 1u16, 1..=10_000, "");
        Some(NsRecordSpec { hostname: hostname?, priority })
    });
    once(s, "ns_records", ns_records.iter().flatten().map(|record| record.hostname.key()));
    let nameservers = s.items("nameservers", |s| {
        let at = host_port(s);
        let tsigkey_id = s.given("tsigkey_id");
        Some(NameserverSpec { at: at?, tsigkey_id })
    });
    once(s, "nameservers", nameservers.iter().flatten().map(|nameserver| &nameserver.at));
    let also_notifies = s.items("also_notifies", host_port);
    once(s, "also_notifies", also_notifies.iter().flatten());
    let description = description(s);
    let targets = s.items("targets", target);
    let catalog_zone = s.map("catalog_zone", catalog).flatten();
    let name = name?;
    Some(PoolSpec {
        id,
        name,
        description,
        attributes,
        ns_records,
        nameservers,
        targets,
        also_notifies,
        catalog_zone,
    })
}

fn target(s: &mut Section<'_>) -> Option<TargetSpec> {
    let driver = s.required::<Driver>("type");
    let masters = s.items("masters", host_port).unwrap_or_default();
    once(s, "masters", &masters);
    let options = s.texts("options").unwrap_or_default();
    for value in options.values() {
        at_most(s, "options", value, 255);
    }
    if let Some(port) = options.get("port") {
        let valid = port.parse::<u16>().is_ok_and(|port| port > 0);
        s.check("options.port", valid, || format!("expected a port from 1 to 65535, found \"{port}\""));
    }
    s.check("masters", driver != Some(Driver::Bind9) || !masters.is_empty(), || {
        String::from("needs at least one: the mdns addresses that the server transfers zones from")
    });
    let description = description(s);
    let tsigkey_id = s.given("tsigkey_id");
    Some(TargetSpec { driver: driver?.word().to_owned(), description, masters, options, tsigkey_id })
}

fn catalog(s: &mut Section<'_>) -> Option<CatalogSpec> {
    let fqdn = s.required("catalog_zone_fqdn");
    let refresh = s.given("catalog_zone_refresh");
    let tsig_key = s.given::<String>("catalog_zone_tsig_key");
    if let Some(secret) = &tsig_key {
        s.check("catalog_zone_tsig_key", secret.len() <= 160, || {
            String::from("must have at most 160 characters")
        });
    }
    let tsig_algorithm = s.given::<String>("catalog_zone_tsig_algorithm");
    if let Some(algorithm) = &tsig_algorithm {
        let known = ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];
        s.check("catalog_zone_tsig_algorithm", known.contains(&algorithm.as_str()), || {
            format!("unknown algorithm \"{algorithm}\"; known: {}", known.join(", "))
        });
    }
    Some(CatalogSpec { fqdn: fqdn?, refresh, tsig_key, tsig_algorithm })
}

fn host_port(s: &mut Section<'_>) -> Option<HostPort> {
    let host = s.required::<String>("host");
    let port = s.within("port", HostPort::DNS, 1..=u16::MAX, "");
    let at = HostPort::new(host?, port);
    let valid = at.to_string().parse().as_ref() == Ok(&at);
    s.check("host", valid, || format!("\"{}\" is neither an address nor a host name", at.host));
    Some(at)
}

fn description(s: &mut Section<'_>) -> Option<String> {
    let description = s.given::<String>("description");
    if let Some(text) = &description {
        at_most(s, "description", text, 160);
    }
    description
}

fn at_most(s: &mut Section<'_>, key: &str, text: &str, most: usize) {
    s.check(key, text.chars().count() <= most, || format!("\"{text}\" has more than {most} characters"));
}

fn once<T: Ord + Display>(s: &mut Section<'_>, key: &str, items: impl IntoIterator<Item = T>) {
    let mut seen = BTreeSet::new();
    for item in items {
        s.check(key, !seen.contains(&item), || format!("{item} is listed twice"));
        seen.insert(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r"
- id: 794ccc2c-d751-44fe-b57f-8894c9f5c842
  name: default
  description: The usual servers
  attributes: {tier: gold, fast: true}
  ns_records:
    - {hostname: ns1.example.org., priority: 1}
    - {hostname: ns2.example.org., priority: 10}
  nameservers:
    - {host: 192.0.2.1, port: 53}
    - {host: '2001:db8::1', port: 5300, tsigkey_id: a86dba58-0043-4cc6-a1bb-69d5e86f3ca3}
  targets:
    - type: bind9
      description: BIND
      masters: [{host: 192.0.2.9, port: 5354}]
      options: {host: 192.0.2.1, port: 53, rndc_host: 192.0.2.1, rndc_port: 953, clean_zonefile: true}
  also_notifies:
    - {host: ns.example.net., port: 53}
  catalog_zone: {catalog_zone_fqdn: catalog.example.org., catalog_zone_refresh: 60}
";

    #[test]
    fn a_full_file_is_read() {
        let pools = parse(FULL).unwrap();
        let [pool] = pools.as_slice() else { panic!("{pools:?}") };
        assert_eq!(pool.id, Some(PoolId::DEFAULT));
        assert_eq!(pool.attributes.as_ref().unwrap()["fast"], "true");
        assert_eq!(pool.ns_records.as_ref().unwrap()[1].priority, 10);
        assert_eq!(pool.nameservers.as_ref().unwrap()[1].at, HostPort::new("2001:db8::1", 5300));
        let target = &pool.targets.as_ref().unwrap()[0];
        assert_eq!(target.masters, [HostPort::new("192.0.2.9", 5354)]);
        assert_eq!(
            (target.options["rndc_port"].as_str(), target.options["clean_zonefile"].as_str()),
            ("953", "true")
        );
        assert_eq!(pool.catalog_zone.as_ref().unwrap().refresh, Some(60));
    }

    #[test]
    fn what_is_absent_stays_none_and_what_is_empty_stays_empty() {
        let pools = parse("- name: p\n  targets: []\n  also_notifies:\n").unwrap();
        assert_eq!(pools[0].targets, Some(vec![]));
        assert_eq!((&pools[0].also_notifies, &pools[0].attributes, &pools[0].id), (&None, &None, &None));
        assert_eq!(parse("[]").unwrap(), []);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = r"
- name: p
  colour: red
  ns_records: [{hostname: ns1.example.org, priority: 0}, {priority: 5}]
  nameservers: [{host: 192.0.2.1}, {host: 192.0.2.1, port: 53}, {host: 'a b', port: 70000}]
  targets: [{type: bind9}, {type: pdns4}, {type: bind10, options: {port: x, list: [1]}}, {}]
- name: p
  id: 5
  catalog_zone: {catalog_zone_tsig_algorithm: rot13}
";
        let Err(PoolFileError::Mistakes { mistakes }) = parse(text) else { panic!("accepted") };
        let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
        for line in [
            "[0].ns_records[0].hostname: Domain ns1.example.org does not end with a dot",
            "[0].ns_records[0].priority: must be from 1 to 10000, not 0",
            "[0].ns_records[1].hostname: is missing",
            "[0].nameservers[2].port: expected a whole number from 0 to 65535, found 70000",
            "[0].nameservers[2].host: \"a b\" is neither an address nor a host name",
            "[0].nameservers: 192.0.2.1 is listed twice",
            "[0].targets[0].masters: needs at least one: the mdns addresses that the server transfers zones from",
            "[0].targets[1].type: \"pdns4\" is not supported yet; known: \"native\", \"bind9\", \"fake\"",
            "[0].targets[2].type: expected one of \"native\", \"bind9\", \"fake\", found \"bind10\"",
            "[0].targets[2].options.list: expected a single value, found [1]",
            "[0].targets[2].options.port: expected a port from 1 to 65535, found \"x\"",
            "[0].targets[3].type: is missing",
            "[1].id: expected a UUID, found 5",
            "[1].catalog_zone.catalog_zone_fqdn: is missing",
            "[1].name: \"p\" is another pool's name too",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} is not among {lines:#?}");
        }
        assert_eq!(lines.len(), 17, "{lines:#?}");
    }

    #[test]
    fn what_is_no_list_of_pools_is_refused() {
        assert!(matches!(parse("name: p"), Err(PoolFileError::Mistakes { .. })));
        assert!(matches!(parse(""), Err(PoolFileError::Mistakes { .. })));
        assert!(matches!(parse("- [a"), Err(PoolFileError::Syntax { .. })));
        assert!(matches!(parse("- 5"), Err(PoolFileError::Mistakes { .. })));
    }
}
