//! What goes wrong between us and a broker, and how callers hear of it.
//!
//! Invariants: no text holds credentials; a fault says `maybe_done` exactly if the message may have left for the broker.

use std::io;

use crate::transport::fault::Fault;

/// The transport could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// A file of the TLS configuration.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// There is no connection to a broker; nothing was sent.
pub(super) fn away() -> Fault {
    Fault::unavailable("broker_away", "there is no connection to a broker at the moment")
}

/// The broker takes no messages for lack of memory or disk; nothing was sent.
pub(super) fn blocked() -> Fault {
    Fault::unavailable("broker_blocked", "the broker takes no messages at the moment")
}

/// The connection broke while the message was on its way or its answer was waited for.
pub(super) fn lost() -> Fault {
    Fault::unavailable("connection_lost", "the connection to the broker was lost").and_maybe_done()
}

/// An instance went away with a message that it may have begun and that must not run twice.
pub(super) fn interrupted() -> Fault {
    Fault::unavailable("instance_lost", "the instance went away before it answered").and_maybe_done()
}

/// The last instance of the service is gone; the message may have been with it, or waits for the next one.
pub(super) fn deserted() -> Fault {
    Fault::unavailable("instance_lost", "no instance of the service is left").and_maybe_done()
}
