//! What is known of a running service.
//!
//! Invariants: one row per (service, host, instance); a service says itself that it stops, others find out that it is
//! down by its silence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{InstanceId, ServiceStatusId};
use super::time::Timestamp;

/// The capability of an instance that holds a lease from the coordinator: without it, it is gone.
pub const LEASE: &str = "lease";

/// How a service fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Health {
    /// Heard of lately.
    Up,
    /// Silent for too long.
    Down,
    /// Running, but something it needs is not.
    Warning,
    /// It said goodbye.
    Stopped,
}

impl Health {
    /// The API's and the database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Warning => "WARNING",
            Self::Stopped => "STOPPED",
        }
    }

    /// Reads [`Self::as_str`]'s text back.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Up, Self::Down, Self::Warning, Self::Stopped].into_iter().find(|h| h.as_str() == text)
    }
}

/// One running (or lately running) instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The row's id.
    pub id: ServiceStatusId,
    /// `api`, `central`, `mdns`, `worker`, `producer` or `sink`.
    pub service_name: String,
    /// The host it runs on.
    pub hostname: String,
    /// The running instance; new at each start.
    pub instance: InstanceId,
    /// How it fares.
    pub health: Health,
    /// Numbers it tells of itself.
    pub stats: BTreeMap<String, String>,
    /// What it can do.
    pub capabilities: BTreeMap<String, String>,
    /// When it was last heard of, by the clock of the one who wrote the row.
    pub heartbeated_at: Timestamp,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Option<Timestamp>,
}
