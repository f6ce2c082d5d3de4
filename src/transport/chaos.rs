//! A transport that makes the worst of what the contract allows, from a seed.
//!
//! Casts are lost, delayed, overtake each other and, if they are repeatable, come twice; fanouts are lost or late; calls
//! are late or break off, sometimes before and sometimes after the work.
//!
//! Invariants: nothing happens that a broker could not do. On a current-thread runtime one seed gives one course of
//! events. After [`Chaos::heal`] it adds nothing of its own; what was delayed still comes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::Transport;
use super::address::{Address, Endpoint};
use super::fault::Fault;
use super::inbox::Inbox;
use super::payload::{Parcel, Payload, Want};
use super::serving::Serving;

/// How bad it is; chances are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChaosPlan {
    /// Chance that a cast or fanout is lost after it was accepted.
    pub lose: f64,
    /// Chance that a repeatable cast comes twice.
    pub duplicate: f64,
    /// Chance that anything is late, so that others overtake it.
    pub delay: f64,
    /// The longest delay.
    pub longest_delay: Duration,
    /// Chance that a call breaks off: half of them before the work, half of them after.
    pub break_off: f64,
}

impl ChaosPlan {
    /// Nothing happens.
    pub const CALM: Self =
        Self { lose: 0.0, duplicate: 0.0, delay: 0.0, longest_delay: Duration::ZERO, break_off: 0.0 };

    /// A bad day.
    pub const ROUGH: Self = Self {
        lose: 0.2,
        duplicate: 0.2,
        delay: 0.3,
        longest_delay: Duration::from_secs(3),
        break_off: 0.05,
    };
}

/// What became of the parcels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChaosCounts {
    /// Casts and fanouts lost.
    pub lost: u64,
    /// Casts that came twice.
    pub duplicated: u64,
    /// Parcels that were late.
    pub delayed: u64,
    /// Calls broken off.
    pub broken: u64,
}

/// A transport over another one.
pub struct Chaos {
    inner: Arc<dyn Transport>,
    state: Mutex<State>,
}

struct State {
    plan: ChaosPlan,
    random: StdRng,
    counts: ChaosCounts,
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Chaos")
            .field("plan", &state.plan)
            .field("counts", &state.counts)
            .finish_non_exhaustive()
    }
}

/// What is to become of one parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fate {
    delay: Option<Duration>,
    second: Option<Duration>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Arrives,
    Lost,
    BreaksBefore,
    BreaksAfter,
}

impl Chaos {
    /// Chaos over `inner`, as `seed` has it.
    #[must_use]
    pub fn over(inner: Arc<dyn Transport>, seed: u64, plan: ChaosPlan) -> Arc<Self> {
        let random = StdRng::seed_from_u64(seed);
        Arc::new(Self { inner, state: Mutex::new(State { plan, random, counts: ChaosCounts::default() }) })
    }

    /// From now on nothing happens any more.
    pub fn heal(&self) {
        self.turn(ChaosPlan::CALM);
    }

    /// From now on this happens.
    pub fn turn(&self, plan: ChaosPlan) {
        self.state.lock().plan = plan;
    }

    /// What has become of the parcels so far.
    #[must_use]
    pub fn counts(&self) -> ChaosCounts {
        self.state.lock().counts
    }

    fn decide(&self, to: Address, parcel: &Parcel) -> Fate {
        let mut guard = self.state.lock();
        let State { plan, random, counts } = &mut *guard;
        // The same number of draws for every parcel: one fate does not shift the next one's.
        let [late, gone, twice, after]: [f64; 4] = random.random();
        let [first, again]: [f64; 2] = random.random();
        let call = parcel.want == Want::Reply;
        let delay = (late < plan.delay).then(|| plan.longest_delay.mul_f64(first));
        let end = match (call, gone) {
            (true, gone) if gone < plan.break_off => {
                if after < 0.5 {
                    End::BreaksBefore
                } else {
                    End::BreaksAfter
                }
            }
            (false, gone) if gone < plan.lose => End::Lost,
            _ => End::Arrives,
        };
        let may_double = !call && parcel.repeatable && !matches!(to, Address::All(_)) && end == End::Arrives;
        let second = (may_double && twice < plan.duplicate).then(|| plan.longest_delay.mul_f64(again));
        counts.delayed += u64::from(delay.is_some());
        counts.duplicated += u64::from(second.is_some());
        counts.lost += u64::from(end == End::Lost);
        counts.broken += u64::from(matches!(end, End::BreaksBefore | End::BreaksAfter));
        Fate { delay, second, end }
    }

    /// Sends it later; the sender was told that it is accepted.
    fn send_later(&self, to: Address, parcel: Parcel, delay: Duration) {
        let inner = Arc::clone(&self.inner);
        drop(tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if let Err(fault) = inner.send(to, parcel).await {
                tracing::debug!(%fault, "a late parcel was not taken");
            }
        }));
    }

    async fn cast(&self, to: Address, parcel: Parcel, fate: Fate) -> Result<Payload, Fault> {
        if let (Some(delay), Some(copy)) = (fate.second, parcel.duplicate()) {
            self.send_later(to, copy, delay);
        }
        match (fate.end, fate.delay) {
            (End::Arrives, None) => self.inner.send(to, parcel).await,
            (End::Arrives, Some(delay)) => {
                self.send_later(to, parcel, delay);
                Ok(Payload::Accepted)
            }
            _ => Ok(Payload::Accepted),
        }
    }

    /// In a task of its own, so that a caller that goes away while the call is late cancels nothing.
    async fn call(&self, to: Address, parcel: Parcel, fate: Fate) -> Result<Payload, Fault> {
        let broken = || Fault::unavailable("connection_lost", "the connection broke").and_maybe_done();
        if fate.end == End::BreaksBefore {
            return Err(broken());
        }
        let inner = Arc::clone(&self.inner);
        let sending = async move {
            if let Some(delay) = fate.delay {
                tokio::time::sleep(delay).await;
            }
            inner.send(to, parcel).await
        };
        let outcome = if fate.delay.is_some() {
            tokio::spawn(sending).await.unwrap_or_else(|_| Err(broken()))
        } else {
            sending.await
        };
        if fate.end == End::BreaksAfter { Err(broken()) } else { outcome }
    }
}

impl Transport for Chaos {
    fn send(&self, to: Address, parcel: Parcel) -> BoxFuture<'_, Result<Payload, Fault>> {
        let fate = self.decide(to, &parcel);
        async move {
            match parcel.want {
                Want::Acceptance => self.cast(to, parcel, fate).await,
                Want::Reply => self.call(to, parcel, fate).await,
            }
        }
        .boxed()
    }

    fn serve(&self, at: Endpoint, inbox: Inbox) -> BoxFuture<'_, Result<Serving, Fault>> {
        self.inner.serve(at, inbox)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::suite::probe::{InLane, Nudge, Probe};
    use crate::transport::{Cx, Fake, InProcess, ServiceRef, run_paused};

    type Seen = Arc<Mutex<Vec<(char, u64)>>>;

    async fn mounted(chaos: &Arc<Chaos>) -> (ServiceRef<Probe>, Seen, crate::transport::fake::Faked) {
        let seen = Seen::default();
        let (nudges, lanes) = (Arc::clone(&seen), Arc::clone(&seen));
        let note_nudge = move |Nudge(number): Nudge| {
            nudges.lock().push(('n', number));
            Ok(())
        };
        let note_lane = move |m: InLane| {
            lanes.lock().push(('l', m.number));
            Ok(())
        };
        let fake = Fake::<Probe>::on(note_nudge).and(note_lane).mount(&**chaos).await.unwrap();
        (ServiceRef::new(Arc::clone(chaos) as _), seen, fake)
    }

    /// A hundred casts of a repeatable and of another message: what arrived, in order, and what became of them.
    fn course(seed: u64) -> (Vec<(char, u64)>, ChaosCounts) {
        run_paused(async move {
            let chaos = Chaos::over(Arc::new(InProcess::typed()), seed, ChaosPlan::ROUGH);
            let (probe, seen, fake) = mounted(&chaos).await;
            let cx = Cx::system(Duration::from_secs(60));
            for number in 0..100 {
                probe.cast(&cx, Nudge(number)).await.unwrap();
                probe.cast(&cx, InLane { lane: "l".into(), number }).await.unwrap();
            }
            let counts = chaos.counts();
            let arrived = usize::try_from(200 - counts.lost + counts.duplicated).unwrap();
            while fake.count::<Nudge>() + fake.count::<InLane>() < arrived {
                tokio::time::advance(Duration::from_millis(50)).await;
            }
            let seen = seen.lock().clone();
            (seen, counts)
        })
    }

    #[test]
    fn one_seed_is_one_course_of_events() {
        assert_eq!(course(7), course(7));
        assert_ne!(course(7), course(8));
    }

    #[test]
    fn casts_are_lost_late_and_doubled_only_if_repeatable() {
        let (seen, counts) = course(1);
        assert!(counts.lost > 0 && counts.duplicated > 0 && counts.delayed > 0, "{counts:?}");
        assert!(!seen.is_sorted_by_key(|(_, number)| *number), "nothing overtook anything");
        let mut once: Vec<_> = seen.iter().filter(|(kind, _)| *kind == 'l').collect();
        let all = once.len();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), all);
    }

    #[test]
    fn broken_calls_say_that_they_may_be_done_and_healing_ends_it() {
        run_paused(async {
            let plan = ChaosPlan { break_off: 1.0, ..ChaosPlan::CALM };
            let chaos = Chaos::over(Arc::new(InProcess::through_codec()), 3, plan);
            let (probe, seen, fake) = mounted(&chaos).await;
            let cx = Cx::system(Duration::from_secs(60));
            for number in 0..20 {
                let fault = probe.call(&cx, InLane { lane: "l".into(), number }).await.unwrap_err();
                assert!(fault.maybe_done);
            }
            let done = seen.lock().len();
            assert!(done > 0 && done < 20, "{done} of 20 were done");
            chaos.heal();
            probe.call(&cx, InLane { lane: "l".into(), number: 99 }).await.unwrap();
            assert_eq!((chaos.counts().broken, fake.count::<InLane>()), (20, done + 1));
        });
    }
}
