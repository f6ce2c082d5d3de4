//! What a lock may answer.
//!
//! **Invariants**: it has one holder at a time, and a greater token with each. Whoever took it without learning so may lose it
//! at any time, unseen.
use super::{
    Call, Step,
    search::{self, Timed},
};
use crate::Token;

/// A lock between two calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Lock {
    holder: Option<Holder>,
    /// The greatest token that anybody has seen.
    last: Token,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    /// It knows its token, and says when it is done.
    Known(Token),
    /// It does not know that it holds the lock; others may have seen its token.
    Ghost(Option<Token>),
}

fn apply(lock: &Lock, step: &Step) -> Option<Lock> {
    let is_free = !matches!(lock.holder, Some(Holder::Known(_)));
    let newer = |token: Token| token > lock.last;
    match step {
        Step::Take { token: Some(token), .. } => {
            let taken = Lock { holder: Some(Holder::Known(*token)), last: *token };
            (is_free && newer(*token)).then_some(taken)
        }
        Step::Take { token: None, .. } => {
            is_free.then(|| Lock { holder: Some(Holder::Ghost(None)), ..lock.clone() })
        }
        Step::Busy { .. } => lock.holder.map(|_| lock.clone()),
        Step::GiveBack { token, .. } if lock.holder == Some(Holder::Known(*token)) => {
            Some(Lock { holder: None, ..lock.clone() })
        }
        // It had expired before.
        Step::GiveBack { .. } => Some(lock.clone()),
        Step::See { token: None, .. } => is_free.then(|| Lock { holder: None, ..lock.clone() }),
        Step::See { token: Some(token), .. } => match lock.holder {
            Some(Holder::Known(known) | Holder::Ghost(Some(known))) => {
                (known == *token).then(|| lock.clone())
            }
            Some(Holder::Ghost(None)) if newer(*token) => {
                Some(Lock { holder: Some(Holder::Ghost(Some(*token))), last: *token })
            }
            _ => None,
        },
        Step::Join { .. } | Step::Leave { .. } | Step::Read { .. } => None,
    }
}

/// Looks for an order; fails with the calls up to the one that has no place.
pub(super) fn check<'a>(calls: &[&'a Call]) -> Result<(), Vec<&'a Call>> {
    let explained = |calls: &[&Call]| {
        let mut timed: Vec<_> = calls
            .iter()
            .map(|Call { invoked, returned, step }| Timed { invoked: *invoked, returned: *returned, step })
            .collect();
        search::is_explained(&mut timed, Lock::default(), apply)
    };
    if explained(calls) {
        return Ok(());
    }
    // The shortest history that cannot be, for whoever reads it: cut off at the first end that makes it so.
    let mut ends: Vec<u64> = calls.iter().filter_map(|call| call.returned).collect();
    ends.sort_unstable();
    let until =
        |end: u64| -> Vec<&'a Call> { calls.iter().copied().filter(|call| call.invoked <= end).collect() };
    let cut = |end: u64| -> bool {
        let part: Vec<Call> = until(end)
            .into_iter()
            .map(|call| Call { returned: call.returned.filter(|at| *at <= end), ..call.clone() })
            .collect();
        explained(&part.iter().collect::<Vec<_>>())
    };
    let wrong = ends.partition_point(|&end| cut(end));
    Err(ends.get(wrong).map_or_else(|| calls.to_vec(), |&end| until(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Index, LockName};

    const LOCK: LockName = LockName::literal("lock");

    fn token(index: u64) -> Token {
        Token::new(0, Index(index))
    }

    fn take(invoked: u64, returned: u64, at: u64) -> Call {
        Call { invoked, returned: Some(returned), step: Step::Take { lock: LOCK, token: Some(token(at)) } }
    }

    fn give_back(invoked: u64, returned: Option<u64>, at: u64) -> Call {
        Call { invoked, returned, step: Step::GiveBack { lock: LOCK, token: token(at) } }
    }

    fn see(invoked: u64, returned: u64, at: Option<u64>) -> Call {
        let token = at.map(token);
        Call { invoked, returned: Some(returned), step: Step::See { lock: LOCK, token } }
    }

    fn busy(invoked: u64, returned: u64) -> Call {
        Call { invoked, returned: Some(returned), step: Step::Busy { lock: LOCK } }
    }

    fn attempt(invoked: u64) -> Call {
        Call { invoked, returned: None, step: Step::Take { lock: LOCK, token: None } }
    }

    fn passes(calls: &[Call]) -> bool {
        super::super::check(calls).is_ok()
    }

    #[test]
    fn one_after_the_other_passes_and_two_at_once_do_not() {
        assert!(passes(&[take(0, 1, 1), give_back(2, Some(3), 1), take(4, 5, 2)]));
        assert!(!passes(&[take(0, 1, 1), take(4, 5, 2)]));
        assert!(passes(&[
            take(0, 10, 2),
            give_back(11, Some(12), 2),
            take(1, 3, 1),
            give_back(4, Some(5), 1)
        ]));
        assert!(passes(&[take(0, 1, 1), give_back(2, None, 1), take(4, 5, 2)]), "it expired");
        assert!(!passes(&[take(0, 1, 1), give_back(6, None, 1), take(4, 5, 2)]), "it was trusted yet");
    }

    #[test]
    fn tokens_must_grow() {
        assert!(!passes(&[take(0, 1, 2), give_back(2, Some(3), 2), take(4, 5, 2)]));
        assert!(!passes(&[take(0, 1, 2), give_back(2, Some(3), 2), take(4, 5, 1)]));
    }

    #[test]
    fn what_was_seen_must_have_been() {
        assert!(passes(&[take(0, 1, 1), see(2, 3, Some(1)), give_back(4, Some(5), 1), see(6, 7, None)]));
        assert!(!passes(&[take(0, 1, 1), see(2, 3, None)]), "a stale read");
        assert!(!passes(&[take(0, 1, 1), give_back(2, Some(3), 1), see(4, 5, Some(1))]), "a stale read");
        assert!(!passes(&[busy(0, 1), take(2, 3, 1)]), "nobody had it");
        assert!(passes(&[take(0, 5, 1), busy(1, 2)]));
    }

    #[test]
    fn an_unknown_outcome_may_explain_what_others_saw() {
        assert!(passes(&[attempt(0), busy(1, 2), take(3, 4, 7)]));
        assert!(passes(&[attempt(0), see(1, 2, Some(3)), see(3, 4, Some(3)), take(5, 6, 7)]));
        assert!(!passes(&[attempt(0), see(1, 2, Some(3)), take(5, 6, 2)]), "the token had been seen");
        assert!(!passes(&[busy(0, 1), attempt(2)]));
        assert!(passes(&[take(0, 1, 1), attempt(2), give_back(3, Some(4), 1), busy(5, 6)]));
    }

    #[test]
    fn the_counterexample_ends_where_it_goes_wrong() {
        let later = (10..20).map(|n| see(n * 10, n * 10 + 1, Some(1)));
        let calls: Vec<Call> = [take(0, 1, 1), see(2, 3, None)].into_iter().chain(later).collect();
        assert_eq!(super::super::check(&calls).unwrap_err().calls, calls[..2]);
    }

    #[test]
    fn long_histories_are_no_trouble() {
        let calls: Vec<Call> = (0..2000)
            .flat_map(|n| {
                let at = n * 10;
                [
                    take(at, at + 4, n + 1),
                    see(at + 1, at + 8, Some(n + 1)),
                    give_back(at + 5, Some(at + 9), n + 1),
                ]
            })
            .chain((0..10).map(|n| attempt(n * 1000)))
            .collect();
        assert!(passes(&calls));
    }
}
