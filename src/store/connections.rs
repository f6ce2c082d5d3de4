//! The connections of a store: how many, and how patient.
//!
//! Invariants: every wait has an end.

use std::time::Duration;

/// How many connections there are, and how long anything on them may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// SQLite: reading transactions at a time; more wait.
    pub readers: usize,
    /// PostgreSQL: transactions at a time; more wait.
    pub pool: usize,
    /// The longest wait for a connection, for readers and writers.
    pub patience: Duration,
    /// PostgreSQL: how long opening a connection may take.
    pub connect: Duration,
    /// PostgreSQL: how long a statement may run; the database ends it.
    pub statement: Duration,
    /// PostgreSQL: how long a statement may wait for another transaction's lock.
    pub lock: Duration,
    /// PostgreSQL: how long a transaction may stand still between two statements; the database ends it.
    pub idle_in_transaction: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            readers: 16,
            pool: 20,
            patience: Duration::from_secs(30),
            connect: Duration::from_secs(5),
            statement: Duration::from_secs(30),
            lock: Duration::from_secs(10),
            idle_in_transaction: Duration::from_secs(10),
        }
    }
}
