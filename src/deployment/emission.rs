//! The way of notifications out of a deployment, as it is configured.

use std::sync::Arc;

use crate::actors::producer::{AmqpOutlet, Emission, LogOutlet, Outlet};
use crate::config::{Config, NotificationDriver};
use crate::transport::amqp::{Destination, Notifier};

/// `None` if nobody is told anything. Nothing is connected yet.
pub(super) fn open(config: &Config) -> Option<Emission> {
    let notifications = &config.notifications;
    let amqp = |enveloped| {
        let mut broker = config.transport.amqp.clone();
        if !notifications.urls.is_empty() {
            broker.urls.clone_from(&notifications.urls);
        }
        let to = Destination {
            exchange: notifications.exchange.clone(),
            topics: notifications.topics.clone(),
            durable: notifications.durable,
        };
        Arc::new(AmqpOutlet::new(Notifier::new(broker, to), enveloped))
    };
    let outlet: Arc<dyn Outlet> = match notifications.driver {
        NotificationDriver::Noop => return None,
        NotificationDriver::MessagingV2 => amqp(true),
        NotificationDriver::Messaging => amqp(false),
        NotificationDriver::Log => Arc::new(LogOutlet),
    };
    Some(Emission { outlet, interval: notifications.interval, batch_size: notifications.batch_size })
}
