//! Casts and fanouts: contract points 3 and 4.

use super::probe::{Echo, InLane, Nudge, PassGate};
use super::{Bench, patient};
use crate::transport::{Fault, HostConfig};

/// A cast returns while its handler still waits, and the handler goes on.
pub async fn a_cast_is_accepted_not_done(bench: Bench) {
    let mounted = bench.mount(HostConfig::default()).await;
    let message = InLane { lane: "a".into(), number: 5 };
    assert_eq!(bench.probe().cast(&patient(), message).await, Ok(()));
    assert_eq!(mounted.state.begun(1).await, [5]);
    assert!(mounted.state.noted_now().is_empty());
    mounted.state.open(1);
    assert_eq!(mounted.state.noted(1).await, [5]);
}

/// With nobody there a cast is not accepted.
pub async fn a_cast_to_nobody_fails_at_once(bench: Bench) {
    assert_eq!(bench.probe().cast(&patient(), Nudge(1)).await, Err(Fault::unreachable("probe")));
}

/// Each live instance gets a fanout once, one that has left does not.
pub async fn a_fanout_reaches_each_instance_once(bench: Bench) {
    let one = bench.mount(HostConfig::default()).await;
    let two = bench.mount(HostConfig::default()).await;
    let gone = bench.mount(HostConfig::default()).await;
    drop(gone.serving);
    assert_eq!(bench.probe().fanout(&patient(), Nudge(8)).await, Ok(()));
    one.state.noted(1).await;
    two.state.noted(1).await;
    // A call to each, behind the fanout, shows that nothing comes twice.
    for mounted in [&one, &two] {
        mounted.state.open(1);
        let instance = bench.probe().at(mounted.serving.endpoint().instance);
        assert_eq!(instance.call(&patient(), PassGate(9)).await, Ok(9));
        assert_eq!(mounted.state.noted_now(), [8, 9]);
    }
    assert!(gone.state.noted_now().is_empty());
    assert!(bench.probe().call(&patient(), Echo("still there".into())).await.is_ok());
}

/// There being nobody to reach, everybody was reached.
pub async fn a_fanout_to_nobody_is_no_failure(bench: Bench) {
    assert_eq!(bench.probe().fanout(&patient(), Nudge(1)).await, Ok(()));
}
