//! `/v2/zones/tasks/transfer_requests`: offers of zones to other projects.
//!
//! Invariants: whoever may not see all of an offer sees neither its key nor whose it is.

use crate::http::openapi::{Body, Count, Operation, TransferStatusWord};
use crate::http::routes::Routes;
use actix_web::HttpResponse;
use actix_web::http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::collection::{PLAIN, SelfLink, Shown, Url, filter, wanted};
use super::zones::locate;
use super::{Answer, id_is_missing, method_not_allowed, nothing_to_read};
use crate::actors::central::api::transfers::{
    CreateTransferRequest, DeleteTransferRequest, FindTransferRequests, GetTransferRequest, ShownRequest,
    UpdateTransferRequest,
};
use crate::domain::ids::{ProjectId, TransferRequestId, ZoneId};
use crate::domain::page::PlainSortKey;
use crate::http::body::{MaybeObject, Object};
use crate::http::context::Ctx;
use crate::http::error::json;
use crate::http::moment::Moment;
use crate::http::path_id::{TransferRequestPath, ZonePath};
use crate::http::shape::{Access, Shape};
use crate::http::value::{MAX_DESCRIPTION, optional_text};
use crate::transport::Fault;

pub(super) const PATH: &str = "/v2/zones/tasks/transfer_requests";
/// Most characters of a project's id.
const MAX_PROJECT: usize = 36;

const fn shape(target: Access, zone: Access) -> [(&'static str, Access); 10] {
    [
        ("id", Access::ReadOnly),
        ("zone_id", zone),
        ("project_id", Access::ReadOnly),
        ("target_project_id", target),
        ("description", Access::Write),
        ("key", Access::ReadOnly),
        ("status", Access::ReadOnly),
        ("zone_name", Access::ReadOnly),
        ("created_at", Access::ReadOnly),
        ("updated_at", Access::ReadOnly),
    ]
}

const NEW: Shape = Shape { resource: "transfer_request", members: &shape(Access::Write, Access::ReadOnly) };
const MADE: Shape = Shape { resource: "transfer_request", members: &shape(Access::ReadOnly, Access::Write) };

const FILTERS: [&str; 1] = ["status"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/zones/tasks/transfer_requests", method_not_allowed)
        .get(find, || {
            Operation::new("listTransferRequests", "Lists offers of zones")
                .lists::<View<'_>>("transfer_requests", Count::Untold)
                .sorted(&PLAIN)
                .filtered(&FILTERS)
        })
        .refuse(Method::POST, id_is_missing);
    routes
        .at("/zones/tasks/transfer_requests/{zone_transfer_request_id}", method_not_allowed)
        .get(show, || {
            Operation::new("getTransferRequest", "Shows an offer of a zone").answers::<View<'_>>(200)
        })
        .patch(update, || {
            Operation::new("updateTransferRequest", "Changes the description of an offer")
                .takes(Body::of::<Changes>())
                .answers::<View<'_>>(200)
        })
        .delete(delete, || Operation::new("deleteTransferRequest", "Withdraws an offer").done(204));
    routes.at("/zones/{zone_id}/tasks/transfer_requests", nothing_to_read).post(create, || {
        Operation::new(
            "createTransferRequest",
            "Offers a zone to another project, or to anybody who has the key",
        )
        .takes(Body::of::<Offer>().optional())
        .answers::<View<'_>>(201)
        .located()
        .fails(&[409])
    });
}

/// What a client may say about a new offer.
#[derive(JsonSchema)]
#[schemars(rename = "NewTransferRequest", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Offer {
    /// The project that may accept; none: whoever has the key.
    #[schemars(length(max = 36), example = "4335d1f0f2a44d5c8dd6bcb3e1e0d3bb")]
    #[serde(skip_serializing_if = "Option::is_none")]
    target_project_id: Option<String>,
    #[schemars(length(max = 160))]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// What may change of it.
#[derive(JsonSchema)]
#[schemars(rename = "TransferRequestChanges", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Changes {
    #[schemars(length(max = 160))]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

async fn create(ctx: Ctx, path: ZonePath, object: MaybeObject) -> Answer {
    let (mut target, mut description) = (None, None);
    NEW.read(
        &object.0,
        || Value::Null,
        |member, value| {
            match member {
                "target_project_id" => target = optional_text(value, member, MAX_PROJECT)?,
                _ => description = optional_text(value, member, MAX_DESCRIPTION)?,
            }
            Ok(())
        },
    )?;
    let target = target.map(ProjectId::new);
    let made = ctx.central(CreateTransferRequest { zone_id: path.zone_id, target, description }).await?;
    let mut response = HttpResponse::Created();
    locate(&mut response, &Url { base: &ctx.base, path: PATH, id: made.request.id.uuid() });
    Ok(json(&mut response, &View::of(&made, &ctx.base)))
}

async fn find(ctx: Ctx) -> Answer {
    let page = wanted(&ctx, &PLAIN, PlainSortKey::CreatedAt, &FILTERS)?;
    let limit = page.limit;
    let found = ctx.central(FindTransferRequests { status: filter(&ctx, "status"), page }).await?;
    let list = Shown { collection: "transfer_requests", path: &PATH, counted: false };
    Ok(list.page(&ctx, limit, &found, |shown| shown.request.id.uuid(), |shown| View::of(shown, &ctx.base)))
}

async fn show(ctx: Ctx, path: TransferRequestPath) -> Answer {
    let shown = ctx.central(GetTransferRequest { id: path.zone_transfer_request_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&shown, &ctx.base)))
}

async fn update(ctx: Ctx, path: TransferRequestPath, object: Object) -> Answer {
    let shown = ctx.central(GetTransferRequest { id: path.zone_transfer_request_id }).await?;
    let mut description = None;
    let current = || serde_json::to_value(View::of(&shown, "")).unwrap_or_default();
    MADE.read(&object, current, |member, value| {
        if member == "zone_id" {
            return Err(Fault::invalid("invalid_operation", "The zone of a transfer request is fixed").into());
        }
        description = Some(optional_text(value, "description", MAX_DESCRIPTION)?);
        Ok(())
    })?;
    let shown = ctx.central(UpdateTransferRequest { id: shown.request.id, description }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&shown, &ctx.base)))
}

async fn delete(ctx: Ctx, path: TransferRequestPath) -> Answer {
    ctx.central(DeleteTransferRequest { id: path.zone_transfer_request_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "TransferRequest")]
enum View<'a> {
    /// As whoever may see all of it sees it.
    Whole {
        id: TransferRequestId,
        zone_id: ZoneId,
        project_id: Option<&'a ProjectId>,
        target_project_id: Option<&'a ProjectId>,
        description: Option<&'a str>,
        key: &'a str,
        #[schemars(with = "TransferStatusWord")]
        status: &'static str,
        zone_name: &'a str,
        created_at: Moment,
        updated_at: Option<Moment>,
        links: SelfLink<'a>,
    },
    /// As others see it.
    Short {
        id: TransferRequestId,
        zone_id: ZoneId,
        description: Option<&'a str>,
        #[schemars(with = "TransferStatusWord")]
        status: &'static str,
        zone_name: &'a str,
        links: SelfLink<'a>,
    },
}

impl<'a> View<'a> {
    fn of(shown: &'a ShownRequest, base: &'a str) -> Self {
        let request = &shown.request;
        let (description, status) = (request.description.as_deref(), request.status.as_str());
        let (zone_name, links) = (request.zone_name.as_str(), SelfLink::new(base, PATH, request.id.uuid()));
        if !shown.detailed {
            return Self::Short {
                id: request.id,
                zone_id: request.zone_id,
                description,
                status,
                zone_name,
                links,
            };
        }
        Self::Whole {
            id: request.id,
            zone_id: request.zone_id,
            project_id: request.project_id.as_ref(),
            target_project_id: request.target_project_id.as_ref(),
            description,
            key: request.key.reveal(),
            status,
            zone_name,
            created_at: Moment(request.created_at),
            updated_at: request.updated_at.map(Moment),
            links,
        }
    }
}
