//! The serials that a zone has had, each with the generation it showed.
//!
//! Invariants: a version that is found can be brought to the present one by the journal's lines after its generation.

use std::borrow::Cow;

use crate::domain::generation::Generation;
use crate::domain::ids::ZoneId;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::{Value, args};

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
    tx.soon(sql, args![zone, serial, generation, at]).await
}

/// Forgets all of a zone's serials: nothing leads from them to what is there now.
///
/// # Errors
/// If the database fails.
pub async fn forget(tx: &mut dyn Tx, zone: ZoneId) -> Result<(), StoreError> {
    tx.run("DELETE FROM zone_versions WHERE zone_id = $1", args![zone]).await?;
    Ok(())
}

/// The generation that a serial showed, if the journal still reaches back to it.
///
/// # Errors
/// If the database fails.
pub async fn find(tx: &mut dyn Tx, zone: ZoneId, serial: Serial) -> Result<Option<Generation>, StoreError> {
    let (sql, args) = find_query(zone, serial);
    tx.row(sql, args).await?.map(|mut row| row.generation("generation")).transpose()
}

/// The query of [`find`].
pub(super) fn find_query(zone: ZoneId, serial: Serial) -> (Cow<'static, str>, Vec<Value>) {
    let sql = "SELECT generation FROM zone_versions WHERE zone_id = $1 AND serial = $2";
    (sql.into(), args![zone, serial])
}
