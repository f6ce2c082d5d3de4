//! Cases on groups and their shards.
use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

use super::{GROUP, Nodes, SHARDS, member, now, view, within};
use crate::{
    CoordError, Epoch, Group, GroupName, Holding, Lost, Membership, SessionId, View, command::Refusal,
};

/// Checks that every shard has exactly one owner and that owners are members (S4); says who owns how many.
fn owners(view: &View) -> BTreeMap<SessionId, usize> {
    let mut counts = BTreeMap::new();
    let mut next = 0;
    for span in &view.spans {
        assert_eq!(span.first, next, "a gap or overlap in {:?}", view.epoch);
        assert!(span.last >= span.first && view.has(span.owner), "{span:?}");
        if let Some((to, asked)) = span.releasing {
            assert!(to != span.owner && view.has(to) && asked <= view.epoch, "{span:?}");
        }
        *counts.entry(span.owner).or_default() += usize::from(span.last - span.first) + 1;
        next = span.last + 1;
    }
    assert_eq!(next, if view.members.is_empty() { 0 } else { SHARDS });
    counts
}

fn is_settled(view: &View) -> bool {
    view.spans.iter().all(|span| span.releasing.is_none())
}

/// Hands over whatever the members are asked to, until nothing is left to.
async fn settle(members: &[Membership], watch: &mut watch::Receiver<Arc<View>>) -> Arc<View> {
    let newest = members.iter().map(Membership::since).max().unwrap_or_default();
    loop {
        let seen = view(watch, "the newest member", |view| view.epoch >= newest).await;
        owners(&seen);
        if is_settled(&seen) {
            return seen;
        }
        for member in members.iter().filter(|member| seen.must_hand_over(member.session())) {
            member.hand_over(seen.epoch).await.expect("hand over");
        }
        view(watch, "the hand-over", |view| view.epoch > seen.epoch).await;
    }
}

/// The first member has no one to wait for.
pub async fn a_single_member_owns_everything(nodes: &Nodes) {
    let mut watch = nodes.at(1).watch(&GROUP);
    assert!(watch.borrow().members.is_empty());
    let alone = nodes.join(0).await;
    let seen = view(&mut watch, "the member", |view| view.has(alone.session())).await;
    assert_eq!(owners(&seen), BTreeMap::from([(alone.session(), usize::from(SHARDS))]));
    assert_eq!(seen.members.first().map(|seat| &seat.member), Some(alone.member()));
    let Ok([Holding { first: 0, last: 4095, token }]) = <[Holding; 1]>::try_from(alone.holdings(now()))
    else {
        panic!("{:?}", alone.holdings(now()));
    };
    assert_eq!(seen.span_of(17).map(|span| (span.owner, span.token)), Some((alone.session(), token)));
    assert_eq!(seen.span_of(4096), None);
}

/// Shards move in two steps, and nobody may work on them in between.
pub async fn a_newcomer_waits_for_the_hand_over(nodes: &Nodes) {
    let old = nodes.join(0).await;
    let new = nodes.join(1).await;
    let mut watch = nodes.at(0).watch(&GROUP);
    let asked = view(&mut watch, "the newcomer", |view| view.has(new.session())).await;
    assert_eq!(owners(&asked), BTreeMap::from([(old.session(), 4096)]));
    assert!(asked.must_hand_over(old.session()) && new.holdings(now()).is_empty());
    let before = asked.holdings(old.session());
    assert_eq!(before.iter().map(|held| held.last - held.first + 1).sum::<u16>(), 2048);

    old.hand_over(old.since()).await.expect("hand over");
    assert_eq!(
        nodes.at(0).read(&GROUP).await.expect("read").view.epoch,
        asked.epoch,
        "an older epoch hands over nothing"
    );

    old.hand_over(asked.epoch).await.expect("hand over");
    let moved = view(&mut watch, "the hand-over", |view| view.epoch > asked.epoch).await;
    assert_eq!(owners(&moved), BTreeMap::from([(old.session(), 2048), (new.session(), 2048)]));
    assert_eq!(moved.holdings(old.session()), before, "what stays keeps its token");
    for held in moved.holdings(new.session()) {
        assert!(asked.span_of(held.first).is_some_and(|span| span.token < held.token));
    }
}

/// Dropping is leaving.
pub async fn dropping_a_membership_leaves_the_group(nodes: &Nodes) {
    let stays = nodes.join(0).await;
    let goes = nodes.join(1).await;
    let gone = goes.session();
    let mut watch = nodes.at(2).watch(&GROUP);
    view(&mut watch, "both", |view| view.members.len() == 2).await;
    let since = now();
    drop(goes);
    let seen = view(&mut watch, "the leave", |view| !view.has(gone)).await;
    assert!(since.elapsed() < nodes.prompt(), "it expired instead");
    assert_eq!(owners(&seen), BTreeMap::from([(stays.session(), 4096)]));
    assert!(is_settled(&seen));
}

/// Who leaves in good order is replaced at once (L3).
pub async fn leaving_moves_the_shards_at_once(nodes: &Nodes) {
    let mut members = vec![nodes.join(0).await, nodes.join(1).await, nodes.join(2).await];
    let before = settle(&members, &mut nodes.at(0).watch(&GROUP)).await;
    let leaver = members.remove(1);
    let gone = leaver.session();
    let since = now();
    leaver.leave().await.expect("leave");
    assert!(since.elapsed() <= nodes.prompt());

    let seen = nodes.at(0).read(&GROUP).await.expect("read").view;
    assert!(is_settled(&seen));
    let counts = owners(&seen);
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [2048, 2048]);
    for shard in 0..SHARDS {
        let (old, new) = (before.span_of(shard).expect("owned"), seen.span_of(shard).expect("owned"));
        assert_eq!(old.owner == gone, old.owner != new.owner, "shard {shard}");
        assert_eq!(old.owner == gone, old.token < new.token, "shard {shard}");
    }
}

/// A member that cannot renew stops before its shards are somebody else's (S5), which they are soon after its ttl (L2).
pub async fn a_silent_member_stops_before_its_heirs_start(nodes: &Nodes) {
    let heir = nodes.join(0).await;
    let me = member(1).with_ttl(nodes.short());
    let silent = within("joining", nodes.at(1).join(&GROUP, me)).await.expect("join");
    let mut watch = nodes.at(0).watch(&GROUP);
    heir.hand_over(silent.since()).await.expect("hand over");
    view(&mut watch, "the hand-over", |view| !view.holdings(silent.session()).is_empty()).await;
    silent.silence();
    let since = now();

    assert_eq!(within("the lapse", silent.lost()).await, Lost::Lapsed);
    assert!(!silent.is_safe(now()) && silent.holdings(now()).is_empty());
    assert!(watch.borrow().has(silent.session()), "expired while the member trusted its seat");
    let seen = view(&mut watch, "the expiry", |view| !view.has(silent.session())).await;
    assert!(since.elapsed() <= nodes.short() + nodes.prompt() * 4, "took {:?}", since.elapsed());
    assert_eq!(owners(&seen), BTreeMap::from([(heir.session(), 4096)]));

    let answer = silent.hand_over(seen.epoch).await;
    assert!(matches!(answer, Err(CoordError::Refused { refusal: Refusal::UnknownSession(_) })), "{answer:?}");
}

/// The next owner of a shard outranks every earlier one, even after nobody had it (S2).
pub async fn shard_tokens_outlive_an_empty_group(nodes: &Nodes) {
    let mut last = None;
    for n in 0..3 {
        let alone = nodes.join(n).await;
        let mut watch = alone.watch();
        let seen = view(&mut watch, "the member", |view| view.has(alone.session())).await;
        let stamps = seen.span_of(0).map(|span| (span.token, seen.epoch));
        assert!(stamps > last && last.is_none_or(|(_, epoch)| epoch < seen.epoch));
        last = stamps;
        alone.leave().await.expect("leave");
        let empty = nodes.at(n).read(&GROUP).await.expect("read").view;
        assert!(empty.members.is_empty() && empty.spans.is_empty() && empty.epoch > seen.epoch);
    }
}

/// What returned before a read began is in it (S3), and a cached read says how old it is.
pub async fn a_read_sees_what_was_decided_before(nodes: &Nodes) {
    let mut members = Vec::new();
    for n in 0..4 {
        members.push(nodes.join(n).await);
        let cached = nodes.at(n + 1).cached(&GROUP);
        let read = nodes.at(n + 1).read(&GROUP).await.expect("read");
        assert_eq!(read.view.members.len(), n + 1);
        assert!(cached.index <= read.index && cached.view.epoch <= read.view.epoch);
        assert!(read.view.epoch.index() <= read.index);
    }
}

/// A member with other ideas about the shards is refused, and the group stays as it is.
pub async fn members_must_agree_on_the_shards(nodes: &Nodes) {
    let first = nodes.join(0).await;
    let other = Group::sharded(GROUP.name().clone(), 16);
    let answer = nodes.at(1).join(&other, member(1)).await;
    assert!(
        matches!(answer, Err(CoordError::Refused { refusal: Refusal::ShardsDiffer(SHARDS) })),
        "{answer:?}"
    );
    assert_eq!(nodes.at(0).read(&GROUP).await.expect("read").view.epoch, first.since());
}

/// Epochs come in order, and the last is never lost (S10).
pub async fn a_watcher_never_goes_back_and_gets_the_end(nodes: &Nodes) {
    let mut watch = nodes.at(1).watch(&GROUP);
    let watcher = tokio::spawn(async move {
        let mut last = Epoch::ZERO;
        let mut seen = 0_usize;
        loop {
            watch.changed().await.expect("watch");
            let view = watch.borrow_and_update().clone();
            assert!(view.epoch > last);
            owners(&view);
            (last, seen) = (view.epoch, seen + 1);
            if view.members.iter().any(|seat| seat.member.id.as_str() == "member-99") {
                return (view, seen);
            }
        }
    });
    for n in 0..30 {
        let first = nodes.join(n).await;
        let second = nodes.join(n + 30).await;
        first.leave().await.expect("leave");
        drop(second);
    }
    let last = nodes.join(99).await;
    let (view, seen) = within("the end", watcher).await.expect("watcher");
    assert!(seen > 0 && view.epoch >= last.since());
}

/// With any number of members shares differ by one at most, and a join or leave moves no more than one share (S4).
pub async fn every_size_is_fair_and_moves_little(nodes: &Nodes) {
    let mut watch = nodes.at(0).watch(&GROUP);
    let mut members: Vec<Membership> = Vec::new();
    let mut before: Option<Arc<View>> = None;
    for size in (1..=100).chain([99, 65, 64, 3, 2, 1]) {
        let step = members.len().abs_diff(size);
        while members.len() > size {
            members.swap_remove(0).leave().await.expect("leave");
        }
        if members.len() < size {
            members.push(nodes.join(size).await);
        }
        view(&mut watch, "the size", |view| view.members.len() == size).await;
        let after = settle(&members, &mut watch).await;
        let counts = owners(&after);
        let fair = usize::from(SHARDS) / size;
        assert!(counts.values().all(|count| (fair..=fair + 1).contains(count)), "{size}: {counts:?}");
        assert_eq!(counts.len(), size);
        if let Some(before) = before.replace(after.clone()).filter(|_| step == 1) {
            let owner = |view: &View, shard| view.span_of(shard).map(|span| span.owner);
            let moved = (0..SHARDS).filter(|&shard| owner(&before, shard) != owner(&after, shard)).count();
            let share = usize::from(SHARDS).div_ceil(size.min(before.members.len()));
            let limit = if size > before.members.len() { fair + 1 } else { share };
            assert!(
                moved <= limit,
                "{moved} of at most {limit} moved between {} and {size}",
                before.members.len()
            );
        }
    }
}

/// A plain group has members and no shards, and does not mind other groups.
pub async fn groups_are_independent(nodes: &Nodes) {
    let plain = Group::plain(GroupName::literal("plain"));
    let here = nodes.join(0).await;
    let there = within("joining", nodes.at(1).join(&plain, member(0))).await.expect("join");
    let seen = nodes.at(0).read(&plain).await.expect("read").view;
    assert!(seen.has(there.session()) && seen.spans.is_empty());
    drop(there);
    let mut watch = nodes.at(1).watch(&plain);
    view(&mut watch, "the leave", |view| view.members.is_empty()).await;
    assert_eq!(nodes.at(1).read(&GROUP).await.expect("read").view.epoch, here.since());
}
