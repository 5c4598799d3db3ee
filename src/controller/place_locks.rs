//! One create per place at a time, within this process.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::controller::weak_registry::WeakRegistry;
use crate::plan::facts::place::Place;
use crate::terms::target::Target;

type Lock = tokio::sync::Mutex<()>;

/// The places at which a create is under way.
#[derive(Default)]
pub(super) struct PlaceLocks(Mutex<WeakRegistry<(String, String, Place), Lock>>);

impl PlaceLocks {
    /// Waits until no other create is under way at this place, and holds the others back.
    pub(super) async fn lock(&self, target: &Target, place: &Place) -> OwnedMutexGuard<()> {
        let lock = {
            let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (
                target.region.clone(),
                target.project_id.clone(),
                place.clone(),
            );
            places.get_or_make(key, Arc::default)
        };
        lock.lock_owned().await
    }
}
