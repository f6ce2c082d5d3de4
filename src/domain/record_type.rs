//! DNS record types: the ones with typed data, and every other by its number.
//!
//! Invariants: a type with a name of its own is never an `Other`; the wire number is the identity, in messages too,
//! so a new variant changes no message shape.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that names no record type.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("'{text}' is not a record type")]
pub struct UnknownRecordType {
    /// The text as given.
    pub text: String,
}

macro_rules! record_types {
    ($($variant:ident = $number:literal $text:literal;)+) => {
        /// The type of a resource record.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(from = "u16", into = "u16")]
        pub enum RecordType {
            $(#[doc = concat!($text, ", type ", stringify!($number), ".")] $variant,)+
            /// Any other type, by number; printed `TYPE123` (RFC 3597 section 5).
            Other(u16),
        }

        impl RecordType {
            /// The types with a name, in alphabetical order.
            pub const NAMED: &'static [Self] = &[$(Self::$variant),+];

            /// The type of a number.
            #[must_use]
            pub const fn from_number(number: u16) -> Self {
                match number {
                    $($number => Self::$variant,)+
                    other => Self::Other(other),
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$variant => $number,)+
                    Self::Other(number) => number,
                }
            }

            /// The type's name, `None` for `Other`.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($text),)+
                    Self::Other(_) => None,
                }
            }

            /// The type named by exactly this upper-case text, as the API wants it.
            #[must_use]
            pub fn from_name(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

record_types! {
    A = 1 "A";
    Aaaa = 28 "AAAA";
    Caa = 257 "CAA";
    Cert = 37 "CERT";
    Cname = 5 "CNAME";
    Https = 65 "HTTPS";
    Mx = 15 "MX";
    Naptr = 35 "NAPTR";
    Ns = 2 "NS";
    Ptr = 12 "PTR";
    Soa = 6 "SOA";
    Spf = 99 "SPF";
    Srv = 33 "SRV";
    Sshfp = 44 "SSHFP";
    Svcb = 64 "SVCB";
    Tlsa = 52 "TLSA";
    Txt = 16 "TXT";
}

impl From<u16> for RecordType {
    fn from(number: u16) -> Self {
        Self::from_number(number)
    }
}

impl From<RecordType> for u16 {
    fn from(rtype: RecordType) -> Self {
        rtype.number()
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("TYPE{}", self.number())),
        }
    }
}

/// Takes names and `TYPE123` in any case, as zone files have them.
impl FromStr for RecordType {
    type Err = UnknownRecordType;

    fn from_str(text: &str) -> Result<Self, UnknownRecordType> {
        let upper = text.to_ascii_uppercase();
        let number = || {
            let digits = upper.strip_prefix("TYPE")?;
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse().ok().map(Self::from_number)).flatten()
        };
        Self::from_name(&upper).or_else(number).ok_or_else(|| UnknownRecordType { text: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_one_to_one() {
        for rtype in RecordType::NAMED {
            assert_eq!(RecordType::from_number(rtype.number()), *rtype);
            assert_eq!(RecordType::from_name(rtype.name().unwrap()), Some(*rtype));
            assert_eq!(rtype.to_string().to_lowercase().parse(), Ok(*rtype));
        }
        assert_eq!(RecordType::NAMED.len(), 17);
        assert!(RecordType::NAMED.is_sorted_by_key(|t| t.name()));
    }

    #[test]
    fn the_api_wants_exact_names() {
        assert_eq!(RecordType::from_name("AAAA"), Some(RecordType::Aaaa));
        for text in ["aaaa", "TYPE1", " A", "", "ANY"] {
            assert_eq!(RecordType::from_name(text), None, "{text}");
        }
    }

    #[test]
    fn rfc3597_section_5_unknown_types_have_a_number() {
        assert_eq!("TYPE731".parse(), Ok(RecordType::Other(731)));
        assert_eq!("type1".parse(), Ok(RecordType::A));
        assert_eq!(RecordType::Other(731).to_string(), "TYPE731");
        for text in ["TYPE", "TYPE65536", "TYPE+1", "TYPE1x", "BOGUS"] {
            assert!(text.parse::<RecordType>().is_err(), "{text}");
        }
    }

    #[test]
    fn messages_carry_the_number() {
        assert_eq!(serde_json::to_string(&RecordType::Caa).unwrap(), "257");
        assert_eq!(serde_json::from_str::<RecordType>("65280").unwrap(), RecordType::Other(65280));
    }
}
