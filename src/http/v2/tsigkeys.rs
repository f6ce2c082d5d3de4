//! `/v2/tsigkeys`: keys that sign DNS messages.
//!
//! Invariants: the secret is shown to whoever may see the key, and is in no error.

use crate::http::openapi::{AnyId, Body, Count, Operation, TsigAlgorithmWord, TsigScopeWord};
use crate::http::routes::Routes;
use actix_web::HttpResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::collection::{BY_NAME, SelfLink, Shown, Url, filter, wanted};
use super::zones::locate;
use super::{Answer, method_not_allowed};
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

const FILTERS: [&str; 3] = ["name", "algorithm", "scope"];

pub(super) fn routes(routes: &mut Routes) {
    routes
        .at("/tsigkeys", method_not_allowed)
        .get(find, || {
            Operation::new("listTsigKeys", "Lists TSIG keys")
                .lists::<View<'_>>("tsigkeys", Count::Untold)
                .sorted(&BY_NAME)
                .filtered(&FILTERS)
        })
        .post(create, || {
            Operation::new("createTsigKey", "Creates a TSIG key")
                .takes(Body::new::<View<'_>>(
                    &SHAPE,
                    &["name", "algorithm", "secret", "scope", "resource_id"],
                ))
                .answers::<View<'_>>(201)
                .located()
                .fails(&[409])
        });
    routes
        .at("/tsigkeys/{tsigkey_id}", method_not_allowed)
        .get(show, || Operation::new("getTsigKey", "Shows a TSIG key").answers::<View<'_>>(200))
        .patch(update, || {
            Operation::new("updateTsigKey", "Changes a TSIG key")
                .takes(Body::changes::<View<'_>>(&SHAPE))
                .answers::<View<'_>>(200)
                .fails(&[409])
        })
        .delete(delete, || Operation::new("deleteTsigKey", "Deletes a TSIG key").done(204));
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
    let page = wanted(&ctx, &BY_NAME, NamedSortKey::CreatedAt, &FILTERS)?;
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

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TsigKey")]
struct View<'a> {
    id: TsigKeyId,
    #[schemars(length(max = 160), example = "transfer-key")]
    name: &'a str,
    #[schemars(with = "TsigAlgorithmWord")]
    algorithm: &'static str,
    #[schemars(length(max = 160), example = "c2VjcmV0IG9mIHNpeHRlZW4=")]
    secret: &'a str,
    #[schemars(with = "TsigScopeWord")]
    scope: &'static str,
    /// The pool or zone that the key is for.
    #[schemars(with = "AnyId")]
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
