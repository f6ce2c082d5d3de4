//! Publishing to whoever listens, outside the services' own exchanges: at least once, in order where order matters.
//!
//! Invariants: a message counts as sent only when the broker confirmed it for every topic; of one lane the next message
//! leaves only after the one before is confirmed; exchange, queues and bindings are declared on every new connection, so
//! that what is sent before the first listener comes is kept.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::tls;
use crate::config::{AmqpConfig, BrokerUrl};

/// How long a broker may take to confirm.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long saying goodbye to a broker may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number to the sender.
    pub id: i64,
    /// Messages of one lane are sent in order.
    pub lane: Option<Uuid>,
    /// What follows the topic in the routing key.
    pub priority: &'static str,
    /// The body, JSON.
    pub body: String,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// A topic exchange.
    pub exchange: String,
    /// Each gets every message.
    pub topics: Vec<String>,
    /// Exchange and queues outlive the broker.
    pub durable: bool,
}

/// Sends messages; connects when there is something to send.
#[derive(Debug)]
pub struct Notifier {
    config: AmqpConfig,
    to: Destination,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    channel: Channel,
    declared: BTreeSet<&'static str>,
}

impl Notifier {
    /// Sends to the brokers of `config`. There need be none yet.
    #[must_use]
    pub fn new(config: AmqpConfig, to: Destination) -> Self {
        Self { config, to, open: Mutex::default() }
    }

    /// Sends messages; answers those that are confirmed, and why the others are not.
    pub async fn publish(&self, messages: &[Outgoing]) -> (Vec<i64>, Option<String>) {
        let mut open = self.open.lock().await;
        let mut sent = Vec::with_capacity(messages.len());
        let sending = async {
            let mut link = match open.take().filter(|open| open.connection.status().connected()) {
                Some(link) => link,
                None => self.connect().await?,
            };
            for wave in waves(messages) {
                self.send(&mut link, &wave, &mut sent).await?;
            }
            Ok(link)
        };
        let failure = match sending.await {
            Ok(link) => {
                *open = Some(link);
                None
            }
            Err(failure) => Some(failure),
        };
        (sent, failure)
    }

    /// Ends the connection, if there is one.
    pub async fn close(&self) {
        if let Some(open) = self.open.lock().await.take() {
            let closing = open.connection.close(200, "goodbye".into());
            if tokio::time::timeout(GOODBYE, closing).await.is_err() {
                tracing::debug!("the broker did not answer the goodbye");
            }
        }
    }

    async fn connect(&self) -> Result<Open, String> {
        let mut last = String::from("no broker is configured");
        for url in &self.config.urls {
            let opening = tokio::time::timeout(self.config.connect_timeout, self.connect_to(url));
            match opening.await {
                Ok(Ok(open)) => {
                    tracing::info!(broker = url.place(), "connected for notifications");
                    return Ok(open);
                }
                Ok(Err(failure)) => last = format!("{}: {failure}", url.place()),
                Err(_elapsed) => last = format!("{}: no answer in time", url.place()),
            }
        }
        Err(last)
    }

    async fn connect_to(&self, url: &BrokerUrl) -> Result<Open, String> {
        let tls = tls::load(&self.config).await.map_err(told)?;
        let mut uri = url.uri();
        let millis = u64::try_from(self.config.connect_timeout.as_millis()).unwrap_or(u64::MAX);
        uri.query.connection_timeout = Some(millis);
        uri.query.heartbeat = Some(u16::try_from(self.config.heartbeat.as_secs()).unwrap_or(u16::MAX));
        let name = format!("ordain notifications {}", std::process::id());
        let options = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime().map_err(told)?;
        let connection =
            Connection::connect_uri_with_config(uri, options, tls, runtime).await.map_err(told)?;
        let channel = connection.create_channel().await.map_err(told)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(told)?;
        let exchange =
            ExchangeDeclareOptions { durable: self.to.durable, ..ExchangeDeclareOptions::default() };
        let declared = channel
            .exchange_declare(short(&self.to.exchange), ExchangeKind::Topic, exchange, FieldTable::default())
            .await;
        declared.map_err(told)?;
        Ok(Open { connection, channel, declared: BTreeSet::new() })
    }

    /// Sends messages that need not wait for each other, and waits until all are confirmed.
    async fn send(&self, link: &mut Open, wave: &[&Outgoing], sent: &mut Vec<i64>) -> Result<(), String> {
        let priorities: BTreeSet<&'static str> = wave.iter().map(|message| message.priority).collect();
        for priority in priorities {
            if !link.declared.contains(priority) {
                self.declare(&link.channel, priority).await?;
                link.declared.insert(priority);
            }
        }
        let channel = &link.channel;
        let publishing = wave.iter().map(|message| async move {
            for topic in &self.to.topics {
                let key = short(&format!("{topic}.{}", message.priority));
                let confirm = channel
                    .basic_publish(
                        short(&self.to.exchange),
                        key,
                        BasicPublishOptions::default(),
                        message.body.as_bytes(),
                        properties(),
                    )
                    .await
                    .map_err(told)?;
                match confirm.await.map_err(told)? {
                    Confirmation::Ack(_) | Confirmation::NotRequested => {}
                    Confirmation::Nack(_) => return Err(String::from("the broker refused a message")),
                }
            }
            Ok(message.id)
        });
        let outcomes = tokio::time::timeout(PATIENCE, futures::future::join_all(publishing)).await;
        let outcomes = outcomes.map_err(|_elapsed| String::from("the broker does not confirm"))?;
        let mut failure = None;
        for outcome in outcomes {
            match outcome {
                Ok(id) => sent.push(id),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn declare(&self, channel: &Channel, priority: &str) -> Result<(), String> {
        let options = QueueDeclareOptions { durable: self.to.durable, ..QueueDeclareOptions::default() };
        for topic in &self.to.topics {
            let queue = short(&format!("{topic}.{priority}"));
            channel.queue_declare(queue.clone(), options, FieldTable::default()).await.map_err(told)?;
            let (exchange, key) = (short(&self.to.exchange), queue.clone());
            let bound = channel
                .queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default())
                .await;
            bound.map_err(told)?;
        }
        Ok(())
    }
}

fn properties() -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(2)
        .with_priority(0)
        .with_headers(FieldTable::default())
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn short(text: &str) -> ShortString {
    super::topology::name(text.to_owned())
}

/// Messages in groups, each with at most one of every lane, the lanes in order.
fn waves(messages: &[Outgoing]) -> Vec<Vec<&Outgoing>> {
    let mut waves: Vec<Vec<&Outgoing>> = Vec::new();
    let mut next: HashMap<Option<Uuid>, usize> = HashMap::new();
    for message in messages {
        let at = next.entry(message.lane).or_default();
        match waves.get_mut(*at) {
            Some(wave) => wave.push(message),
            None => waves.push(vec![message]),
        }
        *at += 1;
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_keeps_its_order_and_lanes_do_not_wait_for_each_other() {
        let (a, b) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
        let lanes = [a, b, a, None, a, None, b];
        let messages: Vec<Outgoing> = (0..)
            .zip(lanes)
            .map(|(id, lane)| Outgoing { id, lane, priority: "info", body: String::new() })
            .collect();
        let ids: Vec<Vec<i64>> =
            waves(&messages).iter().map(|wave| wave.iter().map(|message| message.id).collect()).collect();
        assert_eq!(ids, [vec![0, 1, 3], vec![2, 5, 6], vec![4]]);
    }
}
