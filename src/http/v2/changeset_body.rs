//! What clients may say about a change set.
//!
//! Invariants: each item is held to what the body of its recordset would be held to by itself; all items that are malformed are
//! told together, each by its place.

use serde_json::{Map, Value};

use super::recordset_body::{self, NEW_RECORDSET};
use crate::actors::central::api::changes::{ApplyChangeset, RollbackZone};
use crate::domain::changeset::{Item, Step, Subject};
use crate::domain::ids::{RecordsetId, ZoneId};
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::violation::{PathElement, ValidatorValue, Violation};
use crate::http::body::Object;
use crate::http::error::ApiError;
use crate::http::shape::{Access, Shape, list, name_at};
use crate::http::value::{MAX_DESCRIPTION, bad_value, integer, one_of, optional_text, optional_ttl, uuid};
use crate::transport::{Fault, FaultCode};

const CHANGESET: Shape = Shape {
    resource: "changeset",
    members: &[("if_serial", Access::Write), ("dry_run", Access::Write), ("changes", Access::Write)],
};
const ROLLBACK: Shape =
    Shape { resource: "rollback", members: &[("serial", Access::Write), ("dry_run", Access::Write)] };
/// The members of an item that its recordset has not.
const OF_ITEM: [&str; 3] = ["op", "id", "if_match"];
/// What can be said of a recordset that is known by its id.
const OF_KNOWN: [&str; 3] = ["records", "ttl", "description"];

/// A body as far as it can be read.
pub(super) struct Read {
    /// The well-formed items, to be looked at or done.
    pub(super) message: ApplyChangeset,
    /// What is wrong with the others.
    pub(super) violations: Vec<Violation>,
}

/// Reads the body of a change set.
pub(super) fn changeset(
    object: &Object,
    zone_id: ZoneId,
    supported: &[RecordType],
    most: usize,
) -> Result<Read, ApiError> {
    let (mut if_serial, mut dry_run, mut changes) = (None, false, &Value::Null);
    CHANGESET.read(
        object,
        || Value::Null,
        |member, value| {
            match member {
                "if_serial" if value.is_null() => {}
                "if_serial" => if_serial = Some(serial(value, "if_serial")?),
                "dry_run" => dry_run = truth(value, "dry_run")?,
                _ => changes = value,
            }
            Ok(())
        },
    )?;
    let given = match changes {
        Value::Array(given) if !given.is_empty() && given.len() <= most => given,
        Value::Array(given) if given.is_empty() => {
            return Err(flaw("A change set needs an item", "minItems", list("1")));
        }
        Value::Array(_) => {
            let message = format!("A change set has {most} items at most");
            return Err(flaw(&message, "maxItems", ValidatorValue::Text(most.to_string())));
        }
        Value::Null => return Err(flaw("'changes' is a required property", "required", list("changes"))),
        _ => return Err(flaw("The changes are no list", "type", list("list"))),
    };
    let (mut items, mut violations) = (Vec::with_capacity(given.len()), Vec::new());
    for (at, value) in (0_u32..).zip(given) {
        match item(at, value, zone_id, supported) {
            Ok(item) => items.push(item),
            Err(ApiError::Fault(fault)) => violations.extend(at_item(at, fault)),
            Err(other) => return Err(other),
        }
    }
    Ok(Read { message: ApplyChangeset { zone_id, if_serial, dry_run, items }, violations })
}

/// Reads the body of a rollback.
pub(super) fn rollback(object: &Object, zone_id: ZoneId) -> Result<RollbackZone, ApiError> {
    let (mut wanted, mut dry_run) = (None, false);
    ROLLBACK.read(
        object,
        || Value::Null,
        |member, value| {
            match member {
                "serial" => wanted = Some(serial(value, "serial")?),
                _ => dry_run = truth(value, "dry_run")?,
            }
            Ok(())
        },
    )?;
    let Some(serial) = wanted else {
        return Err(Fault::violations(vec![Violation {
            path: vec![name_at("serial")],
            message: "'serial' is a required property".to_owned(),
            validator: "required".to_owned(),
            validator_value: list("serial"),
        }])
        .into());
    };
    Ok(RollbackZone { zone_id, serial, dry_run })
}

fn item(at: u32, value: &Value, zone_id: ZoneId, supported: &[RecordType]) -> Result<Item, ApiError> {
    let Value::Object(members) = value else {
        return Err(ApiError::invalid_object("Provided object is not a JSON object"));
    };
    let get = |name: &str| members.get(name).filter(|value| !value.is_null());
    let step = one_of(members.get("op").unwrap_or(&Value::Null), Step::from_text)?;
    let if_version = get("if_match").map(version).transpose()?;
    if if_version.is_some() && step == Step::Create {
        return Err(ApiError::bad_request("What is created has no version yet: if_match cannot be given"));
    }
    if step == Step::Replace && !members.contains_key("records") {
        return Err(missing("records"));
    }
    let own: Map<String, Value> = members
        .iter()
        .filter(|(name, _)| !OF_ITEM.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if step == Step::Delete && own.keys().any(|name| OF_KNOWN.contains(&name.as_str())) {
        return Err(ApiError::bad_request("What is deleted needs no records, ttl or description"));
    }
    let Some(id) = get("id") else {
        let set = recordset_body::new_recordset(&Object::of(&own), zone_id, supported)?;
        let (subject, ttl, description) =
            (Subject::Named(set.name, set.kind), set.ttl, Some(set.description));
        return Ok(Item { at, step, subject, ttl, description, records: set.records, if_version });
    };
    if !matches!(step, Step::Replace | Step::Delete) {
        return Err(ApiError::bad_request("Only what is replaced or deleted can be named by its id"));
    }
    if let Some(name) = own.keys().find(|name| !OF_KNOWN.contains(&name.as_str())) {
        return Err(match NEW_RECORDSET.members.iter().any(|(known, _)| known == name) {
            true => ApiError::bad_request(format!(
                "A recordset is named by its id, or by name and type: {name} is too much"
            )),
            false => ApiError::invalid_object(format!(
                "Provided object does not match schema. Keys ['{name}'] are not valid for recordset"
            )),
        });
    }
    let id = RecordsetId::from(uuid(id, "id")?);
    let ttl = own.get("ttl").map(optional_ttl).transpose()?.flatten();
    let description =
        own.get("description").map(|text| optional_text(text, "description", MAX_DESCRIPTION)).transpose()?;
    let records = own.get("records").map_or(Ok(Vec::new()), texts)?;
    Ok(Item {
        at,
        step,
        subject: Subject::Known(id),
        ttl,
        description: Some(description.flatten()),
        records,
        if_version,
    })
}

/// A list of texts; whether they are data of the recordset's type is seen where it is known.
fn texts(value: &Value) -> Result<Vec<String>, ApiError> {
    let text = |value: &Value| value.as_str().filter(|text| !text.contains('\0')).map(str::to_owned);
    let read = value.as_array().and_then(|items| items.iter().map(text).collect());
    read.ok_or_else(|| bad_value("records is a list of strings"))
}

/// The version of a recordset: its number, or that as an entity tag.
fn version(value: &Value) -> Result<u64, ApiError> {
    let read = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim_start_matches("W/").trim_matches('"').parse().ok(),
        _ => None,
    };
    read.ok_or_else(|| bad_value("if_match is the version of the recordset"))
}

fn serial(value: &Value, field: &str) -> Result<Serial, ApiError> {
    let number = u32::try_from(integer(value, field)?);
    number
        .map(Serial::new)
        .map_err(|_| bad_value(format_args!("{field} is a serial, from 0 to {}", u32::MAX)))
}

fn truth(value: &Value, field: &str) -> Result<bool, ApiError> {
    value.as_bool().ok_or_else(|| bad_value(format_args!("{field} is true or false")))
}

fn flaw(message: &str, validator: &str, wanted: ValidatorValue) -> ApiError {
    Fault::violations(vec![Violation {
        path: vec![name_at("changes")],
        message: message.to_owned(),
        validator: validator.to_owned(),
        validator_value: wanted,
    }])
    .into()
}

fn missing(name: &str) -> ApiError {
    Fault::violations(vec![Violation {
        path: vec![name_at(name)],
        message: format!("'{name}' is a required property"),
        validator: "required".to_owned(),
        validator_value: list(name),
    }])
    .into()
}

/// What is wrong with an item, by its place.
fn at_item(at: u32, fault: Fault) -> Vec<Violation> {
    let path = |below: Vec<PathElement>| {
        [name_at("changes"), PathElement::Index(at)].into_iter().chain(below).collect()
    };
    if fault.details.is_empty() {
        return vec![Violation {
            path: path(Vec::new()),
            message: fault.message.unwrap_or_else(|| fault.kind.to_string()),
            validator: fault.kind.into_owned(),
            validator_value: ValidatorValue::Text(fault.code.status().to_string()),
        }];
    }
    fault.details.into_iter().map(|found| Violation { path: path(found.path.clone()), ..found }).collect()
}

/// All that is wrong, in the order of the items: what cannot be read, and what `judged` says of the others.
pub(super) fn refused(mut violations: Vec<Violation>, judged: Option<ApiError>) -> ApiError {
    if let Some(ApiError::Fault(fault)) = judged {
        violations.extend(fault.details);
    }
    violations.sort_by_key(|found| match found.path.get(1) {
        Some(PathElement::Index(at)) => *at,
        _ => u32::MAX,
    });
    Fault { details: violations, ..Fault::new(FaultCode::Invalid, "invalid_changeset") }.into()
}
