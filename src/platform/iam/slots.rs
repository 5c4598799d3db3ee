//! What is asked for by one caller at a time, and shared by all: a slot for each key. Asks nothing itself.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

use tokio::time::Instant;

use crate::lock::lock;

/// What is in a slot, nothing at first; it says itself how those who ask IAM for it keep to one at a time.
pub(super) trait SlotContent: Default {
    /// Whether anything in it counts still. Nobody uses it when this is asked.
    fn counts(&self, now: Instant) -> bool;
}

/// Slots by key.
pub(super) struct Slots<K, T>(Mutex<HashMap<K, Arc<T>>>);

impl<K, T> Default for Slots<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, T: SlotContent> Slots<K, T> {
    /// The slot of a key. Credentials come and go: a new one clears away what nobody uses and what does not count any more.
    pub(super) fn slot(&self, key: &K) -> Arc<T> {
        let mut slots = lock(&self.0);
        if !slots.contains_key(key) {
            let now = Instant::now();
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.counts(now));
        }
        slots.entry(key.clone()).or_default().clone()
    }

    /// The slot of a key, if there is one.
    pub(super) fn known(&self, key: &K) -> Option<Arc<T>> {
        lock(&self.0).get(key).cloned()
    }

    /// Each of them.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        lock(&self.0).values().cloned().collect()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}
