//! A cluster of processes that agree on one log.
//!
//! **Invariants**: nothing outside this folder knows openraft. The network is behind [`Link`] and [`Serve`].
pub mod net;
pub mod peer;
mod remote;
mod runtime;
pub mod types;

pub use self::{
    peer::{Call, Identity, Link, LinkError, Refusal, Request, Response, Serve},
    remote::Remote,
    runtime::Runtime,
    types::{Batch, ClusterId, NodeId, Peer},
};
