//! Writes zone files as exports show them: absolute names, one record a line.

use std::fmt::{self, Write};

use crate::domain::name::Name;
use crate::domain::rdata::RData;
use crate::domain::ttl::Ttl;

/// Writes the lines before the records: `$ORIGIN`, `$TTL` and an empty one.
///
/// # Errors
/// Those of `out`.
pub fn write_header(out: &mut impl Write, origin: &Name, ttl: Ttl) -> fmt::Result {
    write!(out, "$ORIGIN {origin}\n$TTL {ttl}\n\n")
}

/// Writes one record as a line; without TTL, the one of `$TTL` holds.
///
/// # Errors
/// Those of `out`.
pub fn write_record(out: &mut impl Write, name: &Name, ttl: Option<Ttl>, data: &RData) -> fmt::Result {
    write!(out, "{name} ")?;
    if let Some(ttl) = ttl {
        write!(out, "{ttl} ")?;
    }
    writeln!(out, "IN {} {data}", data.record_type())
}
