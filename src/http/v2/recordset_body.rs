//! What clients may say about a recordset, when they create it and when they change it.
//!
//! Invariants: what comes out is lexically a recordset of its type, every record readable; all bad records of one
//! request are told together, each by the client's own index.

use std::collections::HashSet;

use serde_json::Value;

use super::recordset_view::RecordsetView;
use crate::actors::central::api::recordsets::CreateRecordset;
use crate::domain::hostname::{MAX_TEXT, parse_host};
use crate::domain::ids::ZoneId;
use crate::domain::name::Name;
use crate::domain::rdata::{Flaw, RData};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::{Recordset, RecordsetChanges};
use crate::domain::recordset_rules::{PlacementError, check_creatable, check_data, check_owner};
use crate::domain::ttl::Ttl;
use crate::domain::violation::{PathElement, ValidatorValue, Violation};
use crate::http::body::Object;
use crate::http::error::ApiError;
use crate::http::shape::{Access, Shape, list, name_at};
use crate::http::value::{bad_value, optional_text, optional_ttl, printed, rejected, text};
use crate::transport::{Fault, FaultCode};

/// Most characters of a description.
const MAX_DESCRIPTION: usize = 160;

const MEMBERS: [(&str, Access); 14] = [
    ("id", Access::ReadOnly),
    ("zone_id", Access::ReadOnly),
    ("project_id", Access::ReadOnly),
    ("name", Access::Immutable),
    ("zone_name", Access::ReadOnly),
    ("type", Access::Immutable),
    ("records", Access::Write),
    ("description", Access::Write),
    ("ttl", Access::Write),
    ("version", Access::ReadOnly),
    ("created_at", Access::ReadOnly),
    ("updated_at", Access::ReadOnly),
    // A change may not even name these two.
    ("status", Access::ReadOnly),
    ("action", Access::ReadOnly),
];
pub(super) const NEW_RECORDSET: Shape = Shape { resource: "recordset", members: &MEMBERS };
pub(super) const RECORDSET: Shape = Shape { resource: "recordset", members: MEMBERS.split_at(12).0 };

/// The members that a body sets; those that depend on each other are looked at once all are known.
#[derive(Debug, Default)]
struct Given<'o> {
    name: Option<Name>,
    kind: Option<&'o Value>,
    records: Option<&'o Value>,
    ttl: Option<Option<Ttl>>,
    description: Option<Option<String>>,
}

impl<'o> Given<'o> {
    fn set(&mut self, member: &str, value: &'o Value) -> Result<(), ApiError> {
        match member {
            "name" => {
                let name = parse_host(&text(value, "name", MAX_TEXT)?, "name");
                self.name = Some(name.map_err(bad_value)?);
            }
            "type" => self.kind = Some(value),
            "records" => self.records = Some(value),
            "ttl" => self.ttl = Some(optional_ttl(value)?),
            "description" => {
                self.description = Some(optional_text(value, "description", MAX_DESCRIPTION)?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Reads the body of a recordset to be created in `zone_id`.
pub(super) fn new_recordset(
    object: &Object,
    zone_id: ZoneId,
    supported: &[RecordType],
) -> Result<CreateRecordset, ApiError> {
    let mut given = Given::default();
    NEW_RECORDSET.read(object, || Value::Null, |member, value| given.set(member, value))?;
    let kind = kind(given.kind.unwrap_or(&Value::Null), supported)?;
    if let Some(name) = &given.name {
        check_owner(kind, name).map_err(|error| misplaced(&error))?;
    }
    let records = given.records.map_or(Ok(Vec::new()), |value| records(value, kind, given.name.as_ref()))?;
    let Some(name) = given.name else {
        return Err(Fault::new(FaultCode::Invalid, "invalid_object").into());
    };
    check_creatable(kind, &name).map_err(|error| misplaced(&error))?;
    Ok(CreateRecordset {
        zone_id,
        name,
        kind,
        ttl: given.ttl.flatten(),
        description: given.description.flatten(),
        records,
    })
}

/// Reads the body of a change to `recordset`.
pub(super) fn changes(object: &Object, recordset: &Recordset) -> Result<RecordsetChanges, ApiError> {
    let mut given = Given::default();
    let current = || serde_json::to_value(RecordsetView::of(recordset, "")).unwrap_or_default();
    RECORDSET.read(object, current, |member, value| given.set(member, value))?;
    let records =
        given.records.map(|value| records(value, recordset.kind, Some(&recordset.name))).transpose()?;
    Ok(RecordsetChanges { ttl: given.ttl, description: given.description, records })
}

/// A name or type that clients may not use, or not together.
pub(super) fn misplaced(error: &PlacementError) -> ApiError {
    Fault::invalid(error.kind(), error.to_string()).into()
}

fn kind(value: &Value, supported: &[RecordType]) -> Result<RecordType, ApiError> {
    let flaw = match value.as_str().and_then(RecordType::from_name) {
        Some(kind) if supported.contains(&kind) => return Ok(kind),
        Some(_) => "is not a supported record type",
        None => "is not a valid record type",
    };
    let shown = printed(value);
    Err(Fault::violations(vec![Violation {
        path: vec![name_at("recordset"), name_at("type")],
        message: format!("'{shown}' {flaw}"),
        validator: "value".to_owned(),
        validator_value: ValidatorValue::List(vec![(!value.is_null()).then(|| shown.into_owned())]),
    }])
    .into())
}

/// The records, each once, or everything that is wrong with them.
fn records(value: &Value, kind: RecordType, name: Option<&Name>) -> Result<Vec<String>, ApiError> {
    let Value::Array(items) = value else {
        return Err(Fault::violations(vec![Violation {
            path: vec![name_at("records")],
            message: format!("'{}' is not a valid list of records", printed(value)),
            validator: "type".to_owned(),
            validator_value: list("list"),
        }])
        .into());
    };
    let mut records = Vec::with_capacity(items.len());
    let mut seen = HashSet::with_capacity(items.len());
    let mut violations = Vec::new();
    for (index, item) in (0_u32..).zip(items) {
        let data = printed(item);
        match read_record(item, &data, kind, name) {
            Ok(()) => {
                if seen.insert(data.clone()) {
                    records.push(data.into_owned());
                }
            }
            Err(Flaw::MissingValue) => {
                return Err(rejected("IndexError", "the value of the record is missing"));
            }
            Err(_) => violations.push(Violation {
                path: vec![name_at("records"), PathElement::Index(index)],
                message: format!("'{data}' is not a '{kind}' Record"),
                validator: "format".to_owned(),
                validator_value: list(kind.name().unwrap_or_default()),
            }),
        }
    }
    if violations.is_empty() { Ok(records) } else { Err(Fault::violations(violations).into()) }
}

fn read_record(item: &Value, data: &str, kind: RecordType, name: Option<&Name>) -> Result<(), Flaw> {
    if let Value::Null | Value::Array(_) | Value::Object(_) = item {
        return Err(Flaw::Form);
    }
    let data = RData::parse(kind, data).map_err(|error| error.flaw)?;
    name.map_or(Ok(()), |name| check_data(name, &data)).map_err(|error| error.flaw)
}

#[cfg(test)]
#[path = "recordset_body_tests.rs"]
mod tests;
