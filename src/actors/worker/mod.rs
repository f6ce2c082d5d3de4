//! The worker: brings zones to the name servers of their pool and finds out whether they arrived.

pub mod api;
pub mod backends;
