//! The serials that a zone has had, each with the generation it showed.
//!
//! Invariants: a version that is found can be brought to the present one by the journal's lines after its generation.

use crate::domain::generation::Generation;
use crate::domain::ids::ZoneId;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// Notes that a serial shows a generation.
///
/// # Errors
/// If the database fails.
pub async fn record(
    tx: &mut dyn Tx,
    zone: ZoneId,
    serial: Serial,
    generation: Generation,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO zone_versions (zone_id, serial, generation, published_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (zone_id, serial) DO UPDATE SET generation = excluded.generation, \
               published_at = excluded.published_at";
    tx.run(sql, args![zone, serial, generation, at]).await?;
    Ok(())
}

/// The generation that a serial showed, if the journal still reaches back to it.
///
/// # Errors
/// If the database fails.
pub async fn find(tx: &mut dyn Tx, zone: ZoneId, serial: Serial) -> Result<Option<Generation>, StoreError> {
    let sql = "SELECT generation FROM zone_versions WHERE zone_id = $1 AND serial = $2";
    tx.row(sql, args![zone, serial]).await?.map(|mut row| row.generation("generation")).transpose()
}
