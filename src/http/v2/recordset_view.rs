//! A recordset as clients see it.
//!
//! Invariants: the order of the fields is the order in which they are rendered; nothing of a recordset that is not
//! listed here gets out.

use crate::http::openapi::{ActionWord, RecordTypeWord, StatusWord};
use schemars::JsonSchema;
use std::fmt;

use serde::Serialize;

use crate::domain::ids::{ProjectId, RecordsetId, ZoneId};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::ttl::Ttl;
use crate::http::error::Printed;
use crate::http::moment::Moment;

/// A recordset: all records of a name and a type.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Recordset")]
pub(super) struct RecordsetView<'a> {
    id: RecordsetId,
    zone_id: ZoneId,
    project_id: Option<&'a ProjectId>,
    /// The name, with a dot at its end.
    #[schemars(length(max = 255), example = "www.example.com.")]
    name: &'a str,
    zone_name: &'a str,
    #[serde(rename = "type")]
    #[schemars(with = "RecordTypeWord")]
    kind: Printed<RecordType>,
    /// The data of each record, as in a zone file.
    #[schemars(example = ["192.0.2.1"])]
    records: &'a [String],
    #[schemars(length(max = 160))]
    description: Option<&'a str>,
    /// In seconds; none: that of the zone.
    #[schemars(range(max = 2147483647))]
    ttl: Option<u32>,
    #[schemars(with = "StatusWord")]
    status: &'static str,
    /// What is under way.
    #[schemars(with = "ActionWord")]
    action: &'static str,
    version: u64,
    created_at: Moment,
    updated_at: Option<Moment>,
    links: Links<'a>,
}

impl<'a> RecordsetView<'a> {
    /// The view, its links beginning with `base`.
    pub(super) fn of(recordset: &'a Recordset, base: &'a str) -> Self {
        Self {
            id: recordset.id,
            zone_id: recordset.zone_id,
            project_id: recordset.project_id.as_ref(),
            name: recordset.name.as_str(),
            zone_name: recordset.zone_name.as_str(),
            kind: Printed(recordset.kind),
            records: &recordset.records,
            description: recordset.description.as_deref(),
            ttl: recordset.ttl.map(Ttl::seconds),
            status: recordset.status.as_str(),
            action: recordset.action.as_str(),
            version: recordset.version,
            created_at: Moment(recordset.created_at),
            updated_at: recordset.updated_at.map(Moment),
            links: Links { own: Printed(RecordsetUrl::of(recordset, base)) },
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<RecordsetUrl<'a>>,
}

/// Where a recordset is.
pub(super) struct RecordsetUrl<'a> {
    base: &'a str,
    zone_id: ZoneId,
    id: RecordsetId,
}

impl<'a> RecordsetUrl<'a> {
    /// The place of `recordset`.
    pub(super) fn of(recordset: &Recordset, base: &'a str) -> Self {
        Self { base, zone_id: recordset.zone_id, id: recordset.id }
    }
}

impl fmt::Display for RecordsetUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v2/zones/{}/recordsets/{}", self.base, self.zone_id, self.id)
    }
}
