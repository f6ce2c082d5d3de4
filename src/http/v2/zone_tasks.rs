//! `/v2/zones/{zone_id}/tasks/…`: what is done to one zone without leaving anything to look at.

use actix_web::{HttpResponse, web};
use serde_json::Value;

use super::{Answer, id_is_missing, method_not_allowed, resource, zone_body};
use crate::actors::central::api::zones::{AbandonZone, GetZone, MoveZone};
use crate::domain::ids::PoolId;
use crate::http::body::Object;
use crate::http::context::{Ctx, PatchCtx};
use crate::http::error::{ApiError, json};
use crate::http::path_id::ZonePath;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/zones/{zone_id}/tasks/abandon").route(web::post().to(abandon)))
        .service(resource("/zones/{zone_id}/tasks/pool_move").route(web::post().to(pool_move)));
    for task in ["export", "xfr", "abandon"] {
        config.service(
            web::resource(format!("/zones/tasks/{task}"))
                .route(web::post().to(id_is_missing))
                .default_service(web::to(method_not_allowed)),
        );
    }
}

async fn abandon(ctx: Ctx, path: ZonePath) -> Answer {
    ctx.central(AbandonZone { id: path.zone_id }).await?;
    Ok(HttpResponse::NoContent().finish())
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
