//! What can be asked of central: the owner of business rules, quotas and nearly all writes.
//!
//! Invariants: a message carries values already checked for their shape; a reply is what the database holds after the
//! change. A change is a row before it is a message: whoever gets an answer can rely on it surviving a crash.

pub mod blacklists;
pub mod changes;
pub mod floating_ips;
pub mod inbox;
pub mod outbox;
pub mod pools;
pub mod quotas;
pub mod recordsets;
pub mod reports;
pub mod services;
pub mod shares;
pub mod static_tokens;
pub mod status;
pub mod tasks;
pub mod tlds;
pub mod transfers;
pub mod tsig_keys;
pub mod zones;

/// For whoever changes a zone in a transaction of its own, as a worker does with what a master gave it: what others are told
/// belongs into that transaction.
pub(in crate::actors) use super::notify::{Emitter, Event};
use crate::transport::{Routes, Service, Visit};

/// The tag that callers of central name.
#[derive(Debug, Clone, Copy)]
pub struct Central;

impl Service for Central {
    const NAME: &'static str = "central";
}

/// Names the tables once: a handler for all of them, all their messages to be mounted, and to be shown.
macro_rules! tables {
    ($first:ident $($table:ident)+) => {
        /// A handler for everything that can be asked.
        pub trait Handlers: $first::Handlers $(+ $table::Handlers)+ {}

        impl<H: $first::Handlers $(+ $table::Handlers)+> Handlers for H {}

        /// All messages, to be mounted.
        #[must_use]
        pub fn routes<H: Handlers>() -> Routes<H> {
            $first::routes()$(.and($table::routes()))+
        }

        /// Shows every message.
        pub fn describe<V: Visit>(visit: &mut V) {
            $first::describe(visit);
            $($table::describe(visit);)+
        }
    };
}

tables! {
    zones
    recordsets
    status
    services
    inbox
    outbox
    static_tokens
    blacklists
    tlds
    tsig_keys
    quotas
    shares
    transfers
    pools
    tasks
    reports
    floating_ips
    changes
}
