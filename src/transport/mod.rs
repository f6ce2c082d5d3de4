//! Messages between services, and the transports that carry them.
//!
//! A caller holds a [`ServiceRef`] and says `call`, `cast` or `fanout` with a [`Message`]; a service is plain state that
//! implements [`Handle`] for its messages, hosted by the actor [`Host`]. Between them is a [`Transport`], which can be
//! exchanged: nobody can tell from an answer which one it was.
//!
//! What a caller may rely on, whatever the transport (and `suite` proves of each):
//! 1. A call resolves by its deadline, with a reply or a [`Fault`]; never later, never twice.
//! 2. Dropping the caller's future does not cancel the work.
//! 3. A cast is accepted, not done, and may be lost in a crash: it is a nudge, the database is the truth.
//! 4. A fanout reaches every live instance at most once.
//! 5. Messages of equal key are handled one at a time per instance, in order of arrival.
//! 6. Overload answers `Overloaded` at once instead of queueing past the deadline.
//! 7. A fault says `maybe_done`; a retry happens only if the message is repeatable, done once
//!    under its key, or certainly nothing was done.
//!
//! Invariants: this floor knows the domain and nothing above it.

mod address;
pub mod amqp;
#[cfg(feature = "testing")]
pub mod chaos;
pub mod codec;
mod context;
#[cfg(feature = "testing")]
pub mod fake;
mod fault;
pub mod frame;
mod host;
mod in_process;
mod inbox;
mod layers;
mod message;
mod mixed;
mod payload;
mod place;
mod routes;
mod schemas;
mod service_ref;
mod serving;
#[cfg(feature = "testing")]
pub mod suite;
pub mod table;

use std::sync::Arc;

use futures::future::BoxFuture;

pub use address::{Address, Endpoint};
pub use amqp::Amqp;
#[cfg(feature = "testing")]
pub use chaos::{Chaos, ChaosPlan};
pub use context::{Cx, InvalidTraceParent, OnceKey, TraceParent};
#[cfg(feature = "testing")]
pub use fake::{Fake, Faked};
pub use fault::{Fault, FaultCode};
pub use host::{Host, HostConfig};
pub use in_process::InProcess;
pub use inbox::{Answer, Delivery, Drained, Inbox, Refused};
pub use layers::admit::QueueLimits;
pub use layers::meter::Reading;
pub use layers::retry::RetryPolicy;
pub use message::{Handle, LaneKey, Message, Older, Service};
pub use mixed::Mixed;
pub use payload::{Body, Encoded, MethodName, Parcel, Payload, Want};
pub use place::{NoSystem, Place};
#[cfg(feature = "testing")]
pub use place::{run_paused, run_threaded};
pub use routes::Routes;
pub use schemas::SchemaCeilings;
pub use service_ref::ServiceRef;
pub use serving::{Leave, Serving};
pub use table::Visit;

/// Carries parcels to services. Object-safe on purpose: the choice is one line of configuration.
pub trait Transport: std::fmt::Debug + Send + Sync + 'static {
    /// Carries a parcel, and its answer back if one is wanted.
    ///
    /// The work is not cancelled when the future is dropped. The caller's deadline is watched by [`ServiceRef`].
    fn send(&self, to: Address, parcel: Parcel) -> BoxFuture<'_, Result<Payload, Fault>>;

    /// Mounts an instance, once its actor has started.
    fn serve(&self, at: Endpoint, inbox: Inbox) -> BoxFuture<'_, Result<Serving, Fault>>;
}

/// What every transport gives besides.
pub trait TransportExt {
    /// A reference to the service `S` on this transport.
    fn service_ref<S: Service>(&self) -> ServiceRef<S>;
}

impl TransportExt for Arc<dyn Transport> {
    fn service_ref<S: Service>(&self) -> ServiceRef<S> {
        ServiceRef::new(Self::clone(self))
    }
}
