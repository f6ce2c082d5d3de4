//! Calls that wait long: whether anybody is there to answer them, and whether others are answered meanwhile.
//!
//! A call may hang for two reasons that its sender can find out. Every instance of the service is gone: nobody consumes the
//! queue that shows who is there. Or the instance that has it stands still, while another answers those that came
//! later: the broker gives the message to somebody else only when it has lost the first one, which may be after the
//! deadline. A call to one instance hangs if the queue of that instance is gone, and the call with it.
//!
//! Invariants: only calls that wait for [`LONG`] are looked at. They fail, as maybe done, when nobody was there in two looks;
//! until somebody comes, what is sent to anybody is refused at once. What may be run again, and nothing else, is sent a second time,
//! once, to an instance that has answered [`LATER`] calls that began later.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use lapin::Channel;
use lapin::types::ShortString;
use tokio::time::Instant;

use super::connection::Session;
use super::error;
use super::replies::{State, Waiter, Waiting};
use super::topology::{self, Topology};
use crate::transport::address::Endpoint;
use crate::transport::fault::Fault;

/// How long a call waits before it is looked at.
const LONG: Duration = Duration::from_secs(1);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// How many later calls show that a call hangs.
const LATER: usize = 3;
/// How long the broker may take to say who is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// After so many looks at nobody it is waited for.
const QUIET: u32 = 8;

/// How services stand, as far as their answers tell.
#[derive(Debug, Default)]
pub(super) struct Standing {
    served: BTreeMap<&'static str, Served>,
    /// Nobody was there in the last look, at this time in the first one.
    empty: BTreeMap<&'static str, Instant>,
    deserted: BTreeSet<&'static str>,
    /// The queues of these instances were not there in the last look.
    missing: HashSet<Endpoint>,
}

/// Whom calls wait for that wait long.
#[derive(Debug, Default, PartialEq, Eq)]
struct Awaited {
    services: BTreeSet<&'static str>,
    instances: HashSet<Endpoint>,
}

/// The last answers of a service.
#[derive(Debug)]
pub(super) struct Served {
    by: ShortString,
    /// The latest calls that were answered.
    latest: [u64; LATER],
}

impl Served {
    /// Who answered the latest of them.
    pub(super) fn by(&self) -> &ShortString {
        &self.by
    }

    /// True if enough calls are answered that began after this one.
    fn is_past(&self, number: u64) -> bool {
        self.latest.iter().all(|later| *later > number)
    }

    fn add(&mut self, number: u64, by: &ShortString) {
        if self.latest.iter().all(|before| *before < number) && self.by != *by {
            self.by = by.clone();
        }
        if let Some(least) = self.latest.iter_mut().min()
            && *least < number
        {
            *least = number;
        }
    }
}

impl Standing {
    /// True if nobody is there.
    pub(super) fn is_deserted(&self, service: &str) -> bool {
        !self.deserted.is_empty() && self.deserted.contains(service)
    }

    /// An instance answered a call.
    pub(super) fn answered(&mut self, service: &'static str, number: u64, by: &ShortString) {
        match self.served.get_mut(service) {
            Some(served) => served.add(number, by),
            None => {
                let mut served = Served { by: by.clone(), latest: [0; LATER] };
                served.add(number, by);
                self.served.insert(service, served);
            }
        }
    }

    /// So many are there. True if it is certain that nobody is.
    fn seen(&mut self, service: &'static str, count: u32, now: Instant) -> bool {
        if count > 0 {
            self.empty.remove(service);
            self.deserted.remove(service);
            return false;
        }
        let first = *self.empty.entry(service).or_insert(now);
        if now > first {
            self.deserted.insert(service);
        }
        now > first
    }
}

/// Looks after those who wait long, as long as the connection lasts. Never ends.
pub(super) async fn watch(session: Arc<Session>, waiting: Arc<Waiting>, topology: Topology) {
    let mut aside = None;
    loop {
        waiting.due.notified().await;
        let mut quiet = 0;
        while quiet < QUIET {
            tokio::time::sleep(PAUSE).await;
            let Awaited { services, instances } = waiting.with(look);
            for service in services {
                let Some(count) = count(&session, &mut aside, &topology, service).await else { continue };
                waiting.with(|state| conclude(state, service, count));
            }
            let mut missing = HashSet::new();
            for at in instances {
                if is_missing(&session, &mut aside, &topology, at).await {
                    missing.insert(at);
                }
            }
            waiting.with(|state| conclude_missing(state, missing));
            waiting.with(|state| {
                let nobody = state.waiters.is_empty() && state.standing.empty.is_empty();
                quiet = if nobody { quiet + 1 } else { 0 };
                state.idle = quiet == QUIET;
            });
        }
    }
}

/// Asks for second messages. Who is waited for.
fn look(state: &mut State) -> Awaited {
    let now = Instant::now();
    let mut services: BTreeSet<_> = state.standing.empty.keys().copied().collect();
    let mut instances = HashSet::new();
    let mut hanging: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    for (number, waiter) in &state.waiters {
        if now < waiter.since + LONG {
            continue;
        }
        instances.extend(waiter.errand.addressee());
        if !waiter.errand.is_call_to_any() {
            continue;
        }
        services.insert(waiter.errand.service);
        if waiter.errand.again && !waiter.doubled {
            hanging.entry(waiter.errand.service).or_default().push(*number);
        }
    }
    for (service, mut numbers) in hanging {
        if let Some(served) = state.standing.served.remove(service) {
            numbers.retain(|number| served.is_past(*number));
            state.send_elsewhere(&numbers, &served);
            state.standing.served.insert(service, served);
        }
    }
    Awaited { services, instances }
}

/// Fails calls that nobody is there for.
fn conclude(state: &mut State, service: &'static str, count: u32) {
    let now = Instant::now();
    if !state.standing.seen(service, count, now) {
        return;
    }
    fail(state, &error::deserted(), |waiter| {
        waiter.errand.is_call_to_any() && waiter.errand.service == service && now >= waiter.since + LONG
    });
}

/// Fails calls to instances whose queues are not there, and were not in the look before.
fn conclude_missing(state: &mut State, missing: HashSet<Endpoint>) {
    let now = Instant::now();
    let gone: HashSet<Endpoint> = missing.intersection(&state.standing.missing).copied().collect();
    state.standing.missing = missing;
    if !gone.is_empty() {
        fail(state, &error::interrupted(), |waiter| {
            now >= waiter.since + LONG && waiter.errand.addressee().is_some_and(|at| gone.contains(&at))
        });
    }
}

fn fail(state: &mut State, fault: &Fault, in_vain: impl Fn(&Waiter) -> bool) {
    let numbers: Vec<u64> =
        state.waiters.iter().filter(|(_, waiter)| in_vain(waiter)).map(|(number, _)| *number).collect();
    for number in numbers {
        if let Some(waiter) = state.take(number) {
            waiter.slot.settle(Err(fault.clone()));
        }
    }
}

/// How many instances are there; `None` if the broker does not say.
async fn count(
    session: &Session,
    aside: &mut Option<Channel>,
    topology: &Topology,
    service: &str,
) -> Option<u32> {
    let counting = async {
        let channel = match aside.take() {
            Some(channel) => channel,
            None => session.channel().await?,
        };
        let count = topology.declare_here(&channel, service).await?;
        *aside = Some(channel);
        lapin::Result::Ok(count)
    };
    tokio::time::timeout(PATIENCE, counting).await.ok()?.ok()
}

/// True if the broker says that an instance has no queue.
async fn is_missing(
    session: &Session,
    aside: &mut Option<Channel>,
    topology: &Topology,
    at: Endpoint,
) -> bool {
    let looking = async {
        let channel = match aside.take() {
            Some(channel) => channel,
            None => session.channel().await?,
        };
        // To say no, the broker closes the channel.
        topology.look_at_own(&channel, at).await?;
        *aside = Some(channel);
        lapin::Result::Ok(())
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Err(error)) => topology::is_not_found(&error),
        Ok(Ok(())) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::InstanceId;
    use crate::transport::Want;
    use crate::transport::amqp::replies::Errand;
    use crate::transport::amqp::slot::News;

    fn errand(again: bool) -> Errand {
        Errand { service: "probe", want: Want::Reply, anywhere: true, instance: None, again }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_fail_when_nobody_is_there_twice_and_the_next_is_refused_until_somebody_comes() {
        let waiting = Arc::new(Waiting::default());
        let old = waiting.register(errand(false)).unwrap();
        tokio::time::advance(LONG).await;
        let young = waiting.register(errand(false)).unwrap();
        for _ in 0..2 {
            assert_eq!(waiting.with(look).services, BTreeSet::from(["probe"]));
            waiting.with(|state| conclude(state, "probe", 0));
            tokio::time::advance(PAUSE).await;
        }
        assert!(old.slot.outcome().await.unwrap_err().maybe_done);
        assert!(!waiting.register(errand(true)).unwrap_err().maybe_done);
        waiting.with(|state| conclude(state, "probe", 1));
        assert!(waiting.register(errand(true)).is_ok());
        waiting.settle(young.number, error::lost());
        assert_eq!(young.slot.outcome().await.unwrap_err(), error::lost());
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_sent_elsewhere_only_if_it_may_run_again_and_others_are_served() {
        let waiting = Arc::new(Waiting::default());
        let hangs = waiting.register(errand(true)).unwrap();
        let once = waiting.register(errand(false)).unwrap();
        tokio::time::advance(LONG).await;
        for number in 3..6 {
            waiting.with(look);
            assert!(futures::FutureExt::now_or_never(hangs.slot.next()).is_none());
            waiting.with(|state| state.standing.answered("probe", number, &"second".into()));
        }
        waiting.with(look);
        let News::Elsewhere(instance) = hangs.slot.next().await else { panic!("it is told no instance") };
        assert_eq!(instance.as_str(), "second");
        assert!(futures::FutureExt::now_or_never(once.slot.next()).is_none());
        waiting.with(look);
        assert!(futures::FutureExt::now_or_never(hangs.slot.next()).is_none(), "once is enough");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_to_an_instance_fail_when_its_queue_is_missing_twice() {
        let waiting = Arc::new(Waiting::default());
        let [gone, there] = [(); 2].map(|()| Endpoint { service: "probe", instance: InstanceId::random() });
        let to = |at: Endpoint| Errand { anywhere: false, instance: Some(at.instance), ..errand(false) };
        let (lost, kept) = (waiting.register(to(gone)).unwrap(), waiting.register(to(there)).unwrap());
        let nudge = waiting.register(Errand { want: Want::Acceptance, ..to(gone) }).unwrap();
        assert_eq!(waiting.with(look), Awaited::default());
        tokio::time::advance(LONG).await;
        assert_eq!(waiting.with(look).instances, HashSet::from([gone, there]));
        for missing in [gone, there] {
            waiting.with(|state| conclude_missing(state, HashSet::from([missing])));
        }
        waiting.with(|state| conclude_missing(state, HashSet::from([gone])));
        assert!(futures::FutureExt::now_or_never(lost.slot.next()).is_none(), "never twice in a row");
        waiting.with(|state| conclude_missing(state, HashSet::from([gone])));
        assert_eq!(lost.slot.outcome().await.unwrap_err(), error::interrupted());
        for other in [kept, nudge] {
            assert!(futures::FutureExt::now_or_never(other.slot.next()).is_none());
        }
    }
}
