//! A service's signs of life.
//!
//! Invariants: a heartbeat never waits behind a service's own work; a service says itself that it stops; an instance has
//! a row of its own, so that one that stops says nothing of its neighbours. An API whose actor does not answer beats on,
//! as WARNING.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::api::api::{Api, Describe};
use super::central::api::Central;
use super::central::api::services::Heartbeat as Beat;
use super::reconcile::{Cadence, Reconcile, Reconciler};
use crate::domain::ids::InstanceId;
use crate::domain::service_status::{Health, LEASE};
use crate::health::Condition;
use crate::transport::{Cx, Fault, RetryPolicy, ServiceRef};

/// How long an actor may take to say how it fares.
const ASKING: Duration = Duration::from_secs(1);

/// Tells central of one instance.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    central: ServiceRef<Central>,
    service: &'static str,
    hostname: String,
    instance: InstanceId,
    api: Option<ServiceRef<Api>>,
    leased: Arc<AtomicBool>,
    tell: Option<Tell>,
    reached: Option<Condition>,
}

/// What an instance tells of itself with every beat.
#[derive(Clone)]
pub struct Tell(Arc<dyn Fn() -> BTreeMap<String, String> + Send + Sync>);

impl Tell {
    /// Told by this function.
    pub fn new(tell: impl Fn() -> BTreeMap<String, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

impl Heartbeat {
    /// The heart of an instance of `service` on `hostname`.
    #[must_use]
    pub fn new(
        central: ServiceRef<Central>,
        service: &'static str,
        hostname: String,
        instance: InstanceId,
    ) -> Self {
        let (leased, tell, reached) = (Arc::default(), None, None);
        Self { central, service, hostname, instance, api: None, leased, tell, reached }
    }

    /// The same, telling with every beat what the instance says of its traffic; `api` is the way to any API.
    #[must_use]
    pub fn describing(self, api: &ServiceRef<Api>) -> Self {
        let own = api.at(self.instance).retrying(RetryPolicy::NEVER);
        Self { api: Some(own), ..self }
    }

    /// The same, telling this with every beat.
    #[must_use]
    pub fn telling(self, tell: Tell) -> Self {
        Self { tell: Some(tell), ..self }
    }

    /// Whether the instance holds a lease; told with every beat.
    #[must_use]
    pub fn leased(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.leased)
    }

    /// Who it is of: service and instance.
    #[must_use]
    pub const fn instance(&self) -> (&'static str, InstanceId) {
        (self.service, self.instance)
    }

    /// The same; `reached` tells whether central hears it.
    #[must_use]
    pub fn reaching(self, reached: Condition) -> Self {
        Self { reached: Some(reached), ..self }
    }

    /// Beats every `interval` until `stop`.
    pub fn start(&self, interval: Duration, stop: &CancellationToken, runtime: &Handle) -> Reconciler {
        let cadence = Cadence { budget: interval.max(Duration::from_secs(1)), ..Cadence::every(interval) };
        Reconciler::start(Arc::new(self.clone()), cadence, stop, runtime)
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// If central cannot be told; the silence will tell it.
    pub async fn stopped(&self, cx: &Cx) -> Result<(), Fault> {
        self.say(cx, Health::Stopped, BTreeMap::new()).await
    }

    async fn say(&self, cx: &Cx, health: Health, stats: BTreeMap<String, String>) -> Result<(), Fault> {
        let beat = Beat {
            service_name: self.service.to_owned(),
            hostname: self.hostname.clone(),
            instance: self.instance,
            health,
            stats,
            capabilities: if self.leased.load(Ordering::Relaxed) {
                BTreeMap::from([(LEASE.to_owned(), String::from("held"))])
            } else {
                BTreeMap::new()
            },
        };
        let heard = self.central.call(cx, beat).await;
        match (&self.reached, &heard) {
            (Some(reached), Ok(())) => reached.fine(),
            (Some(reached), Err(fault)) => reached.wants(fault.to_string()),
            (None, _) => {}
        }
        heard
    }
}

impl Reconcile for Heartbeat {
    const NAME: &'static str = "heartbeat";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let Some(api) = &self.api else {
            let stats = self.tell.as_ref().map(|tell| (tell.0)()).unwrap_or_default();
            return self.say(cx, Health::Up, stats).await;
        };
        match api.call(&Cx::system(ASKING), Describe).await {
            Ok(traffic) => self.say(cx, Health::Up, traffic.stats()).await,
            Err(fault) => {
                tracing::warn!(%fault, "the API's actor does not answer");
                self.say(cx, Health::Warning, BTreeMap::new()).await
            }
        }
    }
}
