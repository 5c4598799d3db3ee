//! One create, claim, adoption or clean-up delete per place at a time, within this process. Another process is kept out by the record, not by
//! this.

use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;

use crate::controller::weak_registry::WeakRegistry;
use crate::lock::lock;
use crate::plan::facts::place::Place;
use crate::terms::target::Target;

type Lock = tokio::sync::Mutex<()>;

/// The places at which one of these is under way.
#[derive(Default)]
pub(super) struct PlaceLocks(Mutex<WeakRegistry<(String, String, Place), Lock>>);

impl PlaceLocks {
    /// Waits until no other of these is under way at this place, and holds the others back.
    pub(super) async fn lock(&self, target: &Target, place: &Place) -> OwnedMutexGuard<()> {
        let lock = {
            let mut places = lock(&self.0);
            let key = (
                target.region.clone(),
                target.project_id.clone(),
                place.clone(),
            );
            places.get_or_make(key, Arc::default)
        };
        lock.lock_owned().await
    }

    /// How many places are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.0).count()
    }

    /// Forgets the places at which nothing is under way any more: after a wave they would stay until the next one.
    pub(super) fn tidy(&self) {
        lock(&self.0).tidy();
    }
}
