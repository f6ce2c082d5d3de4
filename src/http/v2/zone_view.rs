//! A zone as clients see it.
//!
//! Invariants: the order of the fields is the order in which they are rendered; nothing of a zone that is not listed
//! here gets out.

use crate::http::openapi::{ActionWord, Hosts, StatusWord, ZoneKindWord};
use schemars::JsonSchema;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::domain::host_port::HostPort;
use crate::domain::ids::{PoolId, ProjectId, ZoneId};
use crate::domain::zone::Zone;
use crate::http::error::Printed;
use crate::http::moment::Moment;

/// A zone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Zone")]
pub(super) struct ZoneView<'a> {
    id: ZoneId,
    pool_id: PoolId,
    project_id: Option<&'a ProjectId>,
    /// The name, with a dot at its end.
    #[schemars(length(max = 255), example = "example.com.")]
    name: &'a str,
    /// Who is responsible; needed for a PRIMARY zone.
    #[schemars(length(max = 255), example = "admin@example.com")]
    email: &'a str,
    #[schemars(length(max = 160))]
    description: Option<&'a str>,
    #[schemars(range(max = 2147483647), example = 3600)]
    ttl: u32,
    /// The serial that DNS shows.
    serial: u32,
    /// Other projects share it, or it is shared with the caller.
    shared: bool,
    #[schemars(with = "StatusWord")]
    status: &'static str,
    /// What is under way.
    #[schemars(with = "ActionWord")]
    action: &'static str,
    version: u64,
    /// By what a zone finds its pool.
    attributes: &'a BTreeMap<String, String>,
    #[serde(rename = "type")]
    #[schemars(with = "ZoneKindWord")]
    kind: &'static str,
    /// Where a SECONDARY zone is transferred from.
    #[schemars(with = "Hosts")]
    masters: Masters<'a>,
    created_at: Moment,
    updated_at: Option<Moment>,
    transferred_at: Option<Moment>,
    links: Links<'a>,
}

impl<'a> ZoneView<'a> {
    /// The view, its links beginning with `base`.
    pub(super) fn of(zone: &'a Zone, base: &'a str) -> Self {
        Self {
            id: zone.id,
            pool_id: zone.pool_id,
            project_id: zone.project_id.as_ref(),
            name: zone.name.as_str(),
            email: &zone.email,
            description: zone.description.as_deref(),
            ttl: zone.ttl.seconds(),
            serial: zone.serial.number(),
            shared: zone.shared,
            status: zone.progress.status.as_str(),
            action: zone.progress.action.as_str(),
            version: zone.version,
            attributes: &zone.attributes,
            kind: zone.kind.as_str(),
            masters: Masters(&zone.masters),
            created_at: Moment(zone.created_at),
            updated_at: zone.updated_at.map(Moment),
            transferred_at: zone.transferred_at.map(Moment),
            links: Links { own: Printed(ZoneUrl { base, id: zone.id }) },
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<ZoneUrl<'a>>,
}

/// Where a zone is.
pub(super) struct ZoneUrl<'a> {
    pub(super) base: &'a str,
    pub(super) id: ZoneId,
}

impl fmt::Display for ZoneUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v2/zones/{}", self.base, self.id)
    }
}

struct Masters<'a>(&'a [HostPort]);

impl Serialize for Masters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Printed))
    }
}
