//! The transport of a process whose services talk in process with each other and over a broker with everybody else.
//!
//! Every instance is mounted on both sides. A message for some instance goes to one of this process if it takes it, and
//! over the broker otherwise: when none is here, or none has room. One for a certain instance goes where that is. A fanout
//! goes over the broker, which knows every instance, those of this process included; without a broker at least these are
//! told.
//!
//! Invariants: a parcel is handed to one side only, unless the other certainly did nothing with it.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::address::{Address, Endpoint};
use super::amqp::Amqp;
use super::fault::{Fault, FaultCode};
use super::in_process::InProcess;
use super::inbox::{Inbox, Refused};
use super::payload::{Parcel, Payload};
use super::{Serving, Transport};

/// The transport within a process and beyond; cheap to clone.
#[derive(Debug, Clone)]
pub struct Mixed {
    near: InProcess,
    far: Amqp,
}

impl Mixed {
    /// Services of this process talk in process, all others over `far`.
    #[must_use]
    pub fn over(far: Amqp) -> Self {
        Self { near: InProcess::typed(), far }
    }

    async fn send_to_one(&self, to: Address, parcel: Parcel) -> Result<Payload, Fault> {
        let want = parcel.want;
        let Refused { fault: near, parcel } = match self.near.offer(to, parcel) {
            Ok(answer) => return InProcess::resolve(want, answer).await,
            Err(refused) => *refused,
        };
        match self.far.send(to, parcel).await {
            // Being full says more than that nobody else could be asked.
            Err(far) if near.code == FaultCode::Overloaded && !far.maybe_done => Err(near),
            outcome => outcome,
        }
    }

    async fn send_to_all(&self, to: Address, parcel: Parcel) -> Result<Payload, Fault> {
        let spare = parcel.duplicate();
        match (self.far.send(to, parcel).await, spare) {
            (Err(fault), Some(spare)) if !fault.maybe_done => {
                tracing::debug!(service = to.service(), %fault, "only instances of this process are told");
                self.near.send(to, spare).await
            }
            (outcome, _) => outcome,
        }
    }
}

impl Transport for Mixed {
    fn send(&self, to: Address, parcel: Parcel) -> BoxFuture<'_, Result<Payload, Fault>> {
        match to {
            Address::All(_) => self.send_to_all(to, parcel).boxed(),
            Address::Any(_) | Address::One(..) => self.send_to_one(to, parcel).boxed(),
        }
    }

    fn serve(&self, at: Endpoint, inbox: Inbox) -> BoxFuture<'_, Result<Serving, Fault>> {
        async move {
            let near = self.near.serve(at, inbox.clone()).await?;
            let far = self.far.serve(at, inbox.clone()).await?;
            let (near, far) = (near.into_leave(), far.into_leave());
            let leave = move || {
                let parts = [near, far].map(|leave| leave.map(|leave| leave()));
                futures::future::join_all(parts.into_iter().flatten()).map(drop).boxed()
            };
            Ok(Serving::new(at, inbox, Box::new(leave)))
        }
        .boxed()
    }
}
