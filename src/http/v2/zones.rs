//! `/v2/zones`: zones and the name servers of their pool.
//!
//! Invariants: a change is refused in the order fetch, state, shape, rule; every answer shows the zone as the
//! database has it.

use crate::http::openapi::{self, Body, Operation, Parameter};
use crate::http::routes::Routes;
use schemars::JsonSchema;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use super::zone_view::{ZoneUrl, ZoneView};
use super::{Answer, method_not_allowed, no_such_path, nothing_below, zone_body};
use crate::actors::central::api::zones::{DeleteZone, FindZones, GetZone, GetZoneNameservers, UpdateZone};
use crate::domain::page::{ZoneFilter, ZoneSortKey};
use crate::domain::zone::Zone;
use crate::domain::zone_status::Status;
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{ApiError, json};
use crate::http::paging::{Count, List, only, page};
use crate::http::path_id::ZonePath;

const SORT_KEYS: [(&str, ZoneSortKey); 8] = [
    ("created_at", ZoneSortKey::CreatedAt),
    ("id", ZoneSortKey::Id),
    ("updated_at", ZoneSortKey::UpdatedAt),
    ("name", ZoneSortKey::Name),
    ("tenant_id", ZoneSortKey::TenantId),
    ("serial", ZoneSortKey::Serial),
    ("ttl", ZoneSortKey::Ttl),
    ("status", ZoneSortKey::Status),
];
const FILTERS: [&str; 6] = ["name", "type", "email", "status", "description", "ttl"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/zones", method_not_allowed)
        .get(find, || {
            Operation::new("listZones", "Lists zones")
                .lists::<ZoneView<'_>>("zones", openapi::Count::Told)
                .sorted(&SORT_KEYS)
                .filtered(&FILTERS)
        })
        .post(create, || {
            Operation::new("createZone", "Creates a zone")
                .takes(Body::new::<ZoneView<'_>>(&zone_body::NEW_ZONE, &["name"]))
                .answers::<ZoneView<'_>>(201)
                .located()
                .answers::<ZoneView<'_>>(202)
                .located()
                .fails(&[404, 409])
        });
    routes
        .at("/zones/{zone_id}", method_not_allowed)
        .get(show, || Operation::new("getZone", "Shows a zone").answers::<ZoneView<'_>>(200))
        .patch(update, || {
            Operation::new("updateZone", "Changes a zone")
                .takes(Body::changes::<ZoneView<'_>>(&zone_body::ZONE))
                .answers::<ZoneView<'_>>(200)
                .answers::<ZoneView<'_>>(202)
                .fails(&[409])
        })
        .delete(delete, || {
            Operation::new("deleteZone", "Deletes a zone")
                .answers::<ZoneView<'_>>(202)
                .with(Parameter::DeleteShares)
                .with(Parameter::HardDelete)
        });
    routes.at("/zones/{zone_id}/nameservers", method_not_allowed).get(nameservers, || {
        Operation::new("listZoneNameservers", "Lists the name servers of a zone")
            .answers::<Nameservers<'_>>(200)
    });
    routes.at("/zones/{zone_id}/nameservers/{rest:.*}", method_not_allowed);
    routes.at("/zones/{zone_id}/tasks", no_such_path);
    routes.at("/zones/{zone_id}/{rest}", nothing_below);
}

async fn create(ctx: Ctx, object: Object) -> Answer {
    let zone = ctx.central(zone_body::new_zone(&object)?).await?;
    let mut response = HttpResponse::build(accepted_if_pending(&zone, StatusCode::CREATED));
    locate(&mut response, &ZoneUrl { base: &ctx.base, id: zone.id });
    Ok(json(&mut response, &ZoneView::of(&zone, &ctx.base)))
}

async fn find(ctx: Ctx) -> Answer {
    let mut page = page(&ctx.query, &ctx.api.settings, &SORT_KEYS, ZoneSortKey::CreatedAt)?;
    if page.sort_key == ZoneSortKey::TenantId && !ctx.cx.caller.flags.all_projects {
        page.sort_key = ZoneSortKey::CreatedAt;
    }
    only(&ctx.query, &FILTERS)?;
    let limit = page.limit;
    let filter = |name| ctx.query.get(name).map(str::to_owned);
    let filter = ZoneFilter {
        name: filter("name"),
        kind: filter("type"),
        email: filter("email"),
        status: filter("status"),
        description: filter("description"),
        ttl: filter("ttl"),
        hide_catalogs: !ctx.cx.caller.has_role("admin"),
    };
    let found = ctx.central(FindZones { filter, page }).await?;
    let last = found.items.last().map(|zone| zone.id);
    let list = List {
        collection: "zones",
        path: &"/v2/zones",
        items: found.items.iter().map(|zone| ZoneView::of(zone, &ctx.base)).collect(),
        last: last.as_ref().map(|id| id as &dyn fmt::Display),
        limit,
        count: found.total.map_or(Count::Absent, Count::Total),
    };
    Ok(list.respond(&ctx))
}

async fn show(ctx: Ctx, path: ZonePath) -> Answer {
    let zone = ctx.central(GetZone { id: path.zone_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &ZoneView::of(&zone, &ctx.base)))
}

async fn update(ctx: Ctx, path: ZonePath, object: Object) -> Answer {
    let zone = ctx.central(GetZone { id: path.zone_id }).await?;
    if zone.progress.is_deleting() {
        return Err(ApiError::bad_request("Can not update a deleting zone"));
    }
    let changes = zone_body::changes(&object, &zone)?;
    let zone = ctx.central(UpdateZone { id: zone.id, changes }).await?;
    let mut response = HttpResponse::build(accepted_if_pending(&zone, StatusCode::OK));
    Ok(json(&mut response, &ZoneView::of(&zone, &ctx.base)))
}

async fn delete(ctx: Ctx, path: ZonePath) -> Answer {
    let zone = ctx.central(DeleteZone { id: path.zone_id }).await?;
    Ok(json(&mut HttpResponse::Accepted(), &ZoneView::of(&zone, &ctx.base)))
}

async fn nameservers(ctx: Ctx, path: ZonePath) -> Answer {
    let found = ctx.central(GetZoneNameservers { id: path.zone_id }).await?;
    let nameservers =
        found.iter().map(|ns| Nameserver { hostname: ns.hostname.as_str(), priority: ns.priority }).collect();
    Ok(json(&mut HttpResponse::Ok(), &Nameservers { nameservers }))
}

#[derive(Serialize, JsonSchema)]
struct Nameservers<'a> {
    nameservers: Vec<Nameserver<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Nameserver<'a> {
    #[schemars(example = "ns1.example.org.")]
    hostname: &'a str,
    priority: u16,
}

fn accepted_if_pending(zone: &Zone, otherwise: StatusCode) -> StatusCode {
    if zone.progress.status == Status::Pending { StatusCode::ACCEPTED } else { otherwise }
}

/// Says where the new thing is.
pub(super) fn locate(response: &mut HttpResponseBuilder, url: &dyn fmt::Display) {
    if let Ok(value) = HeaderValue::try_from(url.to_string()) {
        response.insert_header((LOCATION, value));
    }
}
