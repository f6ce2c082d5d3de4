//! `/v2/zones/{zone_id}/recordsets` and `/v2/recordsets`: recordsets of a zone, and those of all zones.
//!
//! Invariants: a change is refused in the order fetch, protection, shape, rule; below `/v2/recordsets` nothing can be
//! changed.

use crate::http::openapi::{self, Body, Operation, Parameter};
use crate::http::routes::Routes;
use schemars::JsonSchema;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::recordset_view::{RecordsetUrl, RecordsetView};
use super::zones::locate;
use super::{Answer, method_not_allowed, recordset_body};
use crate::actors::central::api::recordsets::{
    DeleteRecordset, FindRecordsets, GetRecordset, UpdateRecordset,
};
use crate::domain::ids::ZoneId;
use crate::domain::page::{RecordsetFilter, RecordsetSortKey};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::recordset_rules::check_creatable;
use crate::http::accept::{TEXT, accepts};
use crate::http::body::Object;
use crate::http::context::{AnyCtx, Ctx};
use crate::http::error::{ApiError, json};
use crate::http::links;
use crate::http::paging::{Count, List, only, page};
use crate::http::path_id::{self, LoneRecordsetPath, RecordsetPath, ZonePath};
use crate::transport::Fault;

const SORT_KEYS: [(&str, RecordsetSortKey); 7] = [
    ("created_at", RecordsetSortKey::CreatedAt),
    ("updated_at", RecordsetSortKey::UpdatedAt),
    ("zone_id", RecordsetSortKey::ZoneId),
    ("tenant_id", RecordsetSortKey::TenantId),
    ("name", RecordsetSortKey::Name),
    ("type", RecordsetSortKey::Type),
    ("ttl", RecordsetSortKey::Ttl),
];
/// In a zone recordsets can be sorted by id, too.
const SORT_KEYS_IN_ZONE: [(&str, RecordsetSortKey); 8] = [
    ("created_at", RecordsetSortKey::CreatedAt),
    ("id", RecordsetSortKey::Id),
    ("updated_at", RecordsetSortKey::UpdatedAt),
    ("zone_id", RecordsetSortKey::ZoneId),
    ("tenant_id", RecordsetSortKey::TenantId),
    ("name", RecordsetSortKey::Name),
    ("type", RecordsetSortKey::Type),
    ("ttl", RecordsetSortKey::Ttl),
];
const FILTERS: [&str; 7] = ["name", "type", "ttl", "data", "status", "description", "zone_id"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/zones/{zone_id}/recordsets", method_not_allowed)
        .get(find_in_zone, || {
            list("listZoneRecordsets", "Lists the recordsets of a zone", &SORT_KEYS_IN_ZONE)
        })
        .post(create, || {
            Operation::new("createRecordset", "Creates a recordset")
                .takes(Body::new::<RecordsetView<'_>>(&recordset_body::NEW_RECORDSET, &["name", "type"]))
                .answers::<RecordsetView<'_>>(201)
                .located()
                .answers::<RecordsetView<'_>>(202)
                .located()
                .with(Parameter::EditManagedRecords)
                .fails(&[409])
        });
    routes
        .at("/zones/{zone_id}/recordsets/{recordset_id}", method_not_allowed)
        .get(show, || Operation::new("getRecordset", "Shows a recordset").answers::<RecordsetView<'_>>(200))
        .put(update, || {
            Operation::new("updateRecordset", "Changes what is given of a recordset")
                .takes(Body::changes::<RecordsetView<'_>>(&recordset_body::RECORDSET))
                .answers::<RecordsetView<'_>>(200)
                .answers::<RecordsetView<'_>>(202)
                .with(Parameter::EditManagedRecords)
        })
        .delete(delete, || {
            Operation::new("deleteRecordset", "Deletes a recordset")
                .answers::<RecordsetView<'_>>(202)
                .with(Parameter::EditManagedRecords)
        });
    routes
        .at("/recordsets", method_not_allowed)
        .get(find_everywhere, || list("listRecordsets", "Lists the recordsets of all zones", &SORT_KEYS));
    routes.at("/recordsets/{recordset_id}", method_not_allowed).get(redirect, || {
        Operation::new("findRecordset", "Leads to a recordset below its zone")
            .answers::<Moved>(301)
            .located()
            .text(301, "text/plain")
    });
}

fn list<K>(id: &'static str, summary: &'static str, keys: &[(&'static str, K)]) -> Operation {
    Operation::new(id, summary)
        .lists::<RecordsetView<'_>>("recordsets", openapi::Count::Wanted)
        .sorted(keys)
        .filtered(&FILTERS)
}

async fn create(ctx: Ctx, path: ZonePath, object: Object) -> Answer {
    let supported = &ctx.api.settings.supported_types;
    let message = recordset_body::new_recordset(&object, path.zone_id, supported)?;
    let recordset = ctx.central(message).await?;
    let mut response = HttpResponse::build(accepted_if_any(&recordset, StatusCode::CREATED));
    locate(&mut response, &RecordsetUrl::of(&recordset, &ctx.base));
    Ok(json(&mut response, &RecordsetView::of(&recordset, &ctx.base)))
}

async fn show(ctx: Ctx, path: RecordsetPath) -> Answer {
    let message = GetRecordset { zone_id: Some(path.zone_id), id: path.recordset_id };
    let recordset = ctx.central(message).await?;
    Ok(json(&mut HttpResponse::Ok(), &RecordsetView::of(&recordset, &ctx.base)))
}

async fn update(ctx: Ctx, path: RecordsetPath, object: Result<Object, ApiError>) -> Answer {
    // Only JSON of another kind waits for what protects the recordset.
    let object = match object {
        Err(error) if !error.is("invalid_object") => return Err(error),
        object => object,
    };
    let message = GetRecordset { zone_id: Some(path.zone_id), id: path.recordset_id };
    let recordset = ctx.central(message).await?;
    changeable(&recordset, ctx.cx.caller.flags.edit_managed_records)?;
    let changes = recordset_body::changes(&object?, &recordset)?;
    let message = UpdateRecordset { zone_id: path.zone_id, id: path.recordset_id, changes };
    let recordset = ctx.central(message).await?;
    let mut response = HttpResponse::build(accepted_if_any(&recordset, StatusCode::OK));
    Ok(json(&mut response, &RecordsetView::of(&recordset, &ctx.base)))
}

/// What protects a recordset is told before what is wrong with the body.
fn changeable(recordset: &Recordset, edit_managed: bool) -> Result<(), ApiError> {
    if recordset.managed && !edit_managed {
        return Err(ApiError::bad_request("Managed records may not be updated"));
    }
    if recordset.kind == RecordType::Ns && recordset.name == recordset.zone_name {
        return Err(ApiError::bad_request("The NS recordset at the apex may not be updated"));
    }
    check_creatable(recordset.kind, &recordset.name).map_err(|error| recordset_body::misplaced(&error))
}

async fn delete(ctx: Ctx, path: RecordsetPath) -> Answer {
    let message = DeleteRecordset { zone_id: path.zone_id, id: path.recordset_id };
    let recordset = ctx.central(message).await?;
    Ok(json(&mut HttpResponse::Accepted(), &RecordsetView::of(&recordset, &ctx.base)))
}

async fn find_in_zone(ctx: Ctx, path: ZonePath) -> Answer {
    find(&ctx, Some(path.zone_id), &SORT_KEYS_IN_ZONE).await
}

async fn find_everywhere(ctx: Ctx) -> Answer {
    find(&ctx, None, &SORT_KEYS).await
}

async fn find(ctx: &Ctx, zone_id: Option<ZoneId>, keys: &[(&str, RecordsetSortKey)]) -> Answer {
    let mut page = page(&ctx.query, &ctx.api.settings, keys, RecordsetSortKey::CreatedAt)?;
    if page.sort_key == RecordsetSortKey::TenantId && !ctx.cx.caller.flags.all_projects {
        page.sort_key = RecordsetSortKey::CreatedAt;
    }
    only(&ctx.query, &FILTERS)?;
    let limit = page.limit;
    let filter = |name| ctx.query.get(name).map(str::to_owned);
    let filter = RecordsetFilter {
        name: filter("name"),
        kind: filter("type"),
        ttl: filter("ttl"),
        data: filter("data"),
        status: filter("status"),
        description: filter("description"),
        // The recordsets of a zone are in no other: there the parameter changes nothing.
        zone_id: if zone_id.is_some() { None } else { zone_filter(ctx.query.get("zone_id"))? },
    };
    let found = ctx.central(FindRecordsets { zone_id, filter, page, count: !ctx.hide_counts }).await?;
    let last = found.items.last().map(|recordset| recordset.id);
    let list = List {
        collection: "recordsets",
        path: &ListPath(zone_id),
        items: found.items.iter().map(|recordset| RecordsetView::of(recordset, &ctx.base)).collect(),
        last: last.as_ref().map(|id| id as &dyn fmt::Display),
        limit,
        count: found.total.filter(|_| !ctx.hide_counts).map_or(Count::Hidden, Count::Total),
    };
    Ok(list.respond(ctx))
}

fn zone_filter(text: Option<&str>) -> Result<Option<ZoneId>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    match path_id::uuid(text) {
        Some(uuid) => Ok(Some(uuid.into())),
        None => Err(Fault::invalid("invalid_uuid", format!("Invalid UUID zone_id: {text}")).into()),
    }
}

struct ListPath(Option<ZoneId>);

impl fmt::Display for ListPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(zone) => write!(f, "/v2/zones/{zone}/recordsets"),
            None => f.write_str("/v2/recordsets"),
        }
    }
}

/// Leads to the recordset below its zone.
async fn redirect(AnyCtx(ctx): AnyCtx, path: LoneRecordsetPath, request: HttpRequest) -> Answer {
    let recordset = ctx.central(GetRecordset { zone_id: None, id: path.recordset_id }).await?;
    let base = links::redirect_base(&request, &ctx.api.settings);
    let url = RecordsetUrl::of(&recordset, &base);
    let mut response = HttpResponse::MovedPermanently();
    locate(&mut response, &url);
    Ok(if accepts(request.headers(), &[TEXT]) {
        response.content_type("text/plain; charset=UTF-8").body(format!("301 Moved Permanently\n\n{url}\n"))
    } else {
        json(&mut response, &Moved { code: 301, title: "Moved Permanently", description: () })
    })
}

#[derive(Serialize, JsonSchema)]
struct Moved {
    code: u16,
    title: &'static str,
    description: (),
}

/// 202 while a change is under way; a recordset without records has none.
fn accepted_if_any(recordset: &Recordset, otherwise: StatusCode) -> StatusCode {
    if recordset.records.is_empty() { otherwise } else { StatusCode::ACCEPTED }
}
