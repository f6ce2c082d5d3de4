//! `/v2/quotas`: the limits of projects.
//!
//! Invariants: the answer is always the whole set that is in force.

use crate::http::openapi::{Body, Operation};
use crate::http::routes::Routes;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Answer, method_not_allowed};
use crate::actors::central::api::quotas::{GetProjectQuotas, ResetQuotas, SetQuotas};
use crate::domain::ids::ProjectId;
use crate::domain::quota::{Quotas, Resource};
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{ApiError, json};
use crate::http::shape::{Access, Shape};
use crate::http::value::{bad_value, integer};
use crate::transport::Fault;

/// Least and greatest limit; below zero means none.
const RANGE: std::ops::RangeInclusive<i64> = -1..=2_147_483_647;
const SHAPE: Shape = Shape {
    resource: "quota",
    members: &[
        ("zones", Access::Write),
        ("zone_recordsets", Access::Write),
        ("zone_records", Access::Write),
        ("recordset_records", Access::Write),
        ("api_export_size", Access::Write),
    ],
};

pub(super) fn routes(routes: &mut Routes) {
    routes.at("/quotas", method_not_allowed).get(own, || {
        Operation::new("getOwnQuotas", "Shows the quotas of the caller's project").answers::<View>(200)
    });
    routes
        .at("/quotas/{project_id}", method_not_allowed)
        .get(show, || Operation::new("getQuotas", "Shows the quotas of a project").answers::<View>(200))
        .patch(set, || {
            Operation::new("setQuotas", "Sets quotas of a project")
                .takes(Body::changes::<View>(&SHAPE))
                .answers::<View>(200)
        })
        .delete(reset, || Operation::new("resetQuotas", "Gives a project the default quotas").done(204));
}

async fn own(ctx: Ctx) -> Answer {
    let Some(project) = ctx.cx.caller.project.clone() else {
        return Err(Fault::unauthorized("missing_project_id", "A project ID is required").into());
    };
    let quotas = ctx.central(GetProjectQuotas { project }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&quotas)))
}

async fn show(ctx: Ctx, request: HttpRequest) -> Answer {
    let quotas = ctx.central(GetProjectQuotas { project: project(&request)? }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&quotas)))
}

async fn set(ctx: Ctx, request: HttpRequest, object: Object) -> Answer {
    let project = project(&request)?;
    let mut limits = Vec::new();
    SHAPE.read(
        &object,
        || Value::Null,
        |member, value| {
            let resource = Resource::ALL.into_iter().find(|resource| resource.as_str() == member);
            limits.extend(resource.map(|resource| (resource, value)));
            Ok(())
        },
    )?;
    let limits =
        limits.into_iter().map(|(resource, value)| limit(resource, value)).collect::<Result<_, _>>()?;
    if ctx.api.settings.verify_quota_projects {
        ctx.expect_project(&project).await?;
    }
    let quotas = ctx.central(SetQuotas { project, limits }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&quotas)))
}

async fn reset(ctx: Ctx, request: HttpRequest) -> Answer {
    ctx.central(ResetQuotas { project: project(&request)? }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reads a limit.
fn limit(resource: Resource, value: &Value) -> Result<(Resource, i64), ApiError> {
    let field = resource.as_str();
    let limit = integer(value, field)?;
    if limit < *RANGE.start() {
        return Err(bad_value(format_args!("Value must be >= {} for field {field}", RANGE.start())));
    }
    if limit > *RANGE.end() {
        return Err(bad_value(format_args!("Value too high for {field}")));
    }
    Ok((resource, limit))
}

/// The project in the path: any text, but one that a database holds.
pub(in crate::http) fn project(request: &HttpRequest) -> Result<ProjectId, ApiError> {
    let text = request.match_info().query("project_id");
    if text.contains('\0') {
        return Err(ApiError::bad_request("A project ID has no NUL character"));
    }
    Ok(ProjectId::new(text))
}

/// The limits as clients see them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quotas")]
pub(in crate::http) struct View {
    #[schemars(range(min = -1, max = 2147483647), example = 100)]
    zones: i64,
    #[schemars(range(min = -1, max = 2147483647), example = 100)]
    zone_recordsets: i64,
    #[schemars(range(min = -1, max = 2147483647), example = 100)]
    zone_records: i64,
    #[schemars(range(min = -1, max = 2147483647), example = 100)]
    recordset_records: i64,
    #[schemars(range(min = -1, max = 2147483647), example = 100)]
    api_export_size: i64,
}

impl View {
    pub(in crate::http) const fn of(quotas: &Quotas) -> Self {
        Self {
            zones: quotas.zones,
            zone_recordsets: quotas.zone_recordsets,
            zone_records: quotas.zone_records,
            recordset_records: quotas.recordset_records,
            api_export_size: quotas.api_export_size,
        }
    }
}
