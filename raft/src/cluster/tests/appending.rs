//! What followers take from a leader.
use openraft::raft::AppendEntriesRequest;

use super::entry;
use crate::{
    cluster::{Call, Refusal, Request, Response, Serve as _, types::LogId},
    testing::Machines,
};

/// A leader purges what one of its followers has not got yet, while the rest is on its way to it.
#[tokio::test(start_paused = true)]
async fn entries_with_a_gap_before_or_between_them_are_refused_and_nothing_is_taken() {
    let machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    let (leader, follower) = (machines.node(leader), machines.node((leader + 1) % 3));
    let before = leader.log.summary();
    while follower.log.summary().last != before.last {
        tokio::task::yield_now().await;
    }
    let (vote, prev_log_id) = (before.vote.unwrap(), before.last);
    let last = prev_log_id.unwrap();
    let offer = async |indexes: &[u64]| {
        let ours = |index: &u64| {
            let mut entry = entry(1, *index);
            entry.log_id = LogId::new(last.leader_id, *index);
            entry
        };
        let entries = indexes.iter().map(ours).collect();
        let append = AppendEntriesRequest { vote, prev_log_id, entries, leader_commit: None };
        let request = Request::Append(append);
        let call =
            Call { cluster: before.cluster, from: Some(leader.id()), to: Some(follower.id()), request };
        follower.serve(call).await
    };
    let next = last.index + 1;
    for broken in [&[next + 1][..], &[next, next + 2], &[next, next], &[next - 1]] {
        let answer = offer(broken).await;
        assert!(matches!(answer, Response::Refused(Refusal::Unavailable { .. })), "{broken:?}: {answer:?}");
        assert_eq!(follower.log.summary().last, prev_log_id);
    }
    assert!(matches!(offer(&[next, next + 1]).await, Response::Append(Ok(_))));
    assert_eq!(follower.log.summary().last.map(|last| last.index), Some(next + 1));
}
