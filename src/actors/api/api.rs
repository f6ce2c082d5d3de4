//! What can be said to an API, and how its actor sees the HTTP server that it stands for.
//!
//! Invariants: every message concerns the one instance it is addressed to; an API that is withdrawn goes on serving whoever
//! comes, it only asks them to come no more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rpcs;
use crate::transport::Service;

/// The API, as callers name it.
#[derive(Debug, Clone, Copy)]
pub struct Api;

impl Service for Api {
    const NAME: &'static str = "api";
}

rpcs! { Api;
    "describe" Describe => Traffic, repeatable;
    "withdraw" Withdraw => Traffic, repeatable;
    "readmit"  Readmit  => Traffic, repeatable;
}

/// How much it has to do: what its service status shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Describe;

/// Says to load balancers (`/healthcheck` answers 503) and to kept connections (`Connection: close`) that clients should
/// go elsewhere. What comes nevertheless is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdraw;

/// Takes [`Withdraw`] back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readmit;

/// What goes through one API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Clients are asked to go elsewhere.
    pub withdrawn: bool,
    /// Open connections.
    pub connections: u64,
    /// Requests being served.
    pub under_way: u64,
    /// Requests answered since the start.
    pub answered: u64,
}

impl Traffic {
    /// As the numbers that a service tells of itself.
    #[must_use]
    pub fn stats(&self) -> BTreeMap<String, String> {
        let Self { withdrawn, connections, under_way, answered } = self;
        [
            ("withdrawn", withdrawn.to_string()),
            ("connections", connections.to_string()),
            ("requests_under_way", under_way.to_string()),
            ("requests_answered", answered.to_string()),
        ]
        .map(|(name, number)| (name.to_owned(), number))
        .into()
    }
}

/// The HTTP server, as its actor sees it.
pub trait Front: std::fmt::Debug + Send + Sync + 'static {
    /// What goes through it at the moment.
    fn traffic(&self) -> Traffic;

    /// Whether clients are welcome, or asked to go elsewhere.
    fn admit(&self, welcome: bool);
}
