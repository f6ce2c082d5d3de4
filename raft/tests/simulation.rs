//! A few hundred simulated schedules, and that the simulation notices what it is there for. The long run is
//! `examples/simulate.rs`; `COORDINATOR_SEEDS` says how many are played here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use coordinator::testing::simulation::{Mutant, Report, simulate};

/// Schedules played when nobody says otherwise.
const SEEDS: u64 = 200;
/// Every mutant shows within so many.
const CAUGHT_WITHIN: u64 = 400;
const THREADS: u64 = 2;

/// Plays schedules until one goes wrong; says which.
fn first_wrong(seeds: impl IntoIterator<Item = u64>, mutant: Option<Mutant>) -> Option<Report> {
    let seeds: Vec<u64> = seeds.into_iter().collect();
    let (next, wrong) = (AtomicU64::new(0), Mutex::new(None));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while wrong.lock().unwrap().is_none() {
                    let at = usize::try_from(next.fetch_add(1, SeqCst)).unwrap();
                    let Some(&seed) = seeds.get(at) else { return };
                    let report = simulate(seed, mutant);
                    if !report.violations.is_empty() {
                        *wrong.lock().unwrap() = Some(report);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

#[test]
fn nothing_goes_wrong() {
    let seeds = std::env::var("COORDINATOR_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let wrong = first_wrong(0..seeds, None);
    assert!(
        wrong.is_none(),
        "{:#?}\nreplay: cargo run -p coordinator --features testing --example simulate -- --seed {}",
        wrong.as_ref().unwrap().violations,
        wrong.as_ref().unwrap().seed
    );
}

/// Schedules that showed defects.
#[test]
fn what_once_went_wrong_does_not_any_more() {
    // A node that had shown others a vote that it had not cast itself took itself for the leader.
    // A leader that was started again answered reads before it knew what was decided.
    // A leader that was started again led on in its term without the entries that it had sent out and not yet written.
    let wrong = first_wrong([10, 24, 59, 1025, 752, 780, 784], None);
    assert!(wrong.is_none(), "{:#?}", wrong.unwrap().violations);
}

#[test]
fn a_seed_always_goes_the_same_way() {
    let mut hashes = Vec::new();
    for seed in 0..4 {
        let (one, other) = (simulate(seed, None), simulate(seed, None));
        assert_eq!(one.trace, other.trace);
        assert_eq!((one.hash, one.messages), (other.hash, other.messages));
        assert!(one.operations > 50 && one.faults > 2 && one.messages > 500, "{seed} is no test of anything");
        hashes.push(one.hash);
    }
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn every_mutant_is_caught() {
    for mutant in Mutant::ALL {
        let caught = first_wrong(0..CAUGHT_WITHIN, Some(mutant));
        assert!(caught.is_some(), "{mutant} is not noticed in {CAUGHT_WITHIN} schedules");
        println!("{mutant}: seed {}", caught.unwrap().seed);
    }
}
