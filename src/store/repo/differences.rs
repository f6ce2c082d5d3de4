//! What the journal can tell of the way from an earlier serial of a zone to the published one.
//!
//! Invariants: how much it is is known before any of it is read; a serial that is unknown, or that the journal no longer reaches
//! back to, is none.

use crate::domain::generation::Generation;
use crate::domain::ids::ZoneId;
use crate::domain::serial::Serial;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// How much there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The generation that the serial showed.
    pub generation: Generation,
    /// Recordsets of the zone as it is now.
    pub recordsets: u64,
    /// Lines since then, those that are not published yet among them.
    pub lines: u64,
    /// Characters of all their names and records.
    pub size: u64,
}

/// How much there is to tell since a serial, as far as `most_lines` and one more line go; `None` if nothing can be told.
///
/// # Errors
/// If the database fails.
pub async fn extent(
    tx: &mut dyn Tx,
    zone: ZoneId,
    since: Serial,
    most_lines: u64,
) -> Result<Option<Extent>, StoreError> {
    let version = "SELECT v.generation, z.recordset_count FROM zone_versions v JOIN zones z ON z.id = v.zone_id \
                   WHERE v.zone_id = $1 AND v.serial = $2";
    let lines = "SELECT COUNT(*) AS lines, COALESCE(SUM(l.size), 0) AS size FROM (SELECT LENGTH(j.name) \
                 + COALESCE(LENGTH(j.before_records), 0) + COALESCE(LENGTH(j.after_records), 0) AS size \
                 FROM zone_journal j WHERE j.zone_id = $1 AND j.generation > \
                 (SELECT v.generation FROM zone_versions v WHERE v.zone_id = $1 AND v.serial = $2) \
                 ORDER BY j.generation, j.seq LIMIT $3) l";
    let queries = vec![
        (version.into(), args![zone, since]),
        (lines.into(), args![zone, since, most_lines.saturating_add(1)]),
    ];
    let mut answers = tx.query_all(queries).await?.into_iter();
    let mut first = || answers.next().and_then(|rows| rows.into_iter().next());
    let (Some(mut version), Some(mut lines)) = (first(), first()) else { return Ok(None) };
    Ok(Some(Extent {
        generation: version.generation("generation")?,
        recordsets: version.number("recordset_count")?,
        lines: lines.number("lines")?,
        size: lines.number("size")?,
    }))
}
