//! Our own name servers: what they show is what is published.

pub mod api;
