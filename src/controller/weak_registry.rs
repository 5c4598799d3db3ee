//! One thing for each key, shared by all who need it and kept while any of them holds it: a lock, a barrier, an account. It keeps nothing
//! alive itself, and makes no call.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

/// The things in use, by key. What nobody uses any more is forgotten when the next is made.
pub(super) struct WeakRegistry<K, V>(HashMap<K, Weak<V>>);

impl<K, V> Default for WeakRegistry<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, V> WeakRegistry<K, V> {
    /// The one of this key, made unless somebody uses it.
    pub(super) fn get_or_make(&mut self, key: K, make: impl FnOnce() -> Arc<V>) -> Arc<V> {
        if let Some(held) = self.0.get(&key).and_then(Weak::upgrade) {
            return held;
        }
        self.0.retain(|_, held| held.strong_count() > 0);
        let fresh = make();
        self.0.insert(key, Arc::downgrade(&fresh));
        fresh
    }

    /// All that are in use.
    pub(super) fn all(&self) -> Vec<Arc<V>> {
        self.0.values().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(things.0.len(), 1);
    }
}
