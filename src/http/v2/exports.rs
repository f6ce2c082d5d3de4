//! `/v2/zones/tasks/exports`: files made of zones.
//!
//! Invariants: a file is of one state of its zone, however many parts it is read in.

use crate::http::openapi::{Count, Operation, TaskStatusWord};
use crate::http::routes::Routes;
use schemars::JsonSchema;
use std::fmt;

use actix_web::HttpResponse;
use bytes::Bytes;
use futures::stream;
use serde::Serialize;

use super::collection::{PLAIN, Shown, Url, wanted};
use super::imports::{FILTERS, task_filter};
use super::zones::locate;
use super::{Answer, method_not_allowed, nothing_below};
use crate::actors::central::api::tasks::{
    CreateExport, DeleteTask, ExportOf, FindTasks, GetTask, ReadExport,
};
use crate::domain::ids::{ProjectId, TaskId, ZoneId};
use crate::domain::page::{PlainSortKey, TaskFilter};
use crate::domain::task::{Task, TaskKind};
use crate::http::context::{Ctx, DnsCtx};
use crate::http::error::{ApiError, Printed, json};
use crate::http::moment::Moment;
use crate::http::path_id::{ExportPath, ZoneExportPath, ZonePath};
use crate::transport::Fault;

const PATH: &str = "/v2/zones/tasks/exports";
/// How often a zone that changes while it is read is read again.
const ATTEMPTS: usize = 10;

pub(super) fn routes(routes: &mut Routes) {
    routes.at("/zones/tasks/exports", method_not_allowed).get(find, || {
        Operation::new("listExports", "Lists exports of zones")
            .lists::<View<'_>>("exports", Count::Told)
            .sorted(&PLAIN)
            .filtered(&FILTERS)
    });
    routes
        .at("/zones/tasks/exports/{export_id}", method_not_allowed)
        .get(show, || Operation::new("getExport", "Shows an export").answers::<View<'_>>(200))
        .delete(delete, || Operation::new("deleteExport", "Deletes an export").done(204));
    routes
        .at("/zones/tasks/exports/{export_id}/export", method_not_allowed)
        .get(file, || Operation::new("getExportFile", "The file of an export").text(200, "text/dns"));
    routes.at("/zones/{zone_id}/tasks/export", method_not_allowed).post(create, || {
        Operation::new("createExport", "Makes a file of a zone").answers::<View<'_>>(202).located()
    });
    routes.at("/zones/{zone_id}/tasks/exports", nothing_below);
}

async fn create(ctx: Ctx, path: ZonePath) -> Answer {
    let task = ctx.central(CreateExport { zone_id: path.zone_id }).await?;
    let mut response = HttpResponse::Accepted();
    locate(&mut response, &Url { base: &ctx.base, path: PATH, id: task.id.uuid() });
    Ok(json(&mut response, &View::of(&task, &ctx.base)))
}

async fn find(ctx: Ctx) -> Answer {
    let page = wanted(&ctx, &PLAIN, PlainSortKey::CreatedAt, &FILTERS)?;
    let limit = page.limit;
    let filter = task_filter(&ctx)?.unwrap_or_else(TaskFilter::nothing);
    let found = ctx.central(FindTasks { kind: TaskKind::Export, filter, page }).await?;
    let list = Shown { collection: "exports", path: &PATH, counted: true };
    Ok(list.page(&ctx, limit, &found, |task| task.id.uuid(), |task| View::of(task, &ctx.base)))
}

async fn show(ctx: Ctx, path: ExportPath) -> Answer {
    let task = ctx.central(GetTask { kind: TaskKind::Export, id: path.export_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&task, &ctx.base)))
}

async fn delete(ctx: Ctx, path: ZoneExportPath) -> Answer {
    ctx.central(DeleteTask { kind: TaskKind::Export, id: path.zone_export_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn file(DnsCtx(ctx): DnsCtx, path: ExportPath) -> Answer {
    zone_file(&ctx, ExportOf::Task(path.export_id)).await
}

/// The file of a zone.
pub(in crate::http) async fn zone_file(ctx: &Ctx, of: ExportOf) -> Answer {
    for _ in 0..ATTEMPTS {
        if let Some(parts) = parts(ctx, of).await? {
            let parts = parts.into_iter().map(|text| Ok::<_, actix_web::Error>(Bytes::from(text)));
            return Ok(HttpResponse::Ok()
                .content_type("text/dns; charset=UTF-8")
                .streaming(stream::iter(parts)));
        }
    }
    Err(Fault::unavailable("busy", "The zone changes too fast to be read").into())
}

/// The parts of the file; `None` if the zone changed between two of them.
async fn parts(ctx: &Ctx, of: ExportOf) -> Result<Option<Vec<String>>, ApiError> {
    let first = ctx.central(ReadExport { of, after: None }).await?;
    let (mut parts, mut next) = (vec![first.text], first.next);
    while next.is_some() {
        let part = ctx.central(ReadExport { of, after: next }).await?;
        if part.generation != first.generation {
            return Ok(None);
        }
        parts.push(part.text);
        next = part.next;
    }
    Ok(Some(parts))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Export")]
struct View<'a> {
    id: TaskId,
    #[schemars(with = "TaskStatusWord")]
    status: &'static str,
    message: Option<&'a str>,
    location: Option<&'a str>,
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
    export: Option<Printed<FileUrl<'a>>>,
}

struct FileUrl<'a>(Url<'a>);

impl fmt::Display for FileUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/export", self.0)
    }
}

impl<'a> View<'a> {
    fn of(task: &'a Task, base: &'a str) -> Self {
        let url = || Url { base, path: PATH, id: task.id.uuid() };
        let here = task.location.as_deref().is_some_and(|location| location.starts_with("designate://"));
        Self {
            id: task.id,
            status: task.status.as_str(),
            message: task.message.as_deref(),
            location: task.location.as_deref(),
            zone_id: task.zone_id,
            project_id: task.project_id.as_ref(),
            created_at: Moment(task.created_at),
            updated_at: task.updated_at.map(Moment),
            version: task.version,
            links: Links { own: Printed(url()), export: here.then(|| Printed(FileUrl(url()))) },
        }
    }
}
