//! Where the database is, and how patient its users are.
//!
//! Invariants: a password in a URL is never printed, neither by a refusal, nor by `config show`, nor for debugging.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::reader::Section;
use super::setting::{Setting, expected};

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`: an SQLite file, made if absent.
    SqliteFile(PathBuf),
    /// `sqlite::memory:`: an SQLite database that ends with the process.
    SqliteMemory,
    /// `postgresql://USER:PASSWORD@HOST/DATABASE`: a PostgreSQL database, shared by the processes of a deployment.
    Postgres(PostgresUrl),
}

/// The URL of a PostgreSQL database; prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    /// A URL that starts with `postgresql://`.
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self(url)
    }

    /// The whole of it.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, query) = self.0.split_once('?').map_or((self.0.as_str(), None), |(b, q)| (b, Some(q)));
        let (scheme, rest) = base.split_once("://").unwrap_or(("postgresql", base));
        write!(f, "{scheme}://")?;
        match rest.rsplit_once('@') {
            None => f.write_str(rest)?,
            Some((user, place)) => match user.split_once(':') {
                None => write!(f, "{user}@{place}")?,
                Some((user, _)) => write!(f, "{user}:***@{place}")?,
            },
        }
        for (at, parameter) in query.iter().flat_map(|query| query.split('&')).enumerate() {
            f.write_str(if at == 0 { "?" } else { "&" })?;
            f.write_str(if parameter.starts_with("password=") { "password=***" } else { parameter })?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl Setting for DatabaseUrl {
    /// A refused URL is not repeated: it may hold a password.
    fn read(value: &Value) -> Result<Self, String> {
        let form = "a database such as \"sqlite:/var/lib/ordain/ordain.db\" or \"postgresql://ordain@db.example.org/ordain\"";
        let Some(url) = value.as_str() else { return Err(expected(form, value)) };
        match url.split_once(':') {
            Some(("sqlite", ":memory:")) => Ok(Self::SqliteMemory),
            Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(String::from("the path after \"sqlite:\" is missing")),
                path => Ok(Self::SqliteFile(PathBuf::from(path))),
            },
            Some(("postgresql" | "postgres", place)) if place.len() > 2 && place.starts_with("//") => {
                Ok(Self::Postgres(PostgresUrl::new(url.to_owned())))
            }
            _ => Err(format!("expected {form}")),
        }
    }

    fn print(&self) -> String {
        match self {
            Self::SqliteFile(path) => format!("sqlite:{}", path.display()).print(),
            Self::SqliteMemory => String::from("sqlite::memory:").print(),
            Self::Postgres(url) => url.to_string().print(),
        }
    }
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// The database.
    pub url: DatabaseUrl,
    /// A service that starts brings the schema up to date; otherwise it waits until somebody does.
    pub migrate: bool,
    /// SQLite: connections for reading; writing has one of its own.
    pub readers: usize,
    /// PostgreSQL: connections of this process.
    pub pool_size: usize,
    /// How long a transaction may wait for a connection.
    pub acquire_timeout: Duration,
    /// PostgreSQL: how long opening a connection may take.
    pub connect_timeout: Duration,
    /// PostgreSQL: how long a statement may run.
    pub statement_timeout: Duration,
    /// PostgreSQL: how long a statement may wait for a lock.
    pub lock_timeout: Duration,
    /// PostgreSQL: how long a transaction may stand still.
    pub idle_in_transaction_timeout: Duration,
}

impl DatabaseConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        Self {
            url: s.get(
                "url",
                DatabaseUrl::SqliteFile(PathBuf::from("/var/lib/ordain/ordain.db")),
                "The database: sqlite:PATH, sqlite::memory: or postgresql://USER:PASSWORD@HOST:PORT/DATABASE, the last \
                 with parameters as libpq has them, such as ?sslmode=verify-full&sslrootcert=FILE.",
            ),
            migrate: s.get(
                "migrate",
                true,
                "A service that starts brings the schema up to date; if false it waits for `ordain db migrate`.",
            ),
            readers: s.within(
                "readers",
                16usize,
                1..=64,
                "SQLite: connections for reading; writing has one of its own.",
            ),
            pool_size: s.within("pool_size", 20usize, 1..=1000, "PostgreSQL: connections of this process."),
            acquire_timeout: s.get(
                "acquire_timeout",
                Duration::from_secs(10),
                "How long a transaction may wait for a connection.",
            ),
            connect_timeout: bound(
                s,
                "connect_timeout",
                Duration::from_secs(5),
                "PostgreSQL: how long opening a connection may take.",
            ),
            statement_timeout: bound(
                s,
                "statement_timeout",
                Duration::from_secs(30),
                "PostgreSQL: how long a statement may run before the database ends it.",
            ),
            lock_timeout: bound(
                s,
                "lock_timeout",
                Duration::from_secs(10),
                "PostgreSQL: how long a statement may wait for a lock of another transaction.",
            ),
            idle_in_transaction_timeout: bound(
                s,
                "idle_in_transaction_timeout",
                Duration::from_secs(10),
                "PostgreSQL: how long a transaction may stand still before the database ends it: what a process that is cut \
                 off has locked is free after it.",
            ),
        }
    }
}

/// A time-out, which zero would switch off.
fn bound(s: &mut Section<'_>, key: &'static str, default: Duration, about: &'static str) -> Duration {
    let bound = s.get(key, default, about);
    s.check(key, !bound.is_zero(), || String::from("must not be zero"));
    bound
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn passwords_are_never_printed() {
        for (url, shown) in [
            ("postgresql://u:s3cret@h:5432/db", "postgresql://u:***@h:5432/db"),
            ("postgres://u:s3@cret@h/db?sslmode=disable", "postgres://u:***@h/db?sslmode=disable"),
            ("postgresql://u@h/db?password=s3cret&user=x", "postgresql://u@h/db?password=***&user=x"),
            ("postgresql://h/db", "postgresql://h/db"),
        ] {
            let read = DatabaseUrl::read(&json!(url)).unwrap();
            assert_eq!(read.print(), format!("\"{shown}\""));
            assert!(!format!("{read:?}").contains("cret"));
            assert!(matches!(read, DatabaseUrl::Postgres(kept) if kept.secret() == url));
        }
    }

    #[test]
    fn a_refused_url_is_not_repeated() {
        for url in ["mysql://u:s3cret@h/db", "postgresql:u:s3cret@h", "postgresql://", "sqlite:"] {
            let refused = DatabaseUrl::read(&json!(url)).unwrap_err();
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }
}
