//! The URL of a PostgreSQL database.
//!
//! Invariants: `sslmode` and `sslrootcert` mean what they mean to libpq, except that `verify-ca` also checks the name; an
//! error never repeats the URL, which may hold a password.

use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::store::error::StoreError;

/// Whose certificate is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// No encryption.
    Nobody,
    /// Whoever answers.
    Anybody,
    /// Those that the system trusts.
    System,
    /// Those that the certificates in this file vouch for.
    File(PathBuf),
}

/// Where to connect to.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) trust: Trust,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for parameter in query.split('&').filter(|p| !p.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(decoded(value)?)),
                _ => rest.push(parameter),
            }
        }
        let (ssl_mode, trust) = match (mode.unwrap_or("prefer"), roots) {
            ("disable", _) => (SslMode::Disable, Trust::Nobody),
            ("allow" | "prefer", _) => (SslMode::Prefer, Trust::Anybody),
            ("require", None) => (SslMode::Require, Trust::Anybody),
            ("require" | "verify-ca" | "verify-full", Some(file)) => (SslMode::Require, Trust::File(file)),
            ("verify-ca" | "verify-full", None) => (SslMode::Require, Trust::System),
            _ => return Err(StoreError::Url),
        };
        let join = if rest.is_empty() { "" } else { "?" };
        let mut config: Config =
            format!("{base}{join}{}", rest.join("&")).parse().map_err(|_| StoreError::Url)?;
        if config.get_hosts().is_empty() {
            return Err(StoreError::Url);
        }
        config.ssl_mode(ssl_mode);
        Ok(Self { config, trust })
    }
}

/// `%2F` as `/`.
fn decoded(text: &str) -> Result<String, StoreError> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let digits = [rest.next(), rest.next()];
        let value = digits.into_iter().try_fold(0, |sum, digit| {
            let digit = char::from(digit?).to_digit(16)?;
            Some(sum * 16 + digit)
        });
        octets.push(value.and_then(|v| u8::try_from(v).ok()).ok_or(StoreError::Url)?);
    }
    String::from_utf8(octets).map_err(|_| StoreError::Url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(query: &str) -> Result<Trust, StoreError> {
        Target::parse(&format!("postgresql://u:p@db.example:5433/ordain{query}")).map(|t| t.trust)
    }

    #[test]
    fn sslmode_says_who_is_trusted() {
        let file = Trust::File("/etc/ca file.pem".into());
        assert_eq!(trust(""), Ok(Trust::Anybody));
        assert_eq!(trust("?sslmode=disable"), Ok(Trust::Nobody));
        assert_eq!(trust("?connect_timeout=3&sslmode=require"), Ok(Trust::Anybody));
        assert_eq!(trust("?sslmode=verify-full"), Ok(Trust::System));
        assert_eq!(trust("?sslmode=require&sslrootcert=/etc/ca%20file.pem"), Ok(file.clone()));
        assert_eq!(trust("?sslrootcert=%2fetc/ca%20file.pem&sslmode=verify-ca"), Ok(file));
        assert_eq!(trust("?sslmode=maybe"), Err(StoreError::Url));
        assert_eq!(trust("?sslmode=verify-ca&sslrootcert=%f"), Err(StoreError::Url));
    }

    #[test]
    fn other_parameters_reach_the_connection() {
        let target = Target::parse(
            "postgres://u@/db?sslmode=disable&host=/run/postgresql&options=-csearch_path%3Dx&application_name=n",
        );
        let config = target.unwrap_or_else(|_| unreachable!()).config;
        assert_eq!(config.get_options(), Some("-csearch_path=x"));
        assert_eq!((config.get_application_name(), config.get_dbname()), (Some("n"), Some("db")));
    }

    #[test]
    fn a_url_without_host_or_with_unknown_parameters_is_refused() {
        for url in ["postgresql:///db", "postgresql://h/db?colour=red", "postgresql://h:port/db"] {
            assert!(matches!(Target::parse(url), Err(StoreError::Url)), "{url}");
        }
    }
}
