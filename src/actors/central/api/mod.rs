//! What can be asked of central: the owner of business rules, quotas and nearly all writes.
//!
//! Invariants: a message carries values already checked for their shape; a reply is what the database holds after the
//! change. A change is a row before it is a message: whoever gets an answer can rely on it surviving a crash.

pub mod inbox;
pub mod outbox;
pub mod recordsets;
pub mod services;
pub mod status;
pub mod zones;

use crate::transport::{Routes, Service, Visit};

/// The tag that callers of central name.
#[derive(Debug, Clone, Copy)]
pub struct Central;

impl Service for Central {
    const NAME: &'static str = "central";
}

/// A handler for everything that can be asked.
pub trait Handlers:
    zones::Handlers
    + recordsets::Handlers
    + status::Handlers
    + services::Handlers
    + inbox::Handlers
    + outbox::Handlers
{
}

impl<
    H: zones::Handlers
        + recordsets::Handlers
        + status::Handlers
        + services::Handlers
        + inbox::Handlers
        + outbox::Handlers,
> Handlers for H
{
}

/// All messages, to be mounted.
#[must_use]
pub fn routes<H: Handlers>() -> Routes<H> {
    zones::routes()
        .and(recordsets::routes())
        .and(status::routes())
        .and(services::routes())
        .and(inbox::routes())
        .and(outbox::routes())
}

/// Shows every message.
pub fn describe<V: Visit>(visit: &mut V) {
    zones::describe(visit);
    recordsets::describe(visit);
    status::describe(visit);
    services::describe(visit);
    inbox::describe(visit);
    outbox::describe(visit);
}
