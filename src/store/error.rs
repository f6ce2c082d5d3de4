//! What can go wrong with the database, the same for every engine.
//!
//! Invariants: a message never holds a password or a statement's values; [`StoreError::is_retry`] is true only where
//! running the whole transaction again can help.

use thiserror::Error;

/// Why the database refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// A row with these values is there already.
    #[error("unique constraint {constraint} is violated")]
    Unique {
        /// `table_column_column`, the same in every engine.
        constraint: String,
    },
    /// A row refers to one that is not there, or one is still referred to.
    #[error("a reference between rows is broken")]
    Reference,
    /// Another transaction came in between; the same transaction may pass if run again.
    #[error("collided with another transaction: {reason}")]
    Retry {
        /// What the engine said.
        reason: String,
    },
    /// The database cannot be reached, opened or written to now.
    #[error("database is unavailable: {reason}")]
    Unavailable {
        /// What the engine or the pool of connections said.
        reason: String,
    },
    /// The connection was lost while committing: the transaction was done or was not, nobody can tell.
    #[error("database went away while committing: {reason}")]
    Unsettled {
        /// What the connection said.
        reason: String,
    },
    /// A stored value is not what the column must hold.
    #[error("column {column} holds a broken value: {reason}")]
    Corrupt {
        /// The column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The marker of a page names no row of the list.
    #[error("marker is not in the list")]
    MarkerNotFound,
    /// A newer holder of the resource has written already.
    #[error("a newer token was seen for {resource}")]
    Fenced {
        /// What is fenced.
        resource: String,
    },
    /// The engine does not take a value given to it: a filter beyond its limits, a character that it has no place for.
    #[error("an argument is not one for this database: {reason}")]
    Argument {
        /// What the engine said.
        reason: String,
    },
    /// The engine does not take the statement, or the transaction failed before: a defect of this program.
    #[error("statement failed: {reason}")]
    Statement {
        /// What the engine said.
        reason: String,
    },
    /// The schema cannot be brought to this program's version.
    #[error("migration failed: {reason}")]
    Migration {
        /// What stood in the way.
        reason: String,
    },
    /// The schema is older than this program needs, and it is not for this program to change it.
    #[error("the schema's version is {found}, not {wanted} yet: run `ordain db migrate`")]
    Behind {
        /// The version that is there; zero without any.
        found: u32,
        /// The version that is needed.
        wanted: u32,
    },
    /// The database URL is not understood.
    #[error("database url must be sqlite::memory:, sqlite:PATH or postgresql://USER:PASSWORD@HOST/DATABASE")]
    Url,
}

impl StoreError {
    /// True if running the transaction again can help.
    #[must_use]
    pub const fn is_retry(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }

    /// True if waiting can help: somebody else may set right what is in the way.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Retry { .. } | Self::Unavailable { .. } | Self::Unsettled { .. } | Self::Behind { .. }
        )
    }

    /// True if it is the violation of this constraint (`table_column_column`).
    #[must_use]
    pub fn is_unique(&self, name: &str) -> bool {
        matches!(self, Self::Unique { constraint } if constraint == name)
    }

    pub(crate) fn corrupt(column: &str, reason: &(impl ToString + ?Sized)) -> Self {
        Self::Corrupt { column: column.to_owned(), reason: reason.to_string() }
    }
}
