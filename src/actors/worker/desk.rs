//! Which zones are being attended to, each by one task.
//!
//! Invariants: a zone has at most one turn; a ring is never lost: it begins a turn, or reaches the one there is before
//! that can end; a turn that is dropped, however that comes, frees the zone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::ids::ZoneId;

/// All turns of a worker.
#[derive(Debug)]
pub(super) struct Desk {
    zones: Mutex<HashMap<ZoneId, Ringing>>,
    most: usize,
}

#[derive(Debug)]
struct Ringing {
    rung: bool,
    bell: Arc<Notify>,
}

/// What a ring did.
#[derive(Debug)]
pub(super) enum Rung {
    /// Nobody attended to the zone: now the holder of the turn does.
    Begins(Turn),
    /// Whoever attends to it has heard.
    Heard,
    /// There are too many turns for one more.
    Full,
}

/// The right and duty to attend to one zone. It starts out rung.
#[derive(Debug)]
pub(super) struct Turn {
    desk: Arc<Desk>,
    zone: ZoneId,
    bell: Arc<Notify>,
    ended: bool,
}

impl Desk {
    /// A desk with room for `most` zones.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { zones: Mutex::default(), most })
    }

    /// Asks for attention to a zone.
    pub(super) fn ring(self: &Arc<Self>, zone: ZoneId) -> Rung {
        let mut zones = self.zones.lock();
        let full = zones.len() >= self.most;
        match zones.entry(zone) {
            Entry::Occupied(mut ringing) => {
                ringing.get_mut().rung = true;
                ringing.get().bell.notify_one();
                Rung::Heard
            }
            Entry::Vacant(_) if full => Rung::Full,
            Entry::Vacant(free) => {
                let bell = Arc::new(Notify::new());
                free.insert(Ringing { rung: true, bell: Arc::clone(&bell) });
                Rung::Begins(Turn { desk: Arc::clone(self), zone, bell, ended: false })
            }
        }
    }

    /// True if somebody attends to the zone.
    pub(super) fn attends(&self, zone: ZoneId) -> bool {
        self.zones.lock().contains_key(&zone)
    }
}

impl Turn {
    /// The zone.
    pub(super) const fn zone(&self) -> ZoneId {
        self.zone
    }

    /// Waits until the zone is rung for. May be dropped and called again.
    pub(super) async fn rung(&self) {
        loop {
            let ringing = self.bell.notified();
            if self.desk.zones.lock().get(&self.zone).is_none_or(|ringing| ringing.rung) {
                return;
            }
            ringing.await;
        }
    }

    /// Takes note of all rings so far; what they were for must be looked at after this.
    pub(super) fn heed(&self) {
        if let Some(ringing) = self.desk.zones.lock().get_mut(&self.zone) {
            ringing.rung = false;
        }
    }

    /// Ends the turn, unless the zone was rung for: then it is given back.
    pub(super) fn end(mut self) -> Option<Self> {
        let rung = {
            let mut zones = self.desk.zones.lock();
            let rung = zones.get(&self.zone).is_some_and(|ringing| ringing.rung);
            if !rung {
                zones.remove(&self.zone);
            }
            rung
        };
        if rung {
            return Some(self);
        }
        self.ended = true;
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // After an orderly end the entry may be there anew, for another turn.
        if !self.ended {
            self.desk.zones.lock().remove(&self.zone);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn begin(desk: &Arc<Desk>, zone: ZoneId) -> Turn {
        match desk.ring(zone) {
            Rung::Begins(turn) => turn,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_turn_per_zone_and_no_ring_is_lost() {
        let desk = Desk::new(10);
        let zone = ZoneId::random();
        let turn = begin(&desk, zone);
        assert!(turn.rung().now_or_never().is_some());
        turn.heed();
        assert!(turn.rung().now_or_never().is_none());

        assert!(matches!(desk.ring(zone), Rung::Heard));
        assert!(turn.rung().now_or_never().is_some());
        let turn = turn.end().unwrap();
        turn.heed();
        assert!(turn.end().is_none());
        assert!(!desk.attends(zone));
    }

    #[tokio::test]
    async fn a_ring_wakes_who_waits() {
        let desk = Desk::new(10);
        let zone = ZoneId::random();
        let turn = begin(&desk, zone);
        turn.heed();
        let ring = async {
            tokio::task::yield_now().await;
            desk.ring(zone)
        };
        let ((), rung) = tokio::join!(turn.rung(), ring);
        assert!(matches!(rung, Rung::Heard));
    }

    #[test]
    fn a_dropped_turn_frees_its_zone_and_room_is_limited() {
        let desk = Desk::new(1);
        let zone = ZoneId::random();
        let turn = begin(&desk, zone);
        assert!(matches!(desk.ring(ZoneId::random()), Rung::Full));
        drop(turn);
        begin(&desk, ZoneId::random());
    }

    #[test]
    fn an_ended_turn_leaves_the_next_one_alone() {
        let desk = Desk::new(10);
        let zone = ZoneId::random();
        let turn = begin(&desk, zone);
        turn.heed();
        assert!(turn.end().is_none());
        let _next = begin(&desk, zone);
        assert!(desk.attends(zone));
    }
}
