//! Why a deployment did not start.
//!
//! Invariant: a text does not repeat its cause, so that the chain of causes reads as one sentence.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::actors::central::pools::PoolUpdateError;
use crate::config::policy_file::PolicyFileError;
use crate::config::pool_file::PoolFileError;
use crate::dns::server::BindError;
use crate::domain::policy::PolicyError;
use crate::remote::http::TrustError;
use crate::store::StoreError;
use crate::transport::amqp::AmqpError;
use crate::transport::{Fault, NoSystem};

/// What could not be had.
#[derive(Debug, Error)]
pub enum StartError {
    /// A folder for data.
    #[error("cannot make the folder {path}")]
    DataFolder {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens given out so far.
    #[error(transparent)]
    Coordinator(#[from] coordinator::CounterError),
    /// This process's part of the cluster.
    #[error(transparent)]
    Cluster(#[from] coordinator::cluster::OpenError),
    /// The address for the other processes of the cluster.
    #[error("the coordinator cannot listen on {address}")]
    ClusterListen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificates of the cluster.
    #[error("the cluster's certificates cannot be used")]
    ClusterSecurity {
        /// Why.
        source: io::Error,
    },
    /// A lock that somebody else has, or got because this process could not keep it.
    #[error("the lock {lock} was not had: {reason}")]
    Occupied {
        /// Which.
        lock: coordinator::LockName,
        /// Why.
        reason: String,
    },
    /// The policy file.
    #[error("cannot read the policy file {path}")]
    PolicyFile {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The policy file's form.
    #[error("policy file {path}")]
    PolicyFileForm {
        /// Which.
        path: String,
        /// What is wrong.
        source: PolicyFileError,
    },
    /// The rules in it.
    #[error("policy: {at}")]
    Policy {
        /// File and line.
        at: String,
        /// What is wrong.
        source: PolicyError,
    },
    /// What Keystone is known by.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The pool file.
    #[error("cannot read the pool file {path}")]
    PoolFile {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// What the pool file says.
    #[error(transparent)]
    PoolFileForm(#[from] PoolFileError),
    /// The pools that it asks for.
    #[error(transparent)]
    Pools(#[from] PoolUpdateError),
    /// An address for DNS.
    #[error(transparent)]
    Dns(#[from] BindError),
    /// An address for the API.
    #[error("the API cannot listen on {addresses}")]
    Api {
        /// Where.
        addresses: String,
        /// What the system said.
        source: io::Error,
    },
    /// An address for questions about health.
    #[error("/healthcheck cannot listen on {addresses}")]
    Health {
        /// Where.
        addresses: String,
        /// What the system said.
        source: io::Error,
    },
    /// The way to the broker.
    #[error("broker: {0}")]
    Broker(#[from] AmqpError),
    /// A service.
    #[error("{service} did not start: {fault}")]
    Service {
        /// Which.
        service: &'static str,
        /// Why.
        fault: Fault,
    },
    /// The start itself.
    #[error("the start was interrupted: {reason}")]
    Interrupted {
        /// How.
        reason: String,
    },
    /// An actix system around the deployment.
    #[error(transparent)]
    NoSystem(#[from] NoSystem),
}

impl StartError {
    /// True if somebody else may set right what is in the way: a database that is not there or refuses us, a lock that
    /// another process holds.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            // A newer holder of the lock was here: it may be had again.
            Self::Store(StoreError::Fenced { .. })
            | Self::Pools(PoolUpdateError::Store(StoreError::Fenced { .. }))
            | Self::Occupied { .. } => true,
            Self::Store(error) | Self::Pools(PoolUpdateError::Store(error)) => error.may_pass(),
            Self::Coordinator(error) => matches!(error, coordinator::CounterError::InUse { .. }),
            Self::DataFolder { source, .. } => source.kind() == io::ErrorKind::ResourceBusy,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_causes_says_nothing_twice() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let address = SocketAddr::from(([127, 0, 0, 1], 53));
        let errors = [
            StartError::from(StoreError::Unavailable { reason: "no disk".into() }),
            StartError::from(coordinator::CounterError::InUse { path: "tokens".into() }),
            StartError::from(BindError { address, protocol: "UDP", source: denied() }),
            StartError::PoolFile { path: "pools.yaml".into(), source: denied() },
        ];
        for error in errors {
            let text = format!("{:#}", anyhow::Error::from(error));
            let mut parts: Vec<&str> = text.split(": ").collect();
            let all = parts.len();
            parts.sort_unstable();
            parts.dedup();
            assert_eq!(parts.len(), all, "{text}");
        }
    }
}
