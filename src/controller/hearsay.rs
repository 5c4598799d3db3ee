//! Ids that are known by the status alone of an object that is gone. Anybody who may write statuses can bring any number of them about:
//! they must not hold up the clean-up of what was made here.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::leftover::Leftover;
use crate::controller::weak_registry::WeakRegistry;
use crate::declared::parse;
use crate::lock::lock;

/// How many are cleared away at once.
const AT_ONCE: usize = 50;
/// And how many of one namespace.
const OF_ONE_NAMESPACE: usize = 20;

/// The places of those whose id is known by hearsay.
pub(super) struct Places {
    all: Arc<Semaphore>,
    of_namespaces: Mutex<WeakRegistry<String, Semaphore>>,
}

impl Places {
    /// All are free.
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            of_namespaces: Mutex::default(),
        }
    }

    /// A place for one that needs one, if there is one.
    pub(super) fn take(&self, leftover: &Leftover) -> Option<Vec<OwnedSemaphorePermit>> {
        if !leftover.is_hearsay() {
            return Some(Vec::new());
        }
        let namespace = parse::object(&leftover.object).namespace;
        let make = || Arc::new(Semaphore::new(OF_ONE_NAMESPACE));
        let own = lock(&self.of_namespaces).get_or_make(namespace, make);
        let permits = [own, Arc::clone(&self.all)].map(|places| places.try_acquire_owned().ok());
        permits.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
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
            made: made.map(str::to_owned),
            account: None,
            is_ours: true,
        }
    }

    #[test]
    fn who_forges_ids_takes_few_places_and_none_of_what_was_made_here() {
        let places = Places::new();
        let take_all = |namespace: &str| -> Vec<_> {
            let forged = leftover(namespace, Some("another"));
            std::iter::from_fn(|| places.take(&forged))
                .take(99)
                .collect()
        };
        let first = take_all("one");
        assert_eq!(first.len(), OF_ONE_NAMESPACE);
        let others: Vec<_> = ["two", "three", "four"]
            .map(take_all)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(first.len() + others.len(), AT_ONCE);
        assert!(places.take(&leftover("one", Some("id"))).is_some());
        assert!(places.take(&leftover("five", None)).is_none());
        drop(first);
        assert!(places.take(&leftover("five", None)).is_some());
    }
}
