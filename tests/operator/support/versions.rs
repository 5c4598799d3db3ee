//! How often an object was written.

use std::{pin::pin, time::Duration};

use futures::TryStreamExt as _;
use kube::{
    ResourceExt as _,
    api::{WatchEvent, WatchParams},
};
use recording_callback_operator::api::RecordingCallback;

use super::Namespace;

/// The versions of an object after the given one, until now: the API server replays them to a watch.
pub(crate) async fn count(namespace: &Namespace, object: &RecordingCallback) -> usize {
    let callbacks = namespace.callbacks();
    let version = object.resource_version().unwrap_or_default();
    let newest = callbacks
        .get_opt(&object.name_any())
        .await
        .unwrap()
        .and_then(|object| object.resource_version());
    if newest.as_ref() == Some(&version) {
        return 0;
    }
    let params = WatchParams::default().fields(&format!("metadata.name={}", object.name_any()));
    let mut events = pin!(callbacks.watch(&params, &version).await.unwrap());
    let mut count = 0;
    let all = tokio::time::timeout(Duration::from_secs(10), async {
        while let Some(event) = events.try_next().await.unwrap() {
            match event {
                WatchEvent::Modified(object) => {
                    count += 1;
                    if object.resource_version() == newest {
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
    count
}
