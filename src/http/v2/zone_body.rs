//! What clients may say about a zone, when they create it and when they change it.
//!
//! Invariants: what comes out is valid by itself; whether it may be is for central to say.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::zone_view::ZoneView;
use crate::actors::central::api::zones::CreateZone;
use crate::domain::host_port::HostPort;
use crate::domain::hostname::{MAX_TEXT, check_email, parse_domain};
use crate::domain::ids::PoolId;
use crate::domain::name::Name;
use crate::domain::ttl::Ttl;
use crate::domain::violation::{PathElement, ValidatorValue, Violation};
use crate::domain::zone::{Zone, ZoneChanges, ZoneKind};
use crate::http::body::Object;
use crate::http::error::ApiError;
use crate::http::path_id;
use crate::http::shape::{Access, Shape, list, missing, name_at};
use crate::http::value::{
    MAX_DESCRIPTION, bad_value, checked, optional_text, optional_ttl, printed, rejected, text, ttl,
    type_name, uuid,
};
use crate::transport::Fault;

/// Most characters of a key or a value of an attribute.
const MAX_ATTRIBUTE: usize = 50;

const fn shape(pool_id: Access) -> [(&'static str, Access); 18] {
    [
        ("id", Access::ReadOnly),
        ("pool_id", pool_id),
        ("project_id", Access::ReadOnly),
        ("name", Access::Immutable),
        ("email", Access::Write),
        ("description", Access::Write),
        ("ttl", Access::Write),
        ("serial", Access::ReadOnly),
        ("shared", Access::ReadOnly),
        ("status", Access::ReadOnly),
        ("action", Access::ReadOnly),
        ("version", Access::ReadOnly),
        ("attributes", Access::Write),
        ("type", Access::Immutable),
        ("masters", Access::Write),
        ("created_at", Access::ReadOnly),
        ("updated_at", Access::ReadOnly),
        ("transferred_at", Access::ReadOnly),
    ]
}

/// A pool may be named when a zone is created, though the scheduler decides.
pub(super) const NEW_ZONE: Shape = Shape { resource: "zone", members: &shape(Access::Write) };
pub(super) const ZONE: Shape = Shape { resource: "zone", members: &shape(Access::ReadOnly) };

/// The members that a body sets.
#[derive(Debug, Default)]
struct Given {
    name: Option<Name>,
    kind: Option<ZoneKind>,
    email: Option<String>,
    ttl: Option<Ttl>,
    description: Option<Option<String>>,
    attributes: Option<BTreeMap<String, String>>,
    masters: Option<Vec<HostPort>>,
}

impl Given {
    fn set(&mut self, member: &str, value: &Value, new: bool) -> Result<(), ApiError> {
        match member {
            "name" => {
                let name = parse_domain(&text(value, "name", MAX_TEXT)?, "name");
                self.name = Some(name.map_err(bad_value)?);
            }
            "type" => self.kind = Some(kind(value)?),
            "email" => {
                let email = text(value, "email", MAX_TEXT)?;
                check_email(&email).map_err(bad_value)?;
                self.email = Some(email.into_owned());
            }
            // A new zone without a TTL gets the configured one.
            "ttl" if new => self.ttl = optional_ttl(value)?,
            "ttl" => self.ttl = Some(ttl(value)?),
            "description" => {
                self.description = Some(optional_text(value, "description", MAX_DESCRIPTION)?);
            }
            "attributes" => self.attributes = Some(attributes(value)?),
            "masters" => self.masters = Some(masters(value)?),
            "pool_id" => pool_id(value)?,
            _ => {}
        }
        Ok(())
    }

    /// The rules between the type of a zone and its other members.
    fn check_kind(&self, kind: ZoneKind, new: bool) -> Result<(), ApiError> {
        let masters = self.masters.as_deref();
        match kind {
            ZoneKind::Primary => {
                if masters.is_some_and(|masters| !masters.is_empty()) {
                    let message = "'masters' has more items than allowed";
                    return Err(violation(&["type"], "maxItems", list("masters"), message));
                }
                if new && self.email.is_none() {
                    let wanted = ValidatorValue::Text("email".to_owned());
                    let message = "'email' is a required property";
                    return Err(violation(&["type", "email"], "required", wanted, message));
                }
            }
            ZoneKind::Secondary => {
                if masters.is_some_and(<[_]>::is_empty) || (new && masters.is_none()) {
                    let message = "'masters' is a required property";
                    return Err(violation(&["type", "masters"], "required", list("masters"), message));
                }
                for (member, given) in [("email", self.email.is_some()), ("ttl", self.ttl.is_some())] {
                    if given {
                        let wanted = ValidatorValue::Text(member.to_owned());
                        let message = format!("'{member}' cannot be given for a SECONDARY zone");
                        return Err(violation(&["type"], "not_allowed", wanted, &message));
                    }
                }
            }
            ZoneKind::Catalog => {}
        }
        let mut seen = HashSet::new();
        if masters.is_some_and(|masters| !masters.iter().all(|master| seen.insert(master))) {
            return Err(Fault::conflict("duplicate_zone_attribute", "Duplicate ZoneAttribute").into());
        }
        Ok(())
    }
}

/// Reads the body of a zone to be created.
pub(super) fn new_zone(object: &Object) -> Result<CreateZone, ApiError> {
    let mut given = Given::default();
    NEW_ZONE.read(object, || Value::Null, |member, value| given.set(member, value, true))?;
    let kind = given.kind.unwrap_or(ZoneKind::Primary);
    given.check_kind(kind, true)?;
    let Some(name) = given.name else {
        return Err(Fault::violations(vec![missing("name")]).into());
    };
    Ok(CreateZone {
        name,
        kind,
        email: given.email,
        ttl: given.ttl,
        description: given.description.flatten(),
        attributes: given.attributes.unwrap_or_default(),
        masters: given.masters.unwrap_or_default(),
    })
}

/// Reads the body of a change to `zone`.
pub(super) fn changes(object: &Object, zone: &Zone) -> Result<ZoneChanges, ApiError> {
    let mut given = Given::default();
    let current = || serde_json::to_value(ZoneView::of(zone, "")).unwrap_or_default();
    ZONE.read(object, current, |member, value| given.set(member, value, false))?;
    given.check_kind(zone.kind, false)?;
    Ok(ZoneChanges {
        email: given.email,
        ttl: given.ttl,
        description: given.description,
        attributes: given.attributes,
        masters: given.masters,
    })
}

fn violation(path: &[&str], validator: &str, validator_value: ValidatorValue, message: &str) -> ApiError {
    let path: Vec<PathElement> = path.iter().map(|name| name_at(name)).collect();
    let (message, validator) = (message.to_owned(), validator.to_owned());
    Fault::violations(vec![Violation { path, message, validator, validator_value }]).into()
}

fn kind(value: &Value) -> Result<ZoneKind, ApiError> {
    value
        .as_str()
        .and_then(ZoneKind::from_text)
        .ok_or_else(|| bad_value(format_args!("Field value {} is invalid", printed(value))))
}

pub(super) fn attributes(value: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let Value::Object(members) = value else {
        let given = type_name(value);
        return Err(rejected("AttributeError", format_args!("'{given}' object has no attribute 'items'")));
    };
    members
        .iter()
        .map(|(key, value)| {
            checked(key, "key", MAX_ATTRIBUTE)?;
            Ok((key.clone(), text(value, "value", MAX_ATTRIBUTE)?.into_owned()))
        })
        .collect()
}

fn masters(value: &Value) -> Result<Vec<HostPort>, ApiError> {
    let Value::Array(items) = value else {
        return Err(rejected("TypeError", format_args!("masters is a list, not '{}'", type_name(value))));
    };
    items
        .iter()
        .map(|item| HostPort::parse_master(&text(item, "masters", MAX_TEXT)?).map_err(bad_value))
        .collect()
}

/// The pool that a body asks to move `zone` to.
pub(super) fn destination(object: &Object, zone: &Zone) -> Result<Option<PoolId>, ApiError> {
    let (mut given, mut pool) = (Given::default(), None);
    let current = || serde_json::to_value(ZoneView::of(zone, "")).unwrap_or_default();
    NEW_ZONE.read(object, current, |member, value| {
        if member == "pool_id" && !value.is_null() {
            pool = Some(PoolId::from(uuid(value, member)?));
        }
        given.set(member, value, false)
    })?;
    given.check_kind(zone.kind, false)?;
    Ok(pool)
}

/// Checked for its form only.
fn pool_id(value: &Value) -> Result<(), ApiError> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) if path_id::uuid(text).is_some() => Ok(()),
        _ => Err(bad_value("badly formed hexadecimal UUID string")),
    }
}

#[cfg(test)]
#[path = "zone_body_tests.rs"]
mod tests;
