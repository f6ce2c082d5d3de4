//! Which members a body may have, and who may set them.
//!
//! Invariants: an unknown member is refused; a read-only one is accepted only with the value that is there, an
//! immutable one only if nothing is there or with that value; members are looked at in the client's order.

use std::cell::OnceCell;

use serde_json::Value;

use super::body::Object;
use super::error::ApiError;
use crate::domain::violation::{PathElement, ValidatorValue, Violation};
use crate::transport::Fault;

/// Who may set a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The client, at any time.
    Write,
    /// The client, once.
    Immutable,
    /// The service.
    ReadOnly,
}

/// The members of a resource.
#[derive(Debug)]
pub(super) struct Shape {
    /// The resource's name in messages.
    pub(super) resource: &'static str,
    /// Its members.
    pub(super) members: &'static [(&'static str, Access)],
}

impl Shape {
    /// Goes through `object`; hands every member that is to be set to `set`. `current` renders the resource as it is
    /// now (null before it is created) and is called at most once, when a member must be compared with it.
    pub(super) fn read<'o>(
        &self,
        object: &'o Object,
        current: impl Fn() -> Value,
        mut set: impl FnMut(&'o str, &'o Value) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let rendered = OnceCell::new();
        let stored = |name: &str| rendered.get_or_init(&current).get(name).unwrap_or(&Value::Null);
        let mut refused = Vec::new();
        for (name, value) in object.members() {
            let access = self.members.iter().find(|(known, _)| *known == name).map(|(_, access)| *access);
            match access {
                None => refused.push(name),
                Some(Access::Write) => set(name, value)?,
                Some(Access::Immutable) if stored(name).is_null() => set(name, value)?,
                Some(Access::Immutable | Access::ReadOnly) if stored(name) == value => {}
                Some(Access::Immutable | Access::ReadOnly) => {
                    refused.push(name);
                    break;
                }
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(self.refuse(&refused)) }
    }

    fn refuse(&self, names: &[&str]) -> ApiError {
        let quoted: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        ApiError::invalid_object(format!(
            "Provided object does not match schema. Keys [{}] are not valid for {}",
            quoted.join(", "),
            self.resource
        ))
    }
}

/// The text in quotes, as Python writes it.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// A member that must be given and is not.
pub(super) fn missing(name: &str) -> Violation {
    Violation {
        path: vec![name_at("records"), PathElement::Index(0), name_at(name)],
        message: format!("'{name}' is a required property"),
        validator: "required".to_owned(),
        validator_value: list(name),
    }
}

/// The values of members that must be given; every one that is not is told.
pub(super) fn required<T, const N: usize>(members: [(&str, Option<T>); N]) -> Result<[T; N], ApiError> {
    let absent: Vec<Violation> =
        members.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| missing(name)).collect();
    let values: Vec<T> = members.into_iter().filter_map(|(_, value)| value).collect();
    values.try_into().map_err(|_| Fault::violations(absent).into())
}

/// A step of a path.
pub(super) fn name_at(name: &str) -> PathElement {
    PathElement::Name(name.to_owned())
}

/// A list of one text.
pub(super) fn list(text: &str) -> ValidatorValue {
    ValidatorValue::List(vec![Some(text.to_owned())])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHAPE: Shape = Shape {
        resource: "thing",
        members: &[
            ("name", Access::Immutable),
            ("size", Access::Write),
            ("status", Access::ReadOnly),
            ("updated_at", Access::ReadOnly),
        ],
    };

    /// Which members were set, or the message.
    fn read(body: &str, current: &Value) -> Result<Vec<String>, String> {
        let object = Object::parse(body.as_bytes()).unwrap();
        let mut set = Vec::new();
        SHAPE
            .read(
                &object,
                || current.clone(),
                |name, _| {
                    set.push(name.to_owned());
                    Ok(())
                },
            )
            .map_err(|error| error.to_string())?;
        Ok(set)
    }

    fn refused(body: &str, current: &Value) -> String {
        let text = read(body, current).unwrap_err();
        let text = text.strip_prefix("invalid_object: Provided object does not match schema. Keys ").unwrap();
        text.strip_suffix(" are not valid for thing").unwrap().to_owned()
    }

    #[test]
    fn before_creation_everything_but_read_only_members_can_be_set() {
        assert_eq!(
            read(r#"{"size": 1, "name": "n", "status": null}"#, &Value::Null).unwrap(),
            ["size", "name"]
        );
        assert_eq!(refused(r#"{"status": "ACTIVE"}"#, &Value::Null), "['status']");
    }

    #[test]
    fn echoed_members_are_accepted_when_equal() {
        let current = json!({"name": "n", "size": 1, "status": "ACTIVE", "updated_at": null});
        let echo = r#"{"name": "n", "status": "ACTIVE", "updated_at": null}"#;
        assert_eq!(read(echo, &current).unwrap(), [""; 0]);
        assert_eq!(refused(r#"{"name": "m"}"#, &current), "['name']");
        assert_eq!(refused(r#"{"status": "ERROR"}"#, &current), "['status']");
    }

    #[test]
    fn unknown_members_are_named_until_the_first_that_may_not_change() {
        assert_eq!(refused(r#"{"b": 1, "size": 2, "a'": 3}"#, &Value::Null), r#"['b', "a'"]"#);
        assert_eq!(refused(r#"{"b": 1, "status": 2, "c": 3}"#, &Value::Null), "['b', 'status']");
        assert_eq!(refused(r#"{"a'\"\\": 1}"#, &Value::Null), r#"['a\'"\\']"#);
    }
}
