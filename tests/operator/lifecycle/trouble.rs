//! The same life with what goes wrong in it: refusals, lost calls, credentials that are wrong or not there.

use live_simulator::{LoggedOperation, ScriptedFault, ScriptedPayload};
use serde_json::json;

use crate::support::{in_both_modes, world::condition};

use LoggedOperation::{Create, Get, List};

#[tokio::test]
async fn a_rejection_is_told_and_heals_by_itself() {
    in_both_modes(async |world| {
    let refusal = json!({ "error_code": "LIVE.100011001", "error_msg": "Request Illegal", "error_detail": "no such domain" });
    world.cloud.fault(
        ScriptedFault::on(Create)
            .times(1)
            .reply(400, ScriptedPayload::Json(refusal)),
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
    })
    .await;
}

#[tokio::test]
async fn a_callback_that_is_gone_already_does_not_hold_up_a_delete() {
    in_both_modes(async |world| {
        let _operator = world.operator().await;
        world.create("push", json!({})).await;
        let id = world.ready("push").await.callback_id.unwrap();
        world.cloud.delete_row(&id);

        world.delete("push").await;
        world.gone("push").await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_reply_does_not_make_a_second_callback() {
    in_both_modes(async |world| {
        world
            .cloud
            .fault(ScriptedFault::on(Create).times(1).lose_reply());
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
    })
    .await;
}

#[tokio::test]
async fn a_create_that_never_arrived_is_made_anew_after_the_settle_time() {
    in_both_modes(async |world| {
        world
            .cloud
            .fault(ScriptedFault::on(Create).times(1).lose_call());
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
    })
    .await;
}

#[tokio::test]
async fn a_requested_look_repairs_what_somebody_deleted() {
    in_both_modes(async |world| {
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
    })
    .await;
}

#[tokio::test]
async fn credentials_that_come_later_heal_by_themselves() {
    in_both_modes(async |world| {
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
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_is_told_and_not_tried_again_and_again() {
    in_both_modes(async |world| {
        let values = world.credentials_with("sk-test-example-wrong");
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
    })
    .await;
}
