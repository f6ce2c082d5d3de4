//! `/v2/pools`: pools of name servers.
//!
//! Invariants: the servers of a pool are not shown and cannot be changed here.

use crate::http::openapi::{Body, Count, Operation};
use crate::http::routes::Routes;
use schemars::JsonSchema;
use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::Value;

use super::collection::{BY_NAME, SelfLink, Shown, Url, filter, wanted};
use super::zones::locate;
use super::{Answer, method_not_allowed, zone_body};
use crate::actors::central::api::pools::{
    CreatePool, DeletePool, FindPools, GetPool, PoolChanges, UpdatePool,
};
use crate::domain::hostname::{MAX_TEXT, parse_domain};
use crate::domain::ids::{PoolId, ProjectId};
use crate::domain::name::Name;
use crate::domain::page::NamedSortKey;
use crate::domain::pool::Pool;
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{ApiError, json};
use crate::http::moment::Moment;
use crate::http::path_id::PoolPath;
use crate::http::shape::{Access, Shape, missing, required};
use crate::http::value::{MAX_DESCRIPTION, bad_value, integer, optional_text, rejected, text, type_name};
use crate::transport::Fault;

const PATH: &str = "/v2/pools";
/// Most characters of a name.
const MAX_NAME: usize = 50;
/// Most characters of a project's id.
const MAX_PROJECT: usize = 36;
/// Greatest priority of an NS record; the least is 1.
const MAX_PRIORITY: u16 = 10_000;

const SHAPE: Shape = Shape {
    resource: "pool",
    members: &[
        ("id", Access::ReadOnly),
        ("project_id", Access::Immutable),
        ("name", Access::Write),
        ("description", Access::Write),
        ("attributes", Access::Write),
        ("ns_records", Access::Write),
        ("created_at", Access::ReadOnly),
        ("updated_at", Access::ReadOnly),
    ],
};
const NS_RECORD: Shape =
    Shape { resource: "ns_record", members: &[("priority", Access::Write), ("hostname", Access::Write)] };

const FILTERS: [&str; 1] = ["name"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/pools", method_not_allowed)
        .get(find, || {
            Operation::new("listPools", "Lists pools")
                .lists::<View<'_>>("pools", Count::Untold)
                .sorted(&BY_NAME)
                .filtered(&FILTERS)
        })
        .post(create, || {
            Operation::new("createPool", "Creates a pool")
                .takes(Body::new::<View<'_>>(&SHAPE, &FILTERS))
                .answers::<View<'_>>(201)
                .located()
                .fails(&[409])
        });
    routes
        .at("/pools/{pool_id}", method_not_allowed)
        .get(show, || Operation::new("getPool", "Shows a pool").answers::<View<'_>>(200))
        .patch(update, || {
            Operation::new("updatePool", "Changes a pool")
                .takes(Body::changes::<View<'_>>(&SHAPE))
                .answers::<View<'_>>(202)
                .fails(&[409])
        })
        .delete(delete, || Operation::new("deletePool", "Deletes a pool").done(204));
}

async fn create(ctx: Ctx, object: Object) -> Answer {
    let given = read(&object, || Value::Null)?;
    let [name] = required([("name", given.name.clone())])?;
    let pool = ctx.central(CreatePool { name, given }).await?;
    let mut response = HttpResponse::Created();
    locate(&mut response, &Url { base: &ctx.base, path: PATH, id: pool.id.uuid() });
    Ok(json(&mut response, &View::of(&pool, &ctx.base)))
}

async fn find(ctx: Ctx) -> Answer {
    let page = wanted(&ctx, &BY_NAME, NamedSortKey::CreatedAt, &["name"])?;
    let limit = page.limit;
    let found = ctx.central(FindPools { name: filter(&ctx, "name"), page }).await?;
    let list = Shown { collection: "pools", path: &PATH, counted: false };
    Ok(list.page(&ctx, limit, &found, |pool| pool.id.uuid(), |pool| View::of(pool, &ctx.base)))
}

async fn show(ctx: Ctx, path: PoolPath) -> Answer {
    let pool = ctx.central(GetPool { id: path.pool_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&pool, &ctx.base)))
}

async fn update(ctx: Ctx, path: PoolPath, object: Object) -> Answer {
    let pool = ctx.central(GetPool { id: path.pool_id }).await?;
    let changes = read(&object, || serde_json::to_value(View::of(&pool, "")).unwrap_or_default())?;
    let pool = ctx.central(UpdatePool { id: pool.id, changes }).await?;
    Ok(json(&mut HttpResponse::Accepted(), &View::of(&pool, &ctx.base)))
}

async fn delete(ctx: Ctx, path: PoolPath) -> Answer {
    ctx.central(DeletePool { id: path.pool_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn read(object: &Object, current: impl Fn() -> Value) -> Result<PoolChanges, ApiError> {
    let mut given = PoolChanges::default();
    SHAPE.read(object, current, |member, value| set(&mut given, member, value))?;
    Ok(given)
}

fn set(given: &mut PoolChanges, member: &str, value: &Value) -> Result<(), ApiError> {
    match member {
        "project_id" => given.project = optional_text(value, member, MAX_PROJECT)?.map(ProjectId::new),
        "name" => given.name = Some(text(value, "name", MAX_NAME)?.into_owned()),
        "description" => given.description = Some(optional_text(value, "description", MAX_DESCRIPTION)?),
        "attributes" => given.attributes = Some(zone_body::attributes(value)?),
        _ => given.ns_records = Some(ns_records(value)?),
    }
    Ok(())
}

fn ns_records(value: &Value) -> Result<Vec<(Name, u16)>, ApiError> {
    let Value::Array(items) = value else {
        return Err(rejected("TypeError", format_args!("ns_records is a list, not '{}'", type_name(value))));
    };
    items.iter().map(ns_record).collect()
}

fn ns_record(value: &Value) -> Result<(Name, u16), ApiError> {
    let Value::Object(members) = value else {
        return Err(rejected("TypeError", format_args!("an ns_record is no '{}'", type_name(value))));
    };
    let object = Object::of(members);
    let (mut hostname, mut priority) = (None, None);
    NS_RECORD.read(
        &object,
        || Value::Null,
        |member, value| {
            if member == "hostname" {
                let name = parse_domain(&text(value, "hostname", MAX_TEXT)?, "hostname");
                hostname = Some(name.map_err(bad_value)?);
                return Ok(());
            }
            let number = integer(value, "priority")?;
            if number < 1 {
                return Err(bad_value("Value must be >= 1 for field priority"));
            }
            let fits = u16::try_from(number).ok().filter(|number| *number <= MAX_PRIORITY);
            priority = Some(fits.ok_or_else(|| bad_value("Value too high for priority"))?);
            Ok(())
        },
    )?;
    match (hostname, priority) {
        (Some(hostname), Some(priority)) => Ok((hostname, priority)),
        (hostname, priority) => {
            let absent = [("priority", priority.is_none()), ("hostname", hostname.is_none())];
            let absent = absent.into_iter().filter(|(_, absent)| *absent).map(|(name, _)| missing(name));
            Err(Fault::violations(absent.collect()).into())
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Pool")]
struct View<'a> {
    id: PoolId,
    /// The project that it was made for; pools are everybody's, and nothing follows from it.
    #[schemars(length(max = 36))]
    project_id: Option<&'a ProjectId>,
    #[schemars(length(max = 50), example = &"default")]
    name: &'a str,
    #[schemars(length(max = 160))]
    description: Option<&'a str>,
    attributes: &'a BTreeMap<String, String>,
    ns_records: Vec<NsView<'a>>,
    created_at: Moment,
    updated_at: Option<Moment>,
    links: SelfLink<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NsRecord", deny_unknown_fields)]
struct NsView<'a> {
    #[schemars(length(max = 255), example = "ns1.example.org.")]
    hostname: &'a str,
    #[schemars(range(min = 1, max = 10000))]
    priority: u16,
}

impl<'a> View<'a> {
    fn of(pool: &'a Pool, base: &'a str) -> Self {
        let ns = |ns: &'a crate::domain::pool::NsRecord| NsView {
            hostname: ns.hostname.as_str(),
            priority: ns.priority,
        };
        Self {
            id: pool.id,
            project_id: pool.project_id.as_ref(),
            name: &pool.name,
            description: pool.description.as_deref(),
            attributes: &pool.attributes,
            ns_records: pool.ns_in_order().into_iter().map(ns).collect(),
            created_at: Moment(pool.created_at),
            updated_at: pool.updated_at.map(Moment),
            links: SelfLink::new(base, PATH, pool.id.uuid()),
        }
    }
}
