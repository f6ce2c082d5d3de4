//! What the name servers of a pool last showed of a zone.
//!
//! Invariants: one row per zone and name server, the newest observation.

use crate::domain::consensus::Answer;
use crate::domain::ids::{NameserverId, ZoneId};
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::sql::{Query, insert_many};
use crate::store::value::args;

/// One observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameserverState {
    /// Who was asked.
    pub nameserver_id: NameserverId,
    /// What it said.
    pub answer: Answer,
    /// When.
    pub seen_at: Timestamp,
}

/// Notes observations of a zone, at most one per name server.
///
/// # Errors
/// If the database fails.
pub async fn put(tx: &mut dyn Tx, zone: ZoneId, states: &[NameserverState]) -> Result<(), StoreError> {
    let insert = "INSERT INTO nameserver_states (zone_id, nameserver_id, serial, status, seen_at) VALUES";
    let rows = states.iter().map(|state| {
        let (serial, status) = match state.answer {
            Answer::Serial(serial) => (Some(serial), "SERIAL"),
            Answer::NoZone => (None, "NO_ZONE"),
            Answer::Unknown => (None, "UNKNOWN"),
        };
        args![zone, state.nameserver_id, serial, status, state.seen_at]
    });
    for Query { mut sql, args } in insert_many(insert, rows) {
        sql.push_str(
            " ON CONFLICT (zone_id, nameserver_id) DO UPDATE SET serial = excluded.serial, \
             status = excluded.status, seen_at = excluded.seen_at",
        );
        tx.soon(sql, args).await?;
    }
    Ok(())
}

/// What is known of a zone.
///
/// # Errors
/// If the database fails.
pub async fn of_zone(tx: &mut dyn Tx, zone: ZoneId) -> Result<Vec<NameserverState>, StoreError> {
    let sql = "SELECT nameserver_id, serial, status, seen_at FROM nameserver_states WHERE zone_id = $1 \
               ORDER BY nameserver_id";
    let state = |mut row: crate::store::Row| {
        let nameserver_id = row.id("nameserver_id")?;
        let serial = row.int_opt("serial")?.map(|n| u32::try_from(n).map(Serial::new)).transpose();
        let serial = serial.map_err(|e| StoreError::corrupt("serial", &e))?;
        let answer = row.parsed("status", |text| match (text, serial) {
            ("SERIAL", Some(serial)) => Some(Answer::Serial(serial)),
            ("NO_ZONE", None) => Some(Answer::NoZone),
            ("UNKNOWN", None) => Some(Answer::Unknown),
            _ => None,
        })?;
        Ok(NameserverState { nameserver_id, answer, seen_at: row.time("seen_at")? })
    };
    tx.rows(sql, args![zone]).await?.into_iter().map(state).collect()
}
