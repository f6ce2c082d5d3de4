//! Limits of a project.
//!
//! Invariants: a request is refused when its value is greater than the limit; a negative limit is none.

use serde::{Deserialize, Serialize};

/// The limits of one project, defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Zones of the project.
    pub zones: i64,
    /// Recordsets in a zone.
    pub zone_recordsets: i64,
    /// Unmanaged records in a zone.
    pub zone_records: i64,
    /// Records in a recordset.
    pub recordset_records: i64,
    /// Recordsets in an exported zone.
    pub api_export_size: i64,
}

/// Where the limits of projects come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaRules {
    /// The limits of projects that have none of their own.
    pub defaults: Quotas,
    /// Projects may have limits of their own.
    pub per_project: bool,
}

impl QuotaRules {
    /// Nothing is limited.
    pub const UNLIMITED: Self = Self {
        defaults: Quotas {
            zones: -1,
            zone_recordsets: -1,
            zone_records: -1,
            recordset_records: -1,
            api_export_size: -1,
        },
        per_project: false,
    };
}

/// What can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resource {
    /// Zones of the project.
    Zones,
    /// Recordsets in a zone.
    ZoneRecordsets,
    /// Unmanaged records in a zone.
    ZoneRecords,
    /// Records in a recordset.
    RecordsetRecords,
    /// Recordsets in an exported zone.
    ApiExportSize,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Zones, Self::ZoneRecordsets, Self::ZoneRecords, Self::RecordsetRecords, Self::ApiExportSize];

    /// The API's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zones => "zones",
            Self::ZoneRecordsets => "zone_recordsets",
            Self::ZoneRecords => "zone_records",
            Self::RecordsetRecords => "recordset_records",
            Self::ApiExportSize => "api_export_size",
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            zones: 10,
            zone_recordsets: 500,
            zone_records: 500,
            recordset_records: 20,
            api_export_size: 1000,
        }
    }
}

impl Quotas {
    /// The limit of one resource.
    #[must_use]
    pub const fn limit(&self, resource: Resource) -> i64 {
        match resource {
            Resource::Zones => self.zones,
            Resource::ZoneRecordsets => self.zone_recordsets,
            Resource::ZoneRecords => self.zone_records,
            Resource::RecordsetRecords => self.recordset_records,
            Resource::ApiExportSize => self.api_export_size,
        }
    }

    /// Replaces one limit.
    pub const fn set(&mut self, resource: Resource, limit: i64) {
        match resource {
            Resource::Zones => self.zones = limit,
            Resource::ZoneRecordsets => self.zone_recordsets = limit,
            Resource::ZoneRecords => self.zone_records = limit,
            Resource::RecordsetRecords => self.recordset_records = limit,
            Resource::ApiExportSize => self.api_export_size = limit,
        }
    }

    /// The resources among `wanted` (resource, value it would have) that are over their limit, shortest name first.
    #[must_use]
    pub fn exceeded(&self, wanted: &[(Resource, u64)]) -> Vec<Resource> {
        let over = |&(resource, value): &(Resource, u64)| {
            let limit = self.limit(resource);
            limit >= 0 && i64::try_from(value).map_or(true, |value| value > limit)
        };
        let mut names: Vec<_> = wanted.iter().filter(|w| over(w)).map(|w| w.0).collect();
        names.sort_by_key(|r| r.as_str().len());
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_the_limit_passes_and_above_it_does_not() {
        let quotas = Quotas { zones: 2, zone_records: -1, recordset_records: 0, ..Quotas::default() };
        assert!(quotas.exceeded(&[(Resource::Zones, 2), (Resource::ZoneRecords, u64::MAX)]).is_empty());
        let over = quotas.exceeded(&[(Resource::RecordsetRecords, 1), (Resource::Zones, 3)]);
        assert_eq!(over, [Resource::Zones, Resource::RecordsetRecords]);
    }
}
