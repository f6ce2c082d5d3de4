//! The history of a zone, read from its journal.
//!
//! The serial under which a change was published is that of the first SOA line that is not older: every publish writes one,
//! and it stays in the journal as long as the changes before it.
//!
//! Invariants: changes are in the order of their generations; a page is read with a handful of statements.

use std::collections::HashMap;

use super::{journal, versions};
use crate::domain::delta::{JournalEntry, RrSet, fold};
use crate::domain::generation::Generation;
use crate::domain::history::{Author, ChangeFilter, ChangePage, ChangedSet, MOST, Since, ZoneChange};
use crate::domain::ids::{ProjectId, ZoneId};
use crate::domain::page::{Direction, Page};
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::store::driver::{Dialect, Tx};
use crate::store::error::StoreError;
use crate::store::sql::Query;
use crate::store::value::args;

/// A publish that the journal knows of.
#[derive(Debug, Clone, Copy)]
struct Publish {
    generation: Generation,
    serial: Option<Serial>,
    at: Timestamp,
}

/// A page of a zone's changes, and how many match in all; of ten thousand changes at most.
///
/// # Errors
/// If the database fails.
pub async fn find(
    tx: &mut dyn Tx,
    zone: ZoneId,
    filter: &ChangeFilter,
    page: &ChangePage,
) -> Result<Page<ZoneChange>, StoreError> {
    let dialect = tx.dialect();
    let mut matching = Query::new(" FROM zone_journal j WHERE j.zone_id = ");
    matching.bind(zone);
    if let Some(serial) = filter.serial {
        let Some((after, upto)) = span(tx, zone, serial).await? else { return Ok(nothing()) };
        matching.push(" AND j.generation > ").bind(after).push(" AND j.generation <= ").bind(upto);
    }
    match filter.since {
        Some(Since::Time(at)) => {
            matching.push(" AND j.at >= ").bind(at);
        }
        Some(Since::Serial(serial)) => {
            let Some(after) = generation_of(tx, zone, serial).await? else { return Ok(nothing()) };
            matching.push(" AND j.generation > ").bind(after);
        }
        None => {}
    }
    and_sets(&mut matching, dialect, filter);
    let count = format!("SELECT COUNT(DISTINCT j.generation) AS n{}", matching.sql);
    let total = tx.count(count, matching.args.clone()).await?;
    let (order, beyond) = match page.direction {
        Direction::Ascending => ("ASC", ">"),
        Direction::Descending => ("DESC", "<"),
    };
    if let Some(marker) = page.marker {
        matching.push(&format!(" AND j.generation {beyond} ")).bind(marker);
    }
    matching.push(&format!(" ORDER BY j.generation {order} LIMIT ")).bind(page.limit.min(MOST));
    let sql = format!("SELECT DISTINCT j.generation AS generation{}", matching.sql);
    let rows = tx.rows(sql, matching.args).await?;
    let generations =
        rows.into_iter().map(|mut row| row.generation("generation")).collect::<Result<Vec<_>, _>>()?;
    let (Some(first), Some(last)) = (generations.iter().min().copied(), generations.iter().max().copied())
    else {
        return Ok(Page { items: Vec::new(), total: Some(total) });
    };
    let publishes = publishes(tx, zone, first, last).await?;
    let mut changes = changes(tx, zone, filter, &generations).await?;
    let items = generations.into_iter().filter_map(|generation| changes.remove(&generation));
    let items = items.map(|change| published(change, &publishes)).collect();
    Ok(Page { items, total: Some(total) })
}

const fn nothing() -> Page<ZoneChange> {
    Page { items: Vec::new(), total: Some(0) }
}

fn and_sets(query: &mut Query, dialect: Dialect, filter: &ChangeFilter) {
    let name = filter.name.as_deref().map(str::to_ascii_lowercase);
    query.and_text(dialect, "lower(j.name)", name.as_deref()).and_text(
        dialect,
        "j.kind",
        filter.kind.as_deref(),
    );
}

fn published(change: ZoneChange, publishes: &[Publish]) -> ZoneChange {
    let first = publishes.iter().find(|publish| publish.generation >= change.generation);
    ZoneChange {
        serial: first.and_then(|publish| publish.serial),
        published_at: first.map(|publish| publish.at),
        ..change
    }
}

/// The changes of these generations, without their serials.
async fn changes(
    tx: &mut dyn Tx,
    zone: ZoneId,
    filter: &ChangeFilter,
    generations: &[Generation],
) -> Result<HashMap<Generation, ZoneChange>, StoreError> {
    // Who made a change is told by its first line, whatever set is asked for; what is published with it comes after.
    let mut authors = Query::new(
        "SELECT j.generation, j.at, j.request_id, j.user_id, j.project_id FROM zone_journal j WHERE j.zone_id = ",
    );
    authors.bind(zone).push(" AND j.generation IN ").bind_list(generations.iter().copied());
    authors.push(
        " AND j.seq = (SELECT MIN(f.seq) FROM zone_journal f WHERE f.zone_id = j.zone_id \
         AND f.generation = j.generation)",
    );
    let mut found = HashMap::new();
    for mut row in tx.rows(authors.sql, authors.args).await? {
        let generation = row.generation("generation")?;
        let author = Author {
            request: row.text_opt("request_id")?,
            user: row.text_opt("user_id")?,
            project: row.text_opt("project_id")?.map(ProjectId::new),
        };
        let at = row.time("at")?;
        let change =
            ZoneChange { generation, serial: None, published_at: None, at, author, sets: Vec::new() };
        found.insert(generation, change);
    }
    let mut lines = Query::new(
        "SELECT j.generation, j.name, j.kind, j.before_ttl, j.before_records, j.after_ttl, j.after_records \
         FROM zone_journal j WHERE j.zone_id = ",
    );
    lines.bind(zone).push(" AND j.generation IN ").bind_list(generations.iter().copied());
    and_sets(&mut lines, tx.dialect(), filter);
    lines.push(" ORDER BY j.generation, j.seq");
    let mut of_one: Vec<JournalEntry> = Vec::new();
    for row in tx.rows(lines.sql, lines.args).await? {
        let line = journal::entry(row)?;
        if of_one.last().is_some_and(|last| last.generation != line.generation) {
            settle(&mut found, std::mem::take(&mut of_one));
        }
        of_one.push(line);
    }
    settle(&mut found, of_one);
    Ok(found)
}

/// Puts what the lines of one generation say into its change.
fn settle(found: &mut HashMap<Generation, ZoneChange>, lines: Vec<JournalEntry>) {
    let Some(change) = lines.first().and_then(|line| found.get_mut(&line.generation)) else { return };
    let sets = fold(lines).into_iter().filter(|line| !is_mere_serial(line));
    change.sets.extend(sets.map(|JournalEntry { name, kind, before, after, .. }| ChangedSet {
        name,
        kind,
        before,
        after,
    }));
}

/// True of an SOA set of which nothing changed but the serial, which the change itself tells.
fn is_mere_serial(line: &JournalEntry) -> bool {
    let rest = |set: &Option<RrSet>| {
        let words = set.as_ref()?.records.first()?.split_whitespace().enumerate();
        Some(words.filter(|(at, _)| *at != 2).map(|(_, word)| word.to_owned()).collect::<Vec<_>>())
    };
    line.kind == RecordType::Soa && line.before.is_some() && rest(&line.before) == rest(&line.after)
}

fn serial_in(soa: Option<&RrSet>) -> Option<Serial> {
    soa?.records.first()?.split_whitespace().nth(2)?.parse().ok().map(Serial::new)
}

/// The publishes that showed changes from `first` to `last`, oldest first.
async fn publishes(
    tx: &mut dyn Tx,
    zone: ZoneId,
    first: Generation,
    last: Generation,
) -> Result<Vec<Publish>, StoreError> {
    let sql = "SELECT generation, name, kind, before_ttl, before_records, after_ttl, after_records, at \
               FROM zone_journal WHERE zone_id = $1 AND kind = 'SOA' AND generation >= $2 AND generation <= \
               COALESCE((SELECT MIN(n.generation) FROM zone_journal n WHERE n.zone_id = $1 AND n.kind = 'SOA' \
               AND n.generation >= $3), $3) ORDER BY generation, seq";
    let rows = tx.rows(sql, args![zone, first, last]).await?;
    rows.into_iter()
        .map(|mut row| {
            let at = row.time("at")?;
            let line = journal::entry(row)?;
            Ok(Publish { generation: line.generation, serial: serial_in(line.after.as_ref()), at })
        })
        .collect()
}

/// The changes that a serial showed first: those after the first generation, up to the second.
async fn span(
    tx: &mut dyn Tx,
    zone: ZoneId,
    serial: Serial,
) -> Result<Option<(Generation, Generation)>, StoreError> {
    let Some(upto) = published_as(tx, zone, serial).await? else { return Ok(None) };
    let sql = "SELECT COALESCE(MAX(generation), 0) AS n FROM zone_journal \
               WHERE zone_id = $1 AND kind = 'SOA' AND generation < $2";
    let after = tx.count(sql, args![zone, upto]).await?;
    Ok(Some((Generation::new(after), upto)))
}

/// The generation that a serial showed; `None` if the journal does not reach back to it.
///
/// # Errors
/// If the database fails.
pub async fn generation_of(
    tx: &mut dyn Tx,
    zone: ZoneId,
    serial: Serial,
) -> Result<Option<Generation>, StoreError> {
    match versions::find(tx, zone, serial).await? {
        Some(generation) => Ok(Some(generation)),
        // Versions that cannot be compared in DNS are forgotten, although the journal leads back to them.
        None => published_as(tx, zone, serial).await,
    }
}

async fn published_as(
    tx: &mut dyn Tx,
    zone: ZoneId,
    serial: Serial,
) -> Result<Option<Generation>, StoreError> {
    let sql = "SELECT generation, name, kind, before_ttl, before_records, after_ttl, after_records \
               FROM zone_journal WHERE zone_id = $1 AND kind = 'SOA' AND after_records LIKE $2 \
               ORDER BY generation, seq";
    let rows = tx.rows(sql, args![zone, format!("% {serial} %")]).await?;
    for row in rows {
        let line = journal::entry(row)?;
        if serial_in(line.after.as_ref()) == Some(serial) {
            return Ok(Some(line.generation));
        }
    }
    Ok(None)
}
