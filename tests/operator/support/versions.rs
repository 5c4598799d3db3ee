//! The versions of an object, and so how often it was written.

use std::{pin::pin, time::Duration};

use futures::TryStreamExt as _;
use kube::{
    ResourceExt as _,
    api::{WatchEvent, WatchParams},
};
use recording_callback_operator::api::{RecordingCallback, status::Status};

use super::Namespace;

/// The versions of an object after the given one, until now: the API server replays them to a watch.
pub(crate) async fn since(
    namespace: &Namespace,
    object: &RecordingCallback,
) -> Vec<RecordingCallback> {
    let callbacks = namespace.callbacks();
    let version = object.resource_version().unwrap_or_default();
    let newest = callbacks
        .get_opt(&object.name_any())
        .await
        .unwrap()
        .and_then(|object| object.resource_version());
    if newest.as_ref() == Some(&version) {
        return Vec::new();
    }
    let params = WatchParams::default().fields(&format!("metadata.name={}", object.name_any()));
    let mut events = pin!(callbacks.watch(&params, &version).await.unwrap());
    let mut versions = Vec::new();
    let all = tokio::time::timeout(Duration::from_secs(10), async {
        while let Some(event) = events.try_next().await.unwrap() {
            match event {
                WatchEvent::Modified(object) => {
                    let is_newest = object.resource_version() == newest;
                    versions.push(object);
                    if is_newest {
                        return;
                    }
                }
                WatchEvent::Deleted(_) => return,
                WatchEvent::Added(_) | WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(error) => panic!("{error:?}"),
            }
        }
    });
    all.await.expect("the watch replays all versions");
    versions
}

/// The statuses that an object has had after the given version.
pub(crate) async fn statuses(namespace: &Namespace, object: &RecordingCallback) -> Vec<Status> {
    let versions = since(namespace, object).await.into_iter();
    versions.filter_map(|version| version.status).collect()
}
