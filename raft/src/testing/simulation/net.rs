//! A network that loses, delays, doubles and reorders messages, and can be cut in one direction or both.
//!
//! **Invariants**: what becomes of a message follows from the seed and from how many went the same way before it. A process that
//! died sends nothing and answers nothing. Commands are not doubled: connections number their frames, so that only messages
//! for which the protocol provides come twice.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{sleep, timeout};

use super::{dice::Dice, trace::Trace};
use crate::cluster::{
    Call, Link, LinkError, NodeId, Peer, Request, Response, Serve,
    journal::{decode, encode},
};

/// After so much silence a caller takes its connection for dead.
const SILENCE: Duration = Duration::from_secs(2);

/// How messages fare.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    /// So many in a hundred are lost.
    pub(super) loss: u32,
    /// So many in a hundred come twice.
    pub(super) doubled: u32,
    /// The longest delay, in milliseconds.
    pub(super) delay: u64,
}

/// The network; clones share it.
#[derive(Debug, Clone)]
pub(super) struct SimNet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    trace: Arc<Trace>,
    seed: u64,
    wires: Mutex<Wires>,
}

#[derive(Debug, Default)]
struct Wires {
    places: BTreeMap<usize, Place>,
    weather: Weather,
    paths: BTreeMap<(usize, usize), Path>,
}

/// What listens at an address.
#[derive(Debug, Default)]
struct Place {
    life: u64,
    /// The process, if there is one.
    node: Option<(NodeId, Arc<dyn Serve>)>,
    /// Without power nobody is even told that nothing listens.
    dark: bool,
}

/// One direction between two places.
#[derive(Debug, Default)]
struct Path {
    cut: bool,
    weather: Option<Weather>,
    sent: u64,
}

/// One process's way out.
#[derive(Debug)]
struct Wire {
    net: SimNet,
    from: usize,
    life: u64,
}

impl SimNet {
    pub(super) fn new(trace: Arc<Trace>, seed: u64) -> Self {
        Self(Arc::new(Shared { trace, seed, wires: Mutex::default() }))
    }

    /// The way out for the process that lives at a place from now on.
    pub(super) fn link(&self, from: usize) -> Arc<dyn Link> {
        let mut wires = self.lock();
        let place = wires.places.entry(from).or_default();
        place.life += 1;
        Arc::new(Wire { net: self.clone(), from, life: place.life })
    }

    /// The process listens.
    pub(super) fn attach(&self, at: usize, id: NodeId, node: Arc<dyn Serve>) {
        let mut wires = self.lock();
        let place = wires.places.entry(at).or_default();
        (place.node, place.dark) = (Some((id, node)), false);
    }

    /// Lets go of all processes, which hold on to the network in turn.
    pub(super) fn abandon(&self) {
        let places = std::mem::take(&mut self.lock().places);
        drop(places);
    }

    /// The process ends; its peers hear of it unless the machine went with it.
    pub(super) fn detach(&self, at: usize, dark: bool) {
        let mut wires = self.lock();
        let place = wires.places.entry(at).or_default();
        place.life += 1;
        place.dark = dark;
        let gone = place.node.take();
        let heard = |other: &&usize| !wires.paths.get(&(at, **other)).is_some_and(|path| path.cut);
        let others = wires.places.keys().filter(heard);
        let rest: Vec<_> = others
            .filter_map(|other| wires.places.get(other)?.node.as_ref().map(|(_, node)| node.clone()))
            .collect();
        drop(wires);
        if let (Some((id, _)), false) = (gone, dark) {
            for node in rest {
                node.closed(id);
            }
        }
    }

    pub(super) fn cut(&self, from: usize, to: usize, cut: bool) {
        self.lock().paths.entry((from, to)).or_default().cut = cut;
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Other weather in one direction only, or the same as everywhere.
    pub(super) fn set_path(&self, from: usize, to: usize, weather: Option<Weather>) {
        self.lock().paths.entry((from, to)).or_default().weather = weather;
    }

    /// Mends everything.
    pub(super) fn heal(&self) {
        let mut wires = self.lock();
        wires.weather = Weather { delay: 2, ..Weather::default() };
        for path in wires.paths.values_mut() {
            (path.cut, path.weather) = (false, None);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wires> {
        self.0.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn life(&self, at: usize) -> u64 {
        self.lock().places.get(&at).map_or(0, |place| place.life)
    }

    /// How long each copy of the next message takes; none if it is lost.
    fn fate(&self, from: usize, to: usize, may_double: bool) -> Vec<Duration> {
        let mut wires = self.lock();
        let everywhere = wires.weather;
        let path = wires.paths.entry((from, to)).or_default();
        path.sent += 1;
        let weather = path.weather.unwrap_or(everywhere);
        let way = (from as u64) << 56 | (to as u64) << 48 | path.sent;
        let mut dice = Dice::new(self.0.seed ^ way.wrapping_mul(0xd6e8_feb8_6659_fd93));
        if path.cut || dice.percent(weather.loss) {
            return Vec::new();
        }
        // Most messages are quick even in bad weather, which is what makes the others overtaken.
        let mut delay = || match dice.percent(60) {
            true => dice.millis(0..=weather.delay.min(2)),
            false => dice.millis(0..=weather.delay),
        };
        let first = delay();
        let second = delay();
        if may_double && dice.percent(weather.doubled) { vec![first, second] } else { vec![first] }
    }
}

/// Never: a process that does not exist hears nothing.
async fn never<T>() -> T {
    std::future::pending().await
}

/// What a caller hears whose request or answer was lost.
async fn silence() -> Answer {
    sleep(SILENCE).await;
    Err("the connection fell silent".to_owned())
}

impl Wire {
    /// Brings a request there and the answer back, unless one of them is lost.
    async fn exchange(net: SimNet, way: (usize, usize), bytes: Arc<[u8]>, delays: Vec<Duration>) -> Answer {
        let (from, to) = way;
        let life = net.life(to);
        let there = net.lock().places.get(&to).and_then(|place| Some(place.node.as_ref()?.1.clone()));
        let (Some(there), Some((&first, doubles))) = (there, delays.split_first()) else {
            return silence().await;
        };
        for &delay in doubles {
            let (net, there, bytes) = (net.clone(), there.clone(), bytes.clone());
            tokio::spawn(async move {
                sleep(delay).await;
                if net.life(to) == life
                    && let Ok(call) = decode(&bytes)
                {
                    drop(there.serve(call).await);
                }
            });
        }
        if !first.is_zero() {
            sleep(first).await;
        }
        if net.life(to) != life {
            return net.after_death(to).await;
        }
        net.0.trace.message(from, to, &bytes);
        let response = there.serve(decode(&bytes)?).await;
        if net.life(to) != life {
            return net.after_death(to).await;
        }
        let bytes = encode(&response)?;
        let Some(&back) = net.fate(to, from, false).first() else { return silence().await };
        if !back.is_zero() {
            sleep(back).await;
        }
        net.0.trace.message(to, from, &bytes);
        decode(&bytes)
    }
}

type Answer = Result<Response, String>;

impl SimNet {
    /// What a caller hears when the process at the other end died under its request.
    async fn after_death(&self, at: usize) -> Answer {
        let dark = self.lock().places.get(&at).is_some_and(|place| place.dark);
        if dark { silence().await } else { Err("the connection was closed".to_owned()) }
    }
}

#[async_trait]
impl Link for Wire {
    async fn call(&self, peer: &Peer, call: Call, limit: Duration) -> Result<Response, LinkError> {
        let lost = |reason: String| LinkError::Lost { peer: peer.clone(), reason };
        let to = peer.address.parse().map_err(|_| lost("no such address".to_owned()))?;
        if self.net.life(self.from) != self.life {
            return never().await;
        }
        let (listens, dark) = {
            let wires = self.net.lock();
            let place = wires.places.get(&to);
            (place.is_some_and(|place| place.node.is_some()), place.is_some_and(|place| place.dark))
        };
        let may_double = !matches!(call.request, Request::Submit(_) | Request::Operate(_));
        let delays = self.net.fate(self.from, to, may_double);
        if !listens && !dark && !delays.is_empty() {
            return Err(LinkError::Gone { peer: peer.clone() });
        }
        let bytes = encode(&call).map_err(lost)?.into();
        let exchange = tokio::spawn(Self::exchange(self.net.clone(), (self.from, to), bytes, delays));
        let answer = timeout(limit, exchange).await;
        if self.net.life(self.from) != self.life {
            return never().await;
        }
        match answer {
            Ok(Ok(response)) => response.map_err(lost),
            Ok(Err(stopped)) => Err(lost(stopped.to_string())),
            Err(_) => Err(lost("no answer in time".to_owned())),
        }
    }
}
