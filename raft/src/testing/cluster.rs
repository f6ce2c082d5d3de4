//! Clusters in one process, on disks and a network in memory.
//!
//! **Invariants**: a machine's disk outlives its node. Every wait is for a condition and ends by [`LIMIT`](super::LIMIT).
use std::sync::Arc;

use super::{Nodes, disk::MemoryDisk, net::MemoryNet, within};
use crate::{
    Coordinator,
    cluster::{Node, Operated, Operation, Peer, Timing},
};

/// Some machines.
#[derive(Debug)]
pub struct Machines {
    /// What joins them.
    pub net: MemoryNet,
    /// The machines, by number.
    pub machines: Vec<Machine>,
    timing: Timing,
}

/// A disk, and the node on it while it is up.
#[derive(Debug)]
pub struct Machine {
    /// Its address.
    pub peer: Peer,
    /// Its disk.
    pub disk: MemoryDisk,
    /// The node.
    pub node: Option<Arc<Node>>,
}

impl Machines {
    /// Fresh machines that are up and belong to no cluster.
    pub async fn fresh(count: usize, timing: Timing) -> Self {
        let mut all = Self { net: MemoryNet::default(), machines: Vec::new(), timing };
        for _ in 0..count {
            all.add().await;
        }
        all
    }

    /// A cluster of so many voters, up and led.
    pub async fn cluster(count: usize) -> Self {
        Self::cluster_with(count, Timing::default()).await
    }

    /// The same with other time-outs.
    pub async fn cluster_with(count: usize, timing: Timing) -> Self {
        let all = Self::fresh(count, timing).await;
        let peers = all.machines.iter().skip(1).map(|machine| machine.peer.clone()).collect();
        let made = all.node(0).operate(Operation::Init { peers }).await;
        assert!(matches!(made, Ok(Operated::Initialized(_))), "{made:?}");
        all.led().await;
        all
    }

    /// Other time-outs, or another clock, for machines started from now on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// Adds a fresh machine, up. Says its number.
    pub async fn add(&mut self) -> usize {
        let number = self.machines.len();
        let peer = Peer { name: format!("machine-{number}"), address: format!("machine-{number}:1") };
        self.machines.push(Machine { peer, disk: MemoryDisk::default(), node: None });
        self.start(number).await;
        number
    }

    /// The node of a machine that is up.
    #[must_use]
    pub fn node(&self, number: usize) -> &Arc<Node> {
        let node = self.machines.get(number).and_then(|machine| machine.node.as_ref());
        node.expect("a machine that is up")
    }

    /// Starts a machine.
    pub async fn start(&mut self, number: usize) {
        let machine = self.machines.get_mut(number).expect("a machine");
        let address = machine.peer.address.clone();
        let link = self.net.link(address.clone());
        let node = Node::open(machine.disk.attach(), machine.peer.clone(), link, self.timing.clone()).await;
        let node = node.expect("the node opens");
        self.net.attach(address, node.id(), node.clone());
        machine.node = Some(node);
    }

    /// Kills a process; with `power`, the machine under it, too.
    pub async fn kill(&mut self, number: usize, power: bool) {
        let machine = self.machines.get_mut(number).expect("a machine");
        if power {
            machine.disk.crash(0);
        } else {
            machine.disk.kill();
        }
        self.net.detach(&machine.peer.address);
        if let Some(node) = machine.node.take() {
            node.stop().await;
        }
    }

    /// The number of the machine that leads, once the nodes that are up agree on one that is.
    pub async fn led(&self) -> usize {
        within("electing a leader", async {
            loop {
                let up: Vec<_> = self.up().collect();
                let first = up.first().and_then(|(_, node)| node.leader()).map(|(id, _)| id);
                let agreed = up.iter().all(|(_, node)| node.leader().map(|(id, _)| id) == first);
                let leader = up.iter().find(|(_, node)| Some(node.id()) == first);
                if let (true, Some((number, _))) = (agreed, leader) {
                    return *number;
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        })
        .await
    }

    /// The nodes that are up.
    pub fn up(&self) -> impl Iterator<Item = (usize, &Arc<Node>)> {
        let all = self.machines.iter().enumerate();
        all.filter_map(|(number, machine)| Some((number, machine.node.as_ref()?)))
    }

    /// A coordinator on each node that is up, for the conformance suite.
    #[must_use]
    pub fn coordinators(&self) -> Nodes {
        let mut all = self.up().map(|(_, node)| Arc::new(node.coordinator()) as Arc<dyn Coordinator>);
        let first = all.next().expect("a machine that is up");
        Nodes::many(first, all.collect())
    }
}
