//! `/v2/reverse/floatingips`: the PTR records of floating IPs.
//!
//! Invariants: the network service says, to the caller's own token, which floating IPs there are; without its answer nothing
//! is shown and nothing changed.

use std::fmt;

use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Answer, method_not_allowed};
use crate::actors::central::api::floating_ips::{FindPtrs, Gone, SetPtr, UnsetPtr};
use crate::domain::floating_ip::{Address, FloatingIp, Ptr};
use crate::domain::hostname::parse_domain;
use crate::domain::ids::FloatingIpId;
use crate::domain::name::Name;
use crate::domain::ttl::Ttl;
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{ApiError, Printed, json};
use crate::http::openapi::{Body, Operation};
use crate::http::routes::Routes;
use crate::http::shape::{Access, Shape};
use crate::http::value::{MAX_DESCRIPTION, bad_value, optional_text, optional_ttl, text};
use crate::remote::neutron::{Asker, NeutronError};
use crate::transport::{Fault, FaultCode};

const PATH: &str = "/v2/reverse/floatingips";
/// Most characters of a region.
const MAX_REGION: usize = 100;
/// Most characters of a name.
const MAX_NAME: usize = 255;
const SHAPE: Shape = Shape {
    resource: "floatingip",
    members: &[
        ("id", Access::ReadOnly),
        ("description", Access::Write),
        ("address", Access::ReadOnly),
        ("ptrdname", Access::Write),
        ("ttl", Access::Write),
        ("action", Access::ReadOnly),
        ("status", Access::ReadOnly),
    ],
};

pub(super) fn routes(routes: &mut Routes) {
    routes.at("/reverse", method_not_allowed);
    routes.at("/reverse/floatingips", method_not_allowed).get(find, || {
        Operation::new("listFloatingIps", "Lists the project's floating IPs with their PTR records")
            .answers::<List<'_>>(200)
            .fails(&[504])
    });
    routes
        .at("/reverse/floatingips/{floatingip_id}", method_not_allowed)
        .get(show, || {
            Operation::new("getFloatingIp", "Shows a floating IP with its PTR record")
                .answers::<View<'_>>(200)
                .fails(&[504])
        })
        .patch(update, || {
            Operation::new("setFloatingIp", "Sets the PTR record of a floating IP, or removes it")
                .takes(Body::changes::<View<'_>>(&SHAPE))
                .answers::<Option<View<'_>>>(202)
                .fails(&[504])
        });
}

async fn find(ctx: Ctx) -> Answer {
    let (seen, regions) =
        ctx.api.neutron.floating_ips(asker(&ctx)?).await.map_err(|error| unanswered(&error))?;
    let ptrs = ctx.central(FindPtrs { seen: seen.clone(), gone: Gone::OthersIn(regions) }).await?;
    let floatingips = seen.iter().zip(&ptrs).map(|(ip, ptr)| View::of(ip, ptr.as_ref(), &ctx.base)).collect();
    let links = Links { own: Printed(Url { base: &ctx.base, ip: None }) };
    Ok(json(&mut HttpResponse::Ok(), &List { floatingips, links }))
}

async fn show(ctx: Ctx, request: HttpRequest) -> Answer {
    let ip = wanted(&ctx, id(&request)?).await?;
    let ptrs = ctx.central(FindPtrs { seen: vec![ip.clone()], gone: Gone::Unknown }).await?;
    let ptr = ptrs.first().and_then(Option::as_ref);
    Ok(json(&mut HttpResponse::Ok(), &View::of(&ip, ptr, &ctx.base)))
}

async fn update(ctx: Ctx, request: HttpRequest, object: Object) -> Answer {
    let id = id(&request)?;
    let Given { ptrdname, ttl, description } = read(&object)?;
    let ip = wanted(&ctx, id).await?;
    match ptrdname {
        Some(Some(ptrdname)) => {
            let ptr = ctx.central(SetPtr { ip: ip.clone(), ptrdname, ttl, description }).await?;
            Ok(json(&mut HttpResponse::Accepted(), &View::of(&ip, Some(&ptr), &ctx.base)))
        }
        Some(None) => {
            ctx.central(UnsetPtr { ip }).await?;
            Ok(json(&mut HttpResponse::Accepted(), &Value::Null))
        }
        None => Ok(json(&mut HttpResponse::Accepted(), &Value::Null)),
    }
}

/// What a client says of a PTR record; what it does not say is reset.
#[derive(Default)]
struct Given {
    ptrdname: Option<Option<Name>>,
    ttl: Option<Ttl>,
    description: Option<String>,
}

fn read(object: &Object) -> Result<Given, ApiError> {
    let mut given = Given::default();
    SHAPE.read(
        object,
        || Value::Null,
        |member, value| {
            match member {
                "ptrdname" if value.is_null() => given.ptrdname = Some(None),
                "ptrdname" => {
                    let name = text(value, "ptrdname", MAX_NAME)?;
                    given.ptrdname = Some(Some(parse_domain(&name, "ptrdname").map_err(bad_value)?));
                }
                "ttl" => given.ttl = optional_ttl(value)?,
                _ => given.description = optional_text(value, "description", MAX_DESCRIPTION)?,
            }
            Ok(())
        },
    )?;
    Ok(given)
}

/// The region and the id in the path.
fn id(request: &HttpRequest) -> Result<(String, FloatingIpId), ApiError> {
    let text = request.match_info().query("floatingip_id");
    let malformed = || ApiError::bad_request("A floating IP's id is a region, a colon and a UUID");
    let (region, id) = text.rsplit_once(':').ok_or_else(malformed)?;
    let is_region = (1..=MAX_REGION).contains(&region.len())
        && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let is_hyphenated = id.len() == 36 && !id.starts_with("urn:");
    match id.parse::<FloatingIpId>() {
        Ok(id) if is_region && is_hyphenated => Ok((region.to_owned(), id)),
        _ => Err(malformed()),
    }
}

/// The floating IP, if it is the caller's project's; otherwise there is none, and no PTR record of it either.
async fn wanted(ctx: &Ctx, (region, id): (String, FloatingIpId)) -> Result<FloatingIp, ApiError> {
    let found =
        ctx.api.neutron.floating_ip(asker(ctx)?, &region, id).await.map_err(|error| unanswered(&error))?;
    if let Some(ip) = found {
        return Ok(ip);
    }
    ctx.central(FindPtrs { seen: Vec::new(), gone: Gone::One(region, id) }).await?;
    Err(Fault::not_found("not_found", "The project has no such floating IP").into())
}

fn asker(ctx: &Ctx) -> Result<Asker, ApiError> {
    let project = ctx.cx.caller.project.clone();
    let project =
        project.ok_or_else(|| Fault::unauthorized("missing_project_id", "A project ID is required"))?;
    Ok(Asker { token: ctx.token.clone(), catalogue: ctx.catalogue.clone(), project })
}

/// The network service has not told.
fn unanswered(error: &NeutronError) -> ApiError {
    let text = match error {
        NeutronError::NoEndpoint => {
            return Fault::forbidden("no_endpoint", "There is no network service").into();
        }
        NeutronError::Busy => return Fault::unavailable("overloaded", error.to_string()).into(),
        NeutronError::Silent { .. } | NeutronError::NoClient => "The network service does not answer",
        NeutronError::Unexpected { .. } | NeutronError::Unreadable { .. } => {
            "The network service does not answer as it should"
        }
    };
    tracing::warn!(%error, "floating IPs are not known");
    Fault::new(FaultCode::Timeout, "neutron_communication_failure").with_message(text).into()
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FloatingIps")]
struct List<'a> {
    floatingips: Vec<View<'a>>,
    links: Links<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FloatingIp")]
struct View<'a> {
    #[schemars(with = "String", example = "RegionOne:a86dba58-0043-4cc6-a1bb-69d5e86f3ca3")]
    id: Printed<Id<'a>>,
    #[schemars(length(max = 160))]
    description: Option<&'a str>,
    #[schemars(with = "String", example = "192.0.2.7")]
    address: Printed<Address>,
    #[schemars(length(max = 255), example = "www.example.com.")]
    ptrdname: Option<&'a str>,
    #[schemars(range(max = 2147483647))]
    ttl: Option<u32>,
    action: &'static str,
    status: &'static str,
    links: Links<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    #[serde(rename = "self")]
    own: Printed<Url<'a>>,
}

struct Id<'a>(&'a FloatingIp);

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.region, self.0.id)
    }
}

struct Url<'a> {
    base: &'a str,
    ip: Option<&'a FloatingIp>,
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{PATH}", self.base)?;
        self.ip.map_or(Ok(()), |ip| write!(f, "/{}", Id(ip)))
    }
}

impl<'a> View<'a> {
    fn of(ip: &'a FloatingIp, ptr: Option<&'a Ptr>, base: &'a str) -> Self {
        Self {
            id: Printed(Id(ip)),
            description: ptr.and_then(|ptr| ptr.description.as_deref()),
            address: Printed(ip.address),
            ptrdname: ptr.map(|ptr| ptr.ptrdname.as_str()),
            ttl: ptr.map(|ptr| ptr.ttl.seconds()),
            action: ptr.map_or("NONE", |ptr| ptr.action.as_str()),
            status: ptr.map_or("INACTIVE", |ptr| ptr.status.as_str()),
            links: Links { own: Printed(Url { base, ip: Some(ip) }) },
        }
    }
}
