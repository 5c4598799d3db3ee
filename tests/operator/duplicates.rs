//! Which of two objects for one domain and app owns it, and when the other takes over.

use kube::api::{Patch, PatchParams};
use live_simulator::{LoggedOperation, SimulatorSettings};
use recording_callback_operator::api::{RecordingCallback, status::Status};
use serde_json::{Value, json};

use crate::support::{
    eventually,
    world::{LIMIT, OperatorWorld, condition},
};

use LoggedOperation::{Create, Delete, List};

/// A second object for the place of `push`.
pub(crate) fn same_place() -> Value {
    json!({ "publishDomain": "push.example.com", "adoptionPolicy": "Always" })
}

fn message(status: &Status) -> &str {
    &condition(status, "Ready").unwrap().message
}

fn finalizers(object: &RecordingCallback) -> &[String] {
    object.metadata.finalizers.as_deref().unwrap_or_default()
}

/// Waits until an object that is made now is the younger one: ages have whole seconds, and of equal ones the lower UID owns.
pub(crate) async fn second_after(world: &OperatorWorld, older: &RecordingCallback) {
    let made = older.metadata.creation_timestamp.clone().unwrap().0;
    eventually("the next second", LIMIT, async || {
        (world.cloud.now().as_second() > made.as_second()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn of_two_objects_the_one_that_holds_the_id_owns_and_the_other_takes_over() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let owner = world.ready("push").await;
    let before = world.calls().len();

    world.create("second", same_place()).await;
    let status = world.reason("second", "Duplicate").await;
    assert!(message(&status).contains("/push"), "{}", message(&status));
    assert!(condition(&status, "Reconciling").is_some(), "at first");
    assert_eq!(status.callback_id, None);
    let status = world
        .status("second", "it is not over by itself", |status| {
            condition(status, "Stalled").is_some()
        })
        .await;
    assert_eq!(condition(&status, "Ready").unwrap().reason, "Duplicate");
    assert_eq!(world.calls().len(), before, "{:?}", world.calls());
    let second = world.get("second").await.unwrap();
    assert!(finalizers(&second).is_empty());

    world.delete("push").await;
    world.gone("push").await;
    let status = world.ready("second").await;
    assert_ne!(status.callback_id, owner.callback_id);
    assert_eq!(status.adopted, Some(false));
    assert_eq!(world.cloud.rows().len(), 1);
    assert_eq!(
        world.calls()[before..],
        [(Delete, Some(204)), (List, Some(200)), (Create, Some(201))]
    );
}

#[tokio::test]
async fn a_duplicate_goes_without_a_call() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    world.create("second", same_place()).await;
    world.reason("second", "Duplicate").await;
    let before = world.calls().len();

    world.delete("second").await;
    world.gone("second").await;
    assert_eq!(world.calls().len(), before);
    assert_eq!(world.cloud.rows().len(), 1);
}

#[tokio::test]
async fn of_two_new_objects_the_older_creates_and_only_one_callback_is_made() {
    let world = OperatorWorld::with(SimulatorSettings {
        uniqueness: false,
        ..SimulatorSettings::default()
    })
    .await;
    let older = world.create("push", json!({})).await;
    second_after(&world, &older).await;
    world.create("second", same_place()).await;
    let _operator = world.operator().await;

    world
        .status("push", "one of the two", |status| {
            condition(status, "Ready")
                .is_some_and(|ready| ready.status == "True" || ready.reason == "Duplicate")
        })
        .await;
    let (ready, duplicate) = match world.get("push").await.unwrap().status.unwrap() {
        status if status.callback_id.is_some() => ("push", "second"),
        _ => ("second", "push"),
    };
    world.ready(ready).await;
    let status = world.reason(duplicate, "Duplicate").await;
    assert_eq!(status.callback_id, None);
    let made = world.cloud.mutations();
    assert_eq!(made.len(), 1, "{made:#?}");
}

#[tokio::test]
async fn two_statuses_with_one_id_are_one_owner_and_one_that_keeps_its_hands_off() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    let older = world.create("push", json!({})).await;
    let status = world.ready("push").await;
    operator.kill().await;
    second_after(&world, &older).await;

    // As when an object was restored from a copy beside the original.
    let made = world.create("second", same_place()).await;
    let copy = json!({ "status": serde_json::to_value(&status).unwrap() });
    world
        .namespace
        .callbacks()
        .patch_status("second", &PatchParams::default(), &Patch::Merge(copy))
        .await
        .unwrap();
    assert!(finalizers(&made).is_empty());
    let before = world.calls().len();
    let _operator = world.operator().await;
    world
        .patch(
            "second",
            json!({ "spec": { "notifyCallbackURL": "https://elsewhere.example.com/record" } }),
        )
        .await;
    world.reason("second", "Duplicate").await;
    world.delete("second").await;
    world.gone("second").await;
    assert_eq!(world.calls().len(), before, "{:?}", world.calls());
    assert_eq!(
        world.cloud.rows().pop().map(|row| row.id),
        status.callback_id
    );
    assert_eq!(world.cloud.mutations().len(), 1);
}
