//! What becomes of a cluster when nodes come, go, fail and return.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use coordinator::{
    CoordError, Coordinator as _, Lease, LockName, Lost, Terms, Token,
    cluster::{Call, Node, OperateError, Operated, Operation, Request, Response, Serve as _, Status, Timing},
    testing::{LIMIT, Machines},
};
use tokio::time::{Instant, sleep, timeout};

const LOCK: LockName = LockName::literal("operations");

/// Takes the lock, however often it takes.
async fn acquire(node: &Arc<Node>) -> Lease {
    let coordinator = node.coordinator();
    let taken = timeout(LIMIT, async {
        loop {
            match coordinator.acquire(&LOCK, Terms::waiting(Duration::from_secs(2))).await {
                Ok(lease) => return lease,
                Err(
                    CoordError::NotGranted { .. }
                    | CoordError::Unavailable { .. }
                    | CoordError::Unknown { .. },
                ) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    taken.await.unwrap()
}

/// Takes the lock and releases it; says its token.
async fn token(node: &Arc<Node>) -> Token {
    let lease = acquire(node).await;
    let token = lease.token();
    lease.release().await.unwrap();
    token
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let waited = timeout(LIMIT, async {
        while !is() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what} took too long");
}

fn others(machines: &Machines, number: usize) -> Vec<usize> {
    machines.up().map(|(other, _)| other).filter(|other| *other != number).collect()
}

async fn operate(node: &Arc<Node>, operation: Operation) -> Operated {
    timeout(LIMIT, node.operate(operation)).await.unwrap().unwrap()
}

fn voters(status: &Status) -> usize {
    status.members.iter().filter(|member| member.voter).count()
}

/// A snapshot after every few commands.
fn eager() -> Timing {
    Timing { snapshot_after: 20, keep: 5, ..Timing::default() }
}

#[tokio::test(start_paused = true)]
async fn tokens_grow_when_all_lose_power_at_once() {
    let mut machines = Machines::cluster_with(3, eager()).await;
    let mut last = Token::ZERO;
    for round in 0..5 {
        for _ in 0..30 {
            let next = token(machines.node(round % 3)).await;
            assert!(next > last);
            last = next;
        }
        for number in 0..3 {
            machines.kill(number, true).await;
        }
        for number in 0..3 {
            machines.start(number).await;
        }
        machines.led().await;
    }
    assert!(token(machines.node(0)).await > last);
}

#[tokio::test(start_paused = true)]
async fn a_killed_leader_is_replaced_and_its_grants_hold() {
    let mut machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    let [one, other] = others(&machines, leader)[..] else { panic!("three nodes") };
    let held = acquire(machines.node(one)).await;
    let since = Instant::now();
    machines.kill(leader, true).await;
    let next = machines.led().await;
    assert_ne!(next, leader);
    // A closed connection is news: nobody waits for a time-out.
    assert!(since.elapsed() < Duration::from_millis(400), "{:?}", since.elapsed());
    let status = machines.node(other).coordinator().inspect(&LOCK).await.unwrap();
    assert_eq!(status.holder, Some((held.session(), held.token())));
    assert!(held.is_safe(Instant::now()));
    held.release().await.unwrap();
    machines.start(leader).await;
    token(machines.node(leader)).await;
}

/// A leader that starts again leads on without an election, before it knows how much of its log was decided.
#[tokio::test(start_paused = true)]
async fn a_read_after_a_restart_of_all_sees_the_last_grant() {
    let mut machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    for _ in 0..5 {
        let held = acquire(machines.node(leader)).await;
        for number in 0..3 {
            machines.kill(number, true).await;
        }
        machines.start(leader).await;
        // So long in vain that it pauses, while a read asks the others at once.
        sleep(Duration::from_millis(400)).await;
        for number in (0..3).filter(|number| *number != leader) {
            machines.start(number).await;
        }
        let coordinator = machines.node(leader).coordinator();
        let status = timeout(LIMIT, async {
            loop {
                if let Ok(status) = coordinator.inspect(&LOCK).await {
                    return status;
                }
            }
        });
        assert_eq!(status.await.unwrap().holder, Some((held.session(), held.token())));
        drop(held);
        token(machines.node(leader)).await;
    }
}

/// A request to lead may come late or twice.
#[tokio::test(start_paused = true)]
async fn a_leader_that_is_asked_to_lead_goes_on() {
    let machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    let node = machines.node(leader);
    let last = token(node).await;
    for other in others(&machines, leader) {
        let from = Some(machines.node(other).id());
        let call =
            Call { cluster: node.identity().cluster, from, to: Some(node.id()), request: Request::Campaign };
        assert!(matches!(node.serve(call).await, Response::Done));
        sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(machines.led().await, leader);
    for (_, node) in machines.up() {
        assert!(token(node).await > last);
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_grants_nothing_and_the_others_go_on() {
    let machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    let rest = others(&machines, leader);
    let held = acquire(machines.node(leader)).await;
    machines.net.isolate(&machines.machines[leader].peer.address);
    let refused = machines.node(leader).coordinator();
    let refused = refused.acquire(&LockName::literal("another"), Terms::at_once()).await;
    assert!(
        matches!(refused, Err(CoordError::Unavailable { .. } | CoordError::Unknown { .. })),
        "{refused:?}"
    );
    assert_eq!(timeout(LIMIT, held.lost()).await.unwrap(), Lost::Lapsed);
    let next = acquire(machines.node(rest[0])).await;
    assert!(next.token() > held.token());
    machines.net.heal();
    next.release().await.unwrap();
    assert!(token(machines.node(leader)).await > held.token());
}

#[tokio::test(start_paused = true)]
async fn a_follower_far_behind_gets_a_snapshot() {
    let mut machines = Machines::cluster_with(3, eager()).await;
    let leader = machines.led().await;
    let behind = others(&machines, leader)[0];
    machines.kill(behind, true).await;
    let mut last = Token::ZERO;
    for _ in 0..200 {
        last = token(machines.node(leader)).await;
    }
    until("purging", || machines.node(leader).status().purged.is_some_and(|purged| purged > 100)).await;
    machines.start(behind).await;
    let node = machines.node(behind);
    until("catching up", || {
        node.status().snapshot.is_some() && node.status().index == machines.node(leader).status().index
    })
    .await;
    assert_eq!(node.status().locks, machines.node(leader).status().locks);
    assert!(token(node).await > last);
    machines.kill(behind, true).await;
    machines.start(behind).await;
    assert!(token(machines.node(behind)).await > last);
}

#[tokio::test(start_paused = true)]
async fn leadership_is_handed_over_without_a_gap() {
    for count in [3, 5] {
        let machines = Machines::cluster(count).await;
        let held = acquire(machines.node(0)).await;
        for to in (0..count).rev() {
            let id = machines.node(to).id();
            let since = Instant::now();
            let done = operate(machines.node(0), Operation::TransferLeader { to: Some(id) }).await;
            assert_eq!(done, Operated::Transferred(id));
            assert!(since.elapsed() < Duration::from_millis(900), "{:?}", since.elapsed());
            assert_eq!(machines.led().await, to);
        }
        assert!(held.is_safe(Instant::now()));
        let leader = machines.led().await;
        let any = operate(machines.node(leader), Operation::TransferLeader { to: None }).await;
        assert_ne!(any, Operated::Transferred(machines.node(leader).id()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_grows_from_one_and_replaces_the_dead() {
    let mut machines = Machines::cluster(1).await;
    let mut last = token(machines.node(0)).await;
    for _ in 0..2 {
        let number = machines.add().await;
        let peer = machines.machines[number].peer.clone();
        let added = operate(machines.node(0), Operation::Add { peer }).await;
        let id = machines.node(number).id();
        assert_eq!(added, Operated::Added(id));
        operate(machines.node(0), Operation::Promote { node: id }).await;
    }
    assert_eq!(voters(&machines.node(0).status()), 3);

    let leader = machines.led().await;
    let dead = others(&machines, leader)[0];
    let (dead_id, dead_peer) = (machines.node(dead).id(), machines.machines[dead].peer.clone());
    machines.kill(dead, true).await;
    last = last.max(token(machines.node(leader)).await);
    // The same place with an empty disk is another node, which has never voted.
    machines.machines[dead].disk = coordinator::testing::MemoryDisk::default();
    machines.start(dead).await;
    let fresh = machines.node(dead).id();
    assert_ne!(fresh, dead_id);
    let replaced =
        operate(machines.node(leader), Operation::Replace { dead: dead_id, peer: dead_peer }).await;
    assert_eq!(replaced, Operated::Added(fresh));
    let status = machines.node(leader).status();
    assert_eq!((voters(&status), status.members.len()), (3, 3), "{status:?}");
    assert!(token(machines.node(dead)).await > last);

    // The leader itself goes.
    let leader = machines.led().await;
    let id = machines.node(leader).id();
    operate(machines.node(leader), Operation::Remove { node: id }).await;
    machines.kill(leader, false).await;
    let left = machines.led().await;
    assert_eq!(voters(&machines.node(left).status()), 2);
    token(machines.node(left)).await;
}

#[tokio::test(start_paused = true)]
async fn learners_follow_and_may_ask_like_anybody() {
    let machines = Machines::cluster(4).await;
    let status = machines.node(0).status();
    assert_eq!((voters(&status), status.members.len()), (3, 4));
    let learner = status.members.iter().find(|member| !member.voter).unwrap().node;
    let (_, learner) = machines.up().find(|(_, node)| node.id() == learner).unwrap();
    let first = token(learner).await;
    assert!(token(machines.node(0)).await > first);
    let gone = operate(machines.node(0), Operation::Remove { node: learner.id() }).await;
    assert_eq!(gone, Operated::Done);
}

#[tokio::test(start_paused = true)]
async fn no_cluster_is_made_of_what_is_not_there_or_belongs_to_another() {
    let mut machines = Machines::cluster(1).await;
    let taken = machines.machines[0].peer.clone();
    let fresh = machines.add().await;
    let refused = machines.node(fresh).operate(Operation::Init { peers: vec![taken] }).await;
    assert!(matches!(refused, Err(OperateError::Taken { .. })), "{refused:?}");
    let again = machines.node(0).operate(Operation::Init { peers: Vec::new() }).await;
    assert!(matches!(again, Err(OperateError::Taken { .. })), "{again:?}");

    let absent = machines.add().await;
    let peers = vec![machines.machines[absent].peer.clone()];
    machines.kill(absent, true).await;
    let refused = machines.node(fresh).operate(Operation::Init { peers }).await;
    assert!(matches!(refused, Err(OperateError::Silent { .. })), "{refused:?}");
    assert_eq!(machines.node(fresh).identity().cluster, None, "nothing was begun");
    let status = machines.node(fresh).operate(Operation::Backup).await;
    assert_eq!(status, Err(OperateError::NoCluster));
}

#[tokio::test(start_paused = true)]
async fn two_who_make_a_cluster_of_the_same_nodes_make_one_at_most() {
    for _ in 0..10 {
        let machines = Machines::fresh(3, Timing::default()).await;
        let peers = |without: usize| {
            let all = machines.machines.iter().enumerate();
            all.filter(|(number, _)| *number != without).map(|(_, machine)| machine.peer.clone()).collect()
        };
        let (one, other) = tokio::join!(
            machines.node(0).operate(Operation::Init { peers: peers(0) }),
            machines.node(1).operate(Operation::Init { peers: peers(1) }),
        );
        assert!(one.is_err() || other.is_err(), "{one:?} {other:?}");
        if one.is_err() && other.is_err() {
            operate(machines.node(2), Operation::Init { peers: peers(2) }).await;
        }
        machines.led().await;
        token(machines.node(0)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_restored_cluster_outranks_all_that_was() {
    let old = Machines::cluster(3).await;
    let held = acquire(old.node(0)).await;
    let Operated::Backup(backup) = operate(old.node(1), Operation::Backup).await else { panic!("a backup") };
    let late = held.token();

    let new = Machines::cluster(3).await;
    let before = token(new.node(0)).await;
    let mut damaged = backup.clone();
    damaged[30] ^= 1;
    let refused = new.node(2).operate(Operation::Restore { backup: damaged, floor: None }).await;
    assert!(matches!(refused, Err(OperateError::BadBackup { .. })), "{refused:?}");
    let alive = acquire(new.node(0)).await;
    let restored = operate(new.node(2), Operation::Restore { backup: backup.clone(), floor: None }).await;
    assert_eq!(restored, Operated::Restored(1));
    // Who holds something from before cannot renew it, and so stops before anybody else gets it.
    assert!(matches!(timeout(LIMIT, alive.lost()).await.unwrap(), Lost::Expired | Lost::Lapsed));
    let after = token(new.node(1)).await;
    assert!(after > late && after > before && after > alive.token());

    let again = operate(new.node(2), Operation::Restore { backup, floor: Some(after) }).await;
    assert_eq!(again, Operated::Restored(2));
    assert!(token(new.node(1)).await > after);
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_disk_is_full_is_replaced_and_comes_back() {
    let machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    let rest = others(&machines, leader);
    let before = token(machines.node(leader)).await;
    machines.machines[leader].disk.set_full(true);
    let after = token(machines.node(rest[0])).await;
    assert!(after > before);
    assert_ne!(machines.node(rest[0]).leader().map(|(id, _)| id), Some(machines.node(leader).id()));
    assert!(machines.node(leader).status().trouble.is_some());
    machines.machines[leader].disk.set_full(false);
    let node = machines.node(leader);
    until("coming back", || node.status().trouble.is_none()).await;
    assert!(token(node).await > after);
}

#[tokio::test(start_paused = true)]
async fn with_no_room_anywhere_nothing_is_granted_until_there_is() {
    let machines = Machines::cluster(3).await;
    let before = token(machines.node(0)).await;
    for machine in &machines.machines {
        machine.disk.set_full(true);
    }
    let coordinator = machines.node(0).coordinator();
    let refused = coordinator.acquire(&LOCK, Terms::at_once()).await;
    assert!(
        matches!(refused, Err(CoordError::Unavailable { .. } | CoordError::Unknown { .. })),
        "{refused:?}"
    );
    for machine in &machines.machines {
        machine.disk.set_full(false);
    }
    assert!(token(machines.node(1)).await > before);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_by_the_promised_rate_do_not_let_two_believe_in_one_lock() {
    // The holder's clock is slow and the leader's fast: together five percent, which is what holders allow for.
    for (holder, leader) in [(1000, 1050), (952, 1000), (976, 1024)] {
        let pace =
            |millis| Timing { pace: coordinator::Pace::millis_in_a_second(millis), ..Timing::default() };
        let mut machines = Machines::cluster_with(1, pace(leader)).await;
        machines.set_timing(pace(holder));
        let slow = machines.add().await;
        let peer = machines.machines[slow].peer.clone();
        operate(machines.node(0), Operation::Add { peer }).await;
        let held = acquire(machines.node(slow)).await;
        machines.net.isolate(&machines.machines[slow].peer.address);
        let next = tokio::spawn({
            let node = machines.node(0).clone();
            async move { acquire(&node).await }
        });
        timeout(LIMIT, held.lost()).await.unwrap();
        assert!(!next.is_finished(), "both hold it");
        assert!(next.await.unwrap().token() > held.token());
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_goes_is_followed_by_one_that_lives() {
    for dead in 0..2 {
        let mut machines = Machines::cluster(3).await;
        let leader = machines.led().await;
        token(machines.node(leader)).await;
        let rest = others(&machines, leader);
        machines.kill(rest[dead], true).await;
        let alive = machines.node(rest[1 - dead]).id();
        let done = operate(machines.node(leader), Operation::TransferLeader { to: None }).await;
        assert_eq!(done, Operated::Transferred(alive));
        assert_eq!(machines.led().await, rest[1 - dead]);
    }
    let mut machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    for other in others(&machines, leader) {
        machines.kill(other, true).await;
    }
    let refused = machines.node(leader).operate(Operation::TransferLeader { to: None }).await;
    assert!(matches!(refused, Err(OperateError::Failed { .. })), "{refused:?}");
}
