//! How many wait, and how many are woken, when thousands of objects name one place.

use std::time::Duration;

use futures::FutureExt as _;
use serde_json::json;

use super::*;
use crate::api::RecordingCallback;

const MANY: usize = 2_000;

/// One of many objects of one place, each older than the one before: with an open record of its own in the way of all younger ones, or
/// under `Observe`.
fn one(number: usize, observes: bool) -> RecordingCallback {
    let uid = format!("uid-{number:05}");
    let created = jiff::Timestamp::from_second(2_000_000_000 - i64::try_from(number).unwrap());
    let target = json!({"region": "cn-north-4", "projectID": "theirs", "endpoint": "https://live.cn-north-4.myhuaweicloud.com"});
    let attempt = json!({"id": "one", "at": "2026-11-25T02:00:00Z", "signType": "MD5"});
    let record = json!({"uid": uid, "target": target, "attempts": [attempt]}).to_string();
    let policy = if observes { "Observe" } else { "Manage" };
    serde_json::from_value(json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
        "metadata": {
            "name": format!("push-{number:05}"), "namespace": "media", "uid": uid, "resourceVersion": "1",
            "creationTimestamp": created.unwrap().to_string(),
            "annotations": {crate::api::PENDING_OPERATION: record},
        },
        "spec": {"publishDomain": "push.example.com", "app": "live", "managementPolicy": policy},
    }))
    .unwrap()
}

struct TriggerStage {
    index: Arc<Index>,
    triggers: Triggers,
    woken: Vec<Arc<str>>,
}

impl TriggerStage {
    fn new() -> Self {
        PEAK.set(0);
        Self {
            index: Arc::new(Index::new(Duration::from_secs(30))),
            triggers: Triggers::new(&[]),
            woken: Vec::new(),
        }
    }

    fn put(&self, object: &RecordingCallback) {
        self.tell(self.index.put(object).as_ref(), object);
    }

    fn remove(&self, object: &RecordingCallback) {
        let gone = self.index.remove(object.metadata.uid.as_deref().unwrap());
        self.tell(gone.as_ref(), object);
    }

    fn tell(&self, place: Option<&Arc<Place>>, but: &RecordingCallback) {
        if let Some(place) = place {
            let uid = but.metadata.uid.as_deref().unwrap();
            self.triggers.others_at(place, uid);
        }
    }

    /// The next that is woken, if anybody is.
    fn wake(&mut self) -> bool {
        let next = self.triggers.inboxes[0].next(&self.index).now_or_never();
        let is_any = next.is_some();
        self.woken.extend(next);
        is_any
    }
}

/// The inbox gets a turn after each event, or only when all are over.
fn events_and_turns(
    observe: bool,
    has_turns: bool,
    happens: impl Fn(&TriggerStage, &RecordingCallback),
) {
    let mut stage = TriggerStage::new();
    let all: Vec<RecordingCallback> = (0..MANY).map(|number| one(number, observe)).collect();
    for happens in [
        &TriggerStage::put as &dyn Fn(&TriggerStage, &RecordingCallback),
        &happens,
    ] {
        for object in &all {
            happens(&stage, object);
            if has_turns {
                stage.wake();
            }
        }
    }
    while stage.wake() {}
    let (peak, woken) = (PEAK.get(), stage.woken.len());
    println!("observe: {observe}, turns: {has_turns}: {peak} wait, {woken} are woken");
    assert!(peak <= MANY + 1, "{peak} wait");
    assert!(woken <= 4 * MANY, "{woken} are woken");
    assert!(
        woken == 0 || !observe,
        "{woken} are woken of those that only look"
    );
    let pending = lock(&stage.triggers.inboxes[0].pending);
    assert_eq!(pending.queue.capacity(), 0, "nothing is kept");
}

#[test]
fn a_restart_beside_thousands_of_one_place_wakes_each_a_few_times() {
    for has_turns in [true, false] {
        events_and_turns(false, has_turns, TriggerStage::put);
        events_and_turns(true, has_turns, TriggerStage::put);
    }
}

#[test]
fn the_end_of_thousands_of_one_place_wakes_each_a_few_times() {
    for has_turns in [true, false] {
        events_and_turns(false, has_turns, TriggerStage::remove);
        events_and_turns(true, has_turns, TriggerStage::remove);
    }
}

#[test]
fn who_is_woken_again_after_it_was_handed_on_is_handed_on_again() {
    let mut stage = TriggerStage::new();
    let all: Vec<RecordingCallback> = (0..3).map(|number| one(number, false)).collect();
    for object in &all {
        stage.index.put(object);
    }
    let name = |number: usize| Arc::from(format!("media/push-{number:05}"));
    let place = stage.index.remove("uid-00002").unwrap();
    stage.triggers.object(&name(1));
    stage.triggers.object(&name(1));
    stage.triggers.others_at(&place, "uid-00000");
    stage.triggers.others_at(&place, "uid-00000");
    assert!(stage.wake() && stage.wake() && !stage.wake());
    assert_eq!(
        stage.woken,
        [name(1), name(1)],
        "once, and once by its place"
    );
    stage.triggers.others_at(&place, "uid-00000");
    stage.triggers.others_at(&place, "uid-00001");
    while stage.wake() {}
    assert_eq!(
        stage.woken[2..],
        [name(0), name(1)],
        "each is another to one of both"
    );
}

#[tokio::test]
async fn who_waits_for_somebody_to_be_woken_is_told_in_its_own_namespace() {
    let index = Arc::new(Index::new(Duration::from_secs(30)));
    index.put(&one(0, false));
    let triggers = Triggers::new(&["other".to_owned(), "media".to_owned()]);
    let mut wakes = triggers.wakes(&index);
    let (media, other) = (wakes.pop().unwrap(), wakes.pop().unwrap());
    let name = "media/push-00000";
    let (mut media, mut other) = (media.map(|wake| wake.name), other.map(|wake| wake.name));
    assert_eq!(media.next().now_or_never(), None);
    triggers.object(name);
    assert_eq!(media.next().await.as_deref(), Some(name));
    let place = index.remove("uid-00000").unwrap();
    index.put(&one(0, false));
    triggers.others_at(&place, "nobody");
    triggers.object("nowhere/push");
    assert_eq!(media.next().await.as_deref(), Some(name));
    triggers.object("other/push");
    assert_eq!(other.next().await.as_deref(), Some("other/push"));
    assert_eq!(other.next().now_or_never(), None);
}
