//! A whole deployment in one process, on a paused clock, with fakes at its edges: for tests of ours and of yours.
//!
//! ```
//! use std::time::Duration;
//! use ordain::testing::{Spec, World, run};
//!
//! run(async {
//!     let world = World::start(Spec::all_in_one().nameservers(2)).await?;
//!     let zone = world.api().create_zone("example.org.").await?;
//!     world.zone_becomes(&zone.id, "ACTIVE").await?;
//!
//!     world.nameserver(1).behave(ordain::testing::Manner::Silent);
//!     world.api().create_recordset(&zone.id, "www.example.org.", "A", &["192.0.2.1"]).await?;
//!     world.advance(Duration::from_secs(600)).await;
//!     assert_eq!(world.api().zone(&zone.id).await?.status, "ERROR");
//!     Ok(())
//! });
//! ```
//!
//! Real are the services, the transport (through the wire codec), the database (SQLite) and all time-outs; exchanged are
//! sockets, name servers and the clock. Hours pass in milliseconds: time moves only while everything waits.
//!
//! A test that says what messages travel over runs on a real broker as it does in process. In a world that is held changes
//! stay PENDING until the test says what became of them, and time stands still on every wire:
//!
//! ```
//! use ordain::domain::zone_status::Outcome;
//! use ordain::testing::{Failure, Spec, Wire, World};
//!
//! fn a_zone_is_pending_until_it_is_propagated(wire: &Wire) -> Result<(), Failure> {
//!     wire.run(async {
//!         let world = World::start(Spec::held().over(wire)).await?;
//!         let zone = world.api().create_zone("example.org.").await?;
//!         assert_eq!(zone.status, "PENDING");
//!         world.report(&zone.id, Outcome::Propagated, Vec::new()).await?;
//!         assert_eq!(world.api().zone(&zone.id).await?.status, "ACTIVE");
//!         Ok(())
//!     })
//! }
//!
//! let broker = std::env::var("BROKER").ok(); // such as amqp://guest:guest@127.0.0.1:5672/%2f
//! for wire in [Some("typed"), Some("codec"), broker.as_deref()].into_iter().flatten() {
//!     a_zone_is_pending_until_it_is_propagated(&wire.parse()?)?;
//! }
//! # Ok::<(), Failure>(())
//! ```
//!
//! Invariants: nothing is shared between two worlds; what a world does depends on nothing outside the process.

mod client;
mod conformance;
mod held;
mod masters;
mod net;
mod spec;
mod wire;
mod world;

pub use self::client::{ApiClient, RecordsetView, ZoneView};
pub use self::conformance::conforms;
pub use self::masters::FakeMaster;
pub use self::spec::Spec;
pub use self::wire::{NotABroker, Wire};
pub use self::world::World;
pub use crate::dns::fake_server::{FakeServer, Manner};
pub use crate::http::Reply;

/// What a test in a world may fail with.
pub type Failure = Box<dyn std::error::Error>;

/// Runs a test on a paused clock, on this thread alone.
///
/// # Panics
/// If the test fails, with its failure.
#[expect(clippy::panic, reason = "how a test fails")]
pub fn run(test: impl Future<Output = Result<(), Failure>>) {
    if let Err(failure) = crate::transport::run_paused(test) {
        panic!("{failure}");
    }
}
