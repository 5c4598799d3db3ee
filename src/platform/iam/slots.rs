//! What is asked for by one caller at a time, and shared by all: a slot for each key. Asks nothing itself.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::lock::lock;

/// The content of a slot, empty at first.
pub(super) trait SlotContent: Default {
    /// Whether anything in it counts still.
    fn counts(&self, now: Instant) -> bool;
}

/// The one slot of a key, locked while somebody asks IAM for its content.
type Slot<T> = Arc<AsyncMutex<T>>;

/// Slots by key.
pub(super) struct Slots<K, T>(Mutex<HashMap<K, Slot<T>>>);

impl<K, T> Default for Slots<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, T: SlotContent> Slots<K, T> {
    /// The slot of a key. Credentials come and go: a new one clears away what nobody uses and what does not count any more.
    pub(super) fn slot(&self, key: &K) -> Slot<T> {
        let mut slots = lock(&self.0);
        if !slots.contains_key(key) {
            let now = Instant::now();
            slots.retain(|_, slot| {
                let content = slot.try_lock();
                Arc::strong_count(slot) > 1 || content.is_ok_and(|content| content.counts(now))
            });
        }
        slots.entry(key.clone()).or_default().clone()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}
