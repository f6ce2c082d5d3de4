//! Machines and the processes on them.
//!
//! **Invariants**: a process that dies leaves its disk and nothing else: its tasks, its sessions' holders and its way into the
//! network go with it.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    sync::{Mutex, MutexGuard},
    task::JoinHandle,
};

use super::{
    RATES,
    actors::{Actor, Role},
    dice::Dice,
    mutants::{Gate, MutantDisk},
    net::Weather,
    world::World,
};
use crate::{
    Client, Pace, Replica,
    cluster::{
        Call, Node, NodeId, OperateError, Operated, Operation, Peer, Remote, Request, Serve as _, Timing,
    },
    testing::MemoryDisk,
};

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// It is killed; the machine goes on.
    Process,
    /// The machine loses its power, and of what was not synced all but so many bytes of each file.
    Power(usize),
}

/// All machines.
#[derive(Debug)]
pub(super) struct Hosts {
    pub(super) world: Arc<World>,
    pub(super) all: Vec<Host>,
}

/// One machine.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) peer: Peer,
    /// None for a client without a log.
    pub(super) disk: Option<MemoryDisk>,
    timing: Timing,
    roles: Vec<Role>,
    dice: Dice,
    /// Wherever clients without a log begin to ask.
    voters: Vec<Peer>,
    /// It is not to be started again.
    retired: AtomicBool,
    life: Mutex<Option<Life>>,
}

/// A process.
#[derive(Debug)]
struct Life {
    node: Option<Arc<Node>>,
    gate: Arc<Gate>,
    client: Arc<Client>,
    tasks: Vec<JoinHandle<()>>,
}

pub(super) fn peer(place: usize) -> Peer {
    Peer { name: format!("n{place}"), address: place.to_string() }
}

/// A clock that is as wrong as it may be.
fn pace(dice: &mut Dice) -> Pace {
    let span = u32::abs_diff(*RATES.end(), *RATES.start()) as usize + 1;
    Pace::millis_in_a_second(RATES.start() + dice.below(span) as u32)
}

impl Host {
    pub(super) fn node(place: usize, roles: Vec<Role>, timing: &Timing, dice: &mut Dice) -> Self {
        let timing = Timing { pace: pace(dice), ..timing.clone() };
        let (disk, voters) = (Some(MemoryDisk::default()), Vec::new());
        Self::new(place, disk, timing, roles, voters, dice)
    }

    fn new(
        place: usize,
        disk: Option<MemoryDisk>,
        timing: Timing,
        roles: Vec<Role>,
        voters: Vec<Peer>,
        dice: &mut Dice,
    ) -> Self {
        let (dice, retired, life) = (dice.fork(), AtomicBool::default(), Mutex::default());
        Self { peer: peer(place), disk, timing, roles, dice, voters, retired, life }
    }

    pub(super) fn client(place: usize, roles: Vec<Role>, voters: Vec<Peer>, dice: &mut Dice) -> Self {
        let timing = Timing { pace: pace(dice), ..Timing::default() };
        Self::new(place, None, timing, roles, voters, dice)
    }

    pub(super) fn roles(&self) -> &[Role] {
        &self.roles
    }

    fn is_full(&self) -> bool {
        self.disk.as_ref().is_some_and(MemoryDisk::is_full)
    }

    pub(super) const fn has_log(&self) -> bool {
        self.disk.is_some()
    }
}

impl Hosts {
    fn host(&self, place: usize) -> Option<&Host> {
        self.all.get(place)
    }

    async fn life(&self, place: usize) -> Option<MutexGuard<'_, Option<Life>>> {
        Some(self.host(place)?.life.lock().await)
    }

    /// Starts a process, unless there is one.
    pub(super) async fn start(&self, place: usize) {
        let Some(host) = self.host(place) else { return };
        let mut life = host.life.lock().await;
        if life.is_some() || host.retired.load(Ordering::Relaxed) {
            return;
        }
        let world = &self.world;
        let link = world.net.link(place);
        let (node, replica): (_, Arc<dyn Replica>) = match &host.disk {
            None => (None, Remote::paced(link, host.voters.clone(), host.timing.pace)),
            Some(disk) => {
                let disk = Arc::new(MutantDisk { inner: disk.attach(), mutant: world.mutant });
                match Node::open(disk, host.peer.clone(), link, host.timing.clone()).await {
                    Ok(node) => (Some(node.clone()), node),
                    Err(error) if host.is_full() => {
                        return world
                            .trace
                            .note(format_args!("n{place} cannot start on a full disk: {error}"));
                    }
                    Err(error) => {
                        world.trace.wrong("S8", format_args!("n{place} cannot be opened: {error}"));
                        return;
                    }
                }
            }
        };
        let (gate, client) = Gate::client(replica, world.mutant);
        let mut tasks = Vec::new();
        if let Some(node) = &node {
            world.net.attach(place, node.id(), node.clone());
            tasks.push(tokio::spawn(world.clone().observe(place, node.clone())));
        }
        let mut dice = host.dice.clone();
        for role in &host.roles {
            let actor = Actor { world: world.clone(), place, client: client.clone(), dice: dice.fork() };
            tasks.push(tokio::spawn(actor.act(*role)));
        }
        world.trace.note(format_args!("n{place} starts"));
        *life = Some(Life { node, gate, client, tasks });
    }

    /// Ends a process for good.
    pub(super) async fn retire(&self, place: usize) {
        if let Some(host) = self.host(place) {
            host.retired.store(true, Ordering::Relaxed);
        }
        self.end(place, Death::Process).await;
    }

    /// Ends a process, if there is one.
    pub(super) async fn end(&self, place: usize, death: Death) {
        let Some(host) = self.host(place) else { return };
        let mut slot = host.life.lock().await;
        let Some(life) = slot.take() else { return };
        self.world.trace.fault(format_args!("n{place} dies: {death:?}"));
        life.gate.close();
        match (death, &host.disk) {
            (Death::Power(keep), Some(disk)) => disk.crash(keep),
            (Death::Process, Some(disk)) => disk.kill(),
            (_, None) => {}
        }
        self.world.net.detach(place, death != Death::Process);
        self.world.beliefs.forget(place);
        for task in &life.tasks {
            task.abort();
        }
        if let Some(node) = &life.node {
            node.stop().await;
        }
    }

    /// The node at a place, if it is up.
    pub(super) async fn node(&self, place: usize) -> Option<Arc<Node>> {
        self.life(place).await?.as_ref()?.node.clone()
    }

    /// The coordinator at a place, if its process is up.
    pub(super) async fn coordinator(&self, place: usize) -> Option<Arc<Client>> {
        Some(self.life(place).await?.as_ref()?.client.clone())
    }

    /// The replica at a place, if its process is up.
    pub(super) async fn replica(&self, place: usize) -> Option<Arc<Gate>> {
        Some(self.life(place).await?.as_ref()?.gate.clone())
    }

    /// All nodes that are up.
    pub(super) async fn nodes(&self) -> Vec<(usize, Arc<Node>)> {
        let mut nodes = Vec::new();
        for place in 0..self.all.len() {
            nodes.extend(self.node(place).await.map(|node| (place, node)));
        }
        nodes
    }

    /// Where the leader is, as most would say.
    pub(super) async fn leader(&self) -> Option<usize> {
        let nodes = self.nodes().await;
        let known = nodes.iter().filter_map(|(_, node)| Some((node.status().term, node.leader()?.0)));
        let (_, leader) = known.max_by_key(|(term, _)| *term)?;
        nodes.iter().find(|(_, node)| node.id() == leader).map(|(place, _)| *place)
    }

    /// Has a node stand for election, as if the leader had asked for it.
    pub(super) async fn contest(&self, place: usize) {
        let nodes = self.nodes().await;
        let Some((_, node)) = nodes.iter().find(|(at, _)| *at == place) else { return };
        let other = nodes.iter().find(|(at, _)| *at != place).map(|(_, node)| node.id());
        self.world.trace.fault(format_args!("n{place} is asked to lead"));
        let cluster = node.identity().cluster;
        let call = Call { cluster, from: other, to: Some(node.id()), request: Request::Campaign };
        drop(node.serve(call).await);
    }

    /// Has an operation carried out, by whoever is up.
    pub(super) async fn operate(&self, at: usize, operation: Operation) -> Result<Operated, OperateError> {
        let name = format!("{operation:?}").chars().take(60).collect::<String>();
        let silent = OperateError::Failed { reason: "nobody is up there".to_owned() };
        let node = self.node(at).await.ok_or(silent)?;
        let outcome = node.operate(operation).await;
        let result = outcome.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
        self.world.trace.fault(format_args!("n{at} operates {name}: {result}"));
        outcome
    }

    pub(super) async fn id(&self, place: usize) -> Option<NodeId> {
        Some(self.node(place).await?.id())
    }

    /// Everything is repaired, and whoever is down comes back.
    pub(super) async fn heal(&self) {
        self.world.net.heal();
        self.world.net.set_weather(Weather { delay: 2, ..Weather::default() });
        for (place, host) in self.all.iter().enumerate() {
            if let Some(disk) = &host.disk {
                disk.set_full(false);
                disk.set_full_at_sync(false);
                disk.set_delay(std::time::Duration::ZERO);
            }
            self.start(place).await;
        }
        self.world.trace.note("-- everything is repaired");
    }
}
