//! `/v2/tsigkeys`: keys that sign DNS messages.
//!
//! Invariants: the secret is shown to whoever may see the key, and is in no error.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::collection::{BY_NAME, SelfLink, Shown, Url, filter, wanted};
use super::zones::locate;
use super::{Answer, resource};
use crate::actors::central::api::tsig_keys::{
    CreateTsigKey, DeleteTsigKey, FindTsigKeys, GetTsigKey, UpdateTsigKey,
};
use crate::domain::ids::TsigKeyId;
use crate::domain::page::NamedSortKey;
use crate::domain::tsig_key::{TsigAlgorithm, TsigKey, TsigKeyChanges, TsigScope, TsigSecret};
use crate::domain::violation::{PathElement, Violation};
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{ApiError, json};
use crate::http::moment::Moment;
use crate::http::path_id::TsigKeyPath;
use crate::http::shape::{Access, Shape, list, missing, name_at};
use crate::http::value::{one_of, text, uuid};
use crate::transport::Fault;

const PATH: &str = "/v2/tsigkeys";
/// Most characters of a name and of a secret.
const MAX: usize = 160;
const SHAPE: Shape = Shape {
    resource: "tsigkey",
    members: &[
        ("id", Access::ReadOnly),
        ("name", Access::Write),
        ("algorithm", Access::Write),
        ("secret", Access::Write),
        ("scope", Access::Write),
        ("resource_id", Access::Write),
        ("created_at", Access::ReadOnly),
        ("updated_at", Access::ReadOnly),
    ],
};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/tsigkeys").route(web::get().to(find)).route(web::post().to(create))).service(
        resource("/tsigkeys/{tsigkey_id}")
            .route(web::get().to(show))
            .route(web::patch().to(update))
            .route(web::delete().to(delete)),
    );
}

async fn create(ctx: Ctx, object: Object) -> Answer {
    let given = read(&ctx, &object, || Value::Null)?;
    let TsigKeyChanges {
        name: Some(name),
        algorithm: Some(algorithm),
        secret: Some(secret),
        scope: Some(scope),
        resource_id: Some(resource_id),
    } = given
    else {
        return Err(Fault::violations(absent(&given)).into());
    };
    let key = ctx.central(CreateTsigKey { name, algorithm, secret, scope, resource_id }).await?;
    let mut response = HttpResponse::Created();
    locate(&mut response, &Url { base: &ctx.base, path: PATH, id: key.id.uuid() });
    Ok(json(&mut response, &View::of(&key, &ctx.base)))
}

/// Every member that must be given and is not.
fn absent(given: &TsigKeyChanges) -> Vec<Violation> {
    [
        ("name", given.name.is_none()),
        ("algorithm", given.algorithm.is_none()),
        ("secret", given.secret.is_none()),
        ("scope", given.scope.is_none()),
        ("resource_id", given.resource_id.is_none()),
    ]
    .into_iter()
    .filter(|(_, absent)| *absent)
    .map(|(name, _)| missing(name))
    .collect()
}

async fn find(ctx: Ctx) -> Answer {
    let page = wanted(&ctx, &BY_NAME, NamedSortKey::CreatedAt, &["name", "algorithm", "scope"])?;
    let limit = page.limit;
    let (name, algorithm, scope) = (filter(&ctx, "name"), filter(&ctx, "algorithm"), filter(&ctx, "scope"));
    let found = ctx.central(FindTsigKeys { name, algorithm, scope, page }).await?;
    let list = Shown { collection: "tsigkeys", path: &PATH, counted: false };
    Ok(list.page(&ctx, limit, &found, |key| key.id.uuid(), |key| View::of(key, &ctx.base)))
}

async fn show(ctx: Ctx, path: TsigKeyPath) -> Answer {
    let key = ctx.central(GetTsigKey { id: path.tsigkey_id }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&key, &ctx.base)))
}

async fn update(ctx: Ctx, path: TsigKeyPath, object: Object) -> Answer {
    let key = ctx.central(GetTsigKey { id: path.tsigkey_id }).await?;
    let changes = read(&ctx, &object, || serde_json::to_value(View::of(&key, "")).unwrap_or_default())?;
    let key = ctx.central(UpdateTsigKey { id: key.id, changes }).await?;
    Ok(json(&mut HttpResponse::Ok(), &View::of(&key, &ctx.base)))
}

async fn delete(ctx: Ctx, path: TsigKeyPath) -> Answer {
    ctx.central(DeleteTsigKey { id: path.tsigkey_id }).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn read(ctx: &Ctx, object: &Object, current: impl Fn() -> Value) -> Result<TsigKeyChanges, ApiError> {
    let mut given = TsigKeyChanges::default();
    SHAPE.read(object, current, |member, value| {
        match member {
            "name" => given.name = Some(text(value, "name", MAX)?.into_owned()),
            "algorithm" => given.algorithm = Some(one_of(value, TsigAlgorithm::from_text)?),
            "secret" => given.secret = Some(TsigSecret::new(text(value, "secret", MAX)?)),
            "scope" => given.scope = Some(one_of(value, TsigScope::from_text)?),
            _ => given.resource_id = Some(uuid(value, "resource_id")?),
        }
        Ok(())
    })?;
    let is_empty = given.secret.as_ref().is_some_and(|secret| secret.reveal().is_empty());
    if is_empty && !ctx.api.settings.empty_tsig_secrets {
        let path: Vec<PathElement> = vec![name_at("type")];
        let message = "The secret should not be empty".to_owned();
        let (validator, validator_value) = ("value".to_owned(), list("secret"));
        return Err(Fault::violations(vec![Violation { path, message, validator, validator_value }]).into());
    }
    Ok(given)
}

#[derive(Serialize)]
struct View<'a> {
    id: TsigKeyId,
    name: &'a str,
    algorithm: &'static str,
    secret: &'a str,
    scope: &'static str,
    resource_id: Uuid,
    created_at: Moment,
    updated_at: Option<Moment>,
    links: SelfLink<'a>,
}

impl<'a> View<'a> {
    fn of(key: &'a TsigKey, base: &'a str) -> Self {
        Self {
            id: key.id,
            name: &key.name,
            algorithm: key.algorithm.as_str(),
            secret: key.secret.reveal(),
            scope: key.scope.as_str(),
            resource_id: key.resource_id,
            created_at: Moment(key.created_at),
            updated_at: key.updated_at.map(Moment),
            links: SelfLink::new(base, PATH, key.id.uuid()),
        }
    }
}
