//! What is asked for by one caller at a time, and shared by all: a slot for each key.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Mutex as AsyncMutex;

/// More slots than an installation has credentials.
const MAX_SLOTS: usize = 1000;

/// The one slot of a key, locked while somebody asks IAM for its content.
type Slot<T> = Arc<AsyncMutex<Option<T>>>;

/// Slots by key.
pub(super) struct Slots<K, T>(Mutex<HashMap<K, Slot<T>>>);

impl<K, T> Default for Slots<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + std::hash::Hash, T> Slots<K, T> {
    /// The slot of a key. When there are too many, those that nobody uses are emptied: credentials come and go.
    pub(super) fn slot(&self, key: &K) -> Slot<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_SLOTS && !slots.contains_key(key) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(key.clone()).or_default().clone()
    }
}
