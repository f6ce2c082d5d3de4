//! What a group may answer.
//!
//! Its changes have numbers that grow, so there is only one order to look at: by epoch, a read after the change that it saw.
//!
//! **Invariant**: that order explains the calls if it goes against no two calls of which one ended before the other began, and
//! every read names whoever must, and nobody who cannot, have been in.
use std::collections::BTreeMap;

use super::{Call, Step};
use crate::Epoch;

/// Its place in the order.
fn place(step: &Step) -> Option<(Epoch, bool)> {
    match step {
        Step::Join { epoch, .. } => Some((*epoch, false)),
        Step::Read { epoch, .. } => Some((*epoch, true)),
        _ => None,
    }
}

fn is_before(earlier: &Call, later: &Call) -> bool {
    earlier.returned.is_some_and(|returned| returned < later.invoked)
}

/// Whether two calls, the first of which ended before the other began, can both be true.
fn is_possible(earlier: &Call, later: &Call) -> bool {
    if let (Some(one), Some(other)) = (place(&earlier.step), place(&later.step)) {
        // A change has its number alone.
        if one > other || one == other && !other.1 {
            return false;
        }
    }
    match (&earlier.step, &later.step) {
        (Step::Leave { session, .. }, Step::Read { members, .. }) => !members.contains(session),
        (Step::Read { members, .. }, Step::Join { session, .. }) => !members.contains(session),
        _ => true,
    }
}

/// Looks at the order; fails with calls that cannot both be true.
pub(super) fn check<'a>(calls: &[&'a Call]) -> Result<(), Vec<&'a Call>> {
    let mut views = BTreeMap::new();
    for &later in calls {
        for &earlier in calls {
            if is_before(earlier, later) && !is_possible(earlier, later) {
                return Err(vec![earlier, later]);
            }
        }
        match &later.step {
            Step::Read { epoch, members, .. } => {
                let first = views.entry(*epoch).or_insert((later, members));
                if first.1 != members {
                    return Err(vec![first.0, later]);
                }
                for &join in calls {
                    let Step::Join { session, epoch: since, .. } = &join.step else { continue };
                    // Whoever had joined by this epoch is in, unless it may have begun to leave.
                    let left = calls.iter().find(|call| {
                        matches!(&call.step, Step::Leave { session: leaver, .. } if leaver == session)
                            && later.returned.is_none_or(|returned| call.invoked < returned)
                    });
                    let is_in = members.contains(session);
                    if since > epoch && is_in || since <= epoch && !is_in && left.is_none() {
                        return Err(vec![join, later]);
                    }
                }
            }
            Step::Join { .. } | Step::Leave { .. } => {}
            _ => return Err(vec![later]),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{GroupName, Index, SessionId};

    const GROUP: GroupName = GroupName::literal("group");

    fn session(n: u128) -> SessionId {
        SessionId(Uuid::from_u128(n))
    }

    fn epoch(n: u64) -> Epoch {
        Epoch::new(0, Index(n))
    }

    fn join(invoked: u64, returned: u64, who: u128, at: u64) -> Call {
        let step = Step::Join { group: GROUP, session: session(who), epoch: epoch(at) };
        Call { invoked, returned: Some(returned), step }
    }

    fn leave(invoked: u64, returned: Option<u64>, who: u128) -> Call {
        Call { invoked, returned, step: Step::Leave { group: GROUP, session: session(who) } }
    }

    fn read(invoked: u64, returned: u64, at: u64, who: &[u128]) -> Call {
        let members = who.iter().map(|&who| session(who)).collect();
        let step = Step::Read { group: GROUP, epoch: epoch(at), members };
        Call { invoked, returned: Some(returned), step }
    }

    fn passes(calls: &[Call]) -> bool {
        super::super::check(calls).is_ok()
    }

    #[test]
    fn a_read_knows_what_ended_before_it() {
        assert!(passes(&[join(0, 1, 1, 5), read(2, 3, 5, &[1]), leave(4, Some(5), 1), read(6, 7, 8, &[])]));
        assert!(!passes(&[join(0, 1, 1, 5), read(2, 3, 4, &[])]), "stale");
        assert!(!passes(&[join(0, 1, 1, 5), read(2, 3, 6, &[])]), "a member is missing");
        assert!(!passes(&[join(0, 1, 1, 5), leave(2, Some(3), 1), read(4, 5, 5, &[1])]), "it had left");
        assert!(passes(&[join(0, 1, 1, 5), leave(2, None, 1), read(4, 5, 5, &[1]), read(6, 7, 8, &[])]));
    }

    #[test]
    fn epochs_follow_the_clock() {
        assert!(!passes(&[join(0, 1, 1, 5), join(2, 3, 2, 4)]));
        assert!(!passes(&[join(0, 1, 1, 5), join(2, 3, 2, 5)]));
        assert!(passes(&[join(0, 3, 1, 5), join(2, 4, 2, 4)]));
        assert!(!passes(&[read(0, 1, 9, &[]), read(2, 3, 8, &[])]));
        assert!(!passes(&[read(0, 1, 9, &[]), read(0, 1, 9, &[7])]), "an epoch has one view");
    }
}
