//! `/v2/zones/tasks/transfer_accepts`: offers of zones that were accepted.
//!
//! Invariants: the key is shown to whoever gave it, in the answer to that, and never again.

use crate::http::openapi::{Body, Count, Operation, TransferStatusWord};
use crate::http::routes::Routes;
use actix_web::HttpResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::collection::{PLAIN, Shown, Url, filter, wanted};
use super::zone_view::ZoneUrl;
use super::zones::locate;
use super::{Answer, method_not_allowed, nothing_to_read};
use crate::actors::central::api::transfers::{AcceptTransfer, FindTransferAccepts, GetTransferAccept};
use crate::domain::ids::{ProjectId, TransferAcceptId, TransferRequestId, ZoneId};
use crate::domain::page::PlainSortKey;
use crate::domain::transfer::{TransferAccept, TransferKey};
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{Printed, json};
use crate::http::moment::Moment;
use crate::http::path_id::TransferAcceptPath;
use crate::http::shape::{Access, Shape, missing};
use crate::http::value::{text, uuid};
use crate::transport::Fault;

const PATH: &str = "/v2/zones/tasks/transfer_accepts";
/// Most characters of a key.
const MAX_KEY: usize = 160;
const SHAPE: Shape = Shape {
    resource: "transfer_accept",
    members: &[
        ("id", Access::ReadOnly),
        ("zone_transfer_request_id", Access::Write),
        ("project_id", Access::ReadOnly),
        ("key", Access::Write),
        ("status", Access::ReadOnly),
        ("zone_id", Access::ReadOnly),
        ("created_at", Access::ReadOnly),
        ("updated_at", Access::ReadOnly),
    ],
};

const FILTERS: [&str; 1] = ["status"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/zones/tasks/transfer_accepts", method_not_allowed)
        .get(find, || {
            Operation::new("listTransferAccepts", "Lists accepted offers of zones")
                .lists::<View<'_>>("transfer_accepts", Count::Told)
                .sorted(&PLAIN)
                .filtered(&FILTERS)
        })
        .post(create, || {
            Operation::new("acceptTransfer", "Accepts an offer of a zone")
                .takes(Body::of::<Acceptance>())
                .answers::<View<'_>>(201)
                .located()
                .fails(&[404, 409])
        });
    routes.at("/zones/tasks/transfer_accepts/{transfer_accept_id}", method_not_allowed).get(show, || {
        Operation::new("getTransferAccept", "Shows an accepted offer").answers::<View<'_>>(200)
    });
    routes.at("/zones/{zone_id}/tasks/transfer_accepts", nothing_to_read);
}

/// What accepts an offer.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Acceptance {
    /// The key of the offer.
    #[schemars(length(max = 160), example = "9Z2R50Y0")]
    key: String,
    zone_transfer_request_id: TransferRequestId,
}

async fn create(ctx: Ctx, object: Object) -> Answer {
    let (mut key, mut request) = (None, None);
    SHAPE.read(
        &object,
        || Value::Null,
        |member, value| {
            match member {
                "key" => key = Some(text(value, "key", MAX_KEY)?.into_owned()),
                _ => request = Some(TransferRequestId::from(uuid(value, "zone_transfer_request_id")?)),
            }
            Ok(())
        },
    )?;
    let (Some(key), Some(request_id)) = (&key, request) else {
        let absent = [("key", key.is_none()), ("zone_transfer_request_id", request.is_none())];
        let absent = absent.into_iter().filter(|(_, absent)| *absent).map(|(name, _)| missing(name));
        return Err(Fault::violations(absent.collect()).into());
    };
    let accept = ctx.central(AcceptTransfer { request_id, key: TransferKey::new(key) }).await?;
    let mut response = HttpResponse::Created();
    locate(&mut response, &Url { base: &ctx.base, path: PATH, id: accept.id.uuid() });
    Ok(json(&mut response, &View::of(&accept, Some(key), &ctx.base)))
}

async fn find(ctx: Ctx) -> Answer {
    let page = wanted(&ctx, &PLAIN, PlainSortKey::CreatedAt, &FILTERS)?;
    let limit = page.limit;
    let found = ctx.central(FindTransferAccepts { status: filter(&ctx, "status"), page }).await?;
    let list = Shown { collection: "transfer_accepts", path: &PATH, counted: true };
    Ok(list.page(&ctx, limit, &found, |accept| accept.id.uuid(), |accept| View::of(accept, None, &ctx.base)))
}

async fn show(ctx: Ctx, path: TransferAcceptPath) -> Answer {
    let accept = ctx.central(GetTransferAccept { id: path.transfer_accept_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&accept, None, &ctx.base)))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TransferAccept")]
struct View<'a> {
    id: TransferAcceptId,
    zone_transfer_request_id: TransferRequestId,
    project_id: &'a ProjectId,
    /// The key that was given, when it is given.
    key: Option<&'a str>,
    #[schemars(with = "TransferStatusWord")]
    status: &'static str,
    zone_id: ZoneId,
    created_at: Moment,
    updated_at: Option<Moment>,
    links: Links<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<Url<'a>>,
    zone: Printed<ZoneUrl<'a>>,
}

impl<'a> View<'a> {
    fn of(accept: &'a TransferAccept, key: Option<&'a str>, base: &'a str) -> Self {
        Self {
            id: accept.id,
            zone_transfer_request_id: accept.request_id,
            project_id: &accept.project_id,
            key,
            status: accept.status.as_str(),
            zone_id: accept.zone_id,
            created_at: Moment(accept.created_at),
            updated_at: accept.updated_at.map(Moment),
            links: Links {
                own: Printed(Url { base, path: PATH, id: accept.id.uuid() }),
                zone: Printed(ZoneUrl { base, id: accept.zone_id }),
            },
        }
    }
}
