//! The transport within one process: parcels go straight into the receiver's mailbox.
//!
//! Invariants: delivery happens before the sender first waits, so a sender that goes away cancels nothing. Through the
//! codec everything passes the very frames that a broker would carry, so what cannot be encoded fails here too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::RwLock;

use crate::domain::ids::InstanceId;

use super::address::{Address, Endpoint};
use super::fault::{Fault, FaultCode};
use super::frame;
use super::inbox::{Answer, Inbox, Refused};
use super::message::Service;
use super::payload::{Parcel, Payload, Want};
use super::service_ref::ServiceRef;
use super::{SchemaCeilings, Serving, Transport, schemas};

/// How long mounting waits for an actor to start.
const START: Duration = Duration::from_secs(10);

/// The in-process transport; cheap to clone.
#[derive(Debug, Clone)]
pub struct InProcess {
    mounts: Arc<RwLock<HashMap<&'static str, Mounts>>>,
    wire: Option<Arc<SchemaCeilings>>,
}

#[derive(Debug, Default)]
struct Mounts {
    instances: Vec<(InstanceId, Inbox)>,
    turn: std::sync::atomic::AtomicUsize,
}

impl InProcess {
    /// Messages travel as they are.
    #[must_use]
    pub fn typed() -> Self {
        Self { mounts: Arc::default(), wire: None }
    }

    /// Messages travel as frames of bytes.
    #[must_use]
    pub fn through_codec() -> Self {
        Self::through_codec_up_to(SchemaCeilings::default())
    }

    /// Messages travel as frames of bytes, written in schemas not above `ceilings`.
    #[must_use]
    pub fn through_codec_up_to(ceilings: SchemaCeilings) -> Self {
        Self { mounts: Arc::default(), wire: Some(Arc::new(ceilings)) }
    }

    /// The same transport and instances, for a sender that writes in schemas not above `ceilings`.
    #[must_use]
    pub fn up_to(&self, ceilings: SchemaCeilings) -> Self {
        Self { mounts: Arc::clone(&self.mounts), wire: Some(Arc::new(ceilings)) }
    }

    /// A reference to the service `S` on this transport.
    #[must_use]
    pub fn service_ref<S: Service>(&self) -> ServiceRef<S> {
        ServiceRef::new(Arc::new(self.clone()))
    }

    /// The inboxes that `to` stands for, in the order in which they should be tried.
    fn find(&self, to: Address) -> Vec<Inbox> {
        let mounts = self.mounts.read();
        let Some(mounts) = mounts.get(to.service()) else { return Vec::new() };
        let inboxes = mounts.instances.iter().map(|(_, inbox)| inbox.clone());
        match to {
            Address::All(_) => inboxes.collect(),
            Address::One(_, wanted) => {
                let found = mounts.instances.iter().filter(|(instance, _)| *instance == wanted);
                found.map(|(_, inbox)| inbox.clone()).collect()
            }
            Address::Any(_) => {
                let number = mounts.instances.len().max(1);
                let first = mounts.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % number;
                inboxes.cycle().skip(first).take(mounts.instances.len()).collect()
            }
        }
    }

    /// The outcome as the sender gets it.
    fn carry_back(&self, method: &str, outcome: Result<Payload, Fault>) -> Result<Payload, Fault> {
        if self.wire.is_none() {
            return outcome;
        }
        frame::read_reply(&frame::write_reply(method, &outcome))
    }

    /// Hands the parcel over as it is, and waits for what is wanted.
    async fn convey(&self, to: Address, parcel: Parcel) -> Result<Payload, Fault> {
        if let Address::All(_) = to {
            return self.deliver_to_all(to, &parcel).map(|()| Payload::Accepted);
        }
        let (method, want) = (parcel.method.clone(), parcel.want);
        let answer = self.deliver(to, parcel)?;
        let outcome = Self::resolve(want, answer).await;
        if want == Want::Reply { self.carry_back(method.as_str(), outcome) } else { outcome }
    }

    /// Hands the parcel to the first inbox that takes it.
    fn deliver(&self, to: Address, parcel: Parcel) -> Result<Answer, Fault> {
        self.offer(to, parcel).map_err(|refused| refused.fault)
    }

    /// Hands the parcel as it is to the first inbox that takes it, or back.
    pub(super) fn offer(&self, to: Address, mut parcel: Parcel) -> Result<Answer, Box<Refused>> {
        let mut worst = Fault::unreachable(to.service());
        for inbox in self.find(to) {
            match inbox.offer(parcel) {
                Ok(answer) => return Ok(answer),
                Err(refused) => {
                    let Refused { fault, parcel: back } = *refused;
                    // Being full says more than being away, which says more than not being there.
                    if worst.code != FaultCode::Overloaded {
                        worst = fault;
                    }
                    parcel = back;
                }
            }
        }
        Err(Box::new(Refused { fault: worst, parcel }))
    }

    /// What the sender of a parcel that was taken hears.
    pub(super) async fn resolve(want: Want, answer: Answer) -> Result<Payload, Fault> {
        match want {
            Want::Acceptance => Ok(Payload::Accepted),
            Want::Reply => answer.await.unwrap_or_else(|_| {
                Err(Fault::unavailable("instance_lost", "the instance went away").and_maybe_done())
            }),
        }
    }

    fn deliver_to_all(&self, to: Address, parcel: &Parcel) -> Result<(), Fault> {
        let mut taken = 0;
        let mut refusal = None;
        for inbox in self.find(to) {
            let copy = parcel
                .duplicate()
                .ok_or_else(|| Fault::internal("not_repeatable", "a reply cannot be sent to several"))?;
            match inbox.offer(copy) {
                Ok(_) => taken += 1,
                Err(refused) => refusal = Some(refused.fault),
            }
        }
        match refusal {
            Some(fault) if taken == 0 => Err(fault),
            _ => Ok(()),
        }
    }

    fn unmount(&self, at: Endpoint) {
        let mut services = self.mounts.write();
        if let Some(mounts) = services.get_mut(at.service) {
            mounts.instances.retain(|(instance, _)| *instance != at.instance);
            if mounts.instances.is_empty() {
                services.remove(at.service);
            }
        }
    }
}

impl Transport for InProcess {
    fn send(&self, to: Address, parcel: Parcel) -> BoxFuture<'_, Result<Payload, Fault>> {
        async move {
            let Some(ceilings) = &self.wire else { return self.convey(to, parcel).await };
            let mut ceiling = ceilings.of(to.service(), parcel.method.as_str());
            let mut frame = frame::write_request(&parcel, ceiling)?;
            loop {
                let fault = match self.convey(to, frame::read_request(&frame)?).await {
                    Ok(reply) => return Ok(reply),
                    Err(fault) => fault,
                };
                let Some(lower) = schemas::lower(&fault, &parcel.body, ceiling) else { return Err(fault) };
                ceiling = lower;
                let Ok(older) = frame::write_request(&parcel, ceiling) else { return Err(fault) };
                frame = older;
            }
        }
        .boxed()
    }

    fn serve(&self, at: Endpoint, inbox: Inbox) -> BoxFuture<'_, Result<Serving, Fault>> {
        async move {
            inbox.ready(START).await?;
            {
                let mut services = self.mounts.write();
                let mounts = services.entry(at.service).or_default();
                if mounts.instances.iter().any(|(instance, _)| *instance == at.instance) {
                    return Err(Fault::conflict("instance_mounted", "this instance is mounted already"));
                }
                mounts.instances.push((at.instance, inbox.clone()));
            }
            let transport = self.clone();
            let leave = move || {
                transport.unmount(at);
                futures::future::ready(()).boxed()
            };
            Ok(Serving::new(at, inbox, Box::new(leave)))
        }
        .boxed()
    }
}
