//! `/v2/zones/tasks/imports`: zones made of files.

use crate::http::openapi::{Body, Count, Operation, TaskStatusWord};
use crate::http::routes::Routes;
use schemars::JsonSchema;
use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::Value;

use super::collection::{PLAIN, Shown, Url, filter, wanted};
use super::zone_view::ZoneUrl;
use super::zones::locate;
use super::{Answer, method_not_allowed, nothing_to_read, zone_body};
use crate::actors::central::api::tasks::{CreateImport, DeleteTask, FindTasks, GetTask};
use crate::domain::ids::{ProjectId, TaskId, ZoneId};
use crate::domain::page::{PlainSortKey, TaskFilter};
use crate::domain::task::{Task, TaskKind};
use crate::http::body::{Raw, unsupported};
use crate::http::context::Ctx;
use crate::http::error::{ApiError, Printed, json};
use crate::http::moment::Moment;
use crate::http::path_id::{self, ImportPath, ZoneImportPath};

const PATH: &str = "/v2/zones/tasks/imports";

pub(super) const FILTERS: [&str; 3] = ["status", "message", "zone_id"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/zones/tasks/imports", method_not_allowed)
        .get(find, || {
            Operation::new("listImports", "Lists imports of zones")
                .lists::<View<'_>>("imports", Count::Told)
                .sorted(&PLAIN)
                .filtered(&FILTERS)
        })
        .post(create, || {
            Operation::new("createImport", "Makes a zone of a file")
                .takes(Body::of::<Order>().or_text("text/dns"))
                .answers::<View<'_>>(202)
                .located()
                .fails(&[404, 409])
        });
    routes
        .at("/zones/tasks/imports/{import_id}", method_not_allowed)
        .get(show, || Operation::new("getImport", "Shows an import").answers::<View<'_>>(200))
        .delete(delete, || Operation::new("deleteImport", "Deletes an import, not its zone").done(204));
    routes.at("/zones/{zone_id}/tasks/imports", nothing_to_read);
}

/// A file to be imported.
#[derive(JsonSchema)]
#[schemars(rename = "NewImport")]
#[expect(dead_code, reason = "only its schema is used")]
struct Order {
    /// The zone in master file format (RFC 1035).
    #[schemars(
        example = "$ORIGIN example.net.\n@ 3600 IN SOA ns1.example.org. admin.example.net. 1 3600 600 86400 3600\n\
        @ IN NS ns1.example.org.\nwww IN A 192.0.2.1\n"
    )]
    zonefile: String,
    /// By what the zone finds its pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<BTreeMap<String, String>>,
}

async fn create(ctx: Ctx, raw: Raw) -> Answer {
    let message = match raw.media.as_str() {
        "text/dns" => CreateImport { zonefile: text(raw.body.to_vec())?, attributes: BTreeMap::new() },
        "application/json" => order(&raw.body)?,
        other => return Err(unsupported(other)),
    };
    let task = ctx.central(message).await?;
    let mut response = HttpResponse::Accepted();
    locate(&mut response, &Url { base: &ctx.base, path: PATH, id: task.id.uuid() });
    Ok(json(&mut response, &View::of(&task, &ctx.base)))
}

/// A file within a JSON object; what else is in it does not matter.
fn order(body: &[u8]) -> Result<CreateImport, ApiError> {
    let body: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::bad_request(format!("no JSON: {error}")))?;
    let Some(zonefile) = body.get("zonefile").and_then(Value::as_str) else {
        return Err(ApiError::bad_request("zonefile is missing"));
    };
    let attributes = match body.get("attributes") {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(given) => zone_body::attributes(given)?,
    };
    Ok(CreateImport { zonefile: text(zonefile.as_bytes().to_vec())?, attributes })
}

/// Text that a database holds.
fn text(bytes: Vec<u8>) -> Result<String, ApiError> {
    let text = String::from_utf8(bytes).map_err(|_| ApiError::bad_request("the zone file is not UTF-8"))?;
    if text.contains('\0') {
        return Err(ApiError::bad_request("the zone file has a NUL character"));
    }
    Ok(text)
}

/// What of a list of imports or exports is wanted.
pub(super) fn task_filter(ctx: &Ctx) -> Result<Option<TaskFilter>, ApiError> {
    let zone_id = match filter(ctx, "zone_id") {
        None => None,
        // What is no id is no zone's id.
        Some(text) => match path_id::uuid(&text) {
            Some(uuid) => Some(uuid.into()),
            None => return Ok(None),
        },
    };
    Ok(Some(TaskFilter { status: filter(ctx, "status"), message: filter(ctx, "message"), zone_id }))
}

async fn find(ctx: Ctx) -> Answer {
    let page = wanted(&ctx, &PLAIN, PlainSortKey::CreatedAt, &FILTERS)?;
    let limit = page.limit;
    let filter = task_filter(&ctx)?.unwrap_or_else(TaskFilter::nothing);
    let found = ctx.central(FindTasks { kind: TaskKind::Import, filter, page }).await?;
    let list = Shown { collection: "imports", path: &PATH, counted: true };
    Ok(list.page(&ctx, limit, &found, |task| task.id.uuid(), |task| View::of(task, &ctx.base)))
}

async fn show(ctx: Ctx, path: ImportPath) -> Answer {
    let task = ctx.central(GetTask { kind: TaskKind::Import, id: path.import_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&task, &ctx.base)))
}

async fn delete(ctx: Ctx, path: ZoneImportPath) -> Answer {
    ctx.central(DeleteTask { kind: TaskKind::Import, id: path.zone_import_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Import")]
struct View<'a> {
    id: TaskId,
    #[schemars(with = "TaskStatusWord")]
    status: &'static str,
    message: Option<&'a str>,
    zone_id: Option<ZoneId>,
    project_id: Option<&'a ProjectId>,
    created_at: Moment,
    updated_at: Option<Moment>,
    version: u64,
    links: Links<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<Url<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<Printed<ZoneUrl<'a>>>,
}

impl<'a> View<'a> {
    fn of(task: &'a Task, base: &'a str) -> Self {
        Self {
            id: task.id,
            status: task.status.as_str(),
            message: task.message.as_deref(),
            zone_id: task.zone_id,
            project_id: task.project_id.as_ref(),
            created_at: Moment(task.created_at),
            updated_at: task.updated_at.map(Moment),
            version: task.version,
            links: Links {
                own: Printed(Url { base, path: PATH, id: task.id.uuid() }),
                zone: task.zone_id.map(|id| Printed(ZoneUrl { base, id })),
            },
        }
    }
}
