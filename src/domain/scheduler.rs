//! Which pool a new zone goes to: filters, one after the other, until one pool is left.
//!
//! Invariants: pure; filters see the pools oldest first; what is random is drawn by whoever asks. A pool that says nothing of
//! itself suits every zone.

use std::collections::BTreeMap;

use super::ids::PoolId;

/// What a zone is not put by, but its pool is chosen by.
pub const POOL_ID: &str = "pool_id";

/// One step of the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Pools that have what the zone's attributes ask for.
    Attribute,
    /// The pool that the zone's attribute `pool_id` names, for whoever may name one.
    PoolIdAttribute,
    /// The default pool, whatever is left.
    DefaultPool,
    /// The default pool if none is left.
    Fallback,
    /// Any one of those left.
    Random,
    /// The default pool if it is one of several left.
    InDoubtDefaultPool,
}

/// What filters know of a pool.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: PoolId,
    /// What it says of itself.
    pub attributes: &'a BTreeMap<String, String>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The zone's attributes.
    pub attributes: &'a BTreeMap<String, String>,
    /// The caller may name the pool.
    pub may_name_pool: bool,
    /// The pool of zones that are given no other.
    pub default_pool: PoolId,
    /// Drawn for this choice.
    pub dice: u64,
}

/// Why there is no one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// There are no filters.
    #[error("there are no scheduling filters configured")]
    NoFilters,
    /// None is left.
    #[error("no pool is left")]
    NoPool,
    /// More than one is left.
    #[error("several pools are left")]
    SeveralPools,
    /// The caller may not name the pool.
    #[error("the caller may not name the pool")]
    Forbidden,
}

/// The one pool that these filters leave.
///
/// # Errors
/// If they leave none, or several.
pub fn choose(filters: &[Filter], wish: Wish<'_>, pools: &[Candidate<'_>]) -> Result<PoolId, Undecided> {
    if filters.is_empty() {
        return Err(Undecided::NoFilters);
    }
    let mut left: Vec<PoolId> = pools.iter().map(|pool| pool.id).collect();
    let is_default = |pool: &PoolId| *pool == wish.default_pool;
    for filter in filters {
        left = match filter {
            Filter::Attribute => {
                let suits =
                    |id: &PoolId| pools.iter().any(|pool| pool.id == *id && suits(pool, wish.attributes));
                left.into_iter().filter(suits).collect()
            }
            Filter::PoolIdAttribute => match wish.attributes.get(POOL_ID) {
                None => left,
                Some(named) => {
                    let named = named.parse::<PoolId>().ok();
                    // Only a pool that is there is for those who may name it: others are told that none is.
                    if !wish.may_name_pool && pools.iter().any(|pool| Some(pool.id) == named) {
                        return Err(Undecided::Forbidden);
                    }
                    left.into_iter().filter(|id| Some(*id) == named).collect()
                }
            },
            Filter::DefaultPool => vec![wish.default_pool],
            Filter::Fallback if left.is_empty() => vec![wish.default_pool],
            Filter::InDoubtDefaultPool if left.len() > 1 && left.iter().any(is_default) => {
                vec![wish.default_pool]
            }
            Filter::Random => {
                let count = u64::try_from(left.len()).unwrap_or(u64::MAX).max(1);
                let at = usize::try_from(wish.dice % count).unwrap_or_default();
                left.get(at).copied().into_iter().collect()
            }
            Filter::Fallback | Filter::InDoubtDefaultPool => left,
        };
    }
    match left.as_slice() {
        [pool] => Ok(*pool),
        [] => Err(Undecided::NoPool),
        _ => Err(Undecided::SeveralPools),
    }
}

/// True if the pool has all that is asked for, or says nothing of itself. The pool's id is no property of a pool.
fn suits(pool: &Candidate<'_>, wanted: &BTreeMap<String, String>) -> bool {
    pool.attributes.is_empty()
        || wanted
            .iter()
            .filter(|(key, _)| key.as_str() != POOL_ID)
            .all(|(key, value)| pool.attributes.get(key).is_some_and(|has| equal(has, value)))
}

/// Equal as texts, or as truths if both are some.
fn equal(one: &str, other: &str) -> bool {
    one == other || truth(one).is_some_and(|truth_of_one| truth(other) == Some(truth_of_one))
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "on" | "y" | "yes" => Some(true),
        "0" | "f" | "false" | "off" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Filter::{Attribute, DefaultPool, Fallback, InDoubtDefaultPool, PoolIdAttribute, Random};
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn id(number: u128) -> PoolId {
        uuid::Uuid::from_u128(number).into()
    }

    /// Pools: 0 is the default one and says nothing, 1 is gold, 2 is silver, 3 is gold and fast.
    fn chosen(
        filters: &[Filter],
        asked: &[(&str, &str)],
        may_name_pool: bool,
        dice: u64,
    ) -> Result<u128, Undecided> {
        let says = [
            map(&[]),
            map(&[("tier", "gold")]),
            map(&[("tier", "silver")]),
            map(&[("tier", "gold"), ("fast", "true")]),
        ];
        let pools: Vec<_> =
            says.iter().zip(0..).map(|(attributes, n)| Candidate { id: id(n), attributes }).collect();
        let attributes = map(asked);
        let wish = Wish { attributes: &attributes, may_name_pool, default_pool: id(0), dice };
        choose(filters, wish, &pools).map(|pool| pool.uuid().as_u128())
    }

    #[test]
    fn the_default_pool_is_taken_unseen() {
        assert_eq!(chosen(&[DefaultPool], &[("tier", "lead")], false, 0), Ok(0));
        assert_eq!(chosen(&[Attribute, DefaultPool], &[("tier", "gold")], false, 0), Ok(0));
        assert_eq!(chosen(&[], &[], false, 0), Err(Undecided::NoFilters));
    }

    #[test]
    fn attributes_leave_pools_that_have_them_and_those_that_say_nothing() {
        assert_eq!(chosen(&[Attribute], &[("tier", "silver")], false, 0), Err(Undecided::SeveralPools));
        assert_eq!(chosen(&[Attribute, InDoubtDefaultPool], &[("tier", "silver")], false, 0), Ok(0));
        assert_eq!(chosen(&[Attribute, Random], &[("tier", "silver")], false, 1), Ok(2));
        for yes in ["true", "True", "1", "yes", "on"] {
            assert_eq!(chosen(&[Attribute, Random], &[("fast", yes)], false, 1), Ok(3), "{yes}");
        }
        assert_eq!(chosen(&[Attribute], &[("fast", "no")], false, 0), Ok(0));
    }

    #[test]
    fn who_may_names_the_pool() {
        let two = id(2).to_string();
        let named = [(POOL_ID, two.as_str())];
        assert_eq!(chosen(&[PoolIdAttribute], &named, true, 0), Ok(2));
        assert_eq!(chosen(&[Attribute, PoolIdAttribute], &named, true, 0), Ok(2));
        assert_eq!(chosen(&[PoolIdAttribute], &named, false, 0), Err(Undecided::Forbidden));
        let unknown = id(9).to_string();
        for nonsense in ["gold", unknown.as_str()] {
            assert_eq!(chosen(&[PoolIdAttribute], &[(POOL_ID, nonsense)], true, 0), Err(Undecided::NoPool));
            assert_eq!(chosen(&[PoolIdAttribute, Fallback], &[(POOL_ID, nonsense)], true, 0), Ok(0));
        }
        assert_eq!(chosen(&[PoolIdAttribute, InDoubtDefaultPool], &[], false, 0), Ok(0));
        let gold = [(POOL_ID, two.as_str()), ("tier", "gold")];
        assert_eq!(
            chosen(&[Attribute, PoolIdAttribute], &gold, true, 0),
            Err(Undecided::NoPool),
            "it is silver"
        );
    }

    #[test]
    fn chance_takes_one_of_those_left() {
        let drawn: Vec<_> = (0..8).map(|dice| chosen(&[Random], &[], false, dice).unwrap()).collect();
        assert_eq!(drawn, [0, 1, 2, 3, 0, 1, 2, 3]);
        assert_eq!(chosen(&[PoolIdAttribute, Random], &[(POOL_ID, "x")], true, 5), Err(Undecided::NoPool));
        assert_eq!(chosen(&[Random, Fallback], &[], false, 3), Ok(3));
    }
}
