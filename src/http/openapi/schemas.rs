//! Schemas of the values that rendered types are made of, and of errors.
//!
//! Invariants: lists of words are those of the domain.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::domain::changeset::{Effect, Step};
use crate::domain::ids::{
    BlacklistId, PoolId, ProjectId, RecordsetId, ServiceStatusId, ShareId, TaskId, TldId, TransferAcceptId,
    TransferRequestId, TsigKeyId, ZoneId,
};
use crate::domain::record_type::RecordType;
use crate::domain::service_status::Health;
use crate::domain::task::TaskStatus;
use crate::domain::transfer::TransferStatus;
use crate::domain::tsig_key::{TsigAlgorithm, TsigScope};
use crate::domain::zone::ZoneKind;
use crate::domain::zone_status::{Action, Status};
use crate::http::error::Printed;
use crate::http::moment::Moment;

/// An id that stands in examples.
pub(super) const EXAMPLE_ID: &str = "a86dba58-0043-4cc6-a1bb-69d5e86f3ca3";

macro_rules! inline {
    ($($(#[$doc:meta])* [$($generics:tt)*] $name:ty => $schema:expr;)+) => {$(
        impl<$($generics)*> JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

fn id() -> Schema {
    json_schema!({"type": "string", "format": "uuid", "examples": [EXAMPLE_ID]})
}

fn words<const N: usize>(words: [&'static str; N]) -> Schema {
    json_schema!({"type": "string", "enum": words.as_slice()})
}

inline! {
    [] ZoneId => id();
    [] RecordsetId => id();
    [] PoolId => id();
    [] TsigKeyId => id();
    [] TldId => id();
    [] BlacklistId => id();
    [] ShareId => id();
    [] TransferRequestId => id();
    [] TransferAcceptId => id();
    [] TaskId => id();
    [] ServiceStatusId => id();
    [] ProjectId => json_schema!({"type": "string", "examples": ["4335d1f0f2a44d5c8dd6bcb3e1e0d3bb"]});
    // UTC without a designator, which is why this is no date-time.
    [] Moment => json_schema!({
        "type": "string",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000$",
        "examples": ["2026-11-23T00:43:10.000000"],
    });
    // What is printed besides is an address.
    [T] Printed<T> => json_schema!({"type": "string", "format": "uri-reference"});
}

/// Any UUID.
pub(in crate::http) struct AnyId;
/// The status of a zone or a recordset.
pub(in crate::http) struct StatusWord;
/// What is under way with it.
pub(in crate::http) struct ActionWord;
/// The type of a zone.
pub(in crate::http) struct ZoneKindWord;
/// The type of a recordset.
pub(in crate::http) struct RecordTypeWord;
/// The status of an import or export.
pub(in crate::http) struct TaskStatusWord;
/// The status of a transfer.
pub(in crate::http) struct TransferStatusWord;
/// The algorithm of a TSIG key.
pub(in crate::http) struct TsigAlgorithmWord;
/// What a TSIG key is for.
pub(in crate::http) struct TsigScopeWord;
/// How a service is.
pub(in crate::http) struct HealthWord;
/// What a change set is to do with a recordset.
pub(in crate::http) struct StepWord;
/// What it did with it.
pub(in crate::http) struct EffectWord;
/// A host, with a port or without.
pub(in crate::http) struct Hosts;

inline! {
    [] AnyId => id();
    [] StatusWord => words([Status::Pending, Status::Active, Status::Error, Status::Deleted].map(Status::as_str));
    [] ActionWord => words([Action::Create, Action::Update, Action::Delete, Action::None].map(Action::as_str));
    [] ZoneKindWord => words([ZoneKind::Primary, ZoneKind::Secondary, ZoneKind::Catalog].map(ZoneKind::as_str));
    [] RecordTypeWord => {
        let names: Vec<&str> = RecordType::NAMED.iter().filter_map(|kind| kind.name()).collect();
        json_schema!({"anyOf": [
            {"type": "string", "enum": names},
            {"description": "What came from the master of a secondary zone (RFC 3597).", "type": "string", "pattern": "^TYPE[0-9]{1,5}$"},
        ]})
    };
    [] StepWord => words(Step::ALL.map(Step::as_str));
    [] EffectWord => words(Effect::ALL.map(Effect::as_str));
    [] TaskStatusWord => words([TaskStatus::Pending, TaskStatus::Complete, TaskStatus::Error].map(TaskStatus::as_str));
    [] TransferStatusWord => words([TransferStatus::Active, TransferStatus::Complete].map(TransferStatus::as_str));
    [] TsigAlgorithmWord => words(TsigAlgorithm::ALL.map(TsigAlgorithm::as_str));
    [] TsigScopeWord => words([TsigScope::Pool, TsigScope::Zone].map(TsigScope::as_str));
    [] HealthWord => words([Health::Up, Health::Down, Health::Warning, Health::Stopped].map(Health::as_str));
    [] Hosts => json_schema!({"type": "array", "items": {"type": "string", "examples": ["192.0.2.53:5300"]}});
}

/// Schemas of errors, by name.
pub(super) fn errors() -> [(&'static str, Value); 2] {
    let finding = json!({
        "type": "object",
        "properties": {
            "path": {
                "description": "Where the flaw is. The admin quotas join the steps with dots.",
                "anyOf": [
                    {"type": "array", "items": {"type": ["string", "integer"]}},
                    {"type": "string"},
                ],
            },
            "message": {"type": "string"},
            "validator": {"type": "string"},
            "validator_value": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "null"]}}],
            },
        },
        "required": ["path", "message", "validator"],
    });
    let findings = json!({"type": "array", "items": finding});
    let error = json!({
        "description": "Why a request is refused.",
        "type": "object",
        "properties": {
            "code": {"type": "integer", "description": "The status."},
            "type": {"type": "string", "description": "The kind of failure, such as zone_not_found."},
            "message": {"type": "string"},
            "errors": {
                "description": "What is wrong with the body, in place of a message.",
                "anyOf": [
                    {"type": "object", "properties": {"errors": findings}, "required": ["errors"]},
                    findings,
                ],
            },
            "request_id": {"type": "string", "pattern": "^req-"},
        },
        "required": ["code", "type"],
        "examples": [{
            "code": 404,
            "type": "zone_not_found",
            "message": "Could not find Zone",
            "request_id": format!("req-{EXAMPLE_ID}"),
        }],
    });
    let stranger = json!({
        "description": "What callers are told who did not prove who they are.",
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "code": {"const": 401},
                    "title": {"type": "string"},
                    "message": {"type": "string"},
                },
                "required": ["code", "title", "message"],
            },
        },
        "required": ["error"],
    });
    [("Error", error), ("Unauthorized", stranger)]
}
