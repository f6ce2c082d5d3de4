//! The versions of the schema, one set of files per engine.
//!
//! Invariants: a file that was released never changes (its checksum is kept in the database); both engines have the same
//! numbers and names.

use rusqlite::Connection;
use tokio_postgres::Client;

use super::error::StoreError;
use super::repo::fences;

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

mod embedded_postgres {
    refinery::embed_migrations!("migrations/postgres");
}

/// The advisory lock of whoever migrates a PostgreSQL database.
const MIGRATING: i64 = 8_029_462_309_906_120_705;
/// How long one program waits for another to migrate, and how long a migration may take, in milliseconds.
const PATIENCE: &str = "600000";

/// What a migration's token is kept for.
const SCHEMA: &str = "schema";

/// Brings a SQLite database to the newest version.
pub(super) fn sqlite(connection: &mut Connection, token: Option<u64>) -> Result<(), StoreError> {
    let broken = |e: rusqlite::Error| StoreError::Migration { reason: e.to_string() };
    let claim = |connection: &Connection, token: u64| {
        let kept = connection.execute(fences::CLAIM, (SCHEMA, token.cast_signed())).map_err(broken)?;
        if kept == 0 { Err(overtaken()) } else { Ok(()) }
    };
    if let Some(token) = token {
        let fences = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'fences'";
        if connection.prepare(fences).and_then(|mut s| s.exists([])).map_err(broken)? {
            claim(connection, token)?;
        }
    }
    embedded::migrations::runner().run(connection).map_err(|e| failed(&e))?;
    token.map_or(Ok(()), |token| claim(connection, token))
}

fn overtaken() -> StoreError {
    StoreError::Fenced { resource: SCHEMA.to_owned() }
}

/// The last version applied to a SQLite database.
pub(super) fn sqlite_version(connection: &mut Connection) -> Result<Option<u32>, StoreError> {
    let history = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'refinery_schema_history'";
    let migrated = connection.prepare(history).and_then(|mut s| s.exists([]));
    if !migrated.map_err(|e| StoreError::Migration { reason: e.to_string() })? {
        return Ok(None);
    }
    let last = embedded::migrations::runner().get_last_applied_migration(connection);
    Ok(last.map_err(|e| failed(&e))?.and_then(|m| u32::try_from(m.version()).ok()))
}

/// The newest version this program knows.
pub(super) fn latest() -> u32 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().filter_map(|m| u32::try_from(m.version()).ok()).max().unwrap_or(0)
}

/// Brings a PostgreSQL database to the newest version, over a connection that ends afterwards: the lock that keeps other
/// programs from doing the same ends with it. Under that lock it is seen whether a later holder of the coordinator's lock was
/// here before.
pub(super) async fn postgres(client: &mut Client, token: Option<u64>) -> Result<(), StoreError> {
    let settings = format!("SET statement_timeout = {PATIENCE}; SET lock_timeout = {PATIENCE}");
    client.batch_execute(&settings).await.map_err(|e| refused(&e))?;
    let encoding = client.query_one("SHOW server_encoding", &[]).await.map_err(|e| refused(&e))?;
    let encoding: String = encoding.try_get(0).map_err(|e| refused(&e))?;
    if encoding != "UTF8" {
        let reason = format!("the database's encoding must be UTF8, it is {encoding}");
        return Err(StoreError::Migration { reason });
    }
    client.query_one("SELECT pg_advisory_lock($1)", &[&MIGRATING]).await.map_err(|e| refused(&e))?;
    if let Some(token) = token {
        let fences = client.query_one("SELECT to_regclass('fences') IS NOT NULL", &[]).await;
        if fences.and_then(|row| row.try_get(0)).map_err(|e| refused(&e))? {
            claim(client, token).await?;
        }
    }
    let done = embedded_postgres::migrations::runner().run_async(client).await;
    done.map_err(|e| failed(&e))?;
    match token {
        Some(token) => claim(client, token).await,
        None => Ok(()),
    }
}

async fn claim(client: &Client, token: u64) -> Result<(), StoreError> {
    let kept = client.execute(fences::CLAIM, &[&SCHEMA, &token.cast_signed()]).await;
    if kept.map_err(|e| refused(&e))? == 0 { Err(overtaken()) } else { Ok(()) }
}

/// The last version applied to a PostgreSQL database.
pub(super) async fn postgres_version(client: &Client) -> Result<Option<u32>, StoreError> {
    let history = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let row = client.query_one(history, &[]).await.map_err(|e| refused(&e))?;
    if !row.try_get(0).map_err(|e| refused(&e))? {
        return Ok(None);
    }
    let last = "SELECT MAX(version) FROM refinery_schema_history";
    let row = client.query_one(last, &[]).await.map_err(|e| refused(&e))?;
    let last: Option<i32> = row.try_get(0).map_err(|e| refused(&e))?;
    Ok(last.and_then(|version| u32::try_from(version).ok()))
}

fn refused(error: &tokio_postgres::Error) -> StoreError {
    match super::driver::failure(error) {
        StoreError::Statement { reason } => StoreError::Migration { reason },
        other => other,
    }
}

fn failed(error: &refinery::Error) -> StoreError {
    // What the connection or the server was in the way of may pass; what the migrations are in the way of does not.
    if let refinery::error::Kind::Connection(_, cause) = error.kind()
        && let Some(cause) = cause.downcast_ref::<tokio_postgres::Error>()
    {
        return refused(cause);
    }
    StoreError::Migration { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    fn names(engine: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn both_engines_have_the_same_migrations() {
        assert_eq!(names("sqlite"), names("postgres"));
        assert_eq!(u32::try_from(names("sqlite").len()).unwrap(), super::latest());
    }
}
