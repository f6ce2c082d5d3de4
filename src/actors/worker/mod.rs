//! The worker: brings zones to the name servers of their pool and finds out whether they arrived.

mod announcer;
pub mod api;
pub mod backends;
mod backoff;
mod desk;
mod kit;
mod propagation;
mod push;
mod tools;
mod wants;
