//! Examples, made of schemas: of each part the example it brings, its first word, or the simplest value it allows.

use serde_json::{Map, Value, json};

/// A value that `schema` allows. What it refers to is in `definitions`.
pub(super) fn example(schema: &Value, definitions: &Map<String, Value>) -> Value {
    if let Some(Value::String(reference)) = schema.get("$ref") {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return definitions.get(name).map_or(Value::Null, |schema| example(schema, definitions));
    }
    for key in ["examples", "enum"] {
        if let Some(first) = schema.get(key).and_then(|values| values.get(0)) {
            return first.clone();
        }
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(first) = schema.get(key).and_then(|choices| choices.get(0)) {
            return example(first, definitions);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) if kinds.contains(&json!("null")) => "null",
        Some(Value::String(kind)) => kind,
        _ => "null",
    };
    match kind {
        "object" => {
            let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            Value::Object(properties.map(|(name, part)| (name.clone(), example(part, definitions))).collect())
        }
        "array" => {
            let item = schema.get("items").map(|item| example(item, definitions));
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).max(1);
            Value::Array((0..least).filter_map(|_| item.clone()).collect())
        }
        "string" if schema.get("format").is_some_and(|format| format == "uri-reference") => {
            json!("http://127.0.0.1:9001/v2")
        }
        "string" => json!("text"),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(0)),
        "boolean" => json!(false),
        _ => Value::Null,
    }
}
