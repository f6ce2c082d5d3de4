//! Zone files (RFC 1035 section 5) both ways, without a file system.
//!
//! Reading takes `$ORIGIN`, `$TTL`, parentheses, comments, quotes, escapes, relative names, missing owners, TTL and class
//! in either order, TTL units, and `\# length hex` for any type (RFC 3597). `$INCLUDE` and `$GENERATE` are refused: an
//! uploaded text must not name files, nor grow beyond its own size.
//!
//! Invariants: whatever the text, reading ends without panic, in time and memory proportional to the text, within
//! [`MAX_TEXT`] and [`MAX_RECORDS`]; what [`write_record`] writes reads back as the same record.

mod error;
mod lexer;
mod parser;
mod stored;
mod writer;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::rdata::{RData, Soa};
use super::ttl::Ttl;

pub use self::error::{Problem, ZoneFileError};
pub use self::parser::parse;
pub use self::stored::{read_stored, to_stored};
pub use self::writer::{write_header, write_record};

/// Most octets of a zone file.
pub const MAX_TEXT: usize = 64 << 20;
/// Most records of a zone file.
pub const MAX_RECORDS: usize = 1_000_000;

/// What a zone file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneFile {
    /// The first `$ORIGIN` if it comes before all records, otherwise the origin given for the file: the zone's name.
    pub origin: Name,
    /// The first `$TTL`.
    pub default_ttl: Option<Ttl>,
    /// The records in the order of the file.
    pub records: Vec<ZoneRecord>,
}

/// One record of a zone file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneRecord {
    /// Its line, from 1.
    pub line: u32,
    /// Its owner.
    pub name: Name,
    /// Its own TTL, or else the `$TTL` in force, or else the last TTL before it (for an SOA record, its minimum);
    /// `None` if there is none of these.
    pub ttl: Option<Ttl>,
    /// Its data.
    pub data: RData,
}

impl ZoneFile {
    /// The SOA record of the zone, with its TTL.
    #[must_use]
    pub fn soa(&self) -> Option<(&Soa, Option<Ttl>)> {
        self.records.iter().find_map(|record| match &record.data {
            RData::Soa(soa) if record.name == self.origin => Some((soa, record.ttl)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
