//! JSON values as the fields of resources take them: strings from scalars, integers from digits, with the sentences
//! that clients of Designate know.
//!
//! Invariants: a list or an object is never a scalar; null is refused unless the field may be empty; no text holds the
//! character U+0000, which PostgreSQL has no place for.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;
use uuid::Uuid;

use super::error::ApiError;
use super::path_id;
use crate::domain::ttl::Ttl;

/// Most characters of a description.
pub(super) const MAX_DESCRIPTION: usize = 160;

/// The failure of one field.
pub(super) fn rejected(class: &str, detail: impl fmt::Display) -> ApiError {
    let article = if class.starts_with(['A', 'I']) { "an" } else { "a" };
    ApiError::invalid_object(format!(
        "Provided object is not valid. Got {article} {class} error with message {detail}"
    ))
}

/// The failure of a field whose value is of the right kind but not allowed.
pub(super) fn bad_value(detail: impl fmt::Display) -> ApiError {
    rejected("ValueError", detail)
}

/// A null where something is needed.
fn empty(field: &str) -> ApiError {
    bad_value(format_args!("Field `{field}' cannot be None"))
}

/// A string of at most `most` characters.
pub(super) fn text<'v>(value: &'v Value, field: &str, most: usize) -> Result<Cow<'v, str>, ApiError> {
    let text = match value {
        Value::Null => return Err(empty(field)),
        Value::Array(_) | Value::Object(_) => {
            let given = type_name(value);
            return Err(bad_value(format_args!("A string is required in field {field}, not a {given}")));
        }
        scalar => printed(scalar),
    };
    checked(&text, field, most)?;
    Ok(text)
}

/// Refuses a text that is too long or that no database holds.
pub(super) fn checked(text: &str, field: &str, most: usize) -> Result<(), ApiError> {
    if text.contains('\0') {
        return Err(bad_value(format_args!("A NUL character is not allowed in field {field}")));
    }
    // A string has at most as many characters as bytes, so most need no counting.
    if text.len() > most && text.chars().count() > most {
        return Err(bad_value(format_args!("Value too long for {field}")));
    }
    Ok(())
}

/// A string of at most `most` characters, or none.
pub(super) fn optional_text(value: &Value, field: &str, most: usize) -> Result<Option<String>, ApiError> {
    match value {
        Value::Null => Ok(None),
        value => text(value, field, most).map(|text| Some(text.into_owned())),
    }
}

/// A whole number; those beyond 64 bits become the nearest that fits.
pub(super) fn integer(value: &Value, field: &str) -> Result<i64, ApiError> {
    match value {
        Value::Null => Err(empty(field)),
        Value::Bool(truth) => Ok(i64::from(*truth)),
        Value::Number(number) => Ok(number.as_i64().unwrap_or_else(|| {
            // Truncates towards zero and saturates, as wanted.
            number.as_f64().map_or(i64::MAX, |float| float as i64)
        })),
        Value::String(text) => digits(text)
            .ok_or_else(|| bad_value(format_args!("invalid literal for int() with base 10: '{text}'"))),
        Value::Array(_) | Value::Object(_) => {
            let given = type_name(value);
            Err(rejected("TypeError", format_args!("a number is required in field {field}, not '{given}'")))
        }
    }
}

fn digits(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if negative { i64::MIN } else { i64::MAX }))
}

/// An id.
pub(super) fn uuid(value: &Value, field: &str) -> Result<Uuid, ApiError> {
    match value {
        Value::Null => Err(empty(field)),
        value => value
            .as_str()
            .and_then(path_id::uuid)
            .ok_or_else(|| bad_value("badly formed hexadecimal UUID string")),
    }
}

/// One of few texts.
pub(super) fn one_of<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Result<T, ApiError> {
    let known = value.as_str().and_then(read);
    known.ok_or_else(|| bad_value(format_args!("Field value {} is invalid", printed(value))))
}

/// A time to live.
pub(super) fn ttl(value: &Value) -> Result<Ttl, ApiError> {
    Ttl::new(integer(value, "ttl")?).map_err(bad_value)
}

/// A time to live, or none.
pub(super) fn optional_ttl(value: &Value) -> Result<Option<Ttl>, ApiError> {
    match value {
        Value::Null => Ok(None),
        value => ttl(value).map(Some),
    }
}

/// The value as Python prints it, which is how clients see it quoted.
pub(super) fn printed(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed("None"),
        Value::Bool(true) => Cow::Borrowed("True"),
        Value::Bool(false) => Cow::Borrowed("False"),
        other => Cow::Owned(other.to_string()),
    }
}

/// The name of the value's type in Python.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message<T: fmt::Debug>(result: Result<T, ApiError>) -> String {
        let text = result.unwrap_err().to_string();
        let text = text.strip_prefix("invalid_object: Provided object is not valid. Got ").unwrap();
        text.to_owned()
    }

    #[test]
    fn strings_are_made_of_scalars() {
        for (value, expected) in
            [(json!("x"), "x"), (json!(5), "5"), (json!(1.5), "1.5"), (json!(true), "True")]
        {
            assert_eq!(text(&value, "email", 5).unwrap(), expected);
        }
        assert_eq!(text(&json!("ééééé"), "email", 5).unwrap(), "ééééé");
        assert_eq!(
            message(text(&json!("abcdef"), "email", 5)),
            "a ValueError error with message Value too long for email"
        );
        assert_eq!(
            message(text(&Value::Null, "email", 5)),
            "a ValueError error with message Field `email' cannot be None"
        );
        assert_eq!(
            message(text(&json!("a\0b"), "email", 5)),
            "a ValueError error with message A NUL character is not allowed in field email"
        );
        assert!(text(&json!([]), "email", 5).is_err());
        assert!(text(&json!({}), "email", 5).is_err());
        assert_eq!(optional_text(&Value::Null, "description", 5).unwrap(), None);
    }

    #[test]
    fn integers_are_made_of_numbers_digits_and_truths() {
        for (value, expected) in [
            (json!(300), 300),
            (json!("300"), 300),
            (json!(" -7 "), -7),
            (json!("+5"), 5),
            (json!(300.7), 300),
            (json!(-0.5), 0),
            (json!(true), 1),
            (json!(false), 0),
            (json!(18_446_744_073_709_551_615_u64), i64::MAX),
            (json!(1e300), i64::MAX),
            (json!("99999999999999999999"), i64::MAX),
            (json!("-99999999999999999999"), i64::MIN),
        ] {
            assert_eq!(integer(&value, "ttl").unwrap(), expected, "{value}");
        }
        assert_eq!(
            message(integer(&json!("x"), "ttl")),
            "a ValueError error with message invalid literal for int() with base 10: 'x'"
        );
        for value in [
            json!(""),
            json!("-"),
            json!("1.5"),
            json!("0x10"),
            json!("1_000"),
            json!([]),
            json!({}),
            json!(null),
        ] {
            assert!(integer(&value, "ttl").is_err(), "{value}");
        }
    }

    #[test]
    fn a_ttl_has_its_range() {
        assert_eq!(ttl(&json!(2_147_483_647)).unwrap(), Ttl::MAX);
        assert_eq!(
            message(ttl(&json!(2_147_483_648_u64))),
            "a ValueError error with message Value too high for ttl"
        );
        assert_eq!(
            message(ttl(&json!(-1))),
            "a ValueError error with message Value must be >= 0 for field ttl"
        );
        assert_eq!(optional_ttl(&Value::Null).unwrap(), None);
    }
}
