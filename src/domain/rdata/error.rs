//! Why record data is refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::record_type::RecordType;

/// Record data that is not valid for its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{rtype} data is not valid: {flaw}")]
pub struct RDataError {
    /// The type the data was meant for.
    pub rtype: RecordType,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// The first thing found wrong with record data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Flaw {
    /// A CAA property without value; the API answers it in a way of its own.
    #[error("the value is missing")]
    MissingValue,
    /// Too few or too many fields, or blanks where none may be.
    #[error("wrong number of fields")]
    FieldCount,
    /// Not a number, one out of range, or not written as it must be.
    #[error("a number is malformed or out of range")]
    Number,
    /// Not an address.
    #[error("an address is malformed")]
    Address,
    /// Not a domain name, or one that may not be used here.
    #[error("a domain name is malformed")]
    Name,
    /// A quote that is missing or too many.
    #[error("quotes do not match")]
    Quoting,
    /// A backslash that nothing valid follows.
    #[error("an escape is malformed")]
    Escape,
    /// A string, parameter or the whole data over its limit.
    #[error("a part is too long")]
    TooLong,
    /// Not hexadecimal digits, or too few or too many.
    #[error("hexadecimal digits are malformed")]
    Hex,
    /// Not base64.
    #[error("base64 is malformed")]
    Base64,
    /// A word that is not in the list for its place.
    #[error("a keyword is unknown")]
    Keyword,
    /// A string that has not the form it must have.
    #[error("a string has the wrong form")]
    Form,
    /// A service parameter with a value it cannot have.
    #[error("a parameter has a wrong value")]
    Parameter,
    /// The same service parameter twice.
    #[error("a parameter is given twice")]
    DuplicateParameter,
    /// A service parameter that another one needs.
    #[error("a parameter is missing")]
    MissingParameter,
    /// Wire data that ends early or has octets left over.
    #[error("the wire form has a wrong length")]
    Wire,
}
