//! What is remembered of an object, in virtual time.

use super::*;
use crate::controller::inputs::Inputs;
use crate::controller::store::KeptObject;
use crate::plan::facts::SignKeyState;

fn inputs(key: &str) -> InputsMark {
    let inputs = Inputs {
        key: SignKeyState::Digest(key.to_owned()),
        credentials: None,
        credential: None,
        target: (None, None),
        endpoint: None,
        is_forbidden: false,
    };
    inputs.mark()
}

/// The sizes that an allocator gives; one that is shared has two counters beside it.
#[test]
fn what_is_kept_of_each_object_fills_the_room_that_it_gets() {
    let memory = size_of::<ObjectMemory>();
    assert!(memory <= 512, "{memory}");
    let kept = size_of::<KeptObject>() + 2 * size_of::<usize>();
    assert!(kept <= 128, "{kept}");
}

#[test]
fn a_look_that_was_put_off_is_come_back_for_whatever_was_reconciled_meanwhile() {
    let now = Instant::now();
    let in_a = |seconds| Some(now + Duration::from_secs(seconds));
    let mut memory = ObjectMemory::default();
    assert_eq!(memory.next_reconcile(None, now), None);
    memory.look_at = in_a(30);
    assert_eq!(memory.next_reconcile(None, now), in_a(30));
    assert_eq!(memory.next_reconcile(in_a(60), now), in_a(30));
    assert_eq!(memory.next_reconcile(in_a(5), now), in_a(5));
    memory.look_at = Some(now);
    assert_eq!(
        memory.next_reconcile(None, now),
        None,
        "it is due: whoever decides now knows"
    );
}

#[test]
fn what_a_failed_reconcile_was_decided_on_does_not_count() {
    let memories = Memories::default();
    let decide = |key| memories.with("uid", |memory| memory.deciding = Some(inputs(key)));
    let decided = || memories.with("uid", |memory| memory.decided);
    decide("one");
    memories.ended("uid", true);
    assert_eq!(decided(), Some(inputs("one")));
    decide("two");
    memories.ended("uid", false);
    assert_eq!(decided(), Some(inputs("one")));
    memories.forget("uid");
    memories.ended("uid", true);
    assert!(memories.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_step_of_a_clock_lengthens_a_wait() {
    let mut memory = ObjectMemory::default();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let announced = later(now, Duration::from_secs(10));
    let minute = Duration::from_mins(1);
    assert_eq!(memory.next_attempt(announced, now, minute), announced);
    // The clock goes back an hour: ten seconds are ten seconds.
    let back = earlier(now, Duration::from_hours(1));
    let next = memory.next_attempt(announced, back, minute);
    assert_eq!(next, later(back, Duration::from_secs(10)));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(memory.next_attempt(announced, back, minute), back);
    // After a restart nothing is known but what the status says.
    let far = later(now, Duration::from_hours(1));
    let next = ObjectMemory::default().next_attempt(far, now, minute);
    assert_eq!(next, later(now, minute));
}

#[tokio::test(start_paused = true)]
async fn a_write_from_the_future_counts_from_when_it_was_first_seen() {
    let mut memory = ObjectMemory::default();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let stated = later(now, Duration::from_hours(1));
    assert_eq!(memory.last_write(stated, now), now);
    tokio::time::advance(Duration::from_secs(30)).await;
    let then = later(now, Duration::from_secs(30));
    assert_eq!(memory.last_write(stated, then), now);
    let past = earlier(now, Duration::from_mins(5));
    assert_eq!(memory.last_write(past, then), past);
}

#[test]
fn a_record_that_was_read_to_be_gone_is_remembered_though_the_watch_still_brings_it() {
    let object = |version: u64, record: Option<&Record>| {
        let text = |record| serde_json::to_string(record).unwrap();
        let annotation = |record| (crate::api::PENDING_OPERATION, text(record));
        let annotations: HashMap<_, _> = record.map(annotation).into_iter().collect();
        let object = serde_json::json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1",
            "kind": "RecordingCallback",
            "metadata": {
                "namespace": "media", "name": "push", "uid": "uid",
                "resourceVersion": version.to_string(),
                "annotations": annotations,
            },
            "spec": {
                "publishDomain": "push.example.com", "app": "live",
                "notifyCallbackURL": "https://hooks.example.com/record",
            },
        });
        Arc::new(serde_json::from_value::<RecordingCallback>(object).unwrap())
    };
    let record: Record = serde_json::from_value(serde_json::json!({
        "uid": "uid",
        "target": {"region": "r", "projectID": "p", "endpoint": "https://live.example.com"},
        "attempts": [{
            "id": "01M8997DPZ4Y5EXAHG7ZWYX0XC", "at": "2026-11-25T12:00:00Z",
            "url": "https://hooks.example.com/record", "events": ["RECORD_FILE_COMPLETE"],
            "signType": "HMACSHA256",
        }],
    }))
    .unwrap();
    let mut memory = ObjectMemory {
        record: Some(Box::new(record.clone())),
        written: Some(object(3, None)),
        ..ObjectMemory::default()
    };
    memory.note_brought(2, Some(&record), None);
    assert_eq!(memory.record.as_deref(), Some(&record));
    memory.note_brought(3, None, Some(record.clone()));
    assert_eq!(memory.record.as_deref(), Some(&record));
    memory.note_brought(4, Some(&record), None);
    assert_eq!(memory.record, None, "the object has it");
}

#[test]
fn no_room_is_kept_for_objects_that_came_and_went() {
    let memories = Memories::default();
    let remember = || {
        for number in 0..1000 {
            memories.with(&number.to_string(), |_| ());
        }
    };
    let room = || memories.lock().capacity();
    remember();
    for number in 0..1000 {
        memories.forget(&number.to_string());
    }
    assert!(room() < 16, "{}", room());
    remember();
    memories.keep(|uid| uid == "7");
    assert!(memories.count() == 1 && room() < 16, "{}", room());
}
