//! The search for an order.
//!
//! **Invariants**: it tries every order that the times of the calls allow, and none twice: two beginnings that took the same
//! calls and came to the same state have the same ends.
use std::{collections::HashSet, fmt::Debug, hash::Hash};

/// A call to one subject: when it began and ended, and what it does to the state of the subject.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed<'a, S> {
    pub(super) invoked: u64,
    pub(super) returned: Option<u64>,
    pub(super) step: &'a S,
}

/// Which calls have taken effect.
type Taken = Vec<u64>;

fn is_taken(taken: &Taken, at: usize) -> bool {
    taken.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
}

fn with(taken: &Taken, at: usize) -> Taken {
    let mut taken = taken.clone();
    if let Some(word) = taken.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
    taken
}

/// Whether an order explains the calls. `apply` says the next state, or none if the step cannot be then.
pub(super) fn is_explained<S, T: Clone + Eq + Hash + Debug>(
    calls: &mut [Timed<'_, S>],
    start: T,
    apply: impl Fn(&T, &S) -> Option<T>,
) -> bool {
    calls.sort_by_key(|call| call.invoked);
    let mut open = vec![(vec![0; calls.len().div_ceil(64)], start)];
    let mut known = HashSet::new();
    while let Some((taken, state)) = open.pop() {
        let rest = || calls.iter().enumerate().filter(|(at, _)| !is_taken(&taken, *at));
        // Whatever begins after the first end comes later than that call.
        let Some(first_end) = rest().filter_map(|(_, call)| call.returned).min() else { return true };
        let mut next: Vec<_> = rest().take_while(|(_, call)| call.invoked < first_end).collect();
        // Tried last is what is put down first: calls without an end mostly had no effect.
        next.sort_by_key(|(_, call)| std::cmp::Reverse(call.returned.unwrap_or(u64::MAX)));
        for (at, call) in next {
            if let Some(state) = apply(&state, call.step) {
                let node = (with(&taken, at), state);
                if known.insert(node.clone()) {
                    open.push(node);
                }
            }
        }
    }
    false
}
