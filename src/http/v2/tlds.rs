//! `/v2/tlds`: top-level domains that zones may be created under.

use crate::http::openapi::{Body, Count, Operation};
use crate::http::routes::Routes;
use actix_web::HttpResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::collection::{BY_NAME, SelfLink, Shown, Url, filter, wanted};
use super::zones::locate;
use super::{Answer, method_not_allowed};
use crate::actors::central::api::tlds::{CreateTld, DeleteTld, FindTlds, GetTld, UpdateTld};
use crate::domain::hostname::{MAX_TEXT, check_tld};
use crate::domain::ids::TldId;
use crate::domain::page::NamedSortKey;
use crate::domain::tld::{Tld, TldChanges};
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{ApiError, json};
use crate::http::moment::Moment;
use crate::http::path_id::TldPath;
use crate::http::shape::{Access, Shape, required};
use crate::http::value::{MAX_DESCRIPTION, bad_value, optional_text, text};

const PATH: &str = "/v2/tlds";
const SHAPE: Shape = Shape {
    resource: "tld",
    members: &[
        ("id", Access::ReadOnly),
        ("name", Access::Write),
        ("description", Access::Write),
        ("created_at", Access::ReadOnly),
        ("updated_at", Access::ReadOnly),
    ],
};

const FILTERS: [&str; 1] = ["name"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/tlds", method_not_allowed)
        .get(find, || {
            Operation::new("listTlds", "Lists top-level domains")
                .lists::<View<'_>>("tlds", Count::Untold)
                .sorted(&BY_NAME)
                .filtered(&FILTERS)
        })
        .post(create, || {
            Operation::new("createTld", "Creates a top-level domain")
                .takes(Body::new::<View<'_>>(&SHAPE, &FILTERS))
                .answers::<View<'_>>(201)
                .located()
                .fails(&[409])
        });
    routes
        .at("/tlds/{tld_id}", method_not_allowed)
        .get(show, || Operation::new("getTld", "Shows a top-level domain").answers::<View<'_>>(200))
        .patch(update, || {
            Operation::new("updateTld", "Changes a top-level domain")
                .takes(Body::changes::<View<'_>>(&SHAPE))
                .answers::<View<'_>>(200)
                .fails(&[409])
        })
        .delete(delete, || Operation::new("deleteTld", "Deletes a top-level domain").done(204));
}

async fn create(ctx: Ctx, object: Object) -> Answer {
    let given = read(&object, || Value::Null)?;
    let [name] = required([("name", given.name)])?;
    let tld = ctx.central(CreateTld { name, description: given.description.flatten() }).await?;
    let mut response = HttpResponse::Created();
    locate(&mut response, &Url { base: &ctx.base, path: PATH, id: tld.id.uuid() });
    Ok(json(&mut response, &View::of(&tld, &ctx.base)))
}

async fn find(ctx: Ctx) -> Answer {
    let page = wanted(&ctx, &BY_NAME, NamedSortKey::CreatedAt, &["name"])?;
    let limit = page.limit;
    let found = ctx.central(FindTlds { name: filter(&ctx, "name"), page }).await?;
    let list = Shown { collection: "tlds", path: &PATH, counted: false };
    Ok(list.page(&ctx, limit, &found, |tld| tld.id.uuid(), |tld| View::of(tld, &ctx.base)))
}

async fn show(ctx: Ctx, path: TldPath) -> Answer {
    let tld = ctx.central(GetTld { id: path.tld_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&tld, &ctx.base)))
}

async fn update(ctx: Ctx, path: TldPath, object: Object) -> Answer {
    let tld = ctx.central(GetTld { id: path.tld_id }).await?;
    let changes = read(&object, || serde_json::to_value(View::of(&tld, "")).unwrap_or_default())?;
    let tld = ctx.central(UpdateTld { id: tld.id, changes }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&tld, &ctx.base)))
}

async fn delete(ctx: Ctx, path: TldPath) -> Answer {
    ctx.central(DeleteTld { id: path.tld_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn read(object: &Object, current: impl Fn() -> Value) -> Result<TldChanges, ApiError> {
    let mut given = TldChanges::default();
    SHAPE.read(object, current, |member, value| {
        match member {
            "name" => {
                let name = text(value, "name", MAX_TEXT)?;
                check_tld(&name).map_err(bad_value)?;
                given.name = Some(name.into_owned());
            }
            _ => given.description = Some(optional_text(value, "description", MAX_DESCRIPTION)?),
        }
        Ok(())
    })?;
    Ok(given)
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tld")]
struct View<'a> {
    id: TldId,
    #[schemars(length(min = 1, max = 255), example = &"example")]
    name: &'a str,
    #[schemars(length(max = 160))]
    description: Option<&'a str>,
    created_at: Moment,
    updated_at: Option<Moment>,
    links: SelfLink<'a>,
}

impl<'a> View<'a> {
    fn of(tld: &'a Tld, base: &'a str) -> Self {
        Self {
            id: tld.id,
            name: &tld.name,
            description: tld.description.as_deref(),
            created_at: Moment(tld.created_at),
            updated_at: tld.updated_at.map(Moment),
            links: SelfLink::new(base, PATH, tld.id.uuid()),
        }
    }
}
