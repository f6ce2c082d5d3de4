//! The versions of the schema, one set of files per engine.
//!
//! Invariants: a file that was released never changes (its checksum is kept in the database); both engines have the same
//! numbers and names.

use rusqlite::Connection;

use super::error::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Brings a SQLite database to the newest version.
pub(super) fn sqlite(connection: &mut Connection) -> Result<(), StoreError> {
    embedded::migrations::runner().run(connection).map(drop).map_err(|e| failed(&e))
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

fn failed(error: &refinery::Error) -> StoreError {
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
