//! Others who write an object's metadata: a replace that wipes record and finalizer, a deletion by force. Nothing is lost or left behind.

use std::time::Duration;

use kube::api::{DeleteParams, PostParams};
use live_simulator::{Cloud, LoggedCall, LoggedOperation, ScriptedFault, ScriptedPayload};
use recording_callback_operator::api::{FINALIZER, PENDING_OPERATION};
use serde_json::json;

use crate::{
    duplicates::same_place,
    support::{
        eventually,
        operator::OperatorProcess,
        world::{LIMIT, OperatorWorld, condition},
    },
};

use LoggedOperation::{Create, Delete, List};

/// What `kubectl replace` does with a manifest that knows of neither finalizer nor record: it takes the version from the server.
pub(crate) async fn wipe(world: &OperatorWorld, name: &str) {
    wipe_for(world, name, &[]).await;
}

/// The same, with these finalizers in its manifest.
pub(crate) async fn wipe_for(world: &OperatorWorld, name: &str, finalizers: &[&str]) {
    eventually("the object is replaced", LIMIT, async || {
        let mut object = world.get(name).await.unwrap();
        object.metadata.finalizers = Some(finalizers.iter().map(ToString::to_string).collect());
        object.metadata.annotations = None;
        let callbacks = world.namespace.callbacks();
        let params = PostParams::default();
        match callbacks.replace(name, &params, &object).await {
            Ok(_) => Some(()),
            Err(kube::Error::Api(status)) if status.is_conflict() => None,
            Err(error) => panic!("{error}"),
        }
    })
    .await;
}

/// Deletes an object as somebody does who does not want to wait.
async fn force(world: &OperatorWorld, name: &str) {
    let callbacks = world.namespace.callbacks();
    callbacks
        .delete(name, &DeleteParams::default())
        .await
        .unwrap();
    let released = json!({ "metadata": { "finalizers": null } });
    world.patch(name, released).await;
    world.gone(name).await;
}

/// An operator whose POST is in flight for a while: the cloud has made the callback and answers late.
async fn posting(world: &OperatorWorld) -> OperatorProcess {
    let late = ScriptedFault::on(Create).delay_after(Duration::from_millis(1500));
    world.cloud.fault(late);
    let operator = world
        .operator_with(&["--request-timeout=3s", "--settle-time=8s"])
        .await;
    world.create("push", json!({})).await;
    let made = |cloud: &Cloud| !cloud.rows().is_empty();
    world.cloud.wait_for("a create", LIMIT, made).await.unwrap();
    operator
}

pub(crate) async fn is_protected(world: &OperatorWorld) -> bool {
    let object = world.get("push").await.unwrap();
    let annotations = object.metadata.annotations.unwrap_or_default();
    !object.metadata.finalizers.unwrap_or_default().is_empty()
        && annotations.contains_key(PENDING_OPERATION)
}

/// Waits until the cloud holds nothing, and has said so.
async fn nothing_is_left(world: &OperatorWorld) {
    let deleted = |cloud: &Cloud| {
        let answered = cloud.calls().iter().all(LoggedCall::is_answered);
        cloud.rows().is_empty() && answered
    };
    let cloud = &world.cloud;
    cloud
        .wait_for("nothing is left", LIMIT, deleted)
        .await
        .unwrap();
}

/// Waits until the cloud has made one callback and deleted it again.
async fn what_was_made_is_deleted(world: &OperatorWorld) {
    let deleted = |cloud: &Cloud| cloud.mutations().len() == 2 && cloud.rows().is_empty();
    let wait = world.cloud.wait_for("it is deleted", LIMIT, deleted);
    wait.await.unwrap();
}

#[tokio::test]
async fn a_settled_object_that_is_replaced_gets_its_finalizer_back() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id;
    let before = world.calls().len();

    wipe(&world, "push").await;
    eventually("the finalizer is back", LIMIT, async || {
        let object = world.get("push").await?;
        object.metadata.finalizers.map(drop)
    })
    .await;
    assert_eq!(world.ready("push").await.callback_id, id);
    assert_eq!(world.calls().len(), before);

    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.calls()[before..], [(Delete, Some(204))]);
}

#[tokio::test]
async fn an_object_that_is_replaced_and_deleted_at_once_leaves_nothing() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let before = world.calls().len();

    wipe(&world, "push").await;
    world.delete("push").await;
    world.gone("push").await;
    nothing_is_left(&world).await;
    assert_eq!(world.calls()[before..], [(Delete, Some(204))]);
}

#[tokio::test]
async fn an_object_that_is_replaced_while_its_create_is_in_flight_keeps_what_is_made() {
    let world = OperatorWorld::new().await;
    let _operator = posting(&world).await;
    wipe(&world, "push").await;

    let status = world.ready("push").await;
    assert!(is_protected(&world).await);
    let rows = world.cloud.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(status.callback_id.as_ref(), Some(&rows[0].id));
    assert_eq!(world.calls(), [(List, Some(200)), (Create, Some(201))]);
}

#[tokio::test]
async fn an_object_that_is_replaced_and_deleted_while_its_create_is_in_flight_leaves_nothing() {
    let world = OperatorWorld::new().await;
    let _operator = posting(&world).await;
    wipe(&world, "push").await;
    world.delete("push").await;
    world.gone("push").await;

    nothing_is_left(&world).await;
    assert_eq!(
        world.calls(),
        [(List, Some(200)), (Create, Some(201)), (Delete, Some(204))]
    );
}

/// To what is being deleted the API server lets nobody add a finalizer: what the POST makes is known by the record alone.
#[tokio::test]
async fn neither_does_one_that_another_finalizer_holds() {
    let world = OperatorWorld::new().await;
    let _operator = posting(&world).await;
    let held = json!({ "metadata": { "finalizers": [FINALIZER, "example.com/archive"] } });
    world.patch("push", held).await;
    world.delete("push").await;
    wipe_for(&world, "push", &["example.com/archive"]).await;

    nothing_is_left(&world).await;
    let calls = [(List, Some(200)), (Create, Some(201)), (Delete, Some(204))];
    assert_eq!(world.calls(), calls);
    let status = world
        .status("push", "it is let go", |status| {
            status.callback_id.is_none()
        })
        .await;
    let ready = condition(&status, "Ready").unwrap();
    assert!(ready.message.contains("example.com/archive"), "{status:?}");
    world.create("second", same_place()).await;
    world.ready("second").await;
}

#[tokio::test]
async fn an_object_that_is_deleted_by_force_while_its_create_is_in_flight_leaves_nothing() {
    let world = OperatorWorld::new().await;
    let _operator = posting(&world).await;
    force(&world, "push").await;

    nothing_is_left(&world).await;
    assert_eq!(
        world.calls(),
        [(List, Some(200)), (Create, Some(201)), (Delete, Some(204))]
    );
}

/// Whether a create is on its way.
fn is_posted(cloud: &Cloud) -> bool {
    cloud.calls().iter().any(|call| call.operation == Create)
}

#[tokio::test]
async fn an_object_that_is_deleted_by_force_before_its_create_is_carried_out_leaves_nothing() {
    // Nobody waits for the answer any more when the cloud makes the callback.
    for late in [
        ScriptedFault::on(Create).delay_after(Duration::from_secs(6)),
        ScriptedFault::on(Create).delay_before(Duration::from_secs(5)),
    ] {
        let world = OperatorWorld::new().await;
        world.cloud.fault(late);
        let _operator = world.operator().await;
        world.create("push", json!({})).await;
        let cloud = &world.cloud;
        cloud.wait_for("a create", LIMIT, is_posted).await.unwrap();
        force(&world, "push").await;

        let cleared = |cloud: &Cloud| cloud.mutations().len() == 2 && cloud.rows().is_empty();
        cloud
            .wait_for("it is deleted", LIMIT, cleared)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_object_that_is_deleted_by_force_and_whose_create_made_nothing_is_forgotten() {
    let world = OperatorWorld::new().await;
    world.cloud.fault(ScriptedFault::on(Create).hang());
    let operator = world.operator().await;
    world.create("push", json!({})).await;
    let cloud = &world.cloud;
    cloud.wait_for("a create", LIMIT, is_posted).await.unwrap();
    force(&world, "push").await;

    eventually("the operator is through", LIMIT, async || {
        let output = operator.output();
        output.contains("left nothing at the cloud").then_some(())
    })
    .await;
    assert!(world.cloud.mutations().is_empty());
}

#[tokio::test]
async fn an_object_of_unknown_outcome_that_is_replaced_and_deleted_at_once_leaves_nothing() {
    let world = OperatorWorld::new().await;
    world.cloud.fault(ScriptedFault::on(Create).lose_reply());
    let down = ScriptedFault::on(List)
        .always()
        .reply(503, ScriptedPayload::default());
    world.cloud.fault(ScriptedFault { skip: 1, ..down });
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "OutcomeUnknown").await;

    wipe(&world, "push").await;
    world.delete("push").await;
    // What was wiped may have been put back before the delete came.
    if world.get("push").await.is_some() {
        wipe(&world, "push").await;
    }
    world.gone("push").await;
    world.cloud.clear_faults();
    what_was_made_is_deleted(&world).await;
}

#[tokio::test]
async fn what_such_an_object_leaves_is_deleted_although_the_cloud_fails_at_first() {
    let world = OperatorWorld::new().await;
    let _operator = posting(&world).await;
    world.cloud.fault(
        ScriptedFault::on(Delete)
            .times(2)
            .reply(503, ScriptedPayload::default()),
    );
    force(&world, "push").await;
    nothing_is_left(&world).await;
}

#[tokio::test]
async fn what_such_an_object_is_to_retain_stays() {
    let world = OperatorWorld::new().await;
    let late = ScriptedFault::on(Create).delay_after(Duration::from_millis(1500));
    world.cloud.fault(late);
    let operator = world
        .operator_with(&["--request-timeout=3s", "--settle-time=8s"])
        .await;
    world
        .create("push", json!({ "deletionPolicy": "Retain" }))
        .await;
    let made = |cloud: &Cloud| !cloud.rows().is_empty();
    world.cloud.wait_for("a create", LIMIT, made).await.unwrap();
    force(&world, "push").await;

    eventually("the operator is through", LIMIT, async || {
        operator
            .output()
            .contains("stays at the cloud")
            .then_some(())
    })
    .await;
    assert_eq!(world.cloud.rows().len(), 1);
}

#[tokio::test]
async fn a_record_of_unknown_outcome_that_is_wiped_is_written_back() {
    let world = OperatorWorld::new().await;
    world.cloud.fault(ScriptedFault::on(Create).lose_reply());
    let down = ScriptedFault::on(List)
        .always()
        .reply(503, ScriptedPayload::default());
    world.cloud.fault(ScriptedFault { skip: 1, ..down });
    let _operator = world.operator().await;
    world
        .create("push", json!({ "adoptionPolicy": "Never" }))
        .await;
    world
        .status("push", "the outcome is unknown", |status| {
            let newest = status.operations.first();
            newest.is_some_and(|newest| newest.outcome == "Unknown")
        })
        .await;

    wipe(&world, "push").await;
    eventually("the record is back", LIMIT, async || {
        is_protected(&world).await.then_some(())
    })
    .await;
    world.cloud.clear_faults();
    let status = world.ready("push").await;
    assert_eq!(status.adopted, Some(false));
    assert_eq!(world.cloud.mutations().len(), 1);
}
