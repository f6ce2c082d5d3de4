//! Leases outlive a leader that falls silent, whether it is cut off from the voters or from everybody.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use coordinator::{
    Client, Coordinator, LockName, Terms,
    cluster::{Peer, Remote},
    testing::cluster::Machines,
};
use tokio::time::timeout;

/// As long as it usually is: trusted for seven and a half seconds, of which an election may take two.
const TTL: Duration = Duration::from_secs(9);
const LOCK: LockName = LockName::literal("lock");

/// Cuts off the leader while a lease of somebody else is held, right after each renewal and at other times.
async fn a_lease_outlives(cut_from_clients: bool, on_a_follower: bool) {
    for moment in 0..16 {
        let machines = Machines::cluster(3).await;
        let leader = machines.led().await;
        let peers: Vec<Peer> = machines.machines.iter().map(|machine| machine.peer.clone()).collect();
        let holder = if on_a_follower {
            machines.node((leader + 1) % 3).coordinator()
        } else {
            let mut peers = peers.clone();
            // As if it had happened to ask the leader first.
            peers.rotate_left(leader);
            Client::new(Remote::start(machines.net.link("client"), peers))
        };
        let lease = holder.acquire(&LOCK, Terms::at_once().with_ttl(TTL)).await.unwrap();
        assert!(timeout(TTL / 16 * moment, lease.lost()).await.is_err());
        let address = &peers[leader].address;
        machines.net.isolate(address);
        if cut_from_clients {
            machines.net.cut("client", address);
            machines.net.cut(address, "client");
        }
        let outcome = timeout(TTL * 3, lease.lost()).await;
        assert!(outcome.is_err(), "lost when cut off at {moment}: {outcome:?}");
        machines.net.heal();
        for (_, node) in machines.up() {
            Arc::clone(node).stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_finds_the_next_leader_while_the_last_one_still_listens() {
    a_lease_outlives(false, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_finds_the_next_leader_while_the_last_one_says_nothing() {
    a_lease_outlives(true, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_finds_the_next_leader_while_the_last_one_says_nothing() {
    a_lease_outlives(true, true).await;
}
