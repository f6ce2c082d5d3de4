//! Settings of central: defaults of zones, limits of names, quotas.
//!
//! Invariants: the range of the SOA refresh is not empty; a quota below zero means unlimited.

use super::reader::Section;
use super::setting::choices;
use crate::domain::hostname::check_email;
use crate::domain::ids::{PoolId, ProjectId};
use crate::domain::quota::{QuotaRules, Quotas};
use crate::domain::record_type::RecordType;
use crate::domain::scheduler::Filter;

choices! {
    /// A step of choosing a zone's pool.
    SchedulerFilter {
        /// Pools that have what the zone's attributes ask for.
        Attribute = "attribute",
        /// The pool that the zone's attribute `pool_id` names.
        PoolIdAttribute = "pool_id_attribute",
        /// The default pool.
        DefaultPool = "default_pool",
        /// The default pool if none is left.
        Fallback = "fallback",
        /// Any one of those left.
        Random = "random",
        /// The default pool if it is one of several left.
        InDoubtDefaultPool = "in_doubt_default_pool",
    } later {}
}

choices! {
    /// Where the limits of projects come from.
    QuotaDriver {
        /// From the database, where projects have some of their own.
        Storage = "storage",
        /// From the configuration alone.
        Noop = "noop",
    } later {}
}

impl SchedulerFilter {
    /// The step itself.
    #[must_use]
    pub const fn meant(self) -> Filter {
        match self {
            Self::Attribute => Filter::Attribute,
            Self::PoolIdAttribute => Filter::PoolIdAttribute,
            Self::DefaultPool => Filter::DefaultPool,
            Self::Fallback => Filter::Fallback,
            Self::Random => Filter::Random,
            Self::InDoubtDefaultPool => Filter::InDoubtDefaultPool,
        }
    }
}

/// `[central]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CentralConfig {
    /// E-mail of zones that name none.
    pub managed_resource_email: String,
    /// The project of zones that the service makes by itself.
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
    /// Most items of a change set.
    pub max_changeset_items: usize,
    /// Most recordsets that a rollback changes.
    pub max_rollback_recordsets: usize,
    /// Record types that may be created.
    pub supported_record_type: Vec<RecordType>,
    /// The pool of zones that are given no other.
    pub default_pool_id: PoolId,
    /// How the pool of a new zone is chosen, step by step.
    pub scheduler_filters: Vec<SchedulerFilter>,
    /// Most lines of all zones' journals; the oldest go first, whatever their age.
    pub journal_max_lines: u32,
    /// Where quotas come from.
    pub quota_driver: QuotaDriver,
    /// Quotas of projects that have none of their own.
    pub quotas: Quotas,
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

impl CentralConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let managed_resource_email = s.get(
            "managed_resource_email",
            String::from("hostmaster@example.com"),
            "E-mail of zones that name none.",
        );
        if let Err(problem) = check_email(&managed_resource_email) {
            s.check("managed_resource_email", false, || problem.to_string());
        }
        let managed_resource_tenant_id = s.get(
            "managed_resource_tenant_id",
            String::from("00000000-0000-0000-0000-000000000000"),
            "The project of zones that are made without being asked for: those of the PTR records of floating IPs.",
        );
        s.check("managed_resource_tenant_id", !managed_resource_tenant_id.is_empty(), || {
            String::from("must not be empty")
        });
        let scheduler_filters = s.get(
            "scheduler_filters",
            vec![SchedulerFilter::DefaultPool],
            "How the pool of a new zone is chosen, in this order: attribute, pool_id_attribute, default_pool, fallback, random, in_doubt_default_pool.",
        );
        s.check("scheduler_filters", !scheduler_filters.is_empty(), || String::from("needs at least one"));
        Self {
            managed_resource_email,
            managed_resource_tenant_id: ProjectId::new(managed_resource_tenant_id),
            scheduler_filters,
            journal_max_lines: s.within(
                "journal_max_lines",
                2_000_000u32,
                1..=u32::MAX,
                "Most changes that the journals of all zones keep; the oldest go first, whatever [producer.journal_trim] says of their age.",
            ),
            quota_driver: s.get(
                "quota_driver",
                QuotaDriver::Storage,
                "storage: projects may have quotas of their own; noop: those of [central.quotas] hold for all.",
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
            max_changeset_items: s.within(
                "max_changeset_items",
                1000usize,
                1..=10_000,
                "Items of a change set; its body may have 1 KiB for each if that is more than max_request_body_size.",
            ),
            max_rollback_recordsets: s.within(
                "max_rollback_recordsets",
                20_000usize,
                1..=50_000,
                "Recordsets that one rollback may change.",
            ),
            supported_record_type: s.get(
                "supported_record_type",
                RecordType::NAMED.to_vec(),
                "Record types that may be created.",
            ),
            default_pool_id: s.get(
                "default_pool_id",
                PoolId::DEFAULT,
                "The pool of zones that are given no other.",
            ),
            soa: s.section("soa", "SOA fields of new zones, in seconds.", SoaConfig::read),
            quotas: s.section(
                "quotas",
                "Quotas of projects that have none of their own; -1 means unlimited.",
                quotas,
            ),
        }
    }
}

const MAX_31: u32 = i32::MAX as u32;

impl CentralConfig {
    /// Where the limits of projects come from.
    #[must_use]
    pub const fn quota_rules(&self) -> QuotaRules {
        QuotaRules { defaults: self.quotas, per_project: matches!(self.quota_driver, QuotaDriver::Storage) }
    }
}

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

fn quotas(s: &mut Section<'_>) -> Quotas {
    let default = Quotas::default();
    let range = -1..=i64::from(i32::MAX);
    Quotas {
        zones: s.within("zones", default.zones, range.clone(), "Zones of a project."),
        zone_recordsets: s.within(
            "zone_recordsets",
            default.zone_recordsets,
            range.clone(),
            "Recordsets of a zone.",
        ),
        zone_records: s.within("zone_records", default.zone_records, range.clone(), "Records of a zone."),
        recordset_records: s.within(
            "recordset_records",
            default.recordset_records,
            range.clone(),
            "Records of a recordset.",
        ),
        api_export_size: s.within(
            "api_export_size",
            default.api_export_size,
            range,
            "Recordsets of an exported zone.",
        ),
    }
}
