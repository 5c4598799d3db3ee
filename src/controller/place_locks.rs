//! One create, claim of a row, adoption or clean-up delete per place at a time through one address, and one claim of a place at a time through
//! all of them, within this process. Another process is kept out by the record, not by this.

use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;

use crate::controller::weak_registry::WeakRegistry;
use crate::lock::lock;
use crate::plan::facts::place::Place;
use crate::terms::target::Target;

type Lock = tokio::sync::Mutex<()>;

/// Project id, address, place. A claim of the place has no address.
type Key = (String, Option<String>, Place);

/// The places at which one of these is under way.
#[derive(Default)]
pub(super) struct PlaceLocks(Mutex<WeakRegistry<Key, Lock>>);

impl PlaceLocks {
    /// Waits until no other of these is under way at this place through this address, and holds the others back. It lasts as long as whoever
    /// answers there likes.
    pub(super) async fn lock(&self, target: &Target, place: &Place) -> OwnedMutexGuard<()> {
        let lock = self.lock_of(target, Some(target.endpoint.clone()), place);
        lock.lock_owned().await
    }

    /// The right to find the place free and write that down, unless somebody else does just now, through whatever address. Whoever holds it
    /// waits for no cloud.
    pub(super) fn try_claim(&self, target: &Target, place: &Place) -> Option<OwnedMutexGuard<()>> {
        let lock = self.lock_of(target, None, place);
        lock.try_lock_owned().ok()
    }

    /// Waits until nobody does.
    pub(super) async fn until_unclaimed(&self, target: &Target, place: &Place) {
        let lock = self.lock_of(target, None, place);
        drop(lock.lock_owned().await);
    }

    fn lock_of(&self, target: &Target, endpoint: Option<String>, place: &Place) -> Arc<Lock> {
        let key = (target.project_id.clone(), endpoint, place.clone());
        lock(&self.0).get_or_make(key, Arc::default)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn target(region: &str, endpoint: &str) -> Target {
        Target {
            region: region.to_owned(),
            project_id: "one".to_owned(),
            endpoint: endpoint.to_owned(),
        }
    }

    /// Whoever answers at an address decides how long a place is held through it; how long it takes to write down a claim, nobody does.
    #[tokio::test(start_paused = true)]
    async fn nobody_holds_up_who_calls_through_another_address() {
        let (locks, place) = (
            PlaceLocks::default(),
            Place::new("push.example.com", "live"),
        );
        let home = target("cn-north-4", "https://home");
        let spelled = target("cn-north4", "https://home");
        let other = target("cn-north-4", "https://other");
        let soon = Duration::from_secs(1);
        let _held = locks.lock(&home, &place).await;
        assert!(timeout(soon, locks.lock(&spelled, &place)).await.is_err());
        assert!(timeout(soon, locks.lock(&other, &place)).await.is_ok());
        let claim = locks.try_claim(&home, &place);
        assert!(claim.is_some() && locks.try_claim(&other, &place).is_none());
        let unclaimed = timeout(soon, locks.until_unclaimed(&other, &place));
        assert!(unclaimed.await.is_err());
        drop(claim);
        let unclaimed = timeout(soon, locks.until_unclaimed(&other, &place));
        assert!(unclaimed.await.is_ok() && locks.try_claim(&other, &place).is_some());
    }
}
