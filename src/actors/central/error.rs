//! How a transaction of central ends when it does not end well.

use thiserror::Error;

use super::refusals;
use crate::store::StoreError;
use crate::transport::Fault;

/// Why a transaction was given up; it left nothing behind.
#[derive(Debug, Error)]
pub(super) enum CentralError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rule said no.
    #[error("{0}")]
    Refused(Fault),
}

impl From<Fault> for CentralError {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl From<CentralError> for Fault {
    fn from(error: CentralError) -> Self {
        match error {
            CentralError::Store(store) => store_fault(store),
            CentralError::Refused(fault) => fault,
        }
    }
}

fn store_fault(error: StoreError) -> Fault {
    match error {
        StoreError::MarkerNotFound => refusals::marker_not_found(),
        StoreError::Retry { .. } | StoreError::Unavailable { .. } => {
            Fault::unavailable("database_unavailable", "The database cannot do this now")
        }
        StoreError::Unsettled { .. } => {
            Fault::unavailable("database_unavailable", "The database went away meanwhile").and_maybe_done()
        }
        StoreError::Fenced { resource } => {
            Fault::conflict("fenced", format!("a newer holder of {resource} is at work"))
        }
        StoreError::Argument { .. } => {
            refusals::bad_request("The database cannot take a value of this request")
        }
        other => Fault::internal("unknown", other.to_string()),
    }
}
