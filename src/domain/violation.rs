//! One thing wrong with a body that was sent, in the terms of the API.
//!
//! Invariants: paths use the names that clients see, never those of our own fields.

use serde::{Deserialize, Serialize};

/// One finding of a structured validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Where in the body.
    pub path: Vec<PathElement>,
    /// What is wrong, for people.
    pub message: String,
    /// The rule that failed: `required`, `format`, `type`, `value`, `maxItems`, `not_allowed`.
    pub validator: String,
    /// What the rule wanted.
    pub validator_value: ValidatorValue,
}

/// One step of the path to an offending element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathElement {
    /// A member of an object.
    Name(String),
    /// An element of a list, counted from zero.
    Index(u32),
}

/// What a rule wanted: one value, or a list that may hold nulls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValidatorValue {
    /// One value.
    Text(String),
    /// Several values.
    List(Vec<Option<String>>),
}
