//! A service made of closures, for tests of its callers.
//!
//! Invariants: it is mounted on a real transport behind a real host, so a caller cannot tell it from the service; what
//! it has no closure for is answered as an unknown message.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Transport;
use super::fault::Fault;
use super::host::{Host, HostConfig};
use super::message::{Message, Service};
use super::payload::Payload;
use super::place::Place;
use super::routes::Routes;
use super::serving::Serving;

/// A fake of the service `S` in the making.
///
/// ```ignore
/// let central = Fake::<Central>::on(|m: GetZone| Ok(zone(m.id))).and(|_: TouchZone| Ok(())).mount(&transport).await?;
/// ```
#[must_use = "a fake answers only once it is mounted"]
pub struct Fake<S> {
    routes: Routes<Calls>,
    service: PhantomData<fn() -> S>,
}

/// How often each message came.
#[derive(Debug, Default)]
struct Calls(watch::Sender<HashMap<&'static str, usize>>);

impl<S: Service> std::fmt::Debug for Fake<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake").field("service", &S::NAME).field("routes", &self.routes).finish()
    }
}

impl<S: Service> Fake<S> {
    /// A fake that answers `M` with `answer`.
    pub fn on<M: Message<To = S>>(
        answer: impl Fn(M) -> Result<M::Reply, Fault> + Send + Sync + 'static,
    ) -> Self {
        Self { routes: Routes::new(), service: PhantomData }.and(answer)
    }

    /// Answers `M`, too, with `answer`; the latest one for a message counts.
    pub fn and<M: Message<To = S>>(
        mut self,
        answer: impl Fn(M) -> Result<M::Reply, Fault> + Send + Sync + 'static,
    ) -> Self {
        let answer = Arc::new(answer);
        self.routes.insert::<M>(Arc::new(move |calls: Arc<Calls>, _, body| {
            let answer = Arc::clone(&answer);
            async move {
                let (message, schema) = body.into_message::<M>()?;
                let outcome = answer(message);
                calls.0.send_modify(|counts| *counts.entry(M::NAME).or_default() += 1);
                outcome.map(|reply| Payload::reply::<M>(reply, schema))
            }
            .boxed()
        }));
        self
    }

    /// Mounts it as one more instance of the service.
    ///
    /// # Errors
    /// Outside an actix system, or if the transport does not take it.
    pub async fn mount(self, transport: &dyn Transport) -> Result<Faked, Fault> {
        let place = Place::current().map_err(|error| Fault::internal("no_system", error.to_string()))?;
        let calls = Arc::new(Calls::default());
        let inbox = Host::start(Arc::clone(&calls), self.routes, HostConfig::default(), &place);
        let serving = transport.serve(S::endpoint(), inbox).await?;
        Ok(Faked { serving, calls })
    }
}

/// A mounted fake; dropping it takes it away.
#[derive(Debug)]
#[must_use = "dropping it takes the fake away"]
pub struct Faked {
    serving: Serving,
    calls: Arc<Calls>,
}

impl Faked {
    /// How often `M` has been answered.
    #[must_use]
    pub fn count<M: Message>(&self) -> usize {
        self.calls.0.borrow().get(M::NAME).copied().unwrap_or(0)
    }

    /// Resolves once `M` has been answered `count` times.
    pub async fn answered<M: Message>(&self, count: usize) {
        let mut calls = self.calls.0.subscribe();
        // The sender lives as long as this fake.
        drop(calls.wait_for(|counts| counts.get(M::NAME).is_some_and(|seen| *seen >= count)).await);
    }

    /// Takes the fake away as a service goes that is drained: with a goodbye, so that its callers find nobody at once.
    pub async fn leave(self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        self.serving.drain(Instant::now() + PATIENCE).await;
    }

    /// Its mount.
    pub const fn serving(&self) -> &Serving {
        &self.serving
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::suite::probe::{Echo, Flaky, Nudge, Probe};
    use crate::transport::{Cx, FaultCode, InProcess, run_paused};

    #[test]
    fn a_fake_answers_as_told_counts_and_goes_away() {
        run_paused(async {
            let transport = InProcess::through_codec();
            let probe = transport.service_ref::<Probe>();
            let cx = Cx::system(Duration::from_secs(5));
            let fake = Fake::<Probe>::on(|Echo(text): Echo| Ok(text.to_uppercase()))
                .and(|_: Nudge| Ok(()))
                .mount(&transport)
                .await
                .unwrap();
            assert_eq!(probe.call(&cx, Echo("a".into())).await.unwrap(), "A");
            probe.cast(&cx, Nudge(1)).await.unwrap();
            fake.answered::<Nudge>(1).await;
            assert_eq!((fake.count::<Echo>(), fake.count::<Nudge>()), (1, 1));
            assert_eq!(probe.call(&cx, Flaky(0)).await.unwrap_err().code, FaultCode::UnknownSchema);
            drop(fake);
            assert_eq!(probe.cast(&cx, Nudge(2)).await.unwrap_err().code, FaultCode::Unreachable);
        });
    }
}
