//! `/v2/blacklists`: patterns of names that no new zone may have.

use crate::http::openapi::{Body, Count, Operation};
use crate::http::routes::Routes;
use actix_web::HttpResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::collection::{BY_PATTERN, SelfLink, Shown, Url, filter, wanted};
use super::zones::locate;
use super::{Answer, method_not_allowed};
use crate::actors::central::api::blacklists::{
    CreateBlacklist, DeleteBlacklist, FindBlacklists, GetBlacklist, UpdateBlacklist,
};
use crate::domain::blacklist::is_pattern;
use crate::domain::blacklist_entry::{Blacklist, BlacklistChanges};
use crate::domain::hostname::MAX_TEXT;
use crate::domain::ids::BlacklistId;
use crate::domain::page::NamedSortKey;
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{ApiError, json};
use crate::http::moment::Moment;
use crate::http::path_id::BlacklistPath;
use crate::http::shape::{Access, Shape, required};
use crate::http::value::{MAX_DESCRIPTION, bad_value, optional_text, text};

const PATH: &str = "/v2/blacklists";
const SHAPE: Shape = Shape {
    resource: "blacklist",
    members: &[
        ("id", Access::ReadOnly),
        ("pattern", Access::Write),
        ("description", Access::Write),
        ("created_at", Access::ReadOnly),
        ("updated_at", Access::ReadOnly),
    ],
};

const FILTERS: [&str; 1] = ["pattern"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/blacklists", method_not_allowed)
        .get(find, || {
            Operation::new("listBlacklists", "Lists blacklist entries")
                .lists::<View<'_>>("blacklists", Count::Untold)
                .sorted(&BY_PATTERN)
                .filtered(&FILTERS)
        })
        .post(create, || {
            Operation::new("createBlacklist", "Creates a blacklist entry")
                .takes(Body::new::<View<'_>>(&SHAPE, &FILTERS))
                .answers::<View<'_>>(201)
                .located()
                .fails(&[409])
        });
    routes
        .at("/blacklists/{blacklist_id}", method_not_allowed)
        .get(show, || Operation::new("getBlacklist", "Shows a blacklist entry").answers::<View<'_>>(200))
        .patch(update, || {
            Operation::new("updateBlacklist", "Changes a blacklist entry")
                .takes(Body::changes::<View<'_>>(&SHAPE))
                .answers::<View<'_>>(200)
                .fails(&[409])
        })
        .delete(delete, || Operation::new("deleteBlacklist", "Deletes a blacklist entry").done(204));
}

async fn create(ctx: Ctx, object: Object) -> Answer {
    let given = read(&object, || Value::Null)?;
    let [pattern] = required([("pattern", given.pattern)])?;
    let blacklist =
        ctx.central(CreateBlacklist { pattern, description: given.description.flatten() }).await?;
    let mut response = HttpResponse::Created();
    locate(&mut response, &Url { base: &ctx.base, path: PATH, id: blacklist.id.uuid() });
    Ok(json(&mut response, &View::of(&blacklist, &ctx.base)))
}

async fn find(ctx: Ctx) -> Answer {
    let page = wanted(&ctx, &BY_PATTERN, NamedSortKey::CreatedAt, &["pattern"])?;
    let limit = page.limit;
    let found = ctx.central(FindBlacklists { pattern: filter(&ctx, "pattern"), page }).await?;
    let list = Shown { collection: "blacklists", path: &PATH, counted: false };
    Ok(list.page(
        &ctx,
        limit,
        &found,
        |blacklist| blacklist.id.uuid(),
        |blacklist| View::of(blacklist, &ctx.base),
    ))
}

async fn show(ctx: Ctx, path: BlacklistPath) -> Answer {
    let blacklist = ctx.central(GetBlacklist { id: path.blacklist_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&blacklist, &ctx.base)))
}

async fn update(ctx: Ctx, path: BlacklistPath, object: Object) -> Answer {
    let blacklist = ctx.central(GetBlacklist { id: path.blacklist_id }).await?;
    let changes = read(&object, || serde_json::to_value(View::of(&blacklist, "")).unwrap_or_default())?;
    let blacklist = ctx.central(UpdateBlacklist { id: blacklist.id, changes }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&blacklist, &ctx.base)))
}

async fn delete(ctx: Ctx, path: BlacklistPath) -> Answer {
    ctx.central(DeleteBlacklist { id: path.blacklist_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn read(object: &Object, current: impl Fn() -> Value) -> Result<BlacklistChanges, ApiError> {
    let mut given = BlacklistChanges::default();
    SHAPE.read(object, current, |member, value| {
        match member {
            "pattern" => {
                let pattern = text(value, "pattern", MAX_TEXT)?;
                if pattern.is_empty() || !is_pattern(&pattern) {
                    return Err(bad_value(format_args!("{pattern} is not a valid regular expression")));
                }
                given.pattern = Some(pattern.into_owned());
            }
            _ => given.description = Some(optional_text(value, "description", MAX_DESCRIPTION)?),
        }
        Ok(())
    })?;
    Ok(given)
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Blacklist")]
struct View<'a> {
    id: BlacklistId,
    /// A regular expression.
    #[schemars(length(min = 1, max = 255), example = "^bad\\.example\\.$")]
    pattern: &'a str,
    #[schemars(length(max = 160))]
    description: Option<&'a str>,
    created_at: Moment,
    updated_at: Option<Moment>,
    links: SelfLink<'a>,
}

impl<'a> View<'a> {
    fn of(blacklist: &'a Blacklist, base: &'a str) -> Self {
        Self {
            id: blacklist.id,
            pattern: &blacklist.pattern,
            description: blacklist.description.as_deref(),
            created_at: Moment(blacklist.created_at),
            updated_at: blacklist.updated_at.map(Moment),
            links: SelfLink::new(base, PATH, blacklist.id.uuid()),
        }
    }
}
