//! The slots of those that are cleared away at once. An id that is known by the status alone of an object that is gone is hearsay: anybody
//! who may write statuses can bring any number of them about, and they must not hold up the clean-up of what was made here. Nor must one
//! namespace, whose cloud refuses everything, hold up that of another.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::leftover::Leftover;
use crate::controller::weak_registry::WeakRegistry;
use crate::declared::parse;
use crate::lock::lock;

/// How many are cleared away at once.
const AT_ONCE: usize = 100;
/// How many of them by hearsay.
const BY_HEARSAY: usize = 50;
/// How many of one namespace: by hearsay, and others.
const OF_ONE_NAMESPACE: (usize, usize) = (20, 50);

/// How many KiB of one namespace are kept by hearsay until they are cleared away: ten thousand of the usual ones. Of what was made here the
/// quota allows no more than there is room for.
const KEPT_BY_HEARSAY: usize = 64 * 1024;

/// Where those wait that are too many.
pub(super) struct CleanUpSlots {
    all: Arc<Semaphore>,
    by_hearsay: Arc<Semaphore>,
    /// By the namespace, and whether it is hearsay.
    of_namespaces: Mutex<WeakRegistry<(String, bool), Semaphore>>,
    /// The room of each namespace for what is kept by hearsay.
    rooms: Mutex<WeakRegistry<String, Semaphore>>,
}

/// Of one that is cleared away, until it is dropped.
pub(super) struct CleanUpSlot {
    _permits: Vec<OwnedSemaphorePermit>,
}

impl CleanUpSlots {
    /// All are free.
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            by_hearsay: Arc::new(Semaphore::new(BY_HEARSAY)),
            of_namespaces: Mutex::default(),
            rooms: Mutex::default(),
        }
    }

    /// Room for one to wait in; `None` where its namespace has too many. What was made here has it without that.
    pub(super) fn room(&self, leftover: &Leftover) -> Option<CleanUpSlot> {
        let mut permits = Vec::new();
        if leftover.is_hearsay() {
            let namespace = parse::object(&leftover.object).namespace;
            let make = || Arc::new(Semaphore::new(KEPT_BY_HEARSAY));
            let room = lock(&self.rooms).get_or_make(namespace, make);
            permits.push(room.try_acquire_many_owned(kibibytes(leftover)).ok()?);
        }
        Some(CleanUpSlot { _permits: permits })
    }

    /// A slot among those of its namespace, which is enough to ask the API server.
    pub(super) async fn of_namespace(&self, leftover: &Leftover) -> CleanUpSlot {
        let namespace = parse::object(&leftover.object).namespace;
        let is_hearsay = leftover.is_hearsay();
        let (by_hearsay, others) = OF_ONE_NAMESPACE;
        let most = if is_hearsay { by_hearsay } else { others };
        let make = || Arc::new(Semaphore::new(most));
        let namespace_slot = lock(&self.of_namespaces).get_or_make((namespace, is_hearsay), make);
        CleanUpSlot::of([namespace_slot]).await
    }

    /// A slot among all, which is needed to ask the cloud.
    pub(super) async fn of_all(&self, leftover: &Leftover) -> CleanUpSlot {
        let all = Arc::clone(&self.all);
        if leftover.is_hearsay() {
            CleanUpSlot::of([Arc::clone(&self.by_hearsay), all]).await
        } else {
            CleanUpSlot::of([all]).await
        }
    }
}

/// How much room it takes: what a tenant writes into an object, annotations as well, may be much.
fn kibibytes(leftover: &Leftover) -> u32 {
    let parts = (&*leftover.object, &leftover.status);
    let bytes = serde_json::to_vec(&parts).map_or(0, |json| json.len());
    u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX)
}

impl CleanUpSlot {
    async fn of<const N: usize>(semaphores: [Arc<Semaphore>; N]) -> Self {
        let mut permits = Vec::new();
        for semaphore in semaphores {
            // None of them is ever closed.
            permits.extend(semaphore.acquire_owned().await.ok());
        }
        Self { _permits: permits }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::api::RecordingCallback;

    fn leftover(namespace: &str, made: Option<&str>) -> Leftover {
        let object: RecordingCallback = serde_json::from_value(serde_json::json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1",
            "kind": "RecordingCallback",
            "metadata": {"namespace": namespace, "name": "push", "uid": "uid"},
            "spec": {"publishDomain": "push.example.com", "app": "live"},
            "status": {"callbackID": "id"},
        }))
        .unwrap();
        Leftover {
            status: object.status.clone().unwrap(),
            object: Arc::new(object),
            record: None,
            attempt_seen: None,
            made: made.map(str::to_owned),
            account: None,
            is_ours: true,
        }
    }

    /// Both slots of one, if they are free.
    fn take(slots: &CleanUpSlots, leftover: &Leftover) -> Option<[CleanUpSlot; 2]> {
        let namespace_slot = slots.of_namespace(leftover).now_or_never()?;
        let all = slots.of_all(leftover).now_or_never()?;
        Some([namespace_slot, all])
    }

    /// As many as one may have, at most 99.
    fn take_all(slots: &CleanUpSlots, leftover: &Leftover) -> Vec<[CleanUpSlot; 2]> {
        let taken = std::iter::from_fn(|| take(slots, leftover));
        taken.take(99).collect()
    }

    #[test]
    fn who_forges_ids_takes_few_slots_and_none_of_what_was_made_here() {
        let slots = CleanUpSlots::new();
        let forge = |namespace: &str| take_all(&slots, &leftover(namespace, Some("another")));
        let first = forge("one");
        assert_eq!(first.len(), OF_ONE_NAMESPACE.0);
        let others: Vec<_> = ["two", "three", "four"]
            .map(forge)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(first.len() + others.len(), BY_HEARSAY);
        let made = take_all(&slots, &leftover("one", Some("id")));
        assert_eq!(made.len(), AT_ONCE - BY_HEARSAY);
        assert!(take(&slots, &leftover("five", None)).is_none());
        drop(first);
        assert!(take(&slots, &leftover("five", None)).is_some());
    }

    #[test]
    fn who_forges_ids_fills_the_room_of_one_namespace_and_none_of_what_was_made_here() {
        const LARGE: usize = 256;
        let slots = CleanUpSlots::new();
        let room = |namespace, made| {
            let mut leftover = leftover(namespace, Some(made));
            leftover.status.request_id = Some("x".repeat((LARGE - 1) * 1024));
            slots.room(&leftover)
        };
        for _ in 0..2 {
            let most = KEPT_BY_HEARSAY / LARGE;
            let forged = std::iter::from_fn(|| room("one", "another")).take(2 * most);
            let forged: Vec<_> = forged.collect();
            assert_eq!(forged.len(), most);
            assert!(room("two", "another").is_some() && room("one", "id").is_some());
        }
    }

    #[test]
    fn however_much_one_namespace_has_to_clear_away_there_are_slots_for_others() {
        let slots = CleanUpSlots::new();
        let make = |namespace: &str| take_all(&slots, &leftover(namespace, Some("id")));
        let first = make("one");
        assert_eq!(first.len(), OF_ONE_NAMESPACE.1);
        assert_eq!(make("two").len(), AT_ONCE - first.len());
    }
}
