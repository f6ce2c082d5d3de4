//! A map of bounded size that forgets what was put in first.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// At most `capacity` values by key.
#[derive(Debug)]
pub(in crate::http) struct Bounded<K, V> {
    capacity: usize,
    values: HashMap<K, (u64, V)>,
    /// Keys in the order they were put in.
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    pub(in crate::http) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), values: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    pub(in crate::http) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    /// Puts it in as the newest; what was under that key is gone.
    pub(in crate::http) fn put(&mut self, key: K, value: V) {
        self.remove(&key);
        while self.values.len() >= self.capacity {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.values.remove(&oldest);
        }
        self.order.insert(self.next, key.clone());
        self.values.insert(key, (self.next, value));
        self.next += 1;
    }

    pub(in crate::http) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (at, value) = self.values.remove(key)?;
        self.order.remove(&at);
        Some(value)
    }

    /// Forgets what is not wanted.
    pub(in crate::http) fn retain(&mut self, mut wanted: impl FnMut(&V) -> bool) {
        self.values.retain(|_, (_, value)| wanted(value));
        let values = &self.values;
        self.order.retain(|_, key| values.contains_key(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut map = Bounded::new(2);
        map.put("a", 1);
        map.put("b", 2);
        map.put("a", 3);
        map.put("c", 4);
        assert_eq!(
            (map.get_mut("a").copied(), map.get_mut("b").copied(), map.get_mut("c").copied()),
            (Some(3), None, Some(4))
        );
        map.retain(|value| *value != 3);
        map.put("d", 5);
        assert_eq!(
            (map.get_mut("a").copied(), map.get_mut("c").copied(), map.get_mut("d").copied()),
            (None, Some(4), Some(5))
        );
        assert_eq!((map.order.len(), map.values.len()), (2, 2));
    }
}
