//! After everything was repaired: the cluster has to work again, and what everybody was told has to fit together.
//!
//! **Invariant**: bounds are of the simulated clock and count from the repair.
use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{GROUP, LOCKS, TTLS, actors::Role, hosts::Hosts};
use crate::{
    Client, CoordError, Coordinator as _, Group, GroupName, LockName, Member, MemberId, Replica as _, Terms,
    cluster::Node,
    testing::linear::{self, Step},
};

/// A leader is to be known (L1). More than the three seconds that a loss of the leader takes: whoever was cut off stood for
/// election again and again, and unseats the leader with its greater term when it comes back.
const LED: Duration = Duration::from_secs(8);
/// Requests that were under way when things were broken run into their time-outs, and sessions of the dead expire (L2, L5).
const SETTLED: Duration = Duration::from_secs(16);
/// A free lock is to be had, by whoever asks (L4).
const GRANTED: Duration = Duration::from_secs(12);
/// Shards of whoever leaves are to have another owner (L3).
const HANDED_OVER: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);

/// Waits for a condition; it is a violation if it is not met in time.
async fn within(
    hosts: &Hosts,
    property: &str,
    what: &str,
    limit: Duration,
    mut is: impl AsyncFnMut() -> bool,
) {
    let since = Instant::now();
    let met = timeout(limit, async {
        while !is().await {
            sleep(PAUSE).await;
        }
    });
    match met.await {
        Ok(()) => hosts.world.trace.note(format_args!("-- {what} after {:?}", since.elapsed())),
        Err(_) => hosts.world.trace.wrong(property, format_args!("not so within {limit:?}: {what}")),
    }
}

/// Judges the end of a schedule.
pub(super) async fn end(hosts: &Arc<Hosts>) {
    let world = &hosts.world;
    within(hosts, "L1", "one leader is known", LED, async || hosts.leader_is_known().await).await;
    world.close();
    hosts.retire_strangers().await;
    within(hosts, "L2", "everybody who lives has a seat, and nothing else moves", SETTLED, async || {
        hosts.is_settled().await
    })
    .await;
    // Whoever died holding a lock holds it until it expires.
    let longest = TTLS.iter().max().copied().unwrap_or_default();
    for place in 0..hosts.all.len() {
        let Some(client) = hosts.coordinator_of_member(place).await else { continue };
        for lock in LOCKS {
            let terms = Terms::waiting(GRANTED).with_ttl(longest);
            let probed = timeout(GRANTED, async {
                while let Err(error) = probe(hosts, &client, &lock, terms).await {
                    world.trace.note(format_args!("n{place} asks for {lock} again: {error}"));
                    sleep(PAUSE).await;
                }
            });
            if probed.await.is_err() {
                world.trace.wrong("L4", format_args!("n{place} did not get {lock} within {GRANTED:?}"));
            }
        }
    }
    leave(hosts).await;
    within(hosts, "S10", "all copies are the same", LED, async || hosts.agree().await).await;
    world.look_up();
    if let Err(error) = linear::check(&world.history.calls()) {
        world.trace.wrong("S3", error);
    }
}

/// Takes a lock and gives it back, as any client would.
async fn probe(hosts: &Hosts, client: &Client, lock: &LockName, terms: Terms) -> Result<(), CoordError> {
    let history = &hosts.world.history;
    let begun = history.begin(Step::Take { lock: lock.clone(), token: None });
    let lease = client.acquire(lock, terms).await?;
    let token = lease.token();
    history.end(begun, Step::Take { lock: lock.clone(), token: Some(token) });
    hosts.world.was_granted(lock, lease.session(), token);
    let given_back = Step::GiveBack { lock: lock.clone(), token };
    // What is asked for here may be lost on the way, too.
    let since = if lease.is_safe(Instant::now()) { history.begin(given_back.clone()) } else { begun };
    let released = lease.release().await;
    match released {
        Ok(()) => history.end(since, given_back),
        Err(_) => history.perhaps(since, given_back),
    }
    released
}

async fn timed<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    timeout(limit, future).await.ok()
}

/// Two more sit down in a group of their own, one leaves: the other has everything at once.
async fn leave(hosts: &Hosts) {
    const ASIDE: Group = Group::sharded(GroupName::literal("aside"), super::SHARDS);
    let world = &hosts.world;
    let mut seats = Vec::new();
    for place in 0..hosts.all.len() {
        let Some(client) = hosts.coordinator_of_member(place).await else { continue };
        let me = Member::new(MemberId::literal("aside"), "sim");
        match timed(GRANTED, client.join(&ASIDE, me)).await {
            Some(Ok(seat)) => seats.push(seat),
            other => {
                world.trace.wrong("L5", format_args!("n{place} cannot join: {:?}", other.map(Result::err)));
            }
        }
        if seats.len() == 2 {
            break;
        }
    }
    let since = Instant::now();
    let Some(heir) = seats.pop() else { return };
    for seat in seats {
        if let Err(error) = seat.leave().await {
            world.trace.wrong("L3", format_args!("cannot leave: {error}"));
        }
    }
    within(hosts, "L3", "the other one has everything", HANDED_OVER, async || {
        let held = heir.holdings(Instant::now());
        held.iter().map(|held| held.last - held.first + 1).sum::<u16>() == super::SHARDS
    })
    .await;
    if since.elapsed() > HANDED_OVER {
        world.trace.wrong("L3", format_args!("leaving took {:?}", since.elapsed()));
    }
    if timed(GRANTED, heir.leave()).await.is_none() {
        world.trace.wrong("L3", "the last one cannot leave");
    }
}

impl Hosts {
    /// Whether all members that are up take the same node for the leader, which does, too.
    async fn leader_is_known(&self) -> bool {
        let Some(leader) = self.leader().await else { return false };
        let Some(id) = self.id(leader).await else { return false };
        let nodes = self.members().await;
        !nodes.is_empty() && nodes.iter().all(|(_, node)| node.leader().is_some_and(|(known, _)| known == id))
    }

    /// Nodes that are up and in the cluster, as the leader has it.
    async fn members(&self) -> Vec<(usize, Arc<Node>)> {
        let Some(leader) = self.leader().await else { return Vec::new() };
        let Some(status) = self.node(leader).await.map(|node| node.status()) else { return Vec::new() };
        let mut nodes = self.nodes().await;
        nodes.retain(|(_, node)| status.members.iter().any(|member| member.node == node.id()));
        nodes
    }

    /// Ends nodes that were taken out without hearing of it.
    async fn retire_strangers(&self) {
        let members = self.members().await;
        if members.is_empty() {
            return;
        }
        for (place, host) in self.all.iter().enumerate() {
            let is_member = members.iter().any(|(at, _)| *at == place);
            if host.has_log() && !host.roles().is_empty() && !is_member {
                self.retire(place).await;
            }
        }
    }

    /// The coordinator of a place that belongs to the cluster.
    async fn coordinator_of_member(&self, place: usize) -> Option<Arc<Client>> {
        let is_client = self.all.get(place).is_some_and(|host| !host.has_log());
        let is_member = self.members().await.iter().any(|(at, _)| *at == place);
        if is_client || is_member { self.coordinator(place).await } else { None }
    }

    /// Whether the group has exactly those as members who sit there, and no shard is on its way.
    async fn is_settled(&self) -> bool {
        let mut expected = 0;
        for (place, host) in self.all.iter().enumerate() {
            let sits = host.roles().contains(&Role::Member);
            expected += usize::from(sits && self.coordinator_of_member(place).await.is_some());
        }
        let view = self.world.group(GROUP.name());
        view.members.len() == expected
            && view.spans.iter().all(|span| span.releasing.is_none())
            && self.world.beliefs.seats() == expected
    }

    /// Whether every copy is what the log says.
    async fn agree(&self) -> bool {
        let truth = self.world.truth().state().clone();
        for place in 0..self.all.len() {
            let Some(ledger) = self.ledger(place).await else { continue };
            if !ledger.agrees_with(&truth) {
                return false;
            }
        }
        true
    }

    async fn ledger(&self, place: usize) -> Option<crate::Ledger> {
        self.coordinator_of_member(place).await?;
        let life = self.replica(place).await?;
        Some(life.ledger().clone())
    }
}
