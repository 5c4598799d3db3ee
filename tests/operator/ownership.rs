//! Whose a remote callback is: what is adopted, and what is left alone.

use kube::api::PostParams;
use live_simulator::{LoggedChange, LoggedOperation, RowPatch, SimulatorSettings, StoredRow};
use recording_callback_operator::api::{RecordingCallback, status::Status};
use serde_json::json;

use crate::support::{
    in_both_modes,
    world::{OperatorWorld, PROJECT, condition},
};

use LoggedOperation::{Create, Delete, Get, List, Update};

const OURS: &str = "https://hooks.example.com/record";
const FOREIGN: &str = "https://elsewhere.example.com/record";

/// A callback that somebody else made for `push.example.com`.
fn foreign(world: &OperatorWorld, url: &str) -> StoredRow {
    let fields = RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    };
    world
        .cloud
        .insert_row(PROJECT, "push.example.com", "live", &fields)
}

fn message(status: &Status) -> &str {
    &condition(status, "Ready").unwrap().message
}

fn finalizers(object: &RecordingCallback) -> &[String] {
    object.metadata.finalizers.as_deref().unwrap_or_default()
}

/// Waits until the object was looked at so often in vain.
async fn tried(world: &OperatorWorld, name: &str, times: i64) -> Status {
    world
        .status(name, "tried again", |status| {
            status.failures.is_some_and(|failures| failures >= times)
        })
        .await
}

#[tokio::test]
async fn never_means_never_and_says_whose_the_callback_is() {
    let world = OperatorWorld::new().await;
    let row = foreign(&world, OURS);
    let _operator = world.operator().await;
    world
        .create("push", json!({ "adoptionPolicy": "Never" }))
        .await;

    let status = world.reason("push", "Conflict").await;
    assert!(message(&status).contains(&row.id), "{}", message(&status));
    assert!(message(&status).contains("Never"), "{}", message(&status));
    assert!(condition(&status, "Stalled").is_some());
    assert_eq!(status.callback_id, None);
    assert_eq!(status.plan, None);
    assert!(status.next_attempt_time.is_some(), "it is looked at again");
    assert!(finalizers(&world.get("push").await.unwrap()).is_empty());
    assert_eq!(world.calls(), [(List, Some(200))]);

    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.calls(), [(List, Some(200))]);
    assert_eq!(world.changes(&row.id), []);
}

#[tokio::test]
async fn what_says_the_same_is_adopted_without_a_write_at_the_cloud() {
    in_both_modes(async |world| {
        let row = foreign(world, "HTTPS://Hooks.Example.com/record");
        let _operator = world.operator().await;
        world.create("push", json!({})).await;

        let status = world.ready("push").await;
        assert_eq!(status.callback_id.as_ref(), Some(&row.id));
        assert_eq!(status.adopted, Some(true));
        assert_eq!(status.deletion_policy.as_deref(), Some("Retain"));
        assert_eq!(finalizers(&world.get("push").await.unwrap()).len(), 1);
        world.event("push", "Adopted").await;
        assert_eq!(world.calls(), [(List, Some(200))]);

        world.delete("push").await;
        world.gone("push").await;
        world.event("push", "Retained").await;
        assert_eq!(world.calls(), [(List, Some(200))]);
        assert_eq!(world.cloud.rows(), [row]);
    })
    .await;
}

#[tokio::test]
async fn what_differs_is_a_conflict_that_names_the_fields_and_heals_by_itself() {
    let world = OperatorWorld::new().await;
    let row = foreign(&world, FOREIGN);
    let _operator = world.operator().await;
    world.create("push", json!({})).await;

    let status = world.reason("push", "Conflict").await;
    for part in [&row.id, "notifyCallbackURL", OURS, FOREIGN] {
        assert!(message(&status).contains(part), "{}", message(&status));
    }
    assert!(
        !message(&status).contains("signType"),
        "{}",
        message(&status)
    );
    tried(&world, "push", 2).await;

    world.cloud.delete_row(&row.id);
    let status = world.ready("push").await;
    assert_ne!(status.callback_id.as_ref(), Some(&row.id));
    assert_eq!(status.adopted, Some(false));
    assert_eq!(world.changes(&row.id), []);
    let creates = world
        .calls()
        .iter()
        .filter(|(call, _)| *call == Create)
        .count();
    assert_eq!(creates, 1, "{:?}", world.calls());
}

#[tokio::test]
async fn a_requested_look_ends_a_conflict_at_once() {
    let world = OperatorWorld::new().await;
    let row = foreign(&world, FOREIGN);
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "Conflict").await;

    let status = world.asked("push", "still there").await;
    assert_eq!(world.calls(), [(List, Some(200)), (List, Some(200))]);
    world.cloud.delete_row(&row.id);
    let before = world.calls().len();
    world.asked("push", "gone").await;
    world.ready("push").await;
    let by_itself = status.next_attempt_time.unwrap();
    assert!(world.cloud.now() < by_itself, "only at {by_itself}");
    assert_eq!(
        world.calls()[before..],
        [(List, Some(200)), (Create, Some(201))]
    );
}

#[tokio::test]
async fn always_takes_over_and_writes_once() {
    let world = OperatorWorld::new().await;
    let row = foreign(&world, FOREIGN);
    let _operator = world.operator().await;
    world
        .create("push", json!({ "adoptionPolicy": "Always" }))
        .await;

    let status = world.ready("push").await;
    assert_eq!(status.callback_id.as_ref(), Some(&row.id));
    assert_eq!(status.adopted, Some(true));
    assert_eq!(status.deletion_policy.as_deref(), Some("Retain"));
    assert_eq!(world.calls(), [(List, Some(200)), (Update, Some(200))]);
    assert_eq!(world.changes(&row.id), [LoggedChange::Updated]);
    let held = world.cloud.row(&row.id).unwrap();
    assert_eq!(held.notify_callback_url.as_deref(), Some(OURS));
    world.event("push", "Adopted").await;

    // Whoever wants an adopted callback to go says so.
    world
        .patch("push", json!({ "spec": { "deletionPolicy": "Delete" } }))
        .await;
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.calls()[2..], [(Delete, Some(204))]);
}

#[tokio::test]
async fn an_adopted_callback_gets_the_key_once_since_nobody_can_see_its_own() {
    let world = OperatorWorld::new().await;
    let row = foreign(&world, OURS);
    world
        .put_secret("hooks", &[("sign", "testonly".repeat(5))])
        .await;
    let _operator = world.operator().await;
    world
        .create(
            "push",
            json!({ "signKeySecretRef": { "name": "hooks", "key": "sign" } }),
        )
        .await;

    let status = world.ready("push").await;
    assert!(status.sent.unwrap().key_digest.is_some());
    assert_eq!(world.calls(), [(List, Some(200)), (Update, Some(200))]);
    let key = world.cloud.row(&row.id).unwrap().key.unwrap();
    assert_eq!(key.reveal(), "testonly".repeat(5));
}

#[tokio::test]
async fn several_callbacks_at_one_place_are_all_named_and_none_is_touched() {
    let world = OperatorWorld::with(SimulatorSettings {
        uniqueness: false,
        ..SimulatorSettings::default()
    })
    .await;
    let rows = [foreign(&world, OURS), foreign(&world, FOREIGN)];
    let _operator = world.operator().await;
    world
        .create("push", json!({ "adoptionPolicy": "Always" }))
        .await;

    let status = world.reason("push", "Conflict").await;
    for row in &rows {
        assert!(message(&status).contains(&row.id), "{}", message(&status));
    }
    world.cloud.delete_row(&rows[1].id);
    let status = world.asked("push", "one is left").await;
    assert_eq!(status.callback_id.as_ref(), Some(&rows[0].id));
    for row in &rows {
        assert!(!world.changes(&row.id).contains(&LoggedChange::Deleted));
    }
}

#[tokio::test]
async fn a_foreign_callback_beside_ours_is_told_and_ours_is_kept() {
    let world = OperatorWorld::with(SimulatorSettings {
        uniqueness: false,
        ..SimulatorSettings::default()
    })
    .await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();
    let row = foreign(&world, OURS);

    world.asked("push", "another").await;
    let status = world.reason("push", "Conflict").await;
    assert_eq!(status.callback_id.as_ref(), Some(&id));
    for id in [&id, &row.id] {
        assert!(message(&status).contains(id), "{}", message(&status));
    }
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.changes(&row.id), []);
    assert_eq!(world.cloud.rows(), [row]);
}

#[tokio::test]
async fn a_cluster_restored_without_status_finds_its_callback_again() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();
    operator.kill().await;

    // The restore makes a new object of the old manifest: its record and finalizer come back, the UID and the status do not.
    let mut copy = world.get("push").await.unwrap();
    let released = json!({ "metadata": { "finalizers": null } });
    world.patch("push", released).await;
    world.delete("push").await;
    world.gone("push").await;
    copy.metadata.uid = None;
    copy.metadata.resource_version = None;
    copy.metadata.creation_timestamp = None;
    copy.metadata.managed_fields = None;
    copy.status = None;
    let callbacks = world.namespace.callbacks();
    callbacks
        .create(&PostParams::default(), &copy)
        .await
        .unwrap();
    let before = world.calls().len();
    let _operator = world.operator().await;

    let status = world.ready("push").await;
    assert_eq!(status.callback_id, Some(id));
    assert_eq!(status.adopted, Some(true));
    assert_eq!(world.calls()[before..], [(List, Some(200))]);
    assert_eq!(world.cloud.rows().len(), 1);
    assert!(!world.calls().contains(&(Get, Some(404))));
}
