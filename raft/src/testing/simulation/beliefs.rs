//! What holders believe at this moment, to be held against what the log says.
//!
//! **Invariants**: a holder is asked through the product's own API: whoever says that it is safe would begin to write. What a
//! holder has let go of, or died with, it does not believe any more.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::time::Instant;

use super::{
    trace::Trace,
    truth::{News, Truth, short},
};
use crate::{Lease, Membership, SessionId, View};

/// Everybody who may hold something.
#[derive(Debug, Default)]
pub(super) struct Beliefs(Mutex<BTreeMap<SessionId, (usize, Belief)>>);

#[derive(Debug)]
enum Belief {
    Lease(Weak<Lease>),
    Seat(Weak<Membership>),
}

impl Beliefs {
    pub(super) fn add_lease(&self, place: usize, lease: &Arc<Lease>) {
        self.add(place, lease.session(), Belief::Lease(Arc::downgrade(lease)));
    }

    pub(super) fn add_seat(&self, place: usize, seat: &Arc<Membership>) {
        self.add(place, seat.session(), Belief::Seat(Arc::downgrade(seat)));
    }

    fn add(&self, place: usize, session: SessionId, belief: Belief) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, belief)| match belief {
            Belief::Lease(lease) => lease.strong_count() > 0,
            Belief::Seat(seat) => seat.strong_count() > 0,
        });
        all.insert(session, (place, belief));
    }

    /// A process died, and with it what it believed.
    pub(super) fn forget(&self, place: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (at, _)| *at != place);
    }

    /// How many sit in the group and trust it.
    pub(super) fn seats(&self) -> usize {
        let (now, all) = (Instant::now(), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let seats = all.values().filter_map(|(_, belief)| match belief {
            Belief::Lease(_) => None,
            Belief::Seat(seat) => seat.upgrade(),
        });
        seats.filter(|seat| seat.is_safe(now)).count()
    }

    /// Holds what is new in the log against what is believed right now (S5, S9).
    pub(super) fn compare(&self, news: &News, truth: &Truth, trace: &Trace) {
        match news {
            News::Expired(session) => self.expired(*session, trace),
            News::Changed(view) => self.changed(&truth.view(&view.group), truth, trace),
            News::Wrong(..) | News::Applied(_) => {}
        }
    }

    fn expired(&self, session: SessionId, trace: &Trace) {
        let now = Instant::now();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let safe = all.get(&session).is_some_and(|(_, belief)| match belief {
            Belief::Lease(lease) => lease.upgrade().is_some_and(|lease| lease.is_safe(now)),
            Belief::Seat(seat) => seat.upgrade().is_some_and(|seat| seat.is_safe(now)),
        });
        drop(all);
        if safe {
            trace.wrong("S5", format_args!("{} expired while its holder trusts it", short(session)));
        }
    }

    fn changed(&self, view: &View, truth: &Truth, trace: &Trace) {
        let now = Instant::now();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (session, (_, belief)) in &*all {
            let Belief::Seat(seat) = belief else { continue };
            let Some(seat) = seat.upgrade().filter(|seat| *seat.group().name() == view.group) else {
                continue;
            };
            for held in seat.holdings(now) {
                // A holder may know a little more than has been looked at here, but it must not know less.
                let overtaken = (held.first..=held.last)
                    .any(|shard| view.span_of(shard).is_some_and(|span| span.token > held.token));
                if overtaken {
                    let (session, at) = (short(*session), truth.applied());
                    trace.wrong("S5", format_args!("{session} believes in {held:?}, not so since {at}"));
                }
            }
        }
    }
}
