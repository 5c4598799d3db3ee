//! Objects that are not simply managed: those that only look, those that are suspended, and an operator that changes nothing.

use live_simulator::{LoggedChange, LoggedOperation, RowPatch};
use recording_callback_operator::api::status::{PlanStatus, Status};
use serde_json::json;

use crate::support::world::{OperatorWorld, PROJECT, condition};

use LoggedOperation::{Create, Delete, List, Update};

const OURS: &str = "https://hooks.example.com/record";
const OTHER: &str = "https://elsewhere.example.com/record";

fn ready(status: &Status) -> (&str, &str) {
    let ready = condition(status, "Ready").unwrap();
    (&ready.status, &ready.reason)
}

fn url(url: &str) -> RowPatch {
    RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    }
}

/// Field, from, to.
type ReportedPlan<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// What a callback that is not there yet will say.
const NEW: [ReportedPlan<'_>; 3] = [
    ("notifyCallbackURL", None, Some(OURS)),
    (
        "notifyEventSubscription",
        None,
        Some("RECORD_FILE_COMPLETE"),
    ),
    ("signType", None, Some("HMACSHA256")),
];

/// The action, and each change.
fn reported(plan: &PlanStatus) -> (&str, Vec<ReportedPlan<'_>>) {
    let changes = plan.changes.iter().map(|change| {
        (
            change.field.as_str(),
            change.from.as_deref(),
            change.to.as_deref(),
        )
    });
    (&plan.action, changes.collect())
}

async fn has_finalizer(world: &OperatorWorld, name: &str) -> bool {
    let object = world.get(name).await.unwrap();
    !object.metadata.finalizers.unwrap_or_default().is_empty()
}

/// The status, once it is about the present generation.
async fn current(world: &OperatorWorld, name: &str) -> Status {
    let generation = world.get(name).await.unwrap().metadata.generation;
    world
        .status(name, "the generation is observed", |status| {
            status.observed_generation == generation
        })
        .await
}

fn writes(world: &OperatorWorld) -> Vec<LoggedOperation> {
    let calls = world.calls().into_iter().map(|(operation, _)| operation);
    calls
        .filter(|operation| [Create, Update, Delete].contains(operation))
        .collect()
}

#[tokio::test]
async fn an_object_that_observes_tells_what_managing_it_would_do() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world
        .create("push", json!({ "managementPolicy": "Observe" }))
        .await;

    let status = world.reason("push", "ObserveOnly").await;
    assert_eq!(ready(&status), ("False", "ObserveOnly"));
    assert_eq!(
        reported(status.plan.as_ref().unwrap()),
        ("Create", NEW.to_vec())
    );
    assert_eq!(status.callback_id, None);
    assert_eq!(status.deletion_policy.as_deref(), Some("Retain"));
    assert_eq!(world.calls(), [(List, Some(200))]);

    let row = world
        .cloud
        .insert_row(PROJECT, "push.example.com", "live", &url(OURS));
    let status = world.asked("push", "same").await;
    assert_eq!(ready(&status), ("True", "ObserveOnly"));
    assert_eq!(reported(status.plan.as_ref().unwrap()), ("Adopt", vec![]));
    assert_eq!(status.remote.unwrap().id.as_ref(), Some(&row.id));

    world.cloud.edit_row(&row.id, &url(OTHER));
    let status = world.asked("push", "other").await;
    assert_eq!(ready(&status), ("False", "ObserveOnly"));
    let change = vec![("notifyCallbackURL", Some(OTHER), Some(OURS))];
    assert_eq!(
        reported(status.plan.as_ref().unwrap()),
        ("None", change.clone()),
        "it is not identical"
    );
    world
        .patch("push", json!({ "spec": { "adoptionPolicy": "Always" } }))
        .await;
    let status = current(&world, "push").await;
    assert_eq!(reported(status.plan.as_ref().unwrap()), ("Adopt", change));
    assert_eq!(status.callback_id, None, "it is not ours");

    world.cloud.delete_row(&row.id);
    let status = world.asked("push", "gone").await;
    assert_eq!(
        reported(status.plan.as_ref().unwrap()),
        ("Create", NEW.to_vec())
    );
    assert_eq!(status.remote, None);

    assert!(!has_finalizer(&world, "push").await);
    let before = world.calls().len();
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.calls().len(), before);
    assert_eq!(writes(&world), []);
    assert_eq!(world.events("push").await.first().unwrap(), "ObserveOnly");
}

#[tokio::test]
async fn an_object_that_observes_owns_nothing_and_its_plan_knows_the_owner() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world
        .create(
            "looker",
            json!({ "publishDomain": "push.example.com", "managementPolicy": "Observe" }),
        )
        .await;
    world.reason("looker", "ObserveOnly").await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();

    let status = world.asked("looker", "now").await;
    assert_eq!(ready(&status), ("True", "ObserveOnly"));
    assert_eq!(
        reported(status.plan.as_ref().unwrap()),
        ("None", vec![]),
        "it would be a Duplicate"
    );
    assert_eq!(world.changes(&id), [LoggedChange::Created]);
}

#[tokio::test]
async fn an_object_can_go_from_managed_to_observed_and_back() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id;

    world
        .patch("push", json!({ "spec": { "managementPolicy": "Observe" } }))
        .await;
    let status = world.reason("push", "ObserveOnly").await;
    assert_eq!(ready(&status), ("True", "ObserveOnly"));
    assert_eq!(reported(status.plan.as_ref().unwrap()), ("None", vec![]));
    assert_eq!(status.callback_id, id);
    assert_eq!(status.deletion_policy.as_deref(), Some("Retain"));
    assert!(!has_finalizer(&world, "push").await);

    world
        .patch("push", json!({ "spec": { "notifyCallbackURL": OTHER } }))
        .await;
    let status = current(&world, "push").await;
    assert_eq!(ready(&status), ("False", "ObserveOnly"));
    assert_eq!(
        reported(status.plan.as_ref().unwrap()),
        (
            "Update",
            vec![("notifyCallbackURL", Some(OURS), Some(OTHER))]
        )
    );
    assert_eq!(writes(&world), [Create]);

    world
        .patch(
            "push",
            json!({ "spec": { "notifyCallbackURL": OURS, "managementPolicy": "Manage" } }),
        )
        .await;
    let status = world.ready("push").await;
    assert_eq!(ready(&status), ("True", "Available"));
    assert_eq!((status.plan, status.callback_id), (None, id));
    assert_eq!(status.deletion_policy.as_deref(), Some("Delete"));
    assert!(has_finalizer(&world, "push").await);
    assert_eq!(writes(&world), [Create]);

    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(writes(&world), [Create, Delete]);
}

#[tokio::test]
async fn an_observed_object_leaves_its_callback_when_it_goes() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    world
        .patch("push", json!({ "spec": { "managementPolicy": "Observe" } }))
        .await;
    world.reason("push", "ObserveOnly").await;

    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(writes(&world), [Create]);
    assert_eq!(world.cloud.rows().len(), 1);
}

#[tokio::test]
async fn a_suspended_object_costs_no_call_and_keeps_its_word() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let before = world.calls().len();

    world
        .patch("push", json!({ "spec": { "suspend": true } }))
        .await;
    let status = current(&world, "push").await;
    assert_eq!(ready(&status), ("True", "Suspended"));
    let status = world.asked("push", "suspended").await;
    assert_eq!(ready(&status), ("True", "Suspended"));
    assert_eq!(world.calls().len(), before);

    world
        .patch("push", json!({ "spec": { "suspend": false } }))
        .await;
    let status = current(&world, "push").await;
    assert_eq!(ready(&status), ("True", "Available"));
    assert_eq!(world.calls().len(), before, "nothing had changed");

    world
        .patch(
            "push",
            json!({ "spec": { "suspend": true, "notifyCallbackURL": OTHER } }),
        )
        .await;
    let status = current(&world, "push").await;
    assert_eq!(ready(&status), ("Unknown", "Suspended"));
    assert_eq!(world.calls().len(), before);

    world
        .patch("push", json!({ "spec": { "suspend": null } }))
        .await;
    let status = world.ready("push").await;
    assert_eq!(ready(&status), ("True", "Available"));
    assert_eq!(world.calls()[before..], [(Update, Some(200))]);
}

#[tokio::test]
async fn an_object_that_begins_suspended_is_unknown_until_it_is_resumed() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({ "suspend": true })).await;

    let status = world.reason("push", "Suspended").await;
    assert_eq!(ready(&status), ("Unknown", "Suspended"));
    assert!(!has_finalizer(&world, "push").await);
    assert_eq!(world.calls(), []);

    world
        .patch("push", json!({ "spec": { "suspend": false } }))
        .await;
    world.ready("push").await;
    assert_eq!(world.calls(), [(List, Some(200)), (Create, Some(201))]);
}

#[tokio::test]
async fn nothing_is_said_of_a_resumed_object_before_its_credentials_are_read() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    world
        .create("push", json!({ "notifyCallbackURL": OURS }))
        .await;
    world.ready("push").await;
    world
        .patch("push", json!({ "spec": { "suspend": true } }))
        .await;
    world.reason("push", "Suspended").await;
    operator.kill().await;
    world.delete_secret("huaweicloud").await;
    let _operator = world.operator().await;
    world
        .patch("push", json!({ "spec": { "suspend": false } }))
        .await;
    let before = world.calls().len();
    let status = world.reason("push", "CredentialsMissing").await;
    assert_eq!(ready(&status), ("False", "CredentialsMissing"));
    world.put_secret("huaweicloud", &world.credentials()).await;
    let status = world.ready("push").await;
    assert_eq!(ready(&status), ("True", "Available"));
    assert_eq!(world.calls()[before..], [(List, Some(200))]);
}

#[tokio::test]
async fn an_operator_that_may_not_change_anything_looks_and_tells() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    world.create("going", json!({})).await;
    world.ready("going").await;
    operator.kill().await;
    let before = world.calls().len();

    let mut operator = world.operator_with(&["--read-only"]).await;
    world.create("new", json!({})).await;
    let status = world.reason("new", "ObserveOnly").await;
    assert_eq!(ready(&status), ("False", "ObserveOnly"));
    assert_eq!(
        reported(status.plan.as_ref().unwrap()),
        ("Create", NEW.to_vec())
    );
    assert!(!has_finalizer(&world, "new").await);
    let status = world.reason("push", "ObserveOnly").await;
    assert_eq!(ready(&status), ("True", "ObserveOnly"));
    assert_eq!(reported(status.plan.as_ref().unwrap()), ("None", vec![]));
    assert_eq!(status.deletion_policy.as_deref(), Some("Delete"));
    world
        .patch("push", json!({ "spec": { "notifyCallbackURL": OTHER } }))
        .await;
    let status = current(&world, "push").await;
    assert_eq!(status.plan.unwrap().action, "Update");

    world.delete("going").await;
    let status = world
        .status("going", "the delete waits", |status| {
            condition(status, "Ready").is_some_and(|ready| ready.message.contains("deletionPolicy"))
        })
        .await;
    assert_eq!(ready(&status), ("False", "ObserveOnly"));
    let calls = world.calls().split_off(before);
    assert!(calls.iter().all(|(call, _)| *call == List), "{calls:?}");
    operator.counts("recording_callback_read_only 1").await;
    assert!(operator.terminate().await.success());

    let _operator = world.operator().await;
    world.gone("going").await;
    let status = world.ready("push").await;
    assert_eq!(ready(&status), ("True", "Available"));
    assert_eq!(status.plan, None);
    world.ready("new").await;
    let mut made = writes(&world).split_off(2);
    made.sort_unstable();
    assert_eq!(made, [Create, Update, Delete]);
}
