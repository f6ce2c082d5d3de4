//! What can be said to the producer.

use serde::{Deserialize, Serialize};

use crate::rpcs;
use crate::transport::Service;

/// The producer, as callers name it.
#[derive(Debug, Clone, Copy)]
pub struct Producer;

impl Service for Producer {
    const NAME: &'static str = "producer";
}

rpcs! { Producer;
    "run_task" RunTask => (), repeatable;
}

/// Runs a periodic task now instead of at its next tick. Answered once it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTask {
    /// Its name in the configuration, such as `recovery`.
    pub task: String,
}
