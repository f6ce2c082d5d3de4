//! The service that the suite talks to: it shows what reached it and does as it is told.
//!
//! Invariants: handlers wait only for gates that the test opens, so no test depends on timing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};

use crate::domain::identity::Identity;
use crate::domain::ids::RequestId;
use crate::transport::{Cx, Fault, Handle, Message, Older, OnceKey, Service, codec};

/// The tag of the probe.
#[derive(Debug, Clone, Copy)]
pub struct Probe;

impl Service for Probe {
    const NAME: &'static str = "probe";
}

crate::rpcs! { Probe;
    "echo"      Echo     => String, repeatable;
    "show"      Show     => Shown;
    "refuse"    Refuse   => ();
    "panic"     Panic    => (), repeatable;
    "pass_gate" PassGate => u64;
    "in_lane"   InLane   => (), key = lane;
    "meet"      Meet     => (), key = lane, together;
    "nudge"     Nudge    => (), repeatable;
    "flaky"     Flaky    => u32, repeatable;
    "fragile"   Fragile  => u32;
    "renamed"   Renamed  => Renaming, schema = 2, older = RenamedV1;
}

/// Comes back as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Echo(pub String);

/// Shows the context that reached the handler.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Show;

/// The context as the handler saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The request id.
    pub request: RequestId,
    /// The caller.
    pub caller: Identity,
    /// Microseconds left.
    pub remaining: u64,
    /// The trace id.
    pub trace: u128,
    /// The idempotency key.
    pub once: Option<OnceKey>,
}

/// Answers this fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refuse(pub Fault);

/// Panics.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Panic;

/// Counts itself as begun, waits until the gate lets one more through, and answers its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PassGate(pub u64);

/// As [`PassGate`], in a lane; notes its number when it is through.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InLane {
    /// The lane.
    pub lane: String,
    /// The number.
    pub number: u64,
}

/// As [`InLane`], together with others of the lane; notes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Meet {
    /// The lane.
    pub lane: String,
    /// The number.
    pub number: u64,
}

/// Only notes its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Nudge(pub u64);

/// Repeatable; is `Unavailable`, maybe done, this many times before it answers how often it was tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flaky(pub u32);

/// As [`Flaky`], but must not be repeated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fragile(pub u32);

/// A message in its second schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// Was there from the start.
    pub name: String,
    /// New in schema 2.
    pub ttl: Option<u32>,
}

/// Its reply: what the handler got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renaming {
    /// The name.
    pub name: String,
    /// New in schema 2.
    pub ttl: Option<u32>,
}

/// Message and reply as they were in schema 1: the name alone.
#[derive(Debug, Serialize, Deserialize)]
pub struct RenamedV1 {
    name: String,
}

impl RenamedV1 {
    fn name(version: u16, body: &[u8]) -> Option<String> {
        (version == 1).then(|| codec::decode::<Self>(body).ok()).flatten().map(|old| old.name)
    }

    fn bytes(version: u16, name: &str) -> Option<Vec<u8>> {
        (version == 1).then(|| codec::encode(&Self { name: name.to_owned() }).ok()).flatten()
    }
}

impl Older<Renamed> for RenamedV1 {
    fn read(from: u16, body: &[u8]) -> Option<Renamed> {
        Self::name(from, body).map(|name| Renamed { name, ttl: None })
    }

    fn write(message: &Renamed, to: u16) -> Option<Vec<u8>> {
        Self::bytes(to, &message.name)
    }

    fn read_reply(from: u16, body: &[u8]) -> Option<Renaming> {
        Self::name(from, body).map(|name| Renaming { name, ttl: None })
    }

    fn write_reply(reply: &Renaming, to: u16) -> Option<Vec<u8>> {
        Self::bytes(to, &reply.name)
    }
}

/// Not in the table: the probe does not know it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unknown;

impl Message for Unknown {
    type To = Probe;
    type Reply = ();
    const NAME: &'static str = "unknown";
}

/// A sender from the future: the same wire name in a schema that the probe does not know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EchoFromTheFuture {
    /// Not text any more.
    pub number: u64,
}

impl Message for EchoFromTheFuture {
    type To = Probe;
    type Reply = String;
    const NAME: &'static str = "echo";
    const SCHEMA: u16 = 9;
}

/// The state of one instance, which tests look at.
#[derive(Debug)]
pub struct ProbeState {
    begun: watch::Sender<Vec<u64>>,
    noted: watch::Sender<Vec<u64>>,
    gate: Semaphore,
    inside: Mutex<Vec<String>>,
    collisions: AtomicUsize,
    tries: AtomicUsize,
}

impl ProbeState {
    /// A probe whose gate is shut.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: watch::Sender::new(Vec::new()),
            noted: watch::Sender::new(Vec::new()),
            gate: Semaphore::new(0),
            inside: Mutex::default(),
            collisions: AtomicUsize::new(0),
            tries: AtomicUsize::new(0),
        })
    }

    /// Lets `count` more through the gate.
    pub fn open(&self, count: usize) {
        self.gate.add_permits(count);
    }

    /// Resolves when `count` handlers have reached the gate.
    pub async fn begun(&self, count: usize) -> Vec<u64> {
        reached(&self.begun, count).await
    }

    /// Resolves when `count` numbers have been noted.
    pub async fn noted(&self, count: usize) -> Vec<u64> {
        reached(&self.noted, count).await
    }

    /// Which handlers have reached the gate so far.
    #[must_use]
    pub fn begun_now(&self) -> Vec<u64> {
        self.begun.borrow().clone()
    }

    /// What has been noted so far.
    #[must_use]
    pub fn noted_now(&self) -> Vec<u64> {
        self.noted.borrow().clone()
    }

    /// How often two handlers were in one lane at a time.
    #[must_use]
    pub fn collisions(&self) -> usize {
        self.collisions.load(Ordering::SeqCst)
    }

    /// How often a flaky or fragile message was tried.
    #[must_use]
    pub fn tries(&self) -> usize {
        self.tries.load(Ordering::SeqCst)
    }

    async fn pass(&self, number: u64) -> Result<(), Fault> {
        self.begun.send_modify(|begun| begun.push(number));
        let permit = self.gate.acquire().await.map_err(|_| Fault::internal("gate", "the gate is gone"))?;
        permit.forget();
        Ok(())
    }

    fn try_once(&self, failures: u32) -> Result<u32, Fault> {
        let tries = u32::try_from(self.tries.fetch_add(1, Ordering::SeqCst)).unwrap_or(u32::MAX) + 1;
        if tries > failures {
            return Ok(tries);
        }
        Err(Fault::unavailable("flaky", "not yet").and_maybe_done())
    }
}

async fn reached(list: &watch::Sender<Vec<u64>>, count: usize) -> Vec<u64> {
    let mut seen = list.subscribe();
    match seen.wait_for(|list| list.len() >= count).await {
        Ok(list) => list.clone(),
        Err(_) => Vec::new(),
    }
}

impl Handle<Echo> for ProbeState {
    async fn handle(&self, _: &Cx, Echo(text): Echo) -> Result<String, Fault> {
        Ok(text)
    }
}

impl Handle<Show> for ProbeState {
    async fn handle(&self, cx: &Cx, _: Show) -> Result<Shown, Fault> {
        Ok(Shown {
            request: cx.request,
            caller: cx.caller.as_ref().clone(),
            remaining: u64::try_from(cx.remaining().as_micros()).unwrap_or(u64::MAX),
            trace: cx.trace.trace_id(),
            once: cx.once,
        })
    }
}

impl Handle<Refuse> for ProbeState {
    async fn handle(&self, _: &Cx, Refuse(fault): Refuse) -> Result<(), Fault> {
        Err(fault)
    }
}

impl Handle<Panic> for ProbeState {
    #[expect(clippy::panic, reason = "that is what it is for")]
    async fn handle(&self, _: &Cx, _: Panic) -> Result<(), Fault> {
        panic!("as it was told");
    }
}

impl Handle<PassGate> for ProbeState {
    async fn handle(&self, _: &Cx, PassGate(number): PassGate) -> Result<u64, Fault> {
        self.pass(number).await?;
        self.noted.send_modify(|noted| noted.push(number));
        Ok(number)
    }
}

impl Handle<InLane> for ProbeState {
    async fn handle(&self, _: &Cx, InLane { lane, number }: InLane) -> Result<(), Fault> {
        {
            let mut inside = self.inside.lock();
            if inside.contains(&lane) {
                self.collisions.fetch_add(1, Ordering::SeqCst);
            }
            inside.push(lane.clone());
        }
        let passed = self.pass(number).await;
        self.inside.lock().retain(|other| *other != lane);
        self.noted.send_modify(|noted| noted.push(number));
        passed
    }
}

impl Handle<Meet> for ProbeState {
    async fn handle(&self, _: &Cx, Meet { number, .. }: Meet) -> Result<(), Fault> {
        self.pass(number).await
    }
}

impl Handle<Nudge> for ProbeState {
    async fn handle(&self, _: &Cx, Nudge(number): Nudge) -> Result<(), Fault> {
        self.noted.send_modify(|noted| noted.push(number));
        Ok(())
    }
}

impl Handle<Flaky> for ProbeState {
    async fn handle(&self, _: &Cx, Flaky(failures): Flaky) -> Result<u32, Fault> {
        self.try_once(failures)
    }
}

impl Handle<Fragile> for ProbeState {
    async fn handle(&self, _: &Cx, Fragile(failures): Fragile) -> Result<u32, Fault> {
        self.try_once(failures)
    }
}

impl Handle<Renamed> for ProbeState {
    async fn handle(&self, _: &Cx, Renamed { name, ttl }: Renamed) -> Result<Renaming, Fault> {
        Ok(Renaming { name, ttl })
    }
}
