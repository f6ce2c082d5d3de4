//! `/v2/zones/{zone_id}/changes`: the history of a zone.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::collection::filter;
use super::{Answer, method_not_allowed};
use crate::actors::central::api::changes::FindZoneChanges;
use crate::domain::delta::RrSet;
use crate::domain::history::{ChangeFilter, ChangePage, ChangedSet, MOST, Since, ZoneChange};
use crate::domain::ids::{ProjectId, ZoneId};
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::http::context::Ctx;
use crate::http::error::{ApiError, Printed};
use crate::http::moment::Moment;
use crate::http::openapi::{self, Operation, Parameter, RecordTypeWord};
use crate::http::paging::{Count, List, only, page_of_numbers};
use crate::http::path_id::ZonePath;
use crate::http::routes::Routes;

const SORT_KEYS: [(&str, ()); 1] = [("generation", ())];
const FILTERS: [&str; 4] = ["name", "type", "serial", "since"];

pub(super) fn routes(routes: &mut Routes) {
    routes.at("/zones/{zone_id}/changes", method_not_allowed).get(find, || {
        Operation::new("listZoneChanges", "Lists the changes of a zone, oldest first")
            .lists::<View<'_>>("changes", openapi::Count::Told)
            .numbered()
            .sorted(&SORT_KEYS)
            .filtered(&["name", "type"])
            .with(Parameter::Condition("serial", "Only changes that were published with this serial."))
            .with(Parameter::Condition(
                "since",
                "Only changes after this serial, or from this time (UTC) on: 2026-11-23T00:43:10.",
            ))
    });
}

async fn find(ctx: Ctx, path: ZonePath) -> Answer {
    let (limit, marker, direction) = page_of_numbers(&ctx.query, &ctx.api.settings, &SORT_KEYS)?;
    only(&ctx.query, &FILTERS)?;
    let serial = filter(&ctx, "serial").map(|text| serial(&text)).transpose()?;
    let since = filter(&ctx, "since").map(|text| since(&text)).transpose()?;
    let filter = ChangeFilter { name: filter(&ctx, "name"), kind: filter(&ctx, "type"), serial, since };
    let limit = limit.min(MOST);
    let page = ChangePage { limit, marker, direction };
    let found = ctx.central(FindZoneChanges { zone_id: path.zone_id, filter, page }).await?;
    let last = found.items.last().map(|change| change.generation);
    let list = List {
        collection: "changes",
        path: &Place(path.zone_id),
        items: found.items.iter().map(View::of).collect(),
        last: last.as_ref().map(|generation| generation as &dyn fmt::Display),
        limit,
        count: found.total.map_or(Count::Hidden, Count::Total),
    };
    Ok(list.respond(&ctx))
}

fn serial(text: &str) -> Result<Serial, ApiError> {
    let number = text.parse().map(Serial::new);
    number.map_err(|_| ApiError::bad_request(format!("serial is a number from 0 to {}", u32::MAX)))
}

/// A serial, or a time.
fn since(text: &str) -> Result<Since, ApiError> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return serial(text).map(Since::Serial);
    }
    let utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| utc().map(|time| time.timestamp()));
    let at = at.map(|at| Since::Time(Timestamp::from_micros(at.as_microsecond())));
    at.ok_or_else(|| ApiError::bad_request("since is a serial, or a time such as 2026-11-23T00:43:10"))
}

struct Place(ZoneId);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/v2/zones/{}/changes", self.0)
    }
}

/// An accepted change of a zone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ZoneChange")]
struct View<'a> {
    /// Its number among the changes of the zone.
    generation: u64,
    /// The serial that it was published with; none until then.
    serial: Option<u32>,
    /// When it was accepted.
    created_at: Moment,
    published_at: Option<Moment>,
    /// None for what the service does by itself, and for what was done before this was kept.
    request_id: Option<&'a str>,
    user_id: Option<&'a str>,
    project_id: Option<&'a ProjectId>,
    recordsets: Vec<SetView<'a>>,
}

/// A recordset before and after a change.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChangedRecordset")]
struct SetView<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    #[schemars(with = "RecordTypeWord")]
    kind: Printed<RecordType>,
    old: Option<Records<'a>>,
    new: Option<Records<'a>>,
}

/// The records of a name and a type.
#[derive(Serialize, JsonSchema)]
struct Records<'a> {
    /// In seconds; none: that of the zone.
    ttl: Option<u32>,
    records: &'a [String],
}

impl<'a> Records<'a> {
    fn of(set: &'a RrSet) -> Self {
        Self { ttl: set.ttl.map(Ttl::seconds), records: &set.records }
    }
}

impl<'a> View<'a> {
    fn of(change: &'a ZoneChange) -> Self {
        let set = |ChangedSet { name, kind, before, after }: &'a ChangedSet| SetView {
            name: name.as_str(),
            kind: Printed(*kind),
            old: before.as_ref().map(Records::of),
            new: after.as_ref().map(Records::of),
        };
        Self {
            generation: change.generation.number(),
            serial: change.serial.map(Serial::number),
            created_at: Moment(change.at),
            published_at: change.published_at.map(Moment),
            request_id: change.author.request.as_deref(),
            user_id: change.author.user.as_deref(),
            project_id: change.author.project.as_ref(),
            recordsets: change.sets.iter().map(set).collect(),
        }
    }
}
