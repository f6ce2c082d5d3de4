//! Settings of central: defaults of zones, limits of names, quotas.
//!
//! Invariants: the range of the SOA refresh is not empty; a quota below zero means unlimited.

use super::reader::Section;
use crate::domain::ids::{PoolId, ProjectId};

/// `[central]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CentralConfig {
    /// E-mail of zones that the service creates on its own.
    pub managed_resource_email: String,
    /// Project that owns zones which the service creates on its own.
    pub managed_resource_tenant_id: ProjectId,
    /// Smallest TTL a caller without the right to low ones may set, in seconds.
    pub min_ttl: u32,
    /// TTL of a zone that names none, in seconds.
    pub default_ttl: u32,
    /// SOA fields of new zones.
    pub soa: SoaConfig,
    /// Longest zone name, in characters with the last dot.
    pub max_zone_name_len: usize,
    /// Longest recordset name, in characters with the last dot.
    pub max_recordset_name_len: usize,
    /// Record types that may be created.
    pub supported_record_type: Vec<String>,
    /// The pool of zones that are given no other.
    pub default_pool_id: PoolId,
    /// Quotas of projects that have none of their own.
    pub quotas: QuotaConfig,
}

/// `[central.soa]`, all in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoaConfig {
    /// Smallest refresh; each zone gets a random one of the range.
    pub refresh_min: u32,
    /// Largest refresh.
    pub refresh_max: u32,
    /// Retry.
    pub retry: u32,
    /// Expire.
    pub expire: u32,
    /// Minimum: how long a negative answer may be cached.
    pub minimum: u32,
}

/// `[central.quotas]`; below zero means unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaConfig {
    /// Zones of a project.
    pub zones: i32,
    /// Recordsets of a zone.
    pub zone_recordsets: i32,
    /// Records of a zone.
    pub zone_records: i32,
    /// Records of a recordset.
    pub recordset_records: i32,
    /// Recordsets of an exported zone.
    pub api_export_size: i32,
}

/// The types of the API, in the order in which they are shown.
const RECORD_TYPES: [&str; 17] = [
    "A", "AAAA", "CNAME", "MX", "SRV", "TXT", "SPF", "NS", "PTR", "SSHFP", "SOA", "NAPTR", "CAA", "CERT",
    "HTTPS", "SVCB", "TLSA",
];

impl CentralConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let supported_record_type = s.get(
            "supported_record_type",
            RECORD_TYPES.map(String::from).to_vec(),
            "Record types that may be created.",
        );
        for name in &supported_record_type {
            s.check("supported_record_type", RECORD_TYPES.contains(&name.as_str()), || {
                format!("unknown record type \"{name}\"; known: {}", RECORD_TYPES.join(", "))
            });
        }
        let managed_resource_email = s.get(
            "managed_resource_email",
            String::from("hostmaster@example.com"),
            "E-mail of zones that the service creates on its own.",
        );
        s.check("managed_resource_email", managed_resource_email.contains('@'), || {
            format!("\"{managed_resource_email}\" is no e-mail address")
        });
        Self {
            managed_resource_email,
            managed_resource_tenant_id: s.get(
                "managed_resource_tenant_id",
                ProjectId::new("00000000-0000-0000-0000-000000000000"),
                "Project that owns zones which the service creates on its own.",
            ),
            min_ttl: s.within(
                "min_ttl",
                0u32,
                0..=MAX_31,
                "Smallest TTL without the right to low ones, seconds.",
            ),
            default_ttl: s.within(
                "default_ttl",
                3600u32,
                1..=MAX_31,
                "TTL of a zone that names none, seconds.",
            ),
            max_zone_name_len: s.within(
                "max_zone_name_len",
                255usize,
                1..=255,
                "Longest zone name, with its last dot.",
            ),
            max_recordset_name_len: s.within(
                "max_recordset_name_len",
                255usize,
                1..=255,
                "Longest recordset name, with its last dot.",
            ),
            supported_record_type,
            default_pool_id: s.get(
                "default_pool_id",
                PoolId::DEFAULT,
                "The pool of zones that are given no other.",
            ),
            soa: s.section("soa", "SOA fields of new zones, in seconds.", SoaConfig::read),
            quotas: s.section(
                "quotas",
                "Quotas of projects that have none of their own; -1 means unlimited.",
                QuotaConfig::read,
            ),
        }
    }
}

const MAX_31: u32 = i32::MAX as u32;

impl SoaConfig {
    fn read(s: &mut Section<'_>) -> Self {
        let range = 1..=MAX_31;
        let soa = Self {
            refresh_min: s.within(
                "refresh_min",
                3500u32,
                range.clone(),
                "Each zone gets a random refresh from here",
            ),
            refresh_max: s.within("refresh_max", 3600u32, range.clone(), "up to here."),
            retry: s.within("retry", 600u32, range.clone(), "Retry."),
            expire: s.within("expire", 86_400u32, range.clone(), "Expire."),
            minimum: s.within("minimum", 3600u32, range, "How long a negative answer may be cached."),
        };
        s.check("refresh_min", soa.refresh_min <= soa.refresh_max, || {
            format!("must not be above refresh_max ({}), is {}", soa.refresh_max, soa.refresh_min)
        });
        soa
    }
}

impl QuotaConfig {
    fn read(s: &mut Section<'_>) -> Self {
        let range = -1..=i32::MAX;
        Self {
            zones: s.within("zones", 10, range.clone(), "Zones of a project."),
            zone_recordsets: s.within("zone_recordsets", 500, range.clone(), "Recordsets of a zone."),
            zone_records: s.within("zone_records", 500, range.clone(), "Records of a zone."),
            recordset_records: s.within("recordset_records", 20, range.clone(), "Records of a recordset."),
            api_export_size: s.within("api_export_size", 1000, range, "Recordsets of an exported zone."),
        }
    }
}
