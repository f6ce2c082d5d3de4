//! `GET /v2/limits`: the limits in force for the caller's project.
//!
//! Invariants: no rule guards it.

use crate::http::openapi::Operation;
use crate::http::routes::Routes;
use actix_web::HttpResponse;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, method_not_allowed};
use crate::actors::central::api::zones::GetQuotas;
use crate::http::context::Ctx;
use crate::http::error::json;

#[derive(Serialize, JsonSchema)]
struct Limits {
    max_zones: i64,
    max_zone_recordsets: i64,
    max_zone_records: i64,
    max_recordset_records: i64,
    min_ttl: u32,
    max_zone_name_length: usize,
    max_recordset_name_length: usize,
    max_page_limit: u64,
}

pub(super) fn routes(routes: &mut Routes) {
    routes.at("/limits", method_not_allowed).get(show, || {
        Operation::new("getLimits", "The limits in force for the caller's project").answers::<Limits>(200)
    });
    routes.at("/limits/{rest:.*}", method_not_allowed);
}

async fn show(ctx: Ctx) -> Answer {
    let quotas = ctx.central(GetQuotas { project: ctx.cx.caller.project.clone() }).await?;
    let settings = &ctx.api.settings;
    let limits = Limits {
        max_zones: quotas.zones,
        max_zone_recordsets: quotas.zone_recordsets,
        max_zone_records: quotas.zone_records,
        max_recordset_records: quotas.recordset_records,
        min_ttl: settings.min_ttl,
        max_zone_name_length: settings.max_zone_name_length,
        max_recordset_name_length: settings.max_recordset_name_length,
        max_page_limit: settings.max_limit,
    };
    Ok(json(&mut HttpResponse::Ok(), &limits))
}
