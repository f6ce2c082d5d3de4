//! The transfer client without a network, for `fuzz/`.
//!
//! Invariants: nothing here waits: what is to come from the master is there already.

use tokio::time::Instant;

use super::stream::read_zone;
use super::{Arrived, TransferError, TransferLimits};
use crate::domain::name::Name;

/// What comes of a master that sends these octets to a question with this id, and closes.
///
/// # Errors
/// As over a network.
pub async fn read_from(
    octets: &[u8],
    zone: &Name,
    id: u16,
    limits: &TransferLimits,
) -> Result<Arrived, TransferError> {
    let stream = tokio::io::join(octets, tokio::io::sink());
    read_zone(stream, zone, id, limits, Instant::now() + limits.total).await
}
