//! Which zones are being attended to, each by one task, and which stand in line for that.
//!
//! Invariants: a zone has at most one turn; a ring is never lost: it begins a turn, reaches the one there is before that
//! can end, keeps or gets the zone a place in the line, or is refused; a turn that is dropped, however that comes, frees
//! the zone; the line is as long as there are turns at most.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::ids::ZoneId;

/// All turns of a worker.
#[derive(Debug)]
pub(super) struct Desk {
    zones: Mutex<Zones>,
    most: usize,
}

#[derive(Debug, Default)]
struct Zones {
    attended: HashMap<ZoneId, Ringing>,
    line: VecDeque<ZoneId>,
    in_line: HashSet<ZoneId>,
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
    /// There are too many turns for one more: the zone stands in line.
    Waits,
    /// The line is full, too.
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
    /// A desk with room for `most` zones, and as many in line.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { zones: Mutex::default(), most })
    }

    /// Asks for attention to a zone.
    pub(super) fn ring(self: &Arc<Self>, zone: ZoneId) -> Rung {
        let mut zones = self.zones.lock();
        if let Some(ringing) = zones.attended.get_mut(&zone) {
            ringing.rung = true;
            ringing.bell.notify_one();
            return Rung::Heard;
        }
        if zones.in_line.contains(&zone) {
            return Rung::Waits;
        }
        if zones.attended.len() < self.most {
            return Rung::Begins(self.seat(&mut zones, zone));
        }
        if zones.line.len() < self.most {
            zones.line.push_back(zone);
            zones.in_line.insert(zone);
            return Rung::Waits;
        }
        Rung::Full
    }

    /// The turn of the next zone in line, if there is room for it.
    pub(super) fn next(self: &Arc<Self>) -> Option<Turn> {
        let mut zones = self.zones.lock();
        if zones.attended.len() >= self.most {
            return None;
        }
        let zone = zones.line.pop_front()?;
        zones.in_line.remove(&zone);
        Some(self.seat(&mut zones, zone))
    }

    fn seat(self: &Arc<Self>, zones: &mut Zones, zone: ZoneId) -> Turn {
        let bell = Arc::new(Notify::new());
        zones.attended.insert(zone, Ringing { rung: true, bell: Arc::clone(&bell) });
        Turn { desk: Arc::clone(self), zone, bell, ended: false }
    }

    /// True if somebody attends to the zone, or it stands in line.
    pub(super) fn attends(&self, zone: ZoneId) -> bool {
        let zones = self.zones.lock();
        zones.attended.contains_key(&zone) || zones.in_line.contains(&zone)
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
            if self.desk.zones.lock().attended.get(&self.zone).is_none_or(|ringing| ringing.rung) {
                return;
            }
            ringing.await;
        }
    }

    /// Takes note of all rings so far; what they were for must be looked at after this.
    pub(super) fn heed(&self) {
        if let Some(ringing) = self.desk.zones.lock().attended.get_mut(&self.zone) {
            ringing.rung = false;
        }
    }

    /// Ends the turn, unless the zone was rung for: then it is given back.
    pub(super) fn end(mut self) -> Option<Self> {
        let rung = {
            let mut zones = self.desk.zones.lock();
            let rung = zones.attended.get(&self.zone).is_some_and(|ringing| ringing.rung);
            if !rung {
                zones.attended.remove(&self.zone);
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
            self.desk.zones.lock().attended.remove(&self.zone);
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
        let waiting = ZoneId::random();
        assert!(matches!(desk.ring(waiting), Rung::Waits));
        assert!(matches!(desk.ring(waiting), Rung::Waits), "once in line is enough");
        assert!(matches!(desk.ring(ZoneId::random()), Rung::Full));
        assert!(desk.next().is_none() && desk.attends(waiting));
        drop(turn);
        let turn = desk.next().unwrap();
        assert_eq!(turn.zone(), waiting);
        assert!(turn.rung().now_or_never().is_some() && matches!(desk.ring(waiting), Rung::Heard));
        assert!(desk.next().is_none());
        drop(turn);
        assert!(desk.next().is_none() && !desk.attends(waiting));
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
