//! The files of the TLS configuration.
//!
//! Invariants: read again for each connection, so that renewed certificates come into use.

use std::path::Path;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};

use super::error::AmqpError;
use crate::config::AmqpConfig;

/// What a connection shows and trusts.
pub(super) async fn load(config: &AmqpConfig) -> Result<OwnedTLSConfig, AmqpError> {
    let identity = match (&config.cert_file, &config.key_file) {
        (Some(cert), Some(key)) => {
            Some(OwnedIdentity::PKCS8 { pem: read(cert).await?, key: read(key).await? })
        }
        _ => None,
    };
    let cert_chain = match &config.ca_file {
        Some(path) => Some(String::from_utf8_lossy(&read(path).await?).into_owned()),
        None => None,
    };
    Ok(OwnedTLSConfig { identity, cert_chain })
}

async fn read(path: &Path) -> Result<Vec<u8>, AmqpError> {
    let read = tokio::fs::read(path).await;
    read.map_err(|source| AmqpError::File { path: path.display().to_string(), source })
}
