//! One create per place at a time, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::plan::place::{Place, Target};

type Lock = tokio::sync::Mutex<()>;

/// The places at which a create is under way.
#[derive(Default)]
pub(super) struct Places(Mutex<HashMap<(String, String, Place), Weak<Lock>>>);

impl Places {
    /// Waits until no other create is under way at this place, and holds the others back.
    pub(super) async fn lock(&self, target: &Target, place: &Place) -> OwnedMutexGuard<()> {
        let lock = {
            let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            places.retain(|_, lock| lock.strong_count() > 0);
            let key = (
                target.region.clone(),
                target.project_id.clone(),
                place.clone(),
            );
            let held = places.get(&key).and_then(Weak::upgrade);
            held.unwrap_or_else(|| {
                let lock = Arc::new(Lock::default());
                places.insert(key, Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}
