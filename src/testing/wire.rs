//! What the messages of a world travel over, and the kind of time that goes with it.
//!
//! Invariants: in process time is paused, whatever happens is decided by the world alone; a broker is outside of it and has its
//! own idea of time, so there time is real.

use std::str::FromStr;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::Failure;
use crate::config::BrokerUrl;
use crate::transport::{run_paused, run_threaded};

/// A way for messages between services; to be used with [`super::Spec::over`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wire {
    /// In process, as typed values.
    Typed,
    /// In process, through the very frames that a broker would carry.
    #[default]
    Codec,
    /// A broker; every world has exchanges and queues of its own there, which go with it or soon after.
    Amqp(BrokerUrl),
}

/// Not the URL of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL such as amqp://user:password@host:5672/%2f")]
pub struct NotABroker;

impl FromStr for Wire {
    type Err = NotABroker;

    /// Reads `typed`, `codec` or the URL of a broker.
    fn from_str(text: &str) -> Result<Self, NotABroker> {
        match text {
            "typed" => Ok(Self::Typed),
            "codec" => Ok(Self::Codec),
            url => BrokerUrl::parse(url).map(Self::Amqp).ok_or(NotABroker),
        }
    }
}

impl Wire {
    /// Runs `test` in an actix system of its own: on a paused clock and this thread alone, or, for a broker, in real time.
    ///
    /// # Panics
    /// If the operating system refuses a runtime.
    pub fn run<F: Future>(&self, test: F) -> F::Output {
        if self.is_in_process() { run_paused(test) } else { run_threaded(test) }
    }

    /// True if nothing outside the process takes part.
    #[must_use]
    pub const fn is_in_process(&self) -> bool {
        matches!(self, Self::Typed | Self::Codec)
    }
}

/// Refuses a broker while time is paused: nothing would ever come back from it in time.
pub(super) fn check_time() -> Result<(), Failure> {
    let before = Instant::now();
    thread::sleep(Duration::from_millis(2));
    if Instant::now() == before {
        return Err("a world over a broker needs real time: run its test with Wire::run".into());
    }
    Ok(())
}
