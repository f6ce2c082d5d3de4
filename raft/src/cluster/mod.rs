//! A cluster of processes that agree on one log.
//!
//! **Invariants**: nothing outside this folder knows openraft. The network is behind [`Link`] and [`Serve`].
mod apply;
mod backup;
mod campaign;
mod commands;
pub mod disk;
mod feed;
mod founding;
mod gather;
mod init;
pub(crate) mod journal;
mod log;
pub mod net;
mod network;
mod node;
mod operate;
pub mod operation;
pub mod peer;
mod propose;
mod remote;
mod runtime;
mod serve;
pub(crate) mod snapshot;
mod status;
mod timing;
pub mod types;
mod writer;

pub use self::{
    disk::{Disk, DiskFile, Folder},
    journal::JournalError,
    node::{Node, OpenError},
    operation::{OperateError, Operated, Operation, Status},
    peer::{Call, Identity, Link, LinkError, Refusal, Request, Response, Serve},
    remote::Remote,
    runtime::Runtime,
    timing::Timing,
    types::{Batch, ClusterId, NodeId, Peer},
};

#[cfg(test)]
mod tests;
