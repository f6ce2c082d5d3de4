//! A zone as DNS is to show it: its published version, whatever was changed since.
//!
//! Invariants: rows are those of the published generation — lines of the journal after it are undone, the oldest
//! «before» of each set counting; every page must come from the reading transaction that opened the transfer.

use std::borrow::Cow;
use std::collections::HashMap;

use super::recordsets::Place;
use super::{journal, versions};
use crate::domain::delta::{JournalEntry, RrSet};
use crate::domain::generation::Generation;
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::name::Name;
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::ttl::Ttl;
use crate::domain::zone::ZoneKind;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::Query;
use crate::store::value::{Value, args};

/// What is published of a zone, but for its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedZone {
    /// The zone.
    pub id: ZoneId,
    /// The pool it is in.
    pub pool_id: PoolId,
    /// Its name.
    pub name: Name,
    /// Where its records come from.
    pub kind: ZoneKind,
    /// The TTL of sets without one of their own, as published.
    pub ttl: Ttl,
    /// The published serial.
    pub serial: Serial,
    /// The generation which that serial shows.
    pub generation: Generation,
    /// It is not to be served: it is being deleted, has never been transferred from its masters, or has expired.
    pub withheld: bool,
}

/// A published set of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedSet {
    /// Owner name.
    pub name: Name,
    /// Type.
    pub kind: RecordType,
    /// TTL; the zone's if the set has none of its own.
    pub ttl: Ttl,
    /// Record data in presentation form, never empty.
    pub records: Vec<String>,
}

/// A transfer under way.
#[derive(Debug)]
pub struct Transfer {
    /// What is transferred.
    pub zone: PublishedZone,
    /// The zone's SOA set; `None` if it has none yet. Pages leave it out.
    pub soa: Option<PublishedSet>,
    /// Sets changed since the publish, as they were then.
    undo: HashMap<Place, (Name, Option<RrSet>)>,
    after: Option<Place>,
    rows_done: bool,
}

/// What makes a row of `zones` one that is not to be served.
pub(super) const WITHHELD: &str = "(action = 'DELETE' OR (kind = 'SECONDARY' AND (transferred_at IS NULL \
     OR EXISTS (SELECT 1 FROM zone_refreshes w WHERE w.zone_id = zones.id AND w.expired))))";

fn columns() -> String {
    format!("id, pool_id, name, kind, published_ttl, serial, published_generation, {WITHHELD} AS withheld")
}

/// The published zones of each of these names: one per pool at most, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn find_all(tx: &mut dyn Tx, names: &[Name]) -> Result<Vec<Vec<PublishedZone>>, StoreError> {
    let columns = columns();
    let sql =
        format!("SELECT {columns} FROM zones WHERE deleted = '0' AND name_key = $1 ORDER BY created_at, id");
    let queries = names.iter().map(|name| (sql.clone().into(), args![name.key()])).collect();
    let found = tx.query_all(queries).await?;
    found.into_iter().map(|rows| rows.into_iter().map(header).collect()).collect()
}

/// As [`find_all`], of one name.
///
/// # Errors
/// If the database fails.
pub async fn find(tx: &mut dyn Tx, name: &Name) -> Result<Vec<PublishedZone>, StoreError> {
    Ok(find_all(tx, std::slice::from_ref(name)).await?.pop().unwrap_or_default())
}

/// The published zone of an id.
///
/// # Errors
/// If the database fails.
pub async fn published_zone(tx: &mut dyn Tx, id: ZoneId) -> Result<Option<PublishedZone>, StoreError> {
    let (sql, args) = published_query(id);
    tx.row(sql, args).await?.map(header).transpose()
}

fn published_query(id: ZoneId) -> (Cow<'static, str>, Vec<Value>) {
    let sql = format!("SELECT {} FROM zones WHERE deleted = '0' AND id = $1", columns());
    (sql.into(), args![id])
}

fn header(mut row: Row) -> Result<PublishedZone, StoreError> {
    Ok(PublishedZone {
        id: row.id("id")?,
        pool_id: row.id("pool_id")?,
        name: row.name("name")?,
        kind: row.parsed("kind", ZoneKind::from_text)?,
        ttl: row.ttl("published_ttl")?,
        serial: Serial::new(row.number("serial")?),
        generation: row.generation("published_generation")?,
        withheld: row.bool("withheld")?,
    })
}

/// Opens the transfer of a zone's published version.
///
/// # Errors
/// If the database fails.
pub async fn open(tx: &mut dyn Tx, id: ZoneId) -> Result<Option<Transfer>, StoreError> {
    let Some(zone) = published_zone(tx, id).await? else { return Ok(None) };
    let mut undo = HashMap::new();
    for line in journal::since(tx, id, zone.generation).await? {
        let place = Place { name_key: line.name.key(), kind: line.kind.to_string() };
        undo.entry(place).or_insert((line.name, line.before));
    }
    let mut transfer = Transfer { zone, soa: None, undo, after: None, rows_done: false };
    let sql =
        "SELECT name, kind, ttl, records FROM recordsets WHERE zone_id = $1 AND name_key = $2 AND kind = $3";
    let args = args![id, transfer.zone.name.key(), RecordType::Soa];
    let row = tx.row(sql, args).await?;
    transfer.soa = row.map(|row| transfer.as_published(row)).transpose()?.and_then(|(_, set)| set);
    Ok(Some(transfer))
}

/// What became of a zone since a version of it.
#[derive(Debug)]
pub struct Renewal {
    /// What is published.
    pub zone: PublishedZone,
    /// Its SOA set.
    pub soa: Option<PublishedSet>,
    /// The published changes since then, oldest first; `None` if they cannot be told, or are too many.
    pub lines: Option<Vec<JournalEntry>>,
}

/// What became of a zone since the version of this serial and generation, told by at most `limit` lines of the journal.
///
/// # Errors
/// If the database fails.
pub async fn since(
    tx: &mut dyn Tx,
    id: ZoneId,
    (serial, generation): (Serial, Generation),
    limit: u64,
) -> Result<Option<Renewal>, StoreError> {
    let soa = "SELECT r.name, r.kind, r.ttl, r.records FROM recordsets r WHERE r.zone_id = $1 AND r.kind = 'SOA' \
               AND r.name_key = (SELECT z.name_key FROM zones z WHERE z.id = $1)";
    let queries = vec![
        published_query(id),
        (soa.into(), args![id]),
        versions::find_query(id, serial),
        journal::between_query(id, generation, Generation::new(u64::MAX), limit.saturating_add(1)),
    ];
    let mut answers = tx.query_all(queries).await?.into_iter();
    let mut next = || answers.next().unwrap_or_default().into_iter();
    let (mut zone, mut soa, mut version, lines) = (next(), next(), next(), next());
    let Some(zone) = zone.next().map(header).transpose()? else { return Ok(None) };
    let lines = lines.map(journal::entry).collect::<Result<Vec<_>, _>>()?;
    let reaches_back = match version.next() {
        Some(mut row) => row.generation("generation")? == generation,
        None => false,
    };
    let is_all = u64::try_from(lines.len()).is_ok_and(|count| count <= limit);
    let (lines, later): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.generation <= zone.generation);
    // The set that is read is the published one unless it was changed since.
    let same_soa = !later.iter().any(|line| line.kind == RecordType::Soa);
    let mut transfer = Transfer { zone, soa: None, undo: HashMap::new(), after: None, rows_done: false };
    let soa = soa.next().map(|row| transfer.as_published(row)).transpose()?.and_then(|(_, set)| set);
    let lines = (reaches_back && is_all && same_soa).then_some(lines);
    Ok(Some(Renewal { zone: transfer.zone, soa, lines }))
}

/// The next sets of a transfer, SOA left out, about `limit` at a time; none means that it is complete.
///
/// # Errors
/// If the database fails.
pub async fn next_page(
    tx: &mut dyn Tx,
    transfer: &mut Transfer,
    limit: u32,
) -> Result<Vec<PublishedSet>, StoreError> {
    while !transfer.rows_done {
        let mut query = Query::new("SELECT name, kind, ttl, records FROM recordsets WHERE zone_id = ");
        query.bind(transfer.zone.id);
        if let Some(place) = &transfer.after {
            query.push(" AND (name_key, kind) > (").bind(place.name_key.as_str());
            query.push(", ").bind(place.kind.as_str()).push(")");
        }
        query.push(" ORDER BY name_key, kind LIMIT ").bind(limit);
        let rows = tx.rows(query.sql, query.args).await?;
        transfer.rows_done = rows.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        let mut sets = Vec::with_capacity(rows.len());
        for row in rows {
            let (place, set) = transfer.as_published(row)?;
            transfer.after = Some(place);
            sets.extend(set);
        }
        sets.retain(|set| set.kind != RecordType::Soa);
        if !sets.is_empty() {
            return Ok(sets);
        }
    }
    transfer.removed_since()
}

/// What is published of those of these zones that have no change which is not published yet, that are to be served,
/// and that are small: `most_sets` at most, all together four times as many. In one look at the database; whoever is
/// left out has to be transferred by itself. The SOA set is among the sets.
///
/// # Errors
/// If the database fails.
pub async fn small(
    tx: &mut dyn Tx,
    ids: &[ZoneId],
    most_sets: u32,
) -> Result<Vec<(PublishedZone, Vec<PublishedSet>)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(&format!(
        "SELECT {} FROM zones WHERE deleted = '0' AND NOT {WITHHELD} \
         AND generation = published_generation AND recordset_count <= ",
        columns()
    ));
    query.bind(most_sets).push(" AND id IN ").bind_list(ids.iter().copied());
    let zones: Vec<_> =
        tx.rows(query.sql, query.args).await?.into_iter().map(header).collect::<Result<_, _>>()?;
    let all_together = most_sets.saturating_mul(4);
    let mut query = Query::new("SELECT zone_id, name, kind, ttl, records FROM recordsets WHERE zone_id IN ");
    query.bind_list(zones.iter().map(|zone| zone.id)).push(" ORDER BY zone_id LIMIT ").bind(all_together);
    let rows = if zones.is_empty() { Vec::new() } else { tx.rows(query.sql, query.args).await? };
    let is_cut = rows.len() >= usize::try_from(all_together).unwrap_or(usize::MAX);
    let mut found: HashMap<ZoneId, (PublishedZone, Vec<PublishedSet>)> =
        zones.into_iter().map(|zone| (zone.id, (zone, Vec::new()))).collect();
    let mut last = None;
    for mut row in rows {
        let id: ZoneId = row.id("zone_id")?;
        last = Some(id);
        let Some((zone, sets)) = found.get_mut(&id) else { continue };
        let (name, kind) = (row.name("name")?, row.record_type("kind")?);
        let now = RrSet { ttl: row.ttl_opt("ttl")?, records: row.json("records")? };
        sets.extend(zone.shows(name, kind, now));
    }
    // Of the last one some sets may be missing, and all of those that come after it.
    found.retain(|id, _| !is_cut || last.is_some_and(|last| *id < last));
    Ok(found.into_values().collect())
}

impl PublishedZone {
    fn shows(&self, name: Name, kind: RecordType, set: RrSet) -> Option<PublishedSet> {
        let RrSet { ttl, records } = set;
        (!records.is_empty()).then_some(PublishedSet { name, kind, ttl: ttl.unwrap_or(self.ttl), records })
    }
}

impl Transfer {
    /// The place of a row, and its set as it was published; `None` if it was not there then.
    fn as_published(&mut self, mut row: Row) -> Result<(Place, Option<PublishedSet>), StoreError> {
        let name = row.name("name")?;
        let place = Place { name_key: name.key(), kind: row.text("kind")? };
        let kind = place.kind.parse().map_err(|e| StoreError::corrupt("kind", &e))?;
        let now = RrSet { ttl: row.ttl_opt("ttl")?, records: row.json("records")? };
        let then = self.undo.remove(&place).map_or(Some(now), |(_, before)| before);
        let set = then.and_then(|then| self.zone.shows(name, kind, then));
        Ok((place, set))
    }

    /// The sets that were published, but whose rows are gone.
    fn removed_since(&mut self) -> Result<Vec<PublishedSet>, StoreError> {
        let mut sets = Vec::new();
        for (place, (name, before)) in std::mem::take(&mut self.undo) {
            let kind = place.kind.parse().map_err(|e| StoreError::corrupt("kind", &e))?;
            sets.extend(before.and_then(|before| self.zone.shows(name, kind, before)));
        }
        Ok(sets)
    }
}
