//! The journal: every accepted change of a zone's records, before and after.
//!
//! Invariants: lines of one generation keep the order they were written in; a change that has no serial yet is never
//! trimmed; a version that the journal no longer reaches back to is forgotten with its lines.

use std::borrow::Cow;

use crate::domain::delta::{JournalEntry, RrSet};
use crate::domain::generation::Generation;
use crate::domain::history::Author;
use crate::domain::ids::ZoneId;
use crate::domain::time::Timestamp;
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::sql::insert_many;
use crate::store::value::{Value, args, json};

const INSERT: &str = "INSERT INTO zone_journal (zone_id, generation, seq, name, kind, before_ttl, before_records, \
     after_ttl, after_records, at, request_id, user_id, project_id) VALUES";

/// Appends lines to a zone's journal of which the service is the author.
///
/// # Errors
/// If the database fails.
pub async fn append(
    tx: &mut dyn Tx,
    zone: ZoneId,
    entries: &[JournalEntry],
    at: Timestamp,
) -> Result<(), StoreError> {
    append_by(tx, zone, entries, at, &Author::default()).await
}

/// Appends lines to a zone's journal.
///
/// # Errors
/// If the database fails.
pub async fn append_by(
    tx: &mut dyn Tx,
    zone: ZoneId,
    entries: &[JournalEntry],
    at: Timestamp,
    author: &Author,
) -> Result<(), StoreError> {
    if let [entry] = entries {
        return append_one(tx, zone, entry, at, author).await;
    }
    let Some(oldest) = entries.iter().map(|e| e.generation).min() else { return Ok(()) };
    let sql =
        "SELECT COALESCE(MAX(seq) + 1, 0) AS n FROM zone_journal WHERE zone_id = $1 AND generation >= $2";
    let first = tx.count(sql, args![zone, oldest]).await?;
    let rows = entries.iter().zip(first..).map(|(entry, seq)| values(zone, entry, seq, at, author));
    for statement in insert_many(INSERT, rows.collect::<Result<Vec<_>, _>>()?) {
        tx.run(statement.sql, statement.args).await?;
    }
    Ok(())
}

/// Appends a line without being waited for.
async fn append_one(
    tx: &mut dyn Tx,
    zone: ZoneId,
    entry: &JournalEntry,
    at: Timestamp,
    author: &Author,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO zone_journal (zone_id, generation, seq, name, kind, before_ttl, before_records, \
               after_ttl, after_records, at, request_id, user_id, project_id) VALUES ($1, $2, \
               $3 + (SELECT COALESCE(MAX(j.seq) + 1, 0) FROM zone_journal j WHERE j.zone_id = $1 AND j.generation >= $2), \
               $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    tx.soon(sql, values(zone, entry, 0, at, author)?).await
}

fn values(
    zone: ZoneId,
    entry: &JournalEntry,
    seq: u64,
    at: Timestamp,
    author: &Author,
) -> Result<Vec<Value>, StoreError> {
    let ttl = |set: &Option<RrSet>| set.as_ref().and_then(|s| s.ttl);
    let records = |set: &Option<RrSet>| set.as_ref().map(|s| json(&s.records)).transpose();
    Ok(args![
        zone,
        entry.generation,
        seq,
        entry.name.as_str(),
        entry.kind,
        ttl(&entry.before),
        records(&entry.before)?,
        ttl(&entry.after),
        records(&entry.after)?,
        at,
        author.request.as_deref(),
        author.user.as_deref(),
        author.project.as_ref(),
    ])
}

/// At most `limit` lines of a zone's journal after generation `after` up to and including `upto`, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn between(
    tx: &mut dyn Tx,
    zone: ZoneId,
    after: Generation,
    upto: Generation,
    limit: u64,
) -> Result<Vec<JournalEntry>, StoreError> {
    let (sql, args) = between_query(zone, after, upto, limit);
    tx.rows(sql, args).await?.into_iter().map(entry).collect()
}

/// The query of [`between`]; its rows are for [`entry`].
pub(super) fn between_query(
    zone: ZoneId,
    after: Generation,
    upto: Generation,
    limit: u64,
) -> (Cow<'static, str>, Vec<Value>) {
    let sql = "SELECT generation, name, kind, before_ttl, before_records, after_ttl, after_records FROM zone_journal \
               WHERE zone_id = $1 AND generation > $2 AND generation <= $3 ORDER BY generation, seq LIMIT $4";
    (sql.into(), args![zone, after, upto, limit])
}

/// All lines of a zone's journal after generation `after`, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn since(
    tx: &mut dyn Tx,
    zone: ZoneId,
    after: Generation,
) -> Result<Vec<JournalEntry>, StoreError> {
    between(tx, zone, after, Generation::new(u64::MAX), u64::MAX).await
}

pub(super) fn entry(mut row: Row) -> Result<JournalEntry, StoreError> {
    Ok(JournalEntry {
        generation: row.generation("generation")?,
        name: row.name("name")?,
        kind: row.record_type("kind")?,
        before: side(&mut row, "before_ttl", "before_records")?,
        after: side(&mut row, "after_ttl", "after_records")?,
    })
}

fn side(row: &mut Row, ttl: &str, records: &str) -> Result<Option<RrSet>, StoreError> {
    let ttl = row.ttl_opt(ttl)?;
    let Some(text) = row.text_opt(records)? else { return Ok(None) };
    let records = serde_json::from_str(&text).map_err(|e| StoreError::corrupt(records, &e))?;
    Ok(Some(RrSet { ttl, records }))
}

/// Lines deleted by one statement.
const MOST_TRIMMED: u64 = 10_000;

/// Forgets the lines of a zone up to and including a generation, and the versions that need them; of very many lines some are
/// left, and [`trimmable`] finds them again.
///
/// # Errors
/// If the database fails.
pub async fn trim(tx: &mut dyn Tx, zone: ZoneId, upto: Generation) -> Result<(), StoreError> {
    let published = "(SELECT z.published_generation FROM zones z WHERE z.id = $1)";
    let versions = format!(
        "DELETE FROM zone_versions WHERE zone_id = $1 AND generation < $2 AND generation < {published}"
    );
    tx.run(versions, args![zone, upto]).await?;
    let lines = format!(
        "DELETE FROM zone_journal WHERE zone_id = $1 AND (generation, seq) IN (SELECT j.generation, j.seq \
         FROM zone_journal j WHERE j.zone_id = $1 AND j.generation <= $2 AND j.generation <= {published} \
         ORDER BY j.generation, j.seq LIMIT $3)"
    );
    tx.run(lines, args![zone, upto, MOST_TRIMMED]).await?;
    Ok(())
}

/// When the oldest of the newest `keep` lines of all journals was written; `None` if there are no more lines than that.
///
/// # Errors
/// If the database fails.
pub async fn horizon(tx: &mut dyn Tx, keep: u64) -> Result<Option<Timestamp>, StoreError> {
    let Some(last) = keep.checked_sub(1) else { return Ok(None) };
    let sql = "SELECT j.at FROM zone_journal j ORDER BY j.at DESC LIMIT 2 OFFSET $1";
    let rows = tx.rows(sql, args![last]).await?;
    if rows.len() < 2 {
        return Ok(None);
    }
    rows.into_iter().next().map(|mut row| row.time("at")).transpose()
}

/// At most `limit` zones that have published lines written before a time, each with a generation to [`trim`] to. Looks at
/// the oldest lines only: ask again after trimming, until none is left.
///
/// # Errors
/// If the database fails.
pub async fn trimmable(
    tx: &mut dyn Tx,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<(ZoneId, Generation)>, StoreError> {
    let sql = "SELECT o.zone_id, MAX(o.generation) AS upto FROM (SELECT j.zone_id, j.generation FROM zone_journal j \
               JOIN zones z ON z.id = j.zone_id WHERE j.at < $1 AND j.generation <= z.published_generation \
               ORDER BY j.at LIMIT 10000) o GROUP BY o.zone_id LIMIT $2";
    let rows = tx.rows(sql, args![before, limit]).await?;
    rows.into_iter().map(|mut row| Ok((row.id("zone_id")?, row.generation("upto")?))).collect()
}
