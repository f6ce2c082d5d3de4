//! Why a deployment did not start.

use std::io;

use thiserror::Error;

use crate::actors::central::pools::PoolUpdateError;
use crate::config::pool_file::PoolFileError;
use crate::dns::server::BindError;
use crate::domain::policy::PolicyError;
use crate::store::StoreError;
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
    #[error("database: {0}")]
    Store(#[from] StoreError),
    /// The tokens given out so far.
    #[error("coordinator: {0}")]
    Coordinator(#[from] coordinator::CounterError),
    /// The policy file.
    #[error("cannot read the policy file {path}")]
    PolicyFile {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The policy file's form.
    #[error("policy file {path}: {reason}")]
    PolicySyntax {
        /// Which.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The rules in it.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// The pool file.
    #[error("cannot read the pool file {path}")]
    PoolFile {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// What the pool file says.
    #[error("{0}")]
    PoolFileForm(#[from] PoolFileError),
    /// The pools that it asks for.
    #[error("pools: {0}")]
    Pools(#[from] PoolUpdateError),
    /// An address for DNS.
    #[error("{0}")]
    Dns(#[from] BindError),
    /// An address for the API.
    #[error("the API cannot listen on {addresses}")]
    Api {
        /// Where.
        addresses: String,
        /// What the system said.
        source: io::Error,
    },
    /// A service.
    #[error("{service} did not start: {fault}")]
    Service {
        /// Which.
        service: &'static str,
        /// Why.
        fault: Fault,
    },
    /// An actix system around the deployment.
    #[error("{0}")]
    NoSystem(#[from] NoSystem),
}
