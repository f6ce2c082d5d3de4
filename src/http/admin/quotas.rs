//! `/admin/quotas/{project_id}`: the limits of a project, in an envelope of their own.
//!
//! Invariants: no limit is below zero here; what is wrong is told as a plain list.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::{Value, json as value};

use crate::actors::central::api::quotas::{GetProjectQuotas, ResetQuotas, SetQuotas};
use crate::domain::quota::{Quotas, Resource};
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::json;
use crate::http::v2::{Answer, QuotasView, project_in_path, resource};

const MOST: i64 = 2_147_483_647;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        resource("/quotas/{project_id}")
            .route(web::get().to(show))
            .route(web::patch().to(set))
            .route(web::delete().to(reset)),
    );
}

async fn show(ctx: Ctx, request: HttpRequest) -> Answer {
    let quotas = ctx.central(GetProjectQuotas { project: project_in_path(&request)? }).await?;
    Ok(answer(&quotas))
}

async fn set(ctx: Ctx, request: HttpRequest, object: Object) -> Answer {
    let project = project_in_path(&request)?;
    match limits(&object) {
        Ok(limits) => Ok(answer(&ctx.central(SetQuotas { project, limits }).await?)),
        Err(errors) => {
            let id = ctx.cx.request.to_string();
            let body = value!({"code": 400, "type": "invalid_object", "errors": errors, "request_id": id});
            Ok(json(&mut HttpResponse::BadRequest(), &body))
        }
    }
}

async fn reset(ctx: Ctx, request: HttpRequest) -> Answer {
    ctx.central(ResetQuotas { project: project_in_path(&request)? }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The limits in a body, or all that is wrong with it.
fn limits(object: &Object) -> Result<Vec<(Resource, i64)>, Vec<Value>> {
    let finding = |path: String, message: String, validator: &str| value!({"path": path, "message": message, "validator": validator});
    let Some(quota) = object.members().find(|(name, _)| *name == "quota") else {
        let message = "'quota' is a required property".to_owned();
        return Err(vec![finding(String::new(), message, "required")]);
    };
    let (Value::Object(members), mut errors, mut limits) = (quota.1, Vec::new(), Vec::new()) else {
        return Err(vec![finding("quota".to_owned(), "quota is not an object".to_owned(), "type")]);
    };
    for (name, given) in members {
        let path = format!("quota.{name}");
        let Some(resource) = Resource::ALL.into_iter().find(|resource| resource.as_str() == name) else {
            let message = format!("'{name}' was unexpected");
            errors.push(finding("quota".to_owned(), message, "additionalProperties"));
            continue;
        };
        match given.as_i64() {
            None => errors.push(finding(path, format!("{given} is not of type 'integer'"), "type")),
            Some(limit) if limit < 0 => {
                errors.push(finding(path, format!("{limit} is less than the minimum of 0"), "minimum"));
            }
            Some(limit) if limit > MOST => {
                let message = format!("{limit} is greater than the maximum of {MOST}");
                errors.push(finding(path, message, "maximum"));
            }
            Some(limit) => limits.push((resource, limit)),
        }
    }
    if errors.is_empty() { Ok(limits) } else { Err(errors) }
}

#[derive(Serialize)]
struct Wrapped {
    quota: QuotasView,
}

fn answer(quotas: &Quotas) -> HttpResponse {
    json(&mut HttpResponse::Ok(), &Wrapped { quota: QuotasView::of(quotas) })
}
