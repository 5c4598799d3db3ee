//! One thing for each key, shared by all who need it and kept while any of them holds it: a lock, a barrier, an account. It keeps nothing
//! alive itself, and makes no call.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

/// The things in use, by key. What nobody uses any more is forgotten when others are made: no more of it is kept than there was in use.
pub(super) struct WeakRegistry<K, V> {
    held: HashMap<K, Weak<V>>,
    /// From so many on it is looked which of them are in use: not at each that is made, when there are thousands.
    tidied_at: usize,
}

impl<K, V> Default for WeakRegistry<K, V> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            tidied_at: 0,
        }
    }
}

impl<K: Eq + Hash, V> WeakRegistry<K, V> {
    /// The one of this key, made unless somebody uses it.
    pub(super) fn get_or_make(&mut self, key: K, make: impl FnOnce() -> Arc<V>) -> Arc<V> {
        if let Some(held) = self.held.get(&key).and_then(Weak::upgrade) {
            return held;
        }
        if self.held.len() >= self.tidied_at {
            self.tidy();
        }
        let fresh = make();
        self.held.insert(key, Arc::downgrade(&fresh));
        fresh
    }

    /// Forgets what nobody uses any more.
    pub(super) fn tidy(&mut self) {
        self.held.retain(|_, held| held.strong_count() > 0);
        self.held.shrink_to(2 * self.held.len());
        self.tidied_at = 2 * self.held.len() + 1;
    }

    /// How many are kept, in use or not.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.held.len()
    }

    /// All that are in use.
    pub(super) fn all(&self) -> Vec<Arc<V>> {
        self.held.values().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn one_serves_all_who_use_it_at_once_and_is_forgotten_after_them() {
        let mut things = WeakRegistry::default();
        let first = things.get_or_make("key", || Arc::new(1));
        let second = things.get_or_make("key", || Arc::new(2));
        assert!(Arc::ptr_eq(&first, &second));
        drop((first, second));
        assert!(things.all().is_empty());
        let third = things.get_or_make("other", || Arc::new(3));
        assert_eq!(things.all(), [third]);
        assert_eq!(things.held.len(), 1);
    }

    #[test]
    fn thousands_in_use_are_looked_through_a_few_times_only() {
        const MANY: usize = 4_096;
        let (mut things, mut held) = (WeakRegistry::default(), Vec::new());
        let mut looked = BTreeSet::new();
        for number in 0..MANY {
            held.push(things.get_or_make(number, || Arc::new(number)));
            looked.insert(things.tidied_at);
        }
        assert!(looked.len() <= 13, "{} times", looked.len());
        held.clear();
        for number in MANY..10 * MANY {
            drop(things.get_or_make(number, || Arc::new(number)));
        }
        assert!(things.held.len() <= 2 * MANY, "{}", things.held.len());
    }
}
