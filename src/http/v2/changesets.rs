//! `/v2/zones/{zone_id}/changesets` and `…/tasks/rollback`: many recordsets changed together.
//!
//! Invariants: all that is wrong with a change set is told at once, what cannot be read as well as what may not be.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::recordset_view::RecordsetView;
use super::zone_view::ZoneUrl;
use super::{Answer, changeset_body, method_not_allowed};
use crate::actors::central::api::changes::ApplyChangeset;
use crate::domain::changeset::{Applied, Effected};
use crate::domain::ids::{RecordsetId, ZoneId};
use crate::http::body::Object;
use crate::http::context::Ctx;
use crate::http::error::{Printed, json};
use crate::http::openapi::{
    ActionWord, Body, EffectWord, Operation, Parameter, RecordTypeWord, StatusWord, StepWord,
};
use crate::http::path_id::ZonePath;
use crate::http::routes::Routes;

pub(super) fn routes(routes: &mut Routes) {
    routes.at("/zones/{zone_id}/changesets", method_not_allowed).post(create, || {
        Operation::new("createChangeset", "Changes many recordsets of a zone, all or none")
            .takes(Body::of::<Order>())
            .answers::<View<'_>>(200)
            .answers::<View<'_>>(202)
            .with(Parameter::EditManagedRecords)
            .fails(&[409, 412])
    });
    routes.at("/zones/{zone_id}/tasks/rollback", method_not_allowed).post(roll_back, || {
        Operation::new("rollbackZone", "Makes the recordsets of a zone what they were under a serial")
            .takes(Body::of::<Wanted>())
            .answers::<View<'_>>(200)
            .answers::<View<'_>>(202)
            .with(Parameter::EditManagedRecords)
            .fails(&[409])
    });
}

/// Changes of recordsets that are made together.
#[derive(JsonSchema)]
#[schemars(rename = "NewChangeset", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Order {
    /// Only if all that was accepted for the zone is published, and under this serial.
    #[schemars(range(max = 4294967295u32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    if_serial: Option<u32>,
    /// Nothing is changed: the answer is what would come of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    #[schemars(length(min = 1))]
    changes: Vec<Change>,
}

/// What is done with one recordset: named by name and type, or by its id if it is replaced or deleted.
#[derive(JsonSchema)]
#[schemars(rename = "Change", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Change {
    /// `create`: it must not be there; `replace`, `delete`: it must be there; `upsert`: either.
    #[schemars(with = "StepWord")]
    op: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<RecordsetId>,
    #[schemars(length(max = 255), example = "www.example.com.")]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<RecordTypeWord>")]
    kind: Option<()>,
    /// All of its records: those that it had do not remain.
    #[schemars(example = ["192.0.2.1"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<String>>,
    /// In seconds; none: that of the zone.
    #[schemars(range(max = 2147483647))]
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[schemars(length(max = 160))]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Only if this is the version of the recordset.
    #[serde(skip_serializing_if = "Option::is_none")]
    if_match: Option<u64>,
}

/// What a zone is to be like.
#[derive(JsonSchema)]
#[schemars(rename = "Rollback", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Wanted {
    /// A serial that the zone had.
    #[schemars(range(max = 4294967295u32))]
    serial: u32,
    /// Nothing is changed: the answer is what would come of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
}

async fn create(ctx: Ctx, path: ZonePath, object: Object) -> Answer {
    let settings = &ctx.api.settings;
    let (supported, most) = (&settings.supported_types, settings.max_changeset_items);
    let read = changeset_body::changeset(&object, path.zone_id, supported, most)?;
    if read.violations.is_empty() {
        let applied = ctx.central(read.message).await?;
        return Ok(answer(&ctx, &applied));
    }
    // What can be read is looked at nevertheless, so that nobody has to ask twice.
    let judged = match read.message.items.is_empty() {
        true => None,
        false => ctx.central(ApplyChangeset { dry_run: true, ..read.message }).await.err(),
    };
    Err(changeset_body::refused(read.violations, judged))
}

async fn roll_back(ctx: Ctx, path: ZonePath, object: Object) -> Answer {
    let message = changeset_body::rollback(&object, path.zone_id)?;
    let applied = ctx.central(message).await?;
    Ok(answer(&ctx, &applied))
}

/// 202 while a change is under way.
fn answer(ctx: &Ctx, applied: &Applied) -> HttpResponse {
    let under_way = !applied.dry_run && applied.changes_anything();
    let status = if under_way { StatusCode::ACCEPTED } else { StatusCode::OK };
    json(&mut HttpResponse::build(status), &View::of(applied, &ctx.base))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Changeset")]
struct View<'a> {
    zone_id: ZoneId,
    /// The serial that DNS shows; that of the change set follows once it is published.
    serial: u32,
    /// The number of the change among those of the zone.
    generation: u64,
    /// The status of the zone.
    #[schemars(with = "StatusWord")]
    status: &'static str,
    #[schemars(with = "ActionWord")]
    action: &'static str,
    /// Nothing was changed.
    dry_run: bool,
    changes: Vec<Changed<'a>>,
    links: Links<'a>,
}

/// What became of an item.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Changed")]
struct Changed<'a> {
    #[schemars(with = "StepWord")]
    op: &'static str,
    #[schemars(with = "EffectWord")]
    result: &'static str,
    recordset: RecordsetView<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Links<'a> {
    zone: Printed<ZoneUrl<'a>>,
}

impl<'a> View<'a> {
    fn of(applied: &'a Applied, base: &'a str) -> Self {
        let Applied { zone, dry_run, effects } = applied;
        let changed = |Effected { step, effect, recordset }: &'a Effected| Changed {
            op: step.as_str(),
            result: effect.as_str(),
            recordset: RecordsetView::of(recordset, base),
        };
        Self {
            zone_id: zone.id,
            serial: zone.serial.number(),
            generation: zone.progress.generation.number(),
            status: zone.progress.status.as_str(),
            action: zone.progress.action.as_str(),
            dry_run: *dry_run,
            changes: effects.iter().map(changed).collect(),
            links: Links { zone: Printed(ZoneUrl { base, id: zone.id }) },
        }
    }
}
