//! One create, adoption or clean-up delete per place at a time through one address, and one claim of a place at a time through all of
//! them, within this process. Another process is kept out by the record, not by this.

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
        self.lock_key(target, Some(target.endpoint.clone()), place)
            .await
    }

    /// Waits until nobody else finds out that the place is free and writes that down, through whatever address. It waits for no cloud.
    pub(super) async fn lock_claim(&self, target: &Target, place: &Place) -> OwnedMutexGuard<()> {
        self.lock_key(target, None, place).await
    }

    async fn lock_key(
        &self,
        target: &Target,
        endpoint: Option<String>,
        place: &Place,
    ) -> OwnedMutexGuard<()> {
        let key = (target.project_id.clone(), endpoint, place.clone());
        let lock = lock(&self.0).get_or_make(key, Arc::default);
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
        let claim = locks.lock_claim(&home, &place).await;
        assert!(
            timeout(soon, locks.lock_claim(&other, &place))
                .await
                .is_err()
        );
        drop(claim);
        assert!(
            timeout(soon, locks.lock_claim(&other, &place))
                .await
                .is_ok()
        );
    }
}
