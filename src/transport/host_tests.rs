//! What concerns the host alone; the rest of its promises are in the public suite.

use actix_rt::Arbiter;

use super::*;
use crate::transport::suite::probe::{Echo, PassGate, Probe, ProbeState, routes};
use crate::transport::{Cx, FaultCode, InProcess, RetryPolicy, Service, Transport, run_paused, run_threaded};

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_handler_that_hangs_is_given_up_and_its_permit_is_free_again() {
    run_paused(async {
        let transport = InProcess::typed();
        let longest_run = Duration::from_secs(60);
        let config = HostConfig { permits: 1, longest_run, ..HostConfig::default() };
        let inbox = Host::start(ProbeState::new(), routes(), config, &Place::current().unwrap());
        let _serving = transport.serve(Probe::endpoint(), inbox).await.unwrap();
        let probe = transport.service_ref::<Probe>();
        let start = Instant::now();
        let fault = probe.call(&Cx::system(LONG * 10), PassGate(1)).await.unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Timeout, true));
        assert_eq!(start.elapsed().as_secs(), longest_run.as_secs());
        assert_eq!(probe.call(&Cx::system(LONG), Echo("next".into())).await.unwrap(), "next");
    });
}

#[test]
fn an_actor_moves_when_its_arbiter_ends() {
    run_threaded(async {
        let transport = InProcess::typed();
        let (first, second) = (Arbiter::new(), Arbiter::new());
        let place = Place::new(tokio::runtime::Handle::current(), vec![first.handle(), second.handle()]);
        let inbox = Host::start(ProbeState::new(), routes(), HostConfig::default(), &place);
        let _serving = transport.serve(Probe::endpoint(), inbox.clone()).await.unwrap();
        first.stop();
        first.join().unwrap();
        let probe = transport.service_ref::<Probe>().retrying(RetryPolicy::PATIENT);
        assert_eq!(probe.call(&Cx::system(LONG), Echo("moved".into())).await.unwrap(), "moved");
        assert_eq!(inbox.reading().replaced, 1);
        second.stop();
    });
}

#[test]
fn an_actor_that_keeps_dying_is_replaced_ever_more_slowly() {
    run_paused(async {
        let place = Place::current().unwrap();
        let inbox = Host::start(ProbeState::new(), routes(), HostConfig::default(), &place);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            inbox.ready(LONG).await.unwrap();
            inbox.kill();
            let killed = Instant::now();
            while inbox.is_up() {
                tokio::task::yield_now().await;
            }
            inbox.ready(LONG).await.unwrap();
            pauses.push(killed.elapsed().as_millis());
        }
        assert!(pauses.is_sorted() && pauses[0] < 20 && pauses[11] >= 5000, "{pauses:?}");
        // One that lived for a while starts over.
        tokio::time::advance(Duration::from_secs(60)).await;
        inbox.kill();
        let killed = Instant::now();
        while inbox.is_up() {
            tokio::task::yield_now().await;
        }
        inbox.ready(LONG).await.unwrap();
        assert!(killed.elapsed() < Duration::from_millis(20));
        inbox.close();
    });
}

#[test]
fn a_closed_instance_is_not_replaced_and_leaves_nothing_behind() {
    run_paused(async {
        let place = Place::current().unwrap();
        let state = ProbeState::new();
        let inbox = Host::start(Arc::clone(&state), routes(), HostConfig::default(), &place);
        inbox.ready(LONG).await.unwrap();
        inbox.close();
        inbox.kill();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!inbox.is_up());
        assert_eq!((inbox.reading().replaced, Arc::strong_count(&state)), (0, 1));
    });
}
