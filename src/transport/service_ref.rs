//! All that a caller ever holds of a service.
//!
//! Invariants: resolves its service by name on each send; may be used from any thread and in circles; every call
//! resolves by its deadline, to a reply or a [`Fault`], once.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::domain::ids::InstanceId;

use super::Transport;
use super::address::Address;
use super::context::{Cx, OnceKeys};
use super::fault::Fault;
use super::layers::deadline;
use super::layers::retry::RetryPolicy;
use super::message::{Message, Service};
use super::payload::{Parcel, Payload, Want};

/// A caller's reference to the service `S`; cheap to clone.
pub struct ServiceRef<S> {
    transport: Arc<dyn Transport>,
    instance: Option<InstanceId>,
    retry: RetryPolicy,
    keys: Arc<OnceKeys>,
    service: PhantomData<fn() -> S>,
}

impl<S> Clone for ServiceRef<S> {
    fn clone(&self) -> Self {
        Self {
            transport: Arc::clone(&self.transport),
            instance: self.instance,
            retry: self.retry,
            keys: Arc::clone(&self.keys),
            service: PhantomData,
        }
    }
}

impl<S: Service> fmt::Debug for ServiceRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceRef").field("service", &S::NAME).field("instance", &self.instance).finish()
    }
}

impl<S: Service> ServiceRef<S> {
    /// A reference to whatever instances of `S` are on `transport` when something is sent.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        let keys = Arc::default();
        Self { transport, instance: None, retry: RetryPolicy::BRIEF, keys, service: PhantomData }
    }

    /// A reference to one instance only.
    #[must_use]
    pub fn at(&self, instance: InstanceId) -> Self {
        Self { instance: Some(instance), ..self.clone() }
    }

    /// The same reference with another persistence.
    #[must_use]
    pub fn retrying(&self, retry: RetryPolicy) -> Self {
        Self { retry, ..self.clone() }
    }

    /// Sends `message` to one instance and waits for its reply. Dropping the future does not cancel the work.
    ///
    /// # Errors
    /// The handler's fault, or that of the transport: `Timeout`, `Unreachable`, `Overloaded`, `Unavailable`.
    pub async fn call<M: Message<To = S>>(&self, cx: &Cx, message: M) -> Result<M::Reply, Fault> {
        let reply = self.send(cx, Want::Reply, self.one(), message).await?;
        reply.into_reply::<M>()
    }

    /// Hands `message` to one instance. A nudge: it is accepted, not done, and may be lost in a crash.
    ///
    /// # Errors
    /// That of the transport, if nobody accepted it.
    pub async fn cast<M: Message<To = S, Reply = ()>>(&self, cx: &Cx, message: M) -> Result<(), Fault> {
        self.send(cx, Want::Acceptance, self.one(), message).await.map(drop)
    }

    /// Hands `message` to every live instance, to each at most once. Reaching nobody is no failure.
    ///
    /// # Errors
    /// That of the transport, if no instance accepted it although some are there.
    pub async fn fanout<M: Message<To = S, Reply = ()>>(&self, cx: &Cx, message: M) -> Result<(), Fault> {
        let parcel = Parcel::new(cx.nested(), Want::Acceptance, message);
        let sent = self.transport.send(Address::All(S::NAME), parcel);
        deadline::until(cx, sent).await.map(drop)
    }

    fn one(&self) -> Address {
        self.instance.map_or(Address::Any(S::NAME), |instance| Address::One(S::NAME, instance))
    }

    async fn send<M: Message>(&self, cx: &Cx, want: Want, to: Address, message: M) -> Result<Payload, Fault> {
        let mut nested = cx.nested();
        if M::ONCE && nested.once.is_none() {
            nested.once = Some(self.keys.next());
        }
        let may_repeat = M::REPEATABLE || M::ONCE;
        let mut parcel = Parcel::new(nested, want, message);
        let mut maybe_done = false;
        for attempt in 1.. {
            let spare = if self.retry.can_retry() { parcel.duplicate() } else { None };
            let fault = match deadline::until(cx, self.transport.send(to, parcel)).await {
                Ok(reply) => return Ok(reply),
                // That a later attempt was not begun says nothing of the first.
                Err(fault) if maybe_done && fault.code.is_silence() => fault.and_maybe_done(),
                Err(fault) => fault,
            };
            maybe_done = fault.maybe_done;
            let pause = self.retry.pause(attempt, &fault, may_repeat, cx.remaining(), rand::random());
            let (Some(again), Some(pause)) = (spare, pause) else { return Err(fault) };
            tracing::debug!(service = S::NAME, method = M::NAME, %fault, ?pause, "trying again");
            tokio::time::sleep(pause).await;
            parcel = again;
        }
        Err(Fault::timeout())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use parking_lot::Mutex;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::transport::{Endpoint, Inbox, Serving};

    #[derive(Debug)]
    struct Looks;

    impl Service for Looks {
        const NAME: &'static str = "looks";
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Look;

    impl Message for Look {
        type To = Looks;
        type Reply = ();
        const NAME: &'static str = "look";
        const REPEATABLE: bool = true;
    }

    /// Fails in these ways, the last first.
    #[derive(Debug)]
    struct Failing(Mutex<Vec<Fault>>);

    impl Transport for Failing {
        fn send(&self, _: Address, _: Parcel) -> BoxFuture<'_, Result<Payload, Fault>> {
            let fault = self.0.lock().pop();
            async { Err(fault.unwrap_or_else(|| Fault::internal("too_often", ""))) }.boxed()
        }

        fn serve(&self, _: Endpoint, _: Inbox) -> BoxFuture<'_, Result<Serving, Fault>> {
            async { Err(Fault::unreachable("looks")) }.boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_done_stays_so_if_a_later_attempt_reaches_nobody() {
        let lost = Fault::unavailable("connection_lost", "").and_maybe_done();
        let outcome = async |last: Fault| {
            let faults = Mutex::new(vec![last, lost.clone()]);
            let looks: ServiceRef<Looks> = ServiceRef::new(Arc::new(Failing(faults)));
            looks.call(&Cx::system(Duration::from_secs(60)), Look).await
        };
        let nobody = Fault::unreachable("looks");
        assert_eq!(outcome(nobody.clone()).await, Err(nobody.and_maybe_done()));
        let answer = Fault::not_found("zone_not_found", "");
        assert_eq!(outcome(answer.clone()).await, Err(answer));
    }
}
