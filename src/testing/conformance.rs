//! Whether what the API answers is what its document says: path, method, status, media type, and the schema of the body.
//!
//! Invariants: nothing in a schema is passed over (a keyword that is not known here is a failure), and no member of an answer
//! is: objects that list their properties have no others, though the document leaves room for more.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use fancy_regex::Regex;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::http::Reply;

/// What is wrong, in words.
type Wrong = String;

/// Keywords that say something to people only, or of values that cannot be wrong.
const UNCHECKED: [&str; 7] =
    ["description", "title", "examples", "default", "deprecated", "readOnly", "writeOnly"];

/// Compares an answer with the document.
///
/// # Errors
/// What does not conform.
pub(super) fn check(document: &Value, method: &str, target: &str, reply: &Reply) -> Result<(), Wrong> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let status = reply.status.as_u16();
    let Some(operations) = find(document, path) else {
        return if status >= 400 || method == "OPTIONS" {
            Ok(())
        } else {
            Err(format!("{path} is not declared and answers {status}"))
        };
    };
    let Some(operation) = operations.get(&method.to_ascii_lowercase()) else {
        return if status >= 400 || method == "OPTIONS" {
            Ok(())
        } else {
            Err(format!("{method} {path} is not declared and answers {status}"))
        };
    };
    if status == 405 && query.contains("_method=") {
        return Ok(());
    }
    let declared = operation
        .get("responses")
        .and_then(|responses| responses.get(status.to_string()))
        .ok_or_else(|| format!("{method} {path} does not declare {status}"))?;
    let declared = resolve(document, declared)?;
    if method == "HEAD" {
        // A body there would be is left to the server's connection to cut off.
        return Ok(());
    }
    let content = declared.get("content").and_then(Value::as_object);
    if reply.body.is_empty() {
        let may_be_empty = content.is_none() || status >= 400;
        return may_be_empty.then_some(()).ok_or_else(|| format!("{method} {path}: {status} without a body"));
    }
    let media = reply.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let schema = content
        .and_then(|content| content.get(media))
        .and_then(|media| media.get("schema"))
        .ok_or_else(|| format!("{method} {path}: {status} does not declare {media}"))?;
    if media != "application/json" {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
    conforms(document, schema, &body).map_err(|wrong| format!("{method} {path}: {status}: {wrong} in {body}"))
}

/// The operations of the path that a request's path is one of; words count before parameters.
fn find<'d>(document: &'d Value, path: &str) -> Option<&'d Map<String, Value>> {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        stripped => stripped,
    };
    let words: Vec<&str> = path.split('/').collect();
    let fits = |template: &&String| {
        let steps: Vec<&str> = template.split('/').collect();
        steps.len() == words.len()
            && steps.iter().zip(&words).all(|(step, word)| step == word || step.starts_with('{'))
    };
    let paths = document.get("paths")?.as_object()?;
    let best = paths.keys().filter(fits).min_by_key(|template| template.matches('{').count())?;
    paths.get(best)?.as_object()
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> Result<&'d Value, Wrong> {
    match schema.get("$ref").and_then(Value::as_str) {
        None => Ok(schema),
        Some(reference) => {
            let pointer = reference.strip_prefix('#').ok_or_else(|| format!("{reference} is not local"))?;
            document.pointer(pointer).ok_or_else(|| format!("{reference} leads nowhere"))
        }
    }
}

thread_local! {
    /// Patterns are few, and making them takes longer than using them.
    static PATTERNS: RefCell<HashMap<String, Regex>> = RefCell::default();
}

fn matches(pattern: &str, text: &str) -> Result<bool, Wrong> {
    PATTERNS.with_borrow_mut(|patterns| {
        let known = match patterns.entry(pattern.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Regex::new(pattern).map_err(|error| error.to_string())?),
        };
        Ok(known.is_match(text).unwrap_or(false))
    })
}

/// Compares a value with a schema of the document.
///
/// # Errors
/// What does not conform.
pub fn conforms(document: &Value, schema: &Value, value: &Value) -> Result<(), Wrong> {
    let schema = match schema {
        Value::Bool(true) => return Ok(()),
        schema => resolve(document, schema)?,
    };
    let keywords = schema.as_object().ok_or("a schema is not an object")?;
    let sub = |schema: &Value, value: &Value| conforms(document, schema, value);
    let list = |keyword: &Value| keyword.as_array().cloned().unwrap_or_default();
    for (name, keyword) in keywords {
        let fine = match name.as_str() {
            "type" => match keyword {
                Value::Array(kinds) => kinds.iter().any(|kind| is(value, kind)),
                kind => is(value, kind),
            },
            "enum" => list(keyword).contains(value),
            "const" => keyword == value,
            "anyOf" | "oneOf" => {
                let tried: Vec<_> = list(keyword).iter().map(|choice| sub(choice, value)).collect();
                if tried.iter().all(Result::is_err) {
                    let wrong: Vec<Wrong> = tried.into_iter().filter_map(Result::err).collect();
                    return Err(wrong.join(", nor "));
                }
                true
            }
            "allOf" => {
                list(keyword).iter().try_for_each(|part| sub(part, value))?;
                true
            }
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| sub(keyword, item))?;
                true
            }
            "properties" | "additionalProperties" => {
                members(document, keywords, value)?;
                true
            }
            "required" => match value.as_object() {
                None => true,
                Some(object) => list(keyword)
                    .iter()
                    .all(|name| name.as_str().is_some_and(|name| object.contains_key(name))),
            },
            "minimum" => {
                value.as_f64().is_none_or(|number| keyword.as_f64().is_some_and(|least| number >= least))
            }
            "maximum" => {
                value.as_f64().is_none_or(|number| keyword.as_f64().is_some_and(|most| number <= most))
            }
            "minLength" => {
                length(value).is_none_or(|length| keyword.as_u64().is_some_and(|least| length >= least))
            }
            "maxLength" => {
                length(value).is_none_or(|length| keyword.as_u64().is_some_and(|most| length <= most))
            }
            "minItems" | "maxItems" => match (value.as_array(), keyword.as_u64()) {
                (Some(items), Some(bound)) if name == "minItems" => items.len() as u64 >= bound,
                (Some(items), Some(bound)) => items.len() as u64 <= bound,
                _ => true,
            },
            "pattern" => match value.as_str() {
                Some(text) => matches(keyword.as_str().unwrap_or_default(), text)?,
                None => true,
            },
            "format" => match (keyword.as_str(), value.as_str()) {
                (Some("uuid"), Some(text)) => Uuid::try_parse(text).is_ok(),
                _ => true,
            },
            name if UNCHECKED.contains(&name) => true,
            name => return Err(format!("the keyword {name} is not known here")),
        };
        if !fine {
            return Err(format!("{value} is against {name} {keyword}"));
        }
    }
    Ok(())
}

fn members(document: &Value, schema: &Map<String, Value>, value: &Value) -> Result<(), Wrong> {
    let Some(object) = value.as_object() else { return Ok(()) };
    let own = schema.get("properties").and_then(Value::as_object);
    for (name, value) in object {
        let declared = own.and_then(|own| own.get(name)).or_else(|| schema.get("additionalProperties"));
        match declared {
            None | Some(Value::Bool(false)) => return Err(format!("the member {name} is not declared")),
            Some(declared) => {
                conforms(document, declared, value).map_err(|wrong| format!("{name}: {wrong}"))?;
            }
        }
    }
    Ok(())
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(schema: &Value, value: &Value) -> bool {
        conforms(&json!({"named": {"type": "integer"}}), schema, value).is_ok()
    }

    #[test]
    fn every_keyword_can_say_no() {
        for (schema, good, bad) in [
            (json!({"type": ["string", "null"]}), json!(null), json!(1)),
            (json!({"type": "integer", "minimum": 1, "maximum": 3}), json!(3), json!(4)),
            (json!({"type": "integer", "minimum": 1}), json!(1), json!(0)),
            (json!({"type": "integer"}), json!(1), json!(1.5)),
            (json!({"enum": ["a", "b"]}), json!("b"), json!("c")),
            (json!({"const": 401}), json!(401), json!(400)),
            (json!({"anyOf": [{"type": "string"}, {"type": "boolean"}]}), json!(true), json!([])),
            (json!({"allOf": [{"type": "string"}, {"maxLength": 1}]}), json!("é"), json!("ab")),
            (json!({"items": {"type": "string"}, "maxItems": 1}), json!(["a"]), json!([1])),
            (json!({"minItems": 1}), json!([1]), json!([])),
            (json!({"properties": {"a": {"type": "string"}}}), json!({"a": "x"}), json!({"a": 1})),
            (json!({"properties": {"a": {}}}), json!({"a": 1}), json!({"b": 1})),
            (json!({"additionalProperties": {"type": "string"}}), json!({"b": "x"}), json!({"b": 1})),
            (json!({"required": ["a"]}), json!({"a": null}), json!({})),
            (json!({"minLength": 2}), json!("ab"), json!("a")),
            (json!({"pattern": "^a+$"}), json!("aa"), json!("ab")),
            (json!({"format": "uuid"}), json!(Uuid::nil().to_string()), json!("x")),
            (json!({"$ref": "#/named"}), json!(1), json!("1")),
        ] {
            assert!(fits(&schema, &good), "{schema} {good}");
            assert!(!fits(&schema, &bad), "{schema} {bad}");
        }
        assert!(!fits(&json!({"unheardOf": 1}), &json!(1)));
        assert!(!fits(&json!({"$ref": "#/nowhere"}), &json!(1)));
    }
}
