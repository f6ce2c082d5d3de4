//! Who is elected when the leader is gone.
use tokio::time::{Instant, timeout};

use crate::{
    Coordinator as _, LockName, Terms,
    cluster::Timing,
    testing::{LIMIT, Machines},
};

/// The first to notice may have less of the log than another, which has then ended its trust in the leader and heard of no end.
#[tokio::test(start_paused = true)]
async fn whoever_yielded_to_one_with_less_of_the_log_stands_itself() {
    let machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    let [behind, ahead] = [(leader + 1) % 3, (leader + 2) % 3];
    let address = |number: usize| machines.machines[number].peer.address.clone();
    machines.net.cut(&address(leader), &address(behind));
    let coordinator = machines.node(leader).coordinator();
    let lock = LockName::literal("electing");
    drop(timeout(LIMIT, coordinator.acquire(&lock, Terms::at_once())).await.unwrap().unwrap());
    for number in [behind, ahead] {
        machines.net.cut(&address(leader), &address(number));
        machines.net.cut(&address(number), &address(leader));
    }
    let begun = Instant::now();
    machines.node(behind).campaign();
    let wanted = machines.node(ahead).id();
    timeout(LIMIT, async {
        while machines.node(behind).leader().is_none_or(|(id, _)| id != wanted) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert!(begun.elapsed() < Timing::default().lease(), "{:?}: the timer did it", begun.elapsed());
}
