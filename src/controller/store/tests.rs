//! What is known while objects are listed anew.

use serde_json::json;

use super::*;

fn object(name: &str, version: u64) -> RecordingCallback {
    serde_json::from_value(json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": {
            "namespace": "media",
            "name": name,
            "uid": format!("uid of {name}"),
            "generation": version,
            "resourceVersion": version.to_string(),
        },
        "spec": {
            "publishDomain": "push.example.com",
            "app": "live",
            "notifyCallbackURL": "https://hooks.example.com/record",
            "credentialsSecretRef": {"name": "huaweicloud"},
        },
    }))
    .unwrap()
}

/// The version that is worked on.
fn version(store: &ObjectStore, name: &str) -> Option<u64> {
    let found = store.find(&format!("media/{name}"))?;
    assert_eq!(found.version, parse::version(&found.unpack()));
    Some(found.version)
}

#[test]
fn who_is_woken_by_a_list_under_way_works_on_what_it_shows() {
    let store = ObjectStore::default();
    let wakes = |event| store.apply(&event, 0).is_some();
    assert!(!wakes(watcher::Event::Init));
    assert!(wakes(watcher::Event::InitApply(object("push", 1))));
    assert!(!wakes(watcher::Event::InitDone));
    // Listed anew, since the watch has ended.
    assert!(!wakes(watcher::Event::Init));
    assert_eq!(version(&store, "push"), Some(1), "not shown yet");
    assert!(wakes(watcher::Event::InitApply(object("push", 2))));
    assert_eq!(version(&store, "push"), Some(2));
    assert!(wakes(watcher::Event::InitApply(object("new", 3))));
    assert_eq!(version(&store, "new"), Some(3));
    // That list broke off, and what it has shown is known: the next one tells nothing new of one, and lacks the other.
    assert!(!wakes(watcher::Event::Init));
    assert_eq!(version(&store, "new"), Some(3));
    assert!(!wakes(watcher::Event::InitApply(object("new", 3))));
    let unlisted = store.unlisted();
    assert_eq!(*unlisted[0].name, *"media/push");
    assert_eq!((unlisted.len(), unlisted[0].version), (1, 2));
    assert!(!wakes(watcher::Event::InitDone));
    assert_eq!(
        (version(&store, "push"), version(&store, "new")),
        (None, Some(3))
    );
}

#[test]
fn no_room_is_kept_for_objects_that_came_and_went() {
    let store = ObjectStore::default();
    let objects: Vec<_> = (0..1000).map(|it| object(&it.to_string(), 1)).collect();
    for object in &objects {
        store.apply(&watcher::Event::Apply(object.clone()), 0);
    }
    for object in objects {
        store.apply(&watcher::Event::Delete(object), 0);
    }
    let room = store.lock().known.capacity();
    assert!(room < 16, "{room}");
}
