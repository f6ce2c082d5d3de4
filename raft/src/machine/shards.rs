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
