//! Which member owns which shard, moving as few as possible.
//!
//! A shard that changes hands between two live members is first *releasing*: the old owner keeps it until it says that it
//! has stopped, or dies. What has no live owner goes to its new one at once.
//!
//! **Invariants**: with at least one member every shard has exactly one owner, which is a member, and so is whom it is
//! releasing to. Shares, counted by who will have a shard in the end, differ by at most one. A shard's token changes
//! exactly when its owner does.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Epoch, SessionId, Span, Token};

/// One shard's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    owner: SessionId,
    token: Token,
    releasing: Option<(SessionId, Epoch)>,
}

impl Slot {
    const fn owned(owner: SessionId, token: Token) -> Self {
        Self { owner, token, releasing: None }
    }

    /// Who will have it in the end.
    fn heir(&self) -> SessionId {
        self.releasing.map_or(self.owner, |(to, _)| to)
    }
}

/// The shards of a group; stored as spans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Shards(Vec<Option<Slot>>);

#[derive(Serialize, Deserialize)]
struct Stored {
    count: u16,
    spans: Vec<Span>,
}

/// A member's part while shards are being dealt out anew.
#[derive(Debug, Default)]
struct Share {
    has: usize,
    due: usize,
}

impl Share {
    const fn lacks(&self) -> bool {
        self.has < self.due
    }
}

impl Shards {
    pub(super) fn unowned(count: u16) -> Self {
        Self(vec![None; usize::from(count)])
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Neighbours that agree in everything, as one.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for (shard, slot) in (0..=u16::MAX).zip(&self.0) {
            let Some(Slot { owner, token, releasing }) = *slot else { continue };
            let span = Span { first: shard, last: shard, owner, token, releasing };
            match spans.last_mut() {
                Some(last) if (Span { first: last.first, last: last.last, ..span }) == *last => {
                    last.last = shard;
                }
                _ => spans.push(span),
            }
        }
        spans
    }

    /// Gives what `owner` was asked to release up to `epoch` to whom it is promised. Says whether anything moved.
    pub(super) fn hand_over(&mut self, owner: SessionId, epoch: Epoch, token: Token) -> bool {
        let mut moved = false;
        for slot in self.0.iter_mut().flatten().filter(|slot| slot.owner == owner) {
            if let Some((to, asked)) = slot.releasing
                && asked <= epoch
            {
                *slot = Slot::owned(to, token);
                moved = true;
            }
        }
        moved
    }

    /// Deals the shards out to `members` anew, each keeping what it has as far as that is fair.
    pub(super) fn reassign(&mut self, members: &[SessionId], token: Token, epoch: Epoch) {
        let mut shares: BTreeMap<SessionId, Share> =
            members.iter().map(|&id| (id, Share::default())).collect();
        for entry in &mut self.0 {
            let live = entry.and_then(|slot| settle(slot, &shares, token));
            *entry = live;
            if let Some(share) = live.and_then(|slot| shares.get_mut(&slot.heir())) {
                share.has += 1;
            }
        }
        deal(&mut shares, members, self.0.len());
        let mut spare = self.take_surplus(&mut shares);
        for own in [true, false] {
            for (&id, share) in &mut shares {
                spare.retain(|&shard| {
                    let given = share.lacks() && self.give(shard, id, own, token, epoch);
                    share.has += usize::from(given);
                    !given
                });
            }
        }
    }

    /// Shards that are beyond their heir's due or have none, in ascending order. Promises not yet kept are taken back first.
    fn take_surplus(&self, shares: &mut BTreeMap<SessionId, Share>) -> Vec<usize> {
        let mut spare = Vec::new();
        for promised in [true, false] {
            for (shard, slot) in self.0.iter().enumerate().rev() {
                let Some(slot) = slot else {
                    if promised {
                        spare.push(shard);
                    }
                    continue;
                };
                if slot.releasing.is_some() == promised
                    && let Some(share) = shares.get_mut(&slot.heir())
                    && share.has > share.due
                {
                    share.has -= 1;
                    spare.push(shard);
                }
            }
        }
        spare.sort_unstable();
        spare
    }

    /// Gives a spare shard to a member, or promises it; with `own` only if it is the member's already. Says whether it did.
    fn give(&mut self, shard: usize, id: SessionId, own: bool, token: Token, epoch: Epoch) -> bool {
        let Some(entry) = self.0.get_mut(shard) else { return false };
        let given = match *entry {
            Some(slot) if slot.owner == id => Slot::owned(id, slot.token),
            _ if own => return false,
            None => Slot::owned(id, token),
            Some(slot) => {
                let asked = slot.releasing.map_or(epoch, |(_, asked)| asked);
                Slot { releasing: Some((id, asked)), ..slot }
            }
        };
        *entry = Some(given);
        true
    }
}

/// A slot without those who are gone; none if nobody is left for it.
fn settle(slot: Slot, members: &BTreeMap<SessionId, Share>, token: Token) -> Option<Slot> {
    let heir = slot.releasing.filter(|(to, _)| members.contains_key(to));
    match (members.contains_key(&slot.owner), heir) {
        (true, releasing) => Some(Slot { releasing, ..slot }),
        (false, Some((to, _))) => Some(Slot::owned(to, token)),
        (false, None) => None,
    }
}

/// Says how many shards each is due; who has most keeps most, and earlier members go before later ones.
fn deal(shares: &mut BTreeMap<SessionId, Share>, members: &[SessionId], shards: usize) {
    let Some(each) = shards.checked_div(members.len()) else { return };
    let more = shards - each * members.len();
    let mut ranked: Vec<SessionId> = members.to_vec();
    ranked.sort_by_key(|id| std::cmp::Reverse(shares.get(id).map_or(0, |share| share.has)));
    for (rank, id) in ranked.iter().enumerate() {
        if let Some(share) = shares.get_mut(id) {
            share.due = each + usize::from(rank < more);
        }
    }
}

impl From<Shards> for Stored {
    fn from(shards: Shards) -> Self {
        Self { count: u16::try_from(shards.count()).unwrap_or(u16::MAX), spans: shards.spans() }
    }
}

impl From<Stored> for Shards {
    fn from(stored: Stored) -> Self {
        let mut shards = Self::unowned(stored.count);
        for Span { first, last, owner, token, releasing } in stored.spans {
            let slots = shards.0.get_mut(usize::from(first)..=usize::from(last)).unwrap_or_default();
            slots.fill(Some(Slot { owner, token, releasing }));
        }
        shards
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::Index;

    const ALL: u16 = 4096;

    fn members(count: usize) -> Vec<SessionId> {
        (1..=count as u128)
            .map(|n| SessionId(Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c))))
            .collect()
    }

    fn reassign(shards: &mut Shards, members: &[SessionId], index: u64) {
        shards.reassign(members, Token::new(0, Index(index)), Epoch::new(0, Index(index)));
    }

    fn owners(shards: &Shards) -> Vec<SessionId> {
        let owners: Vec<_> = shards.0.iter().map(|slot| slot.unwrap().owner).collect();
        assert_eq!(owners.len(), usize::from(ALL));
        owners
    }

    fn check_fair(shards: &Shards, members: &[SessionId]) {
        let mut counts: BTreeMap<SessionId, usize> = members.iter().map(|&id| (id, 0)).collect();
        owners(shards).iter().for_each(|owner| *counts.get_mut(owner).expect("a member") += 1);
        assert!(counts.values().max().unwrap() - counts.values().min().unwrap() <= 1, "{counts:?}");
    }

    fn settle(shards: &mut Shards, members: &[SessionId], index: u64) {
        for &owner in members {
            shards.hand_over(owner, Epoch::new(0, Index(index)), Token::new(0, Index(index + 1)));
        }
        assert!(shards.0.iter().flatten().all(|slot| slot.releasing.is_none()));
    }

    #[test]
    fn any_number_of_members_shares_fairly_and_one_more_or_less_moves_one_share() {
        for count in [1, 2, 3, 7, 64, 65, 100, 4095, 4096, 5000] {
            let more = members(count + 1);
            let (newcomer, fewer) = more.split_last().unwrap();
            let mut shards = Shards::unowned(ALL);
            reassign(&mut shards, fewer, 1);
            check_fair(&shards, fewer);
            let before = owners(&shards);

            reassign(&mut shards, &more, 2);
            assert_eq!(owners(&shards), before, "nothing moves before it is handed over");
            settle(&mut shards, &more, 2);
            check_fair(&shards, &more);
            let joined = owners(&shards);
            let moved = before.iter().zip(&joined).filter(|(was, is)| was != is);
            assert!(moved.clone().all(|(_, is)| is == newcomer));
            assert!(moved.count() <= usize::from(ALL) / (count + 1));

            let (leaver, rest) = more.split_first().unwrap();
            reassign(&mut shards, rest, 4);
            check_fair(&shards, rest);
            let left = owners(&shards);
            assert!(joined.iter().zip(&left).all(|(was, is)| was == is || was == leaver));
        }
    }

    #[test]
    fn a_promise_is_taken_back_before_anything_else_moves() {
        let all = members(3);
        let mut shards = Shards::unowned(ALL);
        reassign(&mut shards, &all[..1], 1);
        reassign(&mut shards, &all[..2], 2);
        reassign(&mut shards, &all, 3);
        let promised = |to| {
            shards.0.iter().flatten().filter(|slot| slot.releasing.map(|(to, _)| to) == Some(to)).count()
        };
        assert_eq!((promised(all[1]), promised(all[2])), (1365, 1365));
        let first_asked = shards
            .0
            .iter()
            .flatten()
            .filter_map(|slot| slot.releasing)
            .filter(|(_, asked)| asked.index() == Index(2));
        assert_eq!(first_asked.count(), 2048, "what was asked for stays asked for, whoever gets it");

        reassign(&mut shards, &all[..1], 4);
        let untouched = Slot::owned(all[0], Token::new(0, Index(1)));
        assert!(shards.0.iter().all(|slot| *slot == Some(untouched)), "the owner never lost them");
    }

    #[test]
    fn the_heir_of_a_dead_owner_takes_over_at_once() {
        let all = members(2);
        let mut shards = Shards::unowned(ALL);
        reassign(&mut shards, &all[..1], 1);
        reassign(&mut shards, &all, 2);
        reassign(&mut shards, &all[1..], 3);
        assert!(shards.0.iter().all(|slot| *slot == Some(Slot::owned(all[1], Token::new(0, Index(3))))));
    }

    #[test]
    fn only_what_was_asked_for_by_then_is_handed_over() {
        let all = members(2);
        let mut shards = Shards::unowned(ALL);
        reassign(&mut shards, &all[..1], 1);
        reassign(&mut shards, &all, 5);
        assert!(!shards.hand_over(all[0], Epoch::new(0, Index(4)), Token::new(0, Index(6))));
        assert!(!shards.hand_over(all[1], Epoch::new(0, Index(5)), Token::new(0, Index(6))));
        assert!(shards.hand_over(all[0], Epoch::new(0, Index(5)), Token::new(0, Index(6))));
        check_fair(&shards, &all);
    }
}
