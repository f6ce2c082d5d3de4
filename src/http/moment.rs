//! Points in time as the API shows them: `2026-11-23T00:43:10.000000`.
//!
//! Invariants: UTC, whole seconds, a fraction of six zeros, no zone designator (Go clients refuse one).

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::domain::time::Timestamp;

/// A point in time on its way to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::Timestamp::from_second(self.0.seconds()).unwrap_or_default();
        write!(f, "{}.000000", TimeZone::UTC.to_datetime(at))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_exact() {
        let shown = |micros| Moment(Timestamp::from_micros(micros)).to_string();
        assert_eq!(shown(1_795_394_590_999_999), "2026-11-23T00:43:10.000000");
        assert_eq!(shown(0), "1970-01-01T00:00:00.000000");
        assert_eq!(shown(-1), "1969-12-31T23:59:59.000000");
    }
}
