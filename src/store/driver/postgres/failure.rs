//! What PostgreSQL's failures mean.
//!
//! Invariants: only what the engine calls a collision is one, so nothing runs again whose outcome is unknown; the detail
//! of a message, which may hold values, is left out.

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::store::driver::Mode;
use crate::store::error::StoreError;

/// Reads the failure of a statement, or of a connection.
pub(super) fn read(error: &Error, mode: Mode) -> StoreError {
    match error.as_db_error() {
        Some(error) => told(error, mode),
        // The statement was not even sent if the values do not fit; all else is the connection's fault.
        None if is_misfit(error) => StoreError::Statement { reason: chain(error) },
        None => StoreError::Unavailable { reason: chain(error) },
    }
}

/// Reads why there is no connection.
pub(super) fn pool(error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => match read(error, Mode::Write) {
            StoreError::Statement { reason } => StoreError::Unavailable { reason },
            other => other,
        },
        PoolError::Timeout(_) => StoreError::Unavailable { reason: "no connection came free in time".into() },
        other => StoreError::Unavailable { reason: other.to_string() },
    }
}

fn told(error: &DbError, mode: Mode) -> StoreError {
    let code = error.code();
    let reason = format!("{} ({})", error.message(), code.code());
    if *code == SqlState::UNIQUE_VIOLATION {
        return StoreError::Unique { constraint: error.constraint().unwrap_or_default().to_owned() };
    }
    if *code == SqlState::FOREIGN_KEY_VIOLATION {
        return StoreError::Reference;
    }
    let class = code.code().get(..2).unwrap_or_default();
    // A database that takes no writes is one that was demoted, or follows another.
    let demoted = *code == SqlState::READ_ONLY_SQL_TRANSACTION && mode == Mode::Write;
    // What an operator can set right without us: a limit, a missing database, a missing grant.
    let withheld = [
        SqlState::QUERY_CANCELED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ]
    .contains(code);
    let unfit = [
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        SqlState::UNTRANSLATABLE_CHARACTER,
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        SqlState::STATEMENT_TOO_COMPLEX,
    ]
    .contains(code);
    match class {
        // Serialization failures and deadlocks.
        "40" => StoreError::Retry { reason },
        // Connections, credentials, resources, shutdown and crashes, files.
        "08" | "28" | "53" | "57" | "58" | "XX" => StoreError::Unavailable { reason },
        _ if unfit => StoreError::Argument { reason },
        _ if demoted || withheld => StoreError::Unavailable { reason },
        _ => StoreError::Statement { reason },
    }
}

fn is_misfit(error: &Error) -> bool {
    let text = error.to_string();
    ["error serializing parameter", "error deserializing column", "expected "]
        .iter()
        .any(|s| text.starts_with(s))
}

/// The error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
