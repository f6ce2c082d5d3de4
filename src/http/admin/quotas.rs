//! `/admin/quotas/{project_id}`: the limits of a project, in an envelope of their own.
//!
//! Invariants: no limit is below zero here; what is wrong is told as a plain list.

use crate::http::openapi::{Body, Operation};
use crate::http::routes::Routes;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actors::central::api::quotas::{GetProjectQuotas, ResetQuotas, SetQuotas};
use crate::domain::policy::{Rule, Target};
use crate::domain::quota::{Quotas, Resource};
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::json;
use crate::http::v2::{Answer, QuotasView, method_not_allowed, project_in_path};

const MOST: i64 = 2_147_483_647;

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/quotas/{project_id}", method_not_allowed)
        .get(show, || {
            Operation::new("adminGetQuotas", "Shows the quotas of a project").answers::<Wrapped>(200)
        })
        .patch(set, || {
            Operation::new("adminSetQuotas", "Sets quotas of a project")
                .takes(Body::of::<Changes>())
                .answers::<Wrapped>(200)
        })
        .delete(reset, || Operation::new("adminResetQuotas", "Gives a project the default quotas").done(204));
}

async fn show(ctx: Ctx, request: HttpRequest) -> Answer {
    ctx.only_for_admins()?;
    let project = project_in_path(&request)?;
    let quotas = of_all_projects(ctx).central(GetProjectQuotas { project }).await?;
    Ok(answer(&quotas))
}

async fn set(ctx: Ctx, request: HttpRequest, object: Object) -> Answer {
    let project = project_in_path(&request)?;
    match limits(&object) {
        Ok(limits) => Ok(answer(&of_all_projects(ctx).central(SetQuotas { project, limits }).await?)),
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

/// Here whoever may see all projects does.
fn of_all_projects(mut ctx: Ctx) -> Ctx {
    let caller = &ctx.cx.caller;
    let target = Target::owned_by(caller.project.as_ref());
    if ctx.api.policy.load().check(Rule::AllTenants, caller, &target) {
        Arc::make_mut(&mut ctx.cx.caller).flags.all_projects = true;
    }
    ctx
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

/// What may be set; the members of `quota` need not all be given.
#[derive(JsonSchema)]
#[schemars(rename = "AdminQuotasChanges")]
#[expect(dead_code, reason = "only its schema is used")]
struct Changes {
    #[schemars(inner(range(min = 0, max = 2147483647)), example = BTreeMap::from([("zones", 100)]))]
    quota: BTreeMap<String, i64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AdminQuotas")]
struct Wrapped {
    quota: QuotasView,
}

fn answer(quotas: &Quotas) -> HttpResponse {
    json(&mut HttpResponse::Ok(), &Wrapped { quota: QuotasView::of(quotas) })
}
