//! Why a zone file is refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::name::NameError;
use crate::domain::rdata::RDataError;

/// A problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("line {line}: {problem}")]
pub struct ZoneFileError {
    /// The line, from 1; that of the first word if an entry spans lines.
    pub line: u32,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a zone file.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Problem {
    /// A record before any `$ORIGIN`, in a file that was given no origin.
    #[error("a record comes before $ORIGIN")]
    NoOrigin,
    /// A line that starts with a blank, but no record is before it.
    #[error("the first record has no owner")]
    NoOwner,
    /// A name that is none.
    #[error("{error}")]
    Name {
        /// Why.
        error: NameError,
    },
    /// A TTL out of range or malformed.
    #[error("the TTL is malformed or out of range")]
    Ttl,
    /// A class other than IN.
    #[error("class {class} is not IN")]
    Class {
        /// The class.
        class: String,
    },
    /// No type after the owner.
    #[error("the record has no type")]
    NoType,
    /// A word where the type should be.
    #[error("'{word}' is not a record type")]
    Type {
        /// The word.
        word: String,
    },
    /// Data that does not fit the type.
    #[error("{error}")]
    Data {
        /// Why.
        error: RDataError,
    },
    /// `$INCLUDE` or `$GENERATE`.
    #[error("{directive} is not allowed")]
    Refused {
        /// The directive in upper case.
        directive: String,
    },
    /// A directive that does not exist, or lacks its value, or has more than that.
    #[error("{directive} is malformed or unknown")]
    Directive {
        /// The directive as given.
        directive: String,
    },
    /// A quote not closed on its line.
    #[error("a quote is not closed")]
    Quote,
    /// Parentheses not closed, not opened, or nested.
    #[error("parentheses do not match")]
    Parenthesis,
    /// A backslash at the end of a line or of the file.
    #[error("a backslash has nothing to escape")]
    Escape,
    /// Larger than a zone file may be.
    #[error("the file is too large")]
    TooLarge,
}
