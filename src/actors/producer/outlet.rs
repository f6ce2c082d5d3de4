//! The way of notifications out of the deployment.
//!
//! Invariants: a notification is forgotten only after it was sent, so each is sent at least once; those of one zone are
//! sent in order.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::ownership::Ownership;
use super::tasks::singletons;
use crate::actors::central::api::Central;
use crate::actors::central::api::outbox::{ForgetNotifications, Notification, TakeNotifications};
use crate::actors::reconcile::Reconcile;
use crate::domain::ids::ZoneId;
use crate::transport::amqp::{Notifier, Outgoing};
use crate::transport::{Cx, Fault, ServiceRef};

/// Sends notifications.
#[async_trait]
pub trait Outlet: Send + Sync + Debug + 'static {
    /// Sends them; answers the numbers of those that certainly were, and why the others were not.
    async fn send(&self, notifications: Vec<Notification>) -> (Vec<i64>, Option<String>);
}

/// How notifications leave, and how often that is looked for.
#[derive(Debug, Clone)]
pub struct Emission {
    /// Sends them.
    pub outlet: Arc<dyn Outlet>,
    /// Time between two looks.
    pub interval: Duration,
    /// Sent at once.
    pub batch_size: u32,
}

/// Over AMQP.
#[derive(Debug)]
pub struct AmqpOutlet {
    notifier: Notifier,
    enveloped: bool,
}

impl AmqpOutlet {
    /// Sends with `notifier`, in an envelope of version 2.0 or without.
    #[must_use]
    pub const fn new(notifier: Notifier, enveloped: bool) -> Self {
        Self { notifier, enveloped }
    }
}

#[async_trait]
impl Outlet for AmqpOutlet {
    async fn send(&self, notifications: Vec<Notification>) -> (Vec<i64>, Option<String>) {
        let outgoing = |notification: Notification| Outgoing {
            id: notification.id,
            lane: notification.zone.map(ZoneId::uuid),
            priority: notification.priority.as_str(),
            body: if self.enveloped { enveloped(&notification.body) } else { notification.body },
        };
        let messages: Vec<Outgoing> = notifications.into_iter().map(outgoing).collect();
        self.notifier.publish(&messages).await
    }
}

fn enveloped(message: &str) -> String {
    json!({ "oslo.version": "2.0", "oslo.message": message }).to_string()
}

/// Into the log.
#[derive(Debug)]
pub struct LogOutlet;

#[async_trait]
impl Outlet for LogOutlet {
    async fn send(&self, notifications: Vec<Notification>) -> (Vec<i64>, Option<String>) {
        for notification in &notifications {
            tracing::info!(target: "ordain::notifications", message = notification.body, "notification");
        }
        (notifications.iter().map(|notification| notification.id).collect(), None)
    }
}

/// Sends what waits in the outbox.
#[derive(Debug)]
pub(super) struct Outbox {
    pub(super) ownership: Ownership,
    pub(super) central: ServiceRef<Central>,
    pub(super) emission: Emission,
}

impl Reconcile for Outbox {
    const NAME: &'static str = "outbox";

    async fn pass(&self, cx: &Cx) -> Result<(), Fault> {
        let working = self.ownership.begin().await;
        let Some(token) = singletons(&working) else { return Ok(()) };
        loop {
            let take = TakeNotifications { token, limit: self.emission.batch_size };
            let waiting = self.central.call(cx, take).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            let count = waiting.len();
            let (ids, failure) = self.emission.outlet.send(waiting).await;
            tracing::debug!(sent = ids.len(), "notifications sent");
            if !ids.is_empty() {
                self.central.call(cx, ForgetNotifications { token, ids }).await?;
            }
            if let Some(reason) = failure {
                let message = format!("notifications wait, {count} or more of them: {reason}");
                return Err(Fault::unavailable("notifications_wait", message));
            }
            if cx.is_expired() {
                return Ok(());
            }
        }
    }
}
