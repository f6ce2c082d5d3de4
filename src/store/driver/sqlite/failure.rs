//! What SQLite's failures mean.
//!
//! Invariants: constraint names are those of the PostgreSQL migration (`table_column_column`).

use rusqlite::ffi;
use rusqlite::{Error, ErrorCode};

use crate::store::error::StoreError;

/// Reads a failure.
pub(super) fn read(error: &Error) -> StoreError {
    let Error::SqliteFailure(failure, message) = error else {
        return StoreError::Statement { reason: error.to_string() };
    };
    let reason = message.clone().unwrap_or_else(|| failure.to_string());
    match (failure.code, failure.extended_code) {
        (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
            StoreError::Unique { constraint: constraint(&reason) }
        }
        (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::Reference,
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Retry { reason },
        (
            ErrorCode::CannotOpen
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
            _,
        ) => StoreError::Unavailable { reason },
        // The engine has no code for this: a pattern of more than 50000 bytes, the most that it was built for.
        _ if reason.ends_with("pattern too complex") => StoreError::Argument { reason },
        (ErrorCode::TooBig, _) => StoreError::Argument { reason },
        _ => StoreError::Statement { reason },
    }
}

/// `UNIQUE constraint failed: table.a, table.b` as `table_a_b`.
fn constraint(message: &str) -> String {
    let columns = message.rsplit(": ").next().unwrap_or(message);
    let mut name = String::new();
    for column in columns.split(", ") {
        let (table, column) = column.split_once('.').unwrap_or(("", column));
        if name.is_empty() {
            name.push_str(table);
        }
        name.push('_');
        name.push_str(column);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_named_after_table_and_columns() {
        let message = "UNIQUE constraint failed: zones.name_key, zones.pool_id, zones.deleted";
        assert_eq!(constraint(message), "zones_name_key_pool_id_deleted");
    }
}
