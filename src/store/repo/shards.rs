//! Conditions on shards.
//!
//! Invariants: no ranges select no rows.

use std::ops::RangeInclusive;

use crate::domain::shard::Shard;
use crate::store::sql::Query;

/// Appends ` AND column lies in one of the ranges`.
pub(super) fn and_in(query: &mut Query, column: &str, ranges: &[RangeInclusive<Shard>]) {
    query.push(" AND (FALSE");
    for range in ranges {
        query.push(" OR ").push(column).push(" BETWEEN ").bind(*range.start());
        query.push(" AND ").bind(*range.end());
    }
    query.push(")");
}
