//! Who asked for a managed recordset: here, floating IPs for the PTR records of their addresses.
//!
//! Invariants: a PTR recordset of the service belongs to one floating IP of one project; its row here goes with it. What was
//! made for one project is found without looking at what was made for others.

use super::row::{self, COLUMNS, FROM};
use crate::domain::floating_ip::{Address, FloatingIp};
use crate::domain::ids::{FloatingIpId, ProjectId, RecordsetId};
use crate::domain::name::Name;
use crate::domain::recordset::Recordset;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::args;

/// What kind of thing asked.
const FLOATING_IP: &str = "ptr:floatingip";
/// Which part of the service saw to it.
const PLUGIN: &str = "floatingip";
/// Names asked for at once.
const BATCH: usize = 500;

/// The PTR recordset of a floating IP, as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPtr {
    /// The recordset.
    pub set: Recordset,
    /// The TTL that it has if it has none of its own.
    pub zone_ttl: Ttl,
    /// The project whose floating IP it was.
    pub tenant: Option<ProjectId>,
    /// The region of the floating IP.
    pub region: String,
    /// The floating IP, as far as its id can be read.
    pub floating_ip: Option<FloatingIpId>,
}

impl ManagedPtr {
    /// True if it was made for this floating IP of this project.
    #[must_use]
    pub fn is_of(&self, project: &ProjectId, ip: &FloatingIp) -> bool {
        self.tenant.as_ref() == Some(project) && self.region == ip.region && self.floating_ip == Some(ip.id)
    }
}

fn select() -> Query {
    Query::new(&format!(
        "SELECT {COLUMNS}, z.ttl AS zone_ttl, m.tenant, m.resource_region, m.resource_id FROM managed_records m, {FROM} \
         AND m.recordset_id = r.id AND r.kind = 'PTR'"
    ))
}

fn read(mut row: Row) -> Result<ManagedPtr, StoreError> {
    Ok(ManagedPtr {
        zone_ttl: row.ttl("zone_ttl")?,
        tenant: row.text_opt("tenant")?.map(ProjectId::new),
        region: row.text("resource_region")?,
        floating_ip: row.text("resource_id")?.parse().ok(),
        set: row::recordset(row)?,
    })
}

/// The PTR recordsets at these names that were made for floating IPs.
///
/// # Errors
/// If the database fails.
pub async fn at(tx: &mut dyn Tx, names: &[Name]) -> Result<Vec<ManagedPtr>, StoreError> {
    let mut found = Vec::new();
    for names in names.chunks(BATCH) {
        let mut query = select();
        // Not by the index of resources: it is one entry for all floating IPs.
        query.push(" AND m.resource_type || '' = ").bind(FLOATING_IP);
        query.push(" AND r.name_key IN ").bind_list(names.iter().map(Name::key));
        for row in tx.rows(query.sql, query.args).await? {
            found.push(read(row)?);
        }
    }
    Ok(found)
}

/// The PTR recordsets that were made for floating IPs of a project.
///
/// # Errors
/// If the database fails.
pub async fn of(tx: &mut dyn Tx, project: &ProjectId) -> Result<Vec<ManagedPtr>, StoreError> {
    let mut query = select();
    query.push(" AND m.tenant = ").bind(project).push(" AND m.resource_type = ").bind(FLOATING_IP);
    tx.rows(query.sql, query.args).await?.into_iter().map(read).collect()
}

/// Notes for which floating IP of which project a recordset is from now on.
///
/// # Errors
/// If the database fails.
pub async fn assign(
    tx: &mut dyn Tx,
    set: &Recordset,
    project: &ProjectId,
    ip: &FloatingIp,
    now: Timestamp,
) -> Result<(), StoreError> {
    release(tx, set.id).await?;
    let sql = "INSERT INTO managed_records (id, recordset_id, data, plugin, resource_type, resource_id, \
               resource_region, tenant, extra, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let data = set.records.first().cloned().unwrap_or_default();
    let FloatingIp { region, id, address } = ip;
    let (id, address): (String, String) = (id.to_string(), Address::to_string(address));
    let args = args![
        uuid::Uuid::new_v4(),
        set.id,
        data,
        PLUGIN,
        FLOATING_IP,
        id,
        region.as_str(),
        project,
        address,
        now
    ];
    tx.run(sql, args).await?;
    Ok(())
}

/// Forgets for whom a recordset is.
///
/// # Errors
/// If the database fails.
pub async fn release(tx: &mut dyn Tx, set: RecordsetId) -> Result<(), StoreError> {
    tx.run("DELETE FROM managed_records WHERE recordset_id = $1", args![set]).await?;
    Ok(())
}
