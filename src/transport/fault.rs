//! The one error that crosses a service's edge.
//!
//! Invariants: a callee's own errors become a [`Fault`] before they leave it, and a caller never looks behind one, so
//! nobody can tell a local failure from a remote one. `maybe_done` is false only when the work certainly had no effect.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::violation::Violation;

/// Why a message was not handled, or what its handler refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind of failure it is, for programs.
    pub code: FaultCode,
    /// The exact type, such as `zone_not_found`, as clients of the API see it.
    pub kind: Cow<'static, str>,
    /// A text for people, if there is one.
    pub message: Option<String>,
    /// Findings of a structured validation; then there is no message.
    pub details: Vec<Violation>,
    /// True if the work may have been done although it is reported as failed.
    pub maybe_done: bool,
}

/// The classes of failure; a small closed set. New variants go at the end and come with a new fault schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FaultCode {
    /// The request makes no sense (400).
    Invalid,
    /// The caller is unknown (401).
    Unauthorized,
    /// The caller may not do this (403).
    Forbidden,
    /// There is no such thing (404).
    NotFound,
    /// It contradicts what is there (409).
    Conflict,
    /// A size or quota would be exceeded (413).
    TooLarge,
    /// A defect on our side (500).
    Internal,
    /// The service exists but cannot work now (503).
    Unavailable,
    /// No instance of the service is there (503).
    Unreachable,
    /// The service has more work than it can take (503).
    Overloaded,
    /// No answer before the deadline (504).
    Timeout,
    /// The receiver cannot read this message or does not know its name (500).
    UnknownSchema,
    /// Any other HTTP status.
    Other(u16),
}

impl FaultCode {
    /// True if it tells nothing of the work: nobody took the message, or no answer came.
    #[must_use]
    pub const fn is_silence(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unreachable | Self::Overloaded | Self::Timeout)
    }

    /// The HTTP status that stands for this class.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Internal | Self::UnknownSchema => 500,
            Self::Unavailable | Self::Unreachable | Self::Overloaded => 503,
            Self::Timeout => 504,
            Self::Other(status) => status,
        }
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $code:ident;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
            Self::new(FaultCode::$code, kind).with_message(message)
        }
    )+};
}

impl Fault {
    /// The kind of fault that says that a message came in a schema the receiver does not know.
    pub const UNKNOWN_SCHEMA: &'static str = "unknown_schema";

    /// A fault without a text; certainly nothing was done.
    #[must_use]
    pub fn new(code: FaultCode, kind: impl Into<Cow<'static, str>>) -> Self {
        Self { code, kind: kind.into(), message: None, details: Vec::new(), maybe_done: false }
    }

    constructors! {
        /// The request makes no sense (400).
        invalid => Invalid;
        /// The caller is unknown (401).
        unauthorized => Unauthorized;
        /// The caller may not do this (403).
        forbidden => Forbidden;
        /// There is no such thing (404).
        not_found => NotFound;
        /// It contradicts what is there (409).
        conflict => Conflict;
        /// A size or quota would be exceeded (413).
        too_large => TooLarge;
        /// A defect on our side (500).
        internal => Internal;
        /// Cannot work now, later perhaps (503).
        unavailable => Unavailable;
    }

    /// Findings of a structured validation (400, `invalid_object`).
    #[must_use]
    pub fn violations(details: Vec<Violation>) -> Self {
        Self { details, ..Self::new(FaultCode::Invalid, "invalid_object") }
    }

    /// No instance of `service` is there to take the message.
    #[must_use]
    pub fn unreachable(service: &str) -> Self {
        Self::new(FaultCode::Unreachable, "unreachable")
            .with_message(format!("no instance of {service} is reachable"))
    }

    /// The receiver has no room for one more message.
    #[must_use]
    pub fn overloaded(service: &str) -> Self {
        Self::new(FaultCode::Overloaded, "overloaded").with_message(format!("{service} has too much to do"))
    }

    /// No answer before the deadline; the work may have been done.
    #[must_use]
    pub fn timeout() -> Self {
        Self::new(FaultCode::Timeout, "timeout")
            .with_message("no answer before the deadline")
            .and_maybe_done()
    }

    /// Refused because its deadline had passed before it was begun.
    #[must_use]
    pub fn expired() -> Self {
        Self::new(FaultCode::Timeout, "timeout").with_message("the deadline passed before the work began")
    }

    /// The receiver cannot read this message.
    #[must_use]
    pub fn unknown_schema(method: &str, schema: u16) -> Self {
        Self::new(FaultCode::UnknownSchema, Self::UNKNOWN_SCHEMA)
            .with_message(format!("schema {schema} of {method} is not known here"))
    }

    /// The receiver has no handler of this name.
    #[must_use]
    pub fn unknown_method(service: &str, method: &str) -> Self {
        Self::new(FaultCode::UnknownSchema, "unknown_method")
            .with_message(format!("{service} knows no message {method}"))
    }

    /// Adds a text for people.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }

    /// Says that the work may have been done all the same.
    #[must_use]
    pub fn and_maybe_done(self) -> Self {
        Self { maybe_done: true, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if !self.details.is_empty() {
            write!(f, " ({} violations)", self.details.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
