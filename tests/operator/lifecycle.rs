//! An object's life on a real API server with a strict cloud, counted in calls and writes. The operator has the chart's account,
//! rules and flags, in both modes.

mod trouble;

use live_simulator::{LoggedOperation, SimulatorSettings, settings::Contract};
use serde_json::json;

use crate::support::{in_both_modes, in_both_modes_with};

use LoggedOperation::{Create, Delete, List, Update};

#[tokio::test]
async fn a_create_costs_two_calls_and_two_writes() {
    in_both_modes(async |world| {
        let _operator = world.operator().await;
        let object = world.create("push", json!({})).await;
        let status = world.ready("push").await;

        assert_eq!(world.calls(), [(List, Some(200)), (Create, Some(201))]);
        assert_eq!(world.writes_since(&object).await, 2);
        let row = world.cloud.rows().pop().unwrap();
        assert_eq!(status.callback_id, Some(row.id));
        let create = world
            .cloud
            .calls()
            .into_iter()
            .find(|call| call.operation == Create)
            .unwrap();
        assert_eq!(status.request_id.as_ref(), Some(&create.request_id));
        assert_eq!(status.adopted, Some(false));
        assert_eq!(status.deletion_policy.as_deref(), Some("Delete"));
        let operation = status.last_operation.unwrap();
        assert_eq!(
            (
                operation.type_.as_str(),
                operation.outcome.as_str(),
                operation.http_status
            ),
            ("Create", "Succeeded", Some(201))
        );
        assert_eq!(operation.request_id, Some(create.request_id));
        assert_eq!(status.operations.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_create_with_an_empty_answer_ends_with_the_id_that_a_look_finds() {
    let settings = SimulatorSettings {
        contract: Contract::Original,
        ..SimulatorSettings::default()
    };
    in_both_modes_with(&settings, async |world| {
        let _operator = world.operator().await;
        let object = world.create("push", json!({})).await;
        let status = world.ready("push").await;

        assert_eq!(
            world.calls(),
            [(List, Some(200)), (Create, Some(201)), (List, Some(200))]
        );
        assert_eq!(world.writes_since(&object).await, 2);
        assert_eq!(
            status.callback_id,
            Some(world.cloud.rows().pop().unwrap().id)
        );
        assert_eq!(status.last_operation.unwrap().http_status, Some(201));
    })
    .await;
}

#[tokio::test]
async fn a_settled_object_causes_no_call_and_no_write() {
    in_both_modes(async |world| {
        let mut operator = world.operator().await;
        world.create("push", json!({})).await;
        world.ready("push").await;
        let settled = world.get("push").await.unwrap();
        let calls = world.calls().len();

        // Neither a start of the program nor a change that means nothing to it gives it work.
        operator.kill().await;
        let operator = world.operator().await;
        world
            .patch(
                "push",
                json!({ "metadata": { "labels": { "team": "media" } } }),
            )
            .await;
        world.create("other", json!({})).await;
        world.ready("other").await;

        assert_eq!(world.calls().len(), calls + 2, "{:?}", world.calls());
        assert_eq!(world.writes_since(&settled).await, 1, "the label");
        drop(operator);
    })
    .await;
}

#[tokio::test]
async fn a_delete_removes_the_callback_and_then_the_object() {
    in_both_modes(async |world| {
        let _operator = world.operator().await;
        world.create("push", json!({})).await;
        world.ready("push").await;
        let before = world.calls().len();

        world.delete("push").await;
        world.gone("push").await;

        assert_eq!(world.calls()[before..], [(Delete, Some(204))]);
        assert!(world.cloud.rows().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_retained_callback_stays() {
    in_both_modes(async |world| {
        let _operator = world.operator().await;
        world
            .create("push", json!({ "deletionPolicy": "Retain" }))
            .await;
        world.ready("push").await;
        let before = world.calls().len();

        world.delete("push").await;
        world.gone("push").await;

        assert_eq!(world.calls().len(), before);
        assert_eq!(world.cloud.rows().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_edit_is_one_update_and_one_write() {
    in_both_modes(async |world| {
        let _operator = world.operator().await;
        world.create("push", json!({})).await;
        world.ready("push").await;
        let before = world.calls().len();

        let edited = world
            .patch(
                "push",
                json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } }),
            )
            .await;
        world.ready("push").await;

        assert_eq!(world.calls()[before..], [(Update, Some(200))]);
        assert_eq!(world.writes_since(&edited).await, 1);
        assert_eq!(
            world
                .cloud
                .rows()
                .pop()
                .unwrap()
                .notify_callback_url
                .as_deref(),
            Some("https://hooks.example.com/other")
        );
    })
    .await;
}

#[tokio::test]
async fn metrics_and_health_tell_how_it_goes() {
    in_both_modes(async |world| {
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;

    assert_eq!(operator.get("/livez").await.unwrap().0, 200);
    let created = "recording_callback_api_requests_total{operation=\"Create\",http_status=\"201\",error_code=\"\"} 1";
    operator.counts(created).await;
    operator.counts("recording_callback_resources{reason=\"Available\"} 1").await;
    let waits = "recording_callback_quota_wait_seconds_count{lane=\"create\"} 2";
    operator.counts(waits).await; // the look and the create
    assert!(operator.terminate().await.success());
    })
    .await;
}
