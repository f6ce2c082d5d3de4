//! One connection to a broker, and the task that always has one or tries for one.
//!
//! Invariants: a connection that fails in any part is given up as a whole, and everybody who waits on it is told at
//! once; the next one starts from nothing, exchanges and queues included. Brokers are tried in turn with growing pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, ConfirmSelectOptions};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::publisher::Publisher;
use super::replies::{self, Waiting};
use super::topology::Topology;
use super::{presence, properties, tls};
use crate::config::{AmqpConfig, BrokerUrl};
use crate::health::Condition;

/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long saying goodbye to a broker may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Whether there is a connection.
#[derive(Debug, Clone)]
pub(super) enum Link {
    /// The first attempt is under way.
    Starting,
    /// There is none.
    Away,
    /// This one.
    Up(Arc<Session>),
}

/// One connection that works.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    blocked: AtomicBool,
    condition: Condition,
    pub(super) publisher: Arc<Publisher>,
    pub(super) ended: CancellationToken,
}

impl Session {
    /// True while the broker takes no messages for lack of memory or disk.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// One more channel.
    pub(super) async fn channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }

    /// One more channel, on which the broker confirms what is published.
    pub(super) async fn confirming(&self) -> lapin::Result<Channel> {
        let channel = self.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }

    async fn open(
        url: &BrokerUrl,
        config: &AmqpConfig,
        topology: &Topology,
        tls: OwnedTLSConfig,
        condition: Condition,
    ) -> lapin::Result<Arc<Self>> {
        let mut uri = url.uri();
        let millis = u64::try_from(config.connect_timeout.as_millis()).unwrap_or(u64::MAX);
        uri.query.connection_timeout = Some(millis);
        uri.query.heartbeat = Some(u16::try_from(config.heartbeat.as_secs()).unwrap_or(u16::MAX));
        let name = format!("ordain {}", std::process::id());
        let options = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = lapin::runtime::default_runtime()?;
        let connection = Connection::connect_uri_with_config(uri, options, tls, runtime).await?;
        let events = connection.events_listener();

        let channel = connection.create_channel().await?;
        topology.declare(&channel).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let unacknowledged = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let answers = channel
            .basic_consume(properties::REPLY_TO.into(), "".into(), unacknowledged, FieldTable::default())
            .await?;

        let (waiting, ended) = (Arc::new(Waiting::default()), CancellationToken::new());
        let publisher = Publisher::new(channel, config.confirm_window, Arc::clone(&waiting), ended.clone());
        let session = Arc::new(Self {
            connection,
            blocked: AtomicBool::new(false),
            condition,
            publisher: Arc::new(publisher),
            ended: ended.clone(),
        });
        let (watched, keeping) = (Arc::downgrade(&session), Arc::clone(&session.publisher).keep());
        let watching = presence::watch(Arc::clone(&session), Arc::clone(&waiting), topology.clone());
        drop(tokio::spawn(async move {
            let listening = events.for_each(|event| {
                if let Some(session) = watched.upgrade() {
                    session.notice(event);
                }
                futures::future::ready(())
            });
            tokio::select! {
                () = replies::hand_out(answers, Arc::clone(&waiting)) => {}
                () = listening => {}
                () = keeping => {}
                () = watching => {}
                () = ended.cancelled() => {}
            }
            ended.cancel();
            waiting.end();
        }));
        Ok(session)
    }

    fn notice(&self, event: Event) {
        match event {
            Event::ConnectionBlocked(reason) => {
                self.condition.wants(format!("the broker takes no messages: {reason}"));
                self.blocked.store(true, Ordering::Relaxed);
            }
            Event::ConnectionUnblocked => {
                self.condition.fine();
                self.blocked.store(false, Ordering::Relaxed);
            }
            // An error of a channel shows on the channel; one of the connection ends them all.
            _ if !self.connection.status().connected() => self.ended.cancel(),
            _ => {}
        }
    }

    async fn close(&self) {
        self.ended.cancel();
        let closing = self.connection.close(200, "goodbye".into());
        if tokio::time::timeout(GOODBYE, closing).await.is_err() {
            tracing::debug!("the broker did not answer the goodbye");
        }
    }
}

/// Keeps a connection until `stop`, and tells whether there is one.
pub(super) async fn keep(
    config: Arc<AmqpConfig>,
    topology: Topology,
    link: watch::Sender<Link>,
    stop: CancellationToken,
    condition: Condition,
) {
    let mut pause = FIRST_PAUSE;
    for url in config.urls.iter().cycle() {
        let opening = async {
            let tls = tls::load(&config).await.map_err(|error| error.to_string())?;
            let opening = Session::open(url, &config, &topology, tls, condition.clone());
            match tokio::time::timeout(config.connect_timeout, opening).await {
                Ok(opened) => opened.map_err(|error| error.to_string()),
                Err(_elapsed) => Err(String::from("no answer in time")),
            }
        };
        let opened = tokio::select! {
            opened = opening => opened,
            () = stop.cancelled() => return,
        };
        match opened {
            Ok(session) => {
                tracing::info!(broker = url.place(), "connected");
                pause = FIRST_PAUSE;
                link.send_replace(Link::Up(Arc::clone(&session)));
                condition.fine();
                tokio::select! {
                    () = session.ended.cancelled() => {}
                    () = stop.cancelled() => {}
                }
                link.send_replace(Link::Away);
                session.close().await;
                if !stop.is_cancelled() {
                    condition.wants(format!("{}: the connection was lost", url.place()));
                }
            }
            Err(error) => {
                link.send_replace(Link::Away);
                condition.wants(format!("{}: {error}", url.place()));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))) => {}
            () = stop.cancelled() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
