//! `/v2/zones/{zone_id}/shares`: whom a zone is shared with.

use crate::http::openapi::{Body, Count, Operation};
use crate::http::routes::Routes;
use schemars::JsonSchema;
use std::fmt;

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::Value;

use super::collection::{BY_TIME, Shown, filter, wanted};
use super::zone_view::ZoneUrl;
use super::{Answer, method_not_allowed};
use crate::actors::central::api::shares::{FindShares, GetShare, ShareZone, UnshareZone};
use crate::domain::ids::{ProjectId, ShareId, ZoneId};
use crate::domain::page::PlainSortKey;
use crate::domain::share::Share;
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{Printed, json};
use crate::http::moment::Moment;
use crate::http::path_id::{SharePath, ZonePath};
use crate::http::shape::{Access, Shape, required};
use crate::http::value::text;

/// Most characters of a project's id.
const MAX_PROJECT: usize = 36;
const SHAPE: Shape = Shape {
    resource: "shared_zone",
    members: &[
        ("id", Access::ReadOnly),
        ("zone_id", Access::ReadOnly),
        ("project_id", Access::ReadOnly),
        ("target_project_id", Access::Write),
        ("created_at", Access::ReadOnly),
        ("updated_at", Access::ReadOnly),
    ],
};

const FILTERS: [&str; 1] = ["target_project_id"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/zones/{zone_id}/shares", method_not_allowed)
        .get(find, || {
            Operation::new("listShares", "Lists whom a zone is shared with")
                .lists::<View<'_>>("shared_zones", Count::Untold)
                .sorted(&BY_TIME)
                .filtered(&FILTERS)
        })
        .post(create, || {
            Operation::new("shareZone", "Shares a zone with a project")
                .takes(Body::new::<View<'_>>(&SHAPE, &["target_project_id"]))
                .answers::<View<'_>>(201)
                .fails(&[409])
        });
    routes
        .at("/zones/{zone_id}/shares/{zone_share_id}", method_not_allowed)
        .get(show, || Operation::new("getShare", "Shows a share of a zone").answers::<View<'_>>(200))
        .delete(delete, || Operation::new("unshareZone", "Ends a share of a zone").done(204));
}

async fn create(ctx: Ctx, path: ZonePath, object: Object) -> Answer {
    let mut target = None;
    SHAPE.read(
        &object,
        || Value::Null,
        |_, value| {
            target = Some(ProjectId::new(text(value, "target_project_id", MAX_PROJECT)?));
            Ok(())
        },
    )?;
    let [target] = required([("target_project_id", target)])?;
    ctx.expect_project(&target).await?;
    let share = ctx.central(ShareZone { zone_id: path.zone_id, target }).await?;
    Ok(json(&mut HttpResponse::Created(), &View::of(&share, &ctx.base)))
}

async fn find(ctx: Ctx, path: ZonePath) -> Answer {
    let page = wanted(&ctx, &BY_TIME, PlainSortKey::CreatedAt, &FILTERS)?;
    let (limit, target) = (page.limit, filter(&ctx, "target_project_id"));
    let found = ctx.central(FindShares { zone_id: path.zone_id, target, page }).await?;
    let path = Shares { base: "", zone: path.zone_id };
    let list = Shown { collection: "shared_zones", path: &path, counted: false };
    Ok(list.page(&ctx, limit, &found, |share| share.id.uuid(), |share| View::of(share, &ctx.base)))
}

async fn show(ctx: Ctx, path: SharePath) -> Answer {
    let share = ctx.central(GetShare { zone_id: path.zone_id, id: path.zone_share_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&share, &ctx.base)))
}

async fn delete(ctx: Ctx, path: SharePath) -> Answer {
    ctx.central(UnshareZone { zone_id: path.zone_id, id: path.zone_share_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

struct Shares<'a> {
    base: &'a str,
    zone: ZoneId,
}

impl fmt::Display for Shares<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v2/zones/{}/shares", self.base, self.zone)
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Share")]
struct View<'a> {
    id: ShareId,
    zone_id: ZoneId,
    project_id: &'a ProjectId,
    #[schemars(length(max = 36))]
    target_project_id: &'a ProjectId,
    created_at: Moment,
    updated_at: Option<Moment>,
    links: Links<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<ShareUrl<'a>>,
    zone: Printed<ZoneUrl<'a>>,
}

struct ShareUrl<'a> {
    of: Shares<'a>,
    id: ShareId,
}

impl fmt::Display for ShareUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.of, self.id)
    }
}

impl<'a> View<'a> {
    fn of(share: &'a Share, base: &'a str) -> Self {
        let zone = share.zone_id;
        Self {
            id: share.id,
            zone_id: zone,
            project_id: &share.project_id,
            target_project_id: &share.target_project_id,
            created_at: Moment(share.created_at),
            updated_at: share.updated_at.map(Moment),
            links: Links {
                own: Printed(ShareUrl { of: Shares { base, zone }, id: share.id }),
                zone: Printed(ZoneUrl { base, id: zone }),
            },
        }
    }
}
