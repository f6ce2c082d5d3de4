//! `/admin/reports`: how many zones, records and projects there are.

use crate::http::openapi::{Operation, Parameter};
use crate::http::query::encode_segment;
use crate::http::routes::Routes;
use schemars::JsonSchema;
use std::collections::BTreeMap;
use std::fmt;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Map, Value, json as value};

use crate::actors::central::api::reports::{Count, Counted, FindTenants, GetTenant};
use crate::domain::ids::ProjectId;
use crate::http::context::Ctx;
use crate::http::error::{Printed, json};
use crate::http::v2::{Answer, method_not_allowed, project_in_path};
use crate::transport::Fault;

const COUNTS: [(&str, Counted); 4] = [
    ("zones", Counted::Zones),
    ("records", Counted::Records),
    ("tenants", Counted::Tenants),
    ("zones_delayed_notify", Counted::ZonesDelayedNotify),
];

pub(super) fn routes(routes: &mut Routes) {
    routes.at("/reports/counts", method_not_allowed).get(counts, || {
        Operation::new("adminCountAll", "Numbers of zones, records and projects").answers::<Counts>(200)
    });
    routes.at("/reports/counts/{what}", method_not_allowed).get(count, || {
        Operation::new("adminCount", "One of the numbers: zones, records, tenants or zones_delayed_notify")
            .answers::<Counts>(200)
    });
    routes.at("/reports/tenants", method_not_allowed).get(tenants, || {
        Operation::new("adminListProjects", "Lists projects that have zones").answers::<Tenants<'_>>(200)
    });
    routes.at("/reports/tenants/{project_id}", method_not_allowed).get(tenant, || {
        Operation::new("adminGetProject", "Shows a project with its zones")
            .answers::<Report<'_>>(200)
            .with(Parameter::Detail)
    });
}

async fn counts(ctx: Ctx) -> Answer {
    let mut all = Map::new();
    for (name, what) in COUNTS.into_iter().filter(|(_, what)| *what != Counted::ZonesDelayedNotify) {
        all.insert(name.to_owned(), value!(ctx.central(Count { what }).await?));
    }
    Ok(answer(&all))
}

async fn count(ctx: Ctx, request: HttpRequest) -> Answer {
    let wanted = request.match_info().query("what");
    let Some((name, what)) = COUNTS.into_iter().find(|(name, _)| *name == wanted) else {
        let message = format!("There is no report {wanted}");
        return Err(Fault::not_found("report_not_found", message).into());
    };
    let number = ctx.central(Count { what }).await?;
    Ok(answer(&Map::from_iter([(name.to_owned(), value!(number))])))
}

fn answer(counts: &Map<String, Value>) -> HttpResponse {
    json(&mut HttpResponse::Ok(), &value!({"counts": [counts]}))
}

async fn tenants(ctx: Ctx) -> Answer {
    let found = ctx.central(FindTenants).await?;
    let base = ctx.api.base_uri();
    let tenants = found.iter().map(|(id, zone_count)| Tenant {
        id,
        zone_count: *zone_count,
        links: Links { own: Printed(Url { base, project: Some(id) }) },
    });
    let list = Tenants {
        links: Links { own: Printed(Url { base, project: None }) },
        metadata: Map::new(),
        tenants: tenants.collect(),
    };
    Ok(json(&mut HttpResponse::Ok(), &list))
}

async fn tenant(ctx: Ctx, request: HttpRequest) -> Answer {
    let project = project_in_path(&request)?;
    let zones = ctx.central(GetTenant { project: project.clone() }).await?;
    let links = Links { own: Printed(Url { base: ctx.api.base_uri(), project: Some(&project) }) };
    let zones: Vec<&str> = zones.iter().map(crate::domain::name::Name::as_str).collect();
    Ok(json(&mut HttpResponse::Ok(), &Report { id: &project, zones_count: zones.len(), zones, links }))
}

/// Numbers by name.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Counts {
    counts: Vec<BTreeMap<String, u64>>,
}

#[derive(Serialize, JsonSchema)]
struct Tenants<'a> {
    links: Links<'a>,
    metadata: Map<String, Value>,
    tenants: Vec<Tenant<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Tenant<'a> {
    id: &'a ProjectId,
    zone_count: u64,
    links: Links<'a>,
}

#[derive(Serialize, JsonSchema)]
struct Report<'a> {
    id: &'a ProjectId,
    zones_count: usize,
    zones: Vec<&'a str>,
    links: Links<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<Url<'a>>,
}

struct Url<'a> {
    base: &'a str,
    project: Option<&'a ProjectId>,
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v2/reports/tenants", self.base)?;
        let Some(project) = self.project else { return Ok(()) };
        f.write_str("/")?;
        encode_segment(project.as_str(), f)
    }
}
