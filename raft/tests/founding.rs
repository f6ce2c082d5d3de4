//! A cluster whose founding is interrupted: by the founder's death, by others that hear nothing or go elsewhere.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use coordinator::{
    CoordError, Coordinator as _, CounterError, LockName, Solo, Terms,
    cluster::{Node, OperateError, Operated, Operation, Peer, Timing},
    last_token,
    testing::{LIMIT, Machines},
};
use tokio::time::{sleep, timeout};

/// Returns once the cluster grants a lock to this node.
async fn grants(node: &Arc<Node>) {
    let (coordinator, lock) = (node.coordinator(), LockName::literal("founding"));
    let granted = timeout(LIMIT, async {
        loop {
            match coordinator.acquire(&lock, Terms::waiting(Duration::from_secs(2))).await {
                Ok(lease) => return lease.release().await,
                Err(
                    CoordError::NotGranted { .. }
                    | CoordError::Unavailable { .. }
                    | CoordError::Unknown { .. },
                ) => {}
                Err(error) => return Err(error),
            }
        }
    });
    granted.await.unwrap().unwrap();
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let waited = timeout(LIMIT, async {
        while !is() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what} took too long");
}

async fn operate(node: &Arc<Node>, operation: Operation) -> Operated {
    timeout(LIMIT, node.operate(operation)).await.unwrap().unwrap()
}

/// Fresh machines, and the peers of the first.
async fn to_be_founded() -> (Machines, Vec<Peer>) {
    let machines = Machines::fresh(3, Timing::default()).await;
    let peers = machines.machines.iter().skip(1).map(|machine| machine.peer.clone()).collect();
    (machines, peers)
}

/// Has the first machine begin a cluster until the first of the others belongs to it, while the second hears nothing.
async fn begin(
    machines: &Machines,
    peers: &[Peer],
) -> tokio::task::JoinHandle<Result<Operated, OperateError>> {
    let address = |at: usize| machines.machines.get(at).map(|machine| machine.peer.address.clone()).unwrap();
    let (node, all) = (machines.node(0).clone(), peers.to_vec());
    let begun = tokio::spawn(async move { node.operate(Operation::Init { peers: all }).await });
    // Both say who they are; one of them then hears nothing of it.
    until("the first claim", || {
        let claimed: Vec<usize> =
            [1, 2].into_iter().filter(|&at| machines.node(at).identity().cluster.is_some()).collect();
        if let [one] = claimed[..] {
            machines.net.cut(&address(0), &address(3 - one));
        }
        !claimed.is_empty()
    })
    .await;
    begun
}

#[tokio::test(start_paused = true)]
async fn a_founder_that_dies_before_its_cluster_exists_goes_on_with_it() {
    let (mut machines, peers) = to_be_founded().await;
    machines.net.set_delay(Duration::from_millis(20));
    let begun = begin(&machines, &peers).await;
    let claimed = machines.node(0).identity().cluster;
    assert!(claimed.is_some() && !machines.node(0).is_member());
    machines.kill(0, true).await;
    begun.abort();
    machines.net.heal();
    machines.start(0).await;
    assert!(machines.node(0).is_founding() && machines.node(0).identity().cluster == claimed);
    let made = operate(machines.node(0), Operation::Init { peers }).await;
    assert_eq!(Some(made), claimed.map(Operated::Initialized));
    machines.led().await;
    grants(machines.node(1)).await;
    assert!((0..3).all(|at| machines.node(at).is_member() && !machines.node(at).is_founding()));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_while_a_cluster_is_made_is_in_it_when_it_does() {
    let (machines, peers) = to_be_founded().await;
    machines.net.set_delay(Duration::from_millis(20));
    let refused = timeout(LIMIT, begin(&machines, &peers).await).await.unwrap().unwrap();
    assert!(matches!(refused, Err(OperateError::Silent { .. })), "{refused:?}");
    machines.net.heal();
    operate(machines.node(0), Operation::Init { peers }).await;
    machines.led().await;
    grants(machines.node(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_founder_whose_others_found_another_cluster_sets_free_whom_it_has() {
    let (mut machines, peers) = to_be_founded().await;
    machines.net.set_delay(Duration::from_millis(20));
    let begun = begin(&machines, &peers).await;
    let free = if machines.node(1).identity().cluster.is_none() { 1 } else { 2 };
    machines.kill(0, true).await;
    begun.abort();
    machines.net.heal();
    // The one that heard nothing is taken elsewhere meanwhile.
    operate(machines.node(free), Operation::Init { peers: Vec::new() }).await;
    machines.start(0).await;
    let refused = machines.node(0).operate(Operation::Init { peers: peers.clone() }).await;
    assert!(matches!(refused, Err(OperateError::Taken { .. })), "{refused:?}");
    for at in [0, 3 - free] {
        assert_eq!(machines.node(at).identity().cluster, None);
        let peer = machines.machines[at].peer.clone();
        operate(machines.node(free), Operation::Add { peer }).await;
    }
    assert!(!machines.node(0).is_founding());
    grants(machines.node(0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_goes_on_above_the_tokens_of_a_process_that_was_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    assert_eq!(last_token(&file).unwrap(), None);
    let alone = Solo::open(&file).await.unwrap();
    let lock = LockName::literal("founding");
    let former = alone.acquire(&lock, Terms::at_once()).await.unwrap().token();
    assert!(matches!(last_token(&file), Err(CounterError::InUse { .. })));
    drop(alone);
    let before = timeout(LIMIT, async {
        loop {
            // Its file is free once its tasks have ended.
            match last_token(&file) {
                Err(CounterError::InUse { .. }) => tokio::task::yield_now().await,
                read => return read.unwrap().unwrap(),
            }
        }
    });
    let before = before.await.unwrap();
    assert!(before >= former);

    let (machines, peers) = to_be_founded().await;
    machines.node(0).outrank(before);
    operate(machines.node(0), Operation::Init { peers }).await;
    for n in 0..3 {
        let coordinator = machines.node(n).coordinator();
        let wait = Terms::waiting(Duration::from_secs(30));
        let lease = coordinator.acquire(&lock, wait).await.unwrap();
        assert!(lease.token() > before, "{} after {before}", lease.token());
        assert!(lease.token().as_i64() > former.as_i64());
        lease.release().await.unwrap();
    }
}
