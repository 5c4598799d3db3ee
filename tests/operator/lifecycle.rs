//! An object's life on a real API server with a strict cloud, counted in calls and writes.

use live_simulator::{Fault, Operation, Payload, Settings, settings::Contract};
use serde_json::json;

use crate::support::{
    eventually,
    world::{LIMIT, World, condition},
};

use Operation::{Create, Delete, Get, List, Update};

#[tokio::test]
async fn a_create_costs_two_calls_and_two_writes() {
    let world = World::new().await;
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
}

#[tokio::test]
async fn a_create_with_an_empty_answer_ends_with_the_id_that_a_look_finds() {
    let world = World::with(Settings {
        contract: Contract::Original,
        ..Settings::default()
    })
    .await;
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
}

#[tokio::test]
async fn a_rejection_is_told_and_heals_by_itself() {
    let world = World::new().await;
    let refusal = json!({ "error_code": "LIVE.100011001", "error_msg": "Request Illegal", "error_detail": "no such domain" });
    world.cloud.fault(
        Fault::on(Create)
            .times(1)
            .reply(400, Payload::Json(refusal)),
    );
    let _operator = world.operator().await;
    world.create("push", json!({})).await;

    let status = world.reason("push", "RequestRejected").await;
    let refused = status.last_operation.unwrap();
    assert_eq!(refused.outcome, "Rejected");
    assert_eq!(refused.http_status, Some(400));
    assert_eq!(refused.error_code.as_deref(), Some("LIVE.100011001"));
    assert_eq!(
        refused.error_message.as_deref(),
        Some("Request Illegal: no such domain")
    );
    assert!(refused.request_id.is_some());
    assert_eq!(status.failures, Some(1));
    let (next, at) = (status.next_attempt_time.unwrap(), refused.time.unwrap());
    assert!(
        (5..=7).contains(&next.duration_since(at).as_secs()),
        "{at} {next}"
    );
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready")
        .unwrap();
    assert!(
        ready.message.contains("LIVE.100011001") && ready.message.contains("Request Illegal"),
        "{}",
        ready.message
    );
    assert!(
        status
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Reconciling")
    );

    let status = world.ready("push").await;
    assert_eq!(status.failures, Some(0));
    assert_eq!(status.next_attempt_time, None);
    assert_eq!(
        world.calls(),
        [(List, Some(200)), (Create, Some(400)), (Create, Some(201))]
    );
}

#[tokio::test]
async fn a_settled_object_causes_no_call_and_no_write() {
    let world = World::new().await;
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
}

#[tokio::test]
async fn a_delete_removes_the_callback_and_then_the_object() {
    let world = World::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let before = world.calls().len();

    world.delete("push").await;
    world.gone("push").await;

    assert_eq!(world.calls()[before..], [(Delete, Some(204))]);
    assert!(world.cloud.rows().is_empty());
}

#[tokio::test]
async fn a_callback_that_is_gone_already_does_not_hold_up_a_delete() {
    let world = World::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();
    world.cloud.delete_row(&id);

    world.delete("push").await;
    world.gone("push").await;
}

#[tokio::test]
async fn a_retained_callback_stays() {
    let world = World::new().await;
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
}

#[tokio::test]
async fn a_lost_reply_does_not_make_a_second_callback() {
    let world = World::new().await;
    world.cloud.fault(Fault::on(Create).times(1).lose_reply());
    let _operator = world.operator().await;
    world.create("push", json!({})).await;

    let status = world.ready("push").await;
    assert_eq!(world.cloud.rows().len(), 1);
    assert_eq!(
        status.callback_id,
        Some(world.cloud.rows().pop().unwrap().id)
    );
    assert_eq!(
        world.calls(),
        [(List, Some(200)), (Create, None), (List, Some(200))]
    );
}

#[tokio::test]
async fn a_create_that_never_arrived_is_made_anew_after_the_settle_time() {
    let world = World::new().await;
    world.cloud.fault(Fault::on(Create).times(1).lose_call());
    let _operator = world.operator().await;
    world.create("push", json!({})).await;

    let unknown = world.reason("push", "OutcomeUnknown").await;
    assert_eq!(unknown.last_operation.unwrap().outcome, "Unknown");
    world.ready("push").await;
    let creates: Vec<_> = world
        .cloud
        .calls()
        .into_iter()
        .filter(|call| call.operation == Create)
        .collect();
    assert_eq!(creates.len(), 2);
    let waited = creates[1].at.duration_since(creates[0].at);
    assert!(
        waited.as_secs() >= 5,
        "the settle time is 6 s from the attempt: {waited}"
    );
    assert_eq!(world.cloud.rows().len(), 1);
}

#[tokio::test]
async fn an_edit_is_one_update_and_one_write() {
    let world = World::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let before = world.calls().len();

    world
        .patch(
            "push",
            json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } }),
        )
        .await;
    let edited = world.get("push").await.unwrap();
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
}

#[tokio::test]
async fn a_requested_look_repairs_what_somebody_deleted() {
    let world = World::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let first = world.ready("push").await.callback_id.unwrap();
    world.cloud.delete_row(&first);

    let ask = json!({ "metadata": { "annotations": { "live.huaweicloud.com/reconcile-requested-at": "once" } } });
    world.patch("push", ask).await;
    let status = world
        .status("push", "a new callback", |status| {
            status.callback_id.as_ref().is_some_and(|id| *id != first)
        })
        .await;

    assert_eq!(status.last_handled_reconcile_at.as_deref(), Some("once"));
    assert_eq!(world.cloud.rows().len(), 1);
    assert!(
        world.calls().contains(&(Get, Some(404))),
        "gone by id, too: {:?}",
        world.calls()
    );
}

#[tokio::test]
async fn credentials_that_come_later_heal_by_themselves() {
    let world = World::new().await;
    let _operator = world.operator().await;
    world
        .create(
            "push",
            json!({ "credentialsSecretRef": { "name": "later" } }),
        )
        .await;
    let status = world.reason("push", "CredentialsMissing").await;
    let ready = condition(&status, "Ready").unwrap();
    assert!(ready.message.contains("later"), "{}", ready.message);

    world
        .put_secret("later", &[("ak", "AKTESTONLY".to_owned())])
        .await;
    world
        .status("push", "the missing value is named", |status| {
            condition(status, "Ready").is_some_and(|ready| ready.message.contains("sk"))
        })
        .await;
    assert_eq!(world.calls(), []);

    world.put_secret("later", &world.credentials()).await;
    world.ready("push").await;
}

#[tokio::test]
async fn a_wrong_key_is_told_and_not_tried_again_and_again() {
    let world = World::new().await;
    let mut values = world.credentials();
    values[1].1 = "sk-test-example-wrong".to_owned();
    world.put_secret("huaweicloud", &values).await;
    let operator = world.operator().await;
    world.create("push", json!({})).await;

    let status = world.reason("push", "CredentialsRejected").await;
    assert!(
        status
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Stalled")
    );
    assert!(world.calls().len() <= 2, "{:?}", world.calls());

    world.put_secret("huaweicloud", &world.credentials()).await;
    world.ready("push").await;
    assert!(
        !operator.output().contains("sk-test-example"),
        "no secret is ever written"
    );
}

#[tokio::test]
async fn metrics_and_health_tell_how_it_goes() {
    let world = World::new().await;
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;

    assert_eq!(operator.get("/livez").await.unwrap().0, 200);
    let wanted = "recording_callback_api_requests_total{operation=\"Create\",http_status=\"201\",error_code=\"\"} 1";
    eventually("the create is counted", LIMIT, async || {
        let (_, text) = operator.get("/metrics").await?;
        text.contains(wanted).then_some(())
    })
    .await;
    eventually("the object is counted", LIMIT, async || {
        let (_, text) = operator.get("/metrics").await?;
        text.contains("recording_callback_resources{reason=\"Available\"} 1")
            .then_some(())
    })
    .await;
    assert!(operator.terminate().await.success());
}
