//! All that publishing a zone is decided on, in one look.
//!
//! Invariants: the zone is held from the look until the transaction ends, and everything else is as it is under that hold.

use super::{recordsets, zones};
use crate::domain::ids::{InstanceId, ZoneId};
use crate::domain::recordset::Recordset;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::args;

/// What is there.
#[derive(Debug)]
pub struct Sight {
    /// The zone.
    pub zone: Zone,
    /// The worker whose claim of the zone has not expired.
    pub holder: Option<InstanceId>,
    /// When its pool was created, and the pool's version; `None` if there is no such pool.
    pub pool: Option<(Timestamp, u64)>,
    /// Its SOA set.
    pub soa: Option<Recordset>,
}

/// Takes hold of a zone and looks at it; `None` if there is no such zone.
///
/// # Errors
/// If the database fails.
pub async fn sight(tx: &mut dyn Tx, zone: ZoneId, now: Timestamp) -> Result<Option<Sight>, StoreError> {
    let holder = "SELECT worker FROM zone_claims WHERE zone_id = $1 AND expires_at > $2";
    let pool = "SELECT p.created_at, p.version FROM pools p WHERE p.id = (SELECT z.pool_id FROM zones z WHERE z.id = $1)";
    let queries = vec![
        zones::lock_query(tx.dialect(), zone),
        (holder.into(), args![zone, now]),
        (pool.into(), args![zone]),
        recordsets::soa_query(zone),
    ];
    let mut answers = tx.query_all(queries).await?.into_iter();
    let mut first = || answers.next().and_then(|rows| rows.into_iter().next());
    let (locked, holder, pool, soa) = (first(), first(), first(), first());
    let Some(zone) = locked.map(zones::read).transpose()? else { return Ok(None) };
    Ok(Some(Sight {
        zone,
        holder: holder.map(|mut row| row.id("worker")).transpose()?,
        pool: pool
            .map(|mut row| Ok::<_, StoreError>((row.time("created_at")?, row.number("version")?)))
            .transpose()?,
        soa: soa.map(recordsets::read).transpose()?,
    }))
}
