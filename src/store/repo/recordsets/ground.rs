//! All that a change of a zone's recordsets is decided on, in one look.
//!
//! Invariants: the zone is held from the look until the transaction ends, and everything else is as it is under that hold.

use super::row;
use crate::domain::ids::{RecordsetId, ZoneId};
use crate::domain::name::Name;
use crate::domain::quota::{QuotaRules, Quotas};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::Recordset;
use crate::domain::zone::Zone;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::repo::{quotas, zones};
use crate::store::row::Row;
use crate::store::value::args;

/// What is there.
#[derive(Debug)]
pub struct Ground {
    /// The zone.
    pub zone: Zone,
    /// The recordset to be changed, if there is one of that id.
    pub set: Option<Recordset>,
    /// The types of the recordsets at the name.
    pub kinds: Vec<RecordType>,
    /// The zone has zones below it.
    pub has_children: bool,
    /// The limits of the project that owns the zone, `None` if nobody does.
    pub quotas: Option<Quotas>,
}

/// What is to be changed.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A recordset that is to be at this name.
    New(&'a Name),
    /// This recordset.
    Old(RecordsetId),
}

const AROUND: &str = "UNION ALL SELECT 'limit', q.resource, q.hard_limit FROM quotas q \
     WHERE q.project_id = (SELECT z.project_id FROM zones z WHERE z.id = $1) \
     UNION ALL SELECT 'child', '', 1 WHERE EXISTS (SELECT 1 FROM zones c WHERE c.parent_id = $1 AND c.deleted = '0')";

/// Takes hold of a zone and looks at it, at what is at the name, and at the limits; `None` if there is no such zone.
///
/// # Errors
/// If the database fails.
pub async fn ground(
    tx: &mut dyn Tx,
    zone: ZoneId,
    subject: Subject<'_>,
    rules: QuotaRules,
) -> Result<Option<Ground>, StoreError> {
    let mut queries = vec![zones::lock_query(tx.dialect(), zone)];
    match subject {
        Subject::New(name) => {
            let sql = format!(
                "SELECT 'kind' AS what, r.kind AS label, 0 AS n FROM recordsets r \
                 WHERE r.zone_id = $1 AND r.name_key = $2 {AROUND}"
            );
            queries.push((sql.into(), args![zone, name.key()]));
        }
        Subject::Old(id) => {
            let sql = format!(
                "SELECT 'kind' AS what, r.kind AS label, 0 AS n FROM recordsets r WHERE r.zone_id = $1 \
                 AND r.name_key = (SELECT o.name_key FROM recordsets o WHERE o.id = $2) {AROUND}"
            );
            queries.push((sql.into(), args![zone, id]));
            queries.push(super::get_query(zone, id));
        }
    }
    let mut answers = tx.query_all(queries).await?.into_iter();
    let mut next = || answers.next().unwrap_or_default().into_iter();
    let (mut locked, around, mut found) = (next(), next(), next());
    let Some(zone) = locked.next().map(zones::read).transpose()? else { return Ok(None) };
    let mut ground = Ground {
        set: found.next().map(row::recordset).transpose()?,
        kinds: Vec::new(),
        has_children: false,
        quotas: zone.project_id.is_some().then_some(rules.defaults),
        zone,
    };
    for row in around {
        ground.add(row, rules.per_project)?;
    }
    Ok(Some(ground))
}

impl Ground {
    fn add(&mut self, mut row: Row, per_project: bool) -> Result<(), StoreError> {
        match row.text("what")?.as_str() {
            "kind" => self.kinds.push(row.record_type("label")?),
            "limit" => {
                if let Some(quotas) = self.quotas.as_mut().filter(|_| per_project) {
                    quotas::override_one(quotas, &row.text("label")?, row.int("n")?);
                }
            }
            _ => self.has_children = true,
        }
        Ok(())
    }
}
