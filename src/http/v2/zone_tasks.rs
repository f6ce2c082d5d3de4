//! `/v2/zones/{zone_id}/tasks/…`: what is done to one zone without leaving anything to look at.

use crate::http::openapi::{Body, Operation, Parameter};
use crate::http::routes::Routes;
use actix_web::HttpResponse;
use actix_web::http::Method;
use schemars::JsonSchema;
use serde_json::Value;

use super::{Answer, id_is_missing, method_not_allowed, zone_body};
use crate::actors::central::api::zones::{AbandonZone, GetZone, MoveZone, XfrZone};
use crate::domain::ids::PoolId;
use crate::http::body::Object;
use crate::http::context::{Ctx, PatchCtx};
use crate::http::error::{ApiError, json};
use crate::http::path_id::ZonePath;

pub(super) fn routes(routes: &mut Routes) {
    routes.at("/zones/{zone_id}/tasks/abandon", method_not_allowed).post(abandon, || {
        Operation::new("abandonZone", "Forgets a zone and leaves name servers alone")
            .done(204)
            .with(Parameter::DeleteShares)
    });
    routes.at("/zones/{zone_id}/tasks/xfr", method_not_allowed).post(xfr, || {
        Operation::new("transferZone", "Asks the masters of a secondary zone for what is new")
            .answers::<String>(202)
    });
    routes.at("/zones/{zone_id}/tasks/pool_move", method_not_allowed).post(pool_move, || {
        Operation::new("moveZone", "Moves a zone to another pool")
            .takes(Body::of::<Destination>())
            .answers::<String>(202)
    });
    for task in ["export", "xfr", "abandon"] {
        routes.at(format!("/zones/tasks/{task}"), method_not_allowed).refuse(Method::POST, id_is_missing);
    }
}

/// Where a zone is moved to.
#[derive(JsonSchema)]
#[schemars(rename = "ZoneMove", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Destination {
    /// The pool; without one the scheduler chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_id: Option<PoolId>,
}

async fn abandon(ctx: Ctx, path: ZonePath) -> Answer {
    ctx.central(AbandonZone { id: path.zone_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn xfr(ctx: Ctx, path: ZonePath) -> Answer {
    ctx.central(XfrZone { id: path.zone_id }).await?;
    Ok(json(&mut HttpResponse::Accepted(), &Value::String(String::new())))
}

async fn pool_move(ctx: PatchCtx, path: ZonePath, object: Object) -> Answer {
    let ctx = ctx.0;
    let zone = ctx.central(GetZone { id: path.zone_id }).await?;
    if zone.progress.is_deleting() {
        return Err(ApiError::bad_request("Can not update a deleting zone"));
    }
    let pool_id: Option<PoolId> = zone_body::destination(&object, &zone)?;
    ctx.central(MoveZone { id: zone.id, pool_id }).await?;
    Ok(json(&mut HttpResponse::Accepted(), &Value::String(String::new())))
}
