//! `/v2/service_statuses`: which instances of which services are running; `/v2/service_status` is the same.
//!
//! Invariants: exactly the fields that clients know; the instance's own id is not one of them.

use crate::http::openapi::{self, HealthWord, Operation};
use crate::http::routes::Routes;
use schemars::JsonSchema;
use std::collections::BTreeMap;
use std::fmt;

use actix_web::HttpResponse;
use serde::Serialize;

use super::{Answer, method_not_allowed};
use crate::actors::central::api::services::{FindServiceStatuses, GetServiceStatus};
use crate::domain::ids::ServiceStatusId;
use crate::domain::page::{ServiceFilter, ServiceSortKey};
use crate::domain::service_status::ServiceStatus;
use crate::http::context::Ctx;
use crate::http::error::{Printed, json};
use crate::http::moment::Moment;
use crate::http::paging::{Count, List, only, page};
use crate::http::path_id::ServicePath;

const SORT_KEYS: [(&str, ServiceSortKey); 6] = [
    ("created_at", ServiceSortKey::CreatedAt),
    ("id", ServiceSortKey::Id),
    ("updated_at", ServiceSortKey::UpdatedAt),
    ("hostname", ServiceSortKey::Hostname),
    ("service_name", ServiceSortKey::ServiceName),
    ("status", ServiceSortKey::Status),
];

const FILTERS: [&str; 3] = ["hostname", "service_name", "status"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/service_statuses", method_not_allowed)
        .get(find, || list("listServiceStatuses", "Lists instances of services"));
    routes
        .at("/service_statuses/{service_id}", method_not_allowed)
        .get(show, || one("getServiceStatus", "Shows an instance of a service"));
    routes
        .at("/service_status", method_not_allowed)
        .get(find, || list("listServiceStatus", "The same as /v2/service_statuses"));
    routes
        .at("/service_status/{service_id}", method_not_allowed)
        .get(show, || one("getServiceStatusAlias", "The same as /v2/service_statuses/{service_id}"));
}

fn list(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary)
        .lists::<StatusView<'_>>("service_statuses", openapi::Count::Untold)
        .sorted(&SORT_KEYS)
        .filtered(&FILTERS)
}

fn one(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).answers::<StatusView<'_>>(200)
}

async fn find(ctx: Ctx) -> Answer {
    let page = page(&ctx.query, &ctx.api.settings, &SORT_KEYS, ServiceSortKey::CreatedAt)?;
    only(&ctx.query, &FILTERS)?;
    let limit = page.limit;
    let filter = |name| ctx.query.get(name).map(str::to_owned);
    let filter = ServiceFilter {
        hostname: filter("hostname"),
        service_name: filter("service_name"),
        status: filter("status"),
    };
    let found = ctx.central(FindServiceStatuses { filter, page }).await?;
    let last = found.items.last().map(|status| status.id);
    let list = List {
        collection: "service_statuses",
        path: &"/v2/service_statuses",
        items: found.items.iter().map(|status| StatusView::of(status, &ctx.base)).collect(),
        last: last.as_ref().map(|id| id as &dyn fmt::Display),
        limit,
        count: Count::Absent,
    };
    Ok(list.respond(&ctx))
}

async fn show(ctx: Ctx, path: ServicePath) -> Answer {
    let status = ctx.central(GetServiceStatus { id: path.service_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &StatusView::of(&status, &ctx.base)))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceStatus")]
struct StatusView<'a> {
    id: ServiceStatusId,
    hostname: &'a str,
    service_name: &'a str,
    #[schemars(with = "HealthWord")]
    status: &'static str,
    stats: &'a BTreeMap<String, String>,
    capabilities: &'a BTreeMap<String, String>,
    heartbeated_at: Moment,
    created_at: Moment,
    updated_at: Option<Moment>,
    links: Links<'a>,
}

impl<'a> StatusView<'a> {
    fn of(status: &'a ServiceStatus, base: &'a str) -> Self {
        Self {
            id: status.id,
            hostname: &status.hostname,
            service_name: &status.service_name,
            status: status.health.as_str(),
            stats: &status.stats,
            capabilities: &status.capabilities,
            heartbeated_at: Moment(status.heartbeated_at),
            created_at: Moment(status.created_at),
            updated_at: status.updated_at.map(Moment),
            links: Links { own: Printed(StatusUrl { base, id: status.id }) },
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<StatusUrl<'a>>,
}

struct StatusUrl<'a> {
    base: &'a str,
    id: ServiceStatusId,
}

impl fmt::Display for StatusUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v2/service_statuses/{}", self.base, self.id)
    }
}
