//! Cases on locks.
use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{LIMIT, LOCK, Nodes, now, queued, within};
use crate::{CoordError, Coordinator, Lease, LockName, Lost, Terms, Token, command::Refusal};

const QUEUE: Terms = Terms::waiting(LIMIT);

async fn acquire(node: &Arc<dyn Coordinator>, terms: Terms) -> Lease {
    within("acquiring", node.acquire(&LOCK, terms)).await.expect("acquire")
}

fn is_not_granted(answer: &Result<Lease, CoordError>) -> bool {
    matches!(answer, Err(CoordError::NotGranted { .. }))
}

/// Queues for the lock in the background, and returns once it is in the queue.
async fn waiter(nodes: &Nodes, n: usize, ahead: usize) -> JoinHandle<Lease> {
    let node = nodes.at(n).clone();
    let task = tokio::spawn(async move { node.acquire(&LOCK, QUEUE).await.expect("acquire") });
    queued(nodes, ahead + 1).await;
    task
}

/// A second holder is refused, and gets a greater token when the first has released.
pub async fn a_lock_has_one_holder(nodes: &Nodes) {
    let first = acquire(nodes.at(0), Terms::at_once()).await;
    assert!(first.is_safe(now()));
    assert!(is_not_granted(&nodes.at(1).acquire(&LOCK, Terms::at_once()).await));
    let status = nodes.at(1).inspect(&LOCK).await.expect("inspect");
    assert_eq!((status.holder, status.waiting), (Some((first.session(), first.token())), 0));

    let token = first.token();
    first.release().await.expect("release");
    assert_eq!(nodes.at(2).inspect(&LOCK).await.expect("inspect").holder, None);
    assert!(acquire(nodes.at(1), Terms::at_once()).await.token() > token);
}

/// First come, first served (L4).
pub async fn waiters_are_served_in_order(nodes: &Nodes) {
    let mut lease = acquire(nodes.at(0), QUEUE).await;
    let mut waiters = Vec::new();
    for n in 0..5 {
        waiters.push(waiter(nodes, n, n).await);
    }
    for waiter in waiters {
        let token = lease.token();
        assert!(!waiter.is_finished());
        lease.release().await.expect("release");
        lease = within("the next grant", waiter).await.expect("waiter");
        assert!(lease.token() > token);
        let holder = nodes.at(0).inspect(&LOCK).await.expect("inspect").holder;
        assert_eq!(holder, Some((lease.session(), lease.token())));
    }
}

/// A wait ends when the caller said, and leaves nothing in the queue.
pub async fn a_waiter_gives_up_at_its_deadline(nodes: &Nodes) {
    let _held = acquire(nodes.at(0), QUEUE).await;
    let asked = now();
    let wait = Duration::from_millis(300);
    let refused = within("the deadline", nodes.at(1).acquire(&LOCK, Terms::waiting(wait))).await;
    assert!(is_not_granted(&refused));
    assert!(asked.elapsed() >= wait);
    assert_eq!(nodes.at(1).inspect(&LOCK).await.expect("inspect").waiting, 0);
}

/// A caller that goes away makes room for those behind it.
pub async fn a_dropped_waiter_leaves_the_queue(nodes: &Nodes) {
    let held = acquire(nodes.at(0), QUEUE).await;
    let abandoned = waiter(nodes, 1, 0).await;
    let patient = waiter(nodes, 2, 1).await;
    abandoned.abort();
    queued(nodes, 1).await;
    held.release().await.expect("release");
    assert!(within("the patient one", patient).await.expect("waiter").is_safe(now()));
}

/// Forgetting to release is no harm.
pub async fn a_dropped_lease_is_released(nodes: &Nodes) {
    let lease = acquire(nodes.at(0), QUEUE).await;
    let token = lease.token();
    let waiting = waiter(nodes, 1, 0).await;
    let since = now();
    drop(lease);
    assert!(within("the release", waiting).await.expect("waiter").token() > token);
    assert!(since.elapsed() < nodes.prompt(), "it expired instead");
}

/// A holder that cannot renew stops trusting its lease before another one is granted it (S5), and not before its time.
pub async fn a_silent_holder_stops_before_its_successor_starts(nodes: &Nodes) {
    let silent = acquire(nodes.at(0), QUEUE.with_ttl(nodes.short())).await;
    let waiting = waiter(nodes, 1, 0).await;
    silent.silence();
    let since = now();
    assert!(silent.is_safe(since));

    assert_eq!(within("the lapse", silent.lost()).await, Lost::Lapsed);
    assert!(!silent.is_safe(now()));
    assert!(!waiting.is_finished(), "granted while the old holder trusted its lease");

    let next = within("the expiry", waiting).await.expect("waiter");
    assert!(since.elapsed() <= nodes.short() + nodes.prompt() * 4, "took {:?}", since.elapsed());
    assert!(next.token() > silent.token());
    assert!(next.is_safe(now()) && !silent.is_safe(now()));
}

/// Holding on is all it takes to keep a lease (S9).
pub async fn a_lease_that_is_renewed_never_expires(nodes: &Nodes) {
    let lease = acquire(nodes.at(1), QUEUE.with_ttl(nodes.short())).await;
    let lost = timeout(nodes.short() * 5, lease.lost()).await;
    assert!(lost.is_err(), "{lost:?}");
    assert!(lease.is_safe(now()));
    let holder = nodes.at(0).inspect(&LOCK).await.expect("inspect").holder;
    assert_eq!(holder, Some((lease.session(), lease.token())));
}

/// Holding one lock is no obstacle to another, nor to losing only one of them.
pub async fn different_locks_are_independent(nodes: &Nodes) {
    let silent = acquire(nodes.at(0), QUEUE.with_ttl(nodes.short())).await;
    let other = LockName::literal("other");
    let kept = within("acquiring", nodes.at(0).acquire(&other, QUEUE.with_ttl(nodes.short())))
        .await
        .expect("acquire");
    silent.silence();
    within("the lapse", silent.lost()).await;
    assert!(kept.is_safe(now()));
}

/// Every grant outranks all before it (S2).
pub async fn tokens_grow_without_end(nodes: &Nodes) {
    let mut last = Token::ZERO;
    for n in 0..50 {
        let lease = acquire(nodes.at(n), QUEUE).await;
        assert!(lease.token() > last);
        last = lease.token();
        lease.release().await.expect("release");
    }
}

/// A session that nobody could keep alive is refused.
pub async fn a_useless_ttl_is_refused(nodes: &Nodes) {
    let answer = nodes.at(0).acquire(&LOCK, QUEUE.with_ttl(Duration::from_millis(1))).await;
    assert!(matches!(answer, Err(CoordError::Refused { refusal: Refusal::TtlOutOfRange })));
    acquire(nodes.at(0), Terms::at_once()).await.release().await.expect("release");
}

/// A herd is served in order, one at a time (L4).
pub async fn a_thousand_waiters_get_one_grant_each(nodes: &Nodes) {
    const HERD: usize = 1000;
    let silent = acquire(nodes.at(0), QUEUE.with_ttl(nodes.short())).await;
    let (served, mut order) = mpsc::channel(HERD);
    for n in 0..HERD {
        let (node, served) = (nodes.at(n).clone(), served.clone());
        tokio::spawn(async move {
            let lease = node.acquire(&LOCK, QUEUE).await.expect("acquire");
            served.send((n, lease)).await.expect("the case listens");
        });
        queued(nodes, n + 1).await;
    }
    silent.silence();
    let mut last = silent.token();
    for n in 0..HERD {
        let (turn, lease) = within(format!("turn {n}"), order.recv()).await.expect("a waiter");
        assert!(order.try_recv().is_err(), "two hold the lock");
        assert_eq!(turn, n);
        assert!(lease.token() > last && lease.is_safe(now()));
        last = lease.token();
        lease.release().await.expect("release");
    }
}
