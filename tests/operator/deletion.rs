//! How objects go: with what is theirs at the cloud, with nothing that is not, and not before that is known.

use kube::{Api, api::DeleteParams};
use live_simulator::{
    LoggedOperation, ScriptedFault, ScriptedPayload, SimulatorSettings, settings::MissingFields,
};
use recording_callback_operator::api::status::Status;
use serde_json::json;

use crate::support::{
    GONE, eventually, kubectl,
    operator::OperatorProcess,
    world::{OperatorWorld, condition},
};

use LoggedOperation::{Create, Delete, Get, List};

fn message(status: &Status) -> &str {
    &condition(status, "Ready").unwrap().message
}

/// An error as the cloud tells it.
fn error(code: &str) -> ScriptedPayload {
    ScriptedPayload::Json(json!({ "error_code": code, "error_msg": "told by the test" }))
}

/// A world with an object that is ready, and its operator.
async fn ready(settings: SimulatorSettings) -> (OperatorWorld, OperatorProcess, String) {
    let world = OperatorWorld::with(settings).await;
    let operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();
    (world, operator, id)
}

/// Runs the command that a condition gives, word for word.
async fn run_command_of_message(message: &str) {
    let command = &message[message.find("kubectl ").unwrap()..];
    let arguments: Vec<&str> = command
        .split(' ')
        .skip(1)
        .map(|argument| argument.trim_matches('\''))
        .collect();
    kubectl(&arguments).await.without_warning();
}

/// The calls that change something, from the n-th call on.
fn changes(world: &OperatorWorld, from: usize) -> Vec<(LoggedOperation, Option<u16>)> {
    let calls = world.calls().into_iter().skip(from);
    calls
        .filter(|(operation, _)| ![List, Get].contains(operation))
        .collect()
}

#[tokio::test]
async fn an_object_that_never_got_a_callback_goes_without_a_call() {
    let world = OperatorWorld::new().await;
    let refused = ScriptedFault::on(Create).always();
    world
        .cloud
        .fault(refused.reply(400, error("LIVE.100011001")));
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "RequestRejected").await;
    let before = world.calls().len();

    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(changes(&world, before), []);
}

#[tokio::test]
async fn a_create_of_unknown_outcome_is_looked_for_and_deleted() {
    let world = OperatorWorld::new().await;
    world.cloud.fault(ScriptedFault::on(Create).lose_reply());
    let down = ScriptedFault::on(List)
        .always()
        .reply(503, ScriptedPayload::default());
    world.cloud.fault(ScriptedFault { skip: 1, ..down });
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let status = world
        .status("push", "the outcome is unknown", |status| {
            let newest = status.operations.first();
            newest.is_some_and(|newest| newest.outcome == "Unknown")
        })
        .await;
    assert_eq!(status.callback_id, None);

    world.delete("push").await;
    world.cloud.clear_faults();
    world.gone("push").await;
    assert!(world.cloud.rows().is_empty());
    assert_eq!(changes(&world, 0), [(Create, None), (Delete, Some(204))]);
}

#[tokio::test]
async fn a_create_that_never_arrived_holds_its_object_for_the_settle_time_only() {
    let world = OperatorWorld::new().await;
    world.cloud.fault(ScriptedFault::on(Create).lose_call());
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "OutcomeUnknown").await;
    let posted = world
        .cloud
        .calls()
        .into_iter()
        .find(|call| call.operation == Create);

    world.delete("push").await;
    world.gone("push").await;
    let waited = world.cloud.now().duration_since(posted.unwrap().at);
    assert!(waited.as_secs() >= 5, "it may still come: {waited}");
    assert_eq!(changes(&world, 0), [(Create, None)]);
}

#[tokio::test]
async fn a_delete_whose_reply_is_lost_is_made_again() {
    let (world, operator, _) = ready(SimulatorSettings::default()).await;
    world.cloud.fault(ScriptedFault::on(Delete).lose_reply());
    let before = world.calls().len();
    world.delete("push").await;
    world.gone("push").await;
    let unknown = "recording_callback_api_outcome_unknown_total 1";
    operator.counts(unknown).await;
    assert_eq!(
        world.calls()[before..],
        [(Delete, None), (Delete, Some(404))]
    );
}

#[tokio::test]
async fn that_it_is_gone_may_be_told_as_a_bad_request() {
    let (world, _operator, id) = ready(SimulatorSettings {
        missing_delete: MissingFields::new(400, "LIVE.100011001"),
        ..SimulatorSettings::default()
    })
    .await;
    world.cloud.delete_row(&id);
    let before = world.calls().len();
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(
        world.calls()[before..],
        [(Delete, Some(400)), (Get, Some(404))]
    );
}

#[tokio::test]
async fn a_bad_request_for_a_callback_that_is_there_is_requeued() {
    let (world, _operator, _) = ready(SimulatorSettings::default()).await;
    let refused = ScriptedFault::on(Delete).reply(400, error("LIVE.100011001"));
    world.cloud.fault(refused);
    let before = world.calls().len();
    world.delete("push").await;
    let status = world.reason("push", "RequestRejected").await;
    let operation = status.last_operation.as_ref().unwrap();
    assert_eq!(
        (operation.type_.as_str(), operation.outcome.as_str()),
        ("Delete", "Rejected")
    );
    world.gone("push").await;
    assert_eq!(
        world.calls()[before..],
        [(Delete, Some(400)), (Get, Some(200)), (Delete, Some(204))]
    );
}

#[tokio::test]
async fn a_wrong_address_is_not_gone() {
    let (world, _operator, _) = ready(SimulatorSettings::default()).await;
    let lost = ScriptedFault::any().always();
    world.cloud.fault(lost.reply(404, error("APIG.0101")));
    world.delete("push").await;
    let status = world.reason("push", "RequestRejected").await;
    assert!(
        message(&status).contains("APIG.0101"),
        "{}",
        message(&status)
    );
    assert!(
        message(&status).contains("kubectl patch rcb push"),
        "{}",
        message(&status)
    );
    assert_eq!(world.cloud.rows().len(), 1);

    world.cloud.clear_faults();
    world.gone("push").await;
    assert!(world.cloud.rows().is_empty());
}

#[tokio::test]
async fn a_suspended_object_waits_and_can_be_let_go() {
    let (world, _operator, _) = ready(SimulatorSettings::default()).await;
    world.create("other", json!({})).await;
    world.ready("other").await;
    let before = world.calls().len();
    for name in ["push", "other"] {
        world
            .patch(name, json!({ "spec": { "suspend": true } }))
            .await;
        world.delete(name).await;
        let status = world
            .status(name, "the delete waits", |status| {
                condition(status, "Ready").is_some_and(|ready| ready.message.contains("kubectl"))
            })
            .await;
        assert_eq!(condition(&status, "Ready").unwrap().reason, "Suspended");
    }
    let status = world.reason("other", "Suspended").await;
    run_command_of_message(message(&status)).await;
    world.gone("other").await;
    assert_eq!(world.calls().len(), before);

    world
        .patch("push", json!({ "spec": { "suspend": false } }))
        .await;
    world.gone("push").await;
    assert_eq!(world.calls()[before..], [(Delete, Some(204))]);
    assert_eq!(world.cloud.rows().len(), 1, "the one that was let go");
}

#[tokio::test]
async fn a_suspended_object_without_a_callback_goes() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({ "suspend": true })).await;
    world.reason("push", "Suspended").await;
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.calls(), []);
}

#[tokio::test]
async fn credentials_that_were_deleted_first_still_serve_while_the_process_lives() {
    let (world, _operator, _) = ready(SimulatorSettings::default()).await;
    world.delete_secret("huaweicloud").await;
    // Until the operator has seen that, a Secret that it read lately may still serve.
    for n in 0.. {
        let name = format!("probe-{n}");
        world.create(&name, json!({})).await;
        let status = world.status(&name, "judged", |status| {
            condition(status, "Ready").is_some()
        });
        if condition(&status.await, "Ready").unwrap().reason == "CredentialsMissing" {
            break;
        }
    }
    let before = world.calls().len();

    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.calls()[before..], [(Delete, Some(204))]);
}

#[tokio::test]
async fn without_credentials_a_delete_waits_and_tells_the_way_out() {
    let (world, mut operator, _) = ready(SimulatorSettings::default()).await;
    world.create("other", json!({})).await;
    world.ready("other").await;
    operator.kill().await;
    world.delete_secret("huaweicloud").await;
    let _operator = world.operator().await;
    let before = world.calls().len();
    world.delete("push").await;
    world.delete("other").await;
    world.reason("other", "CredentialsMissing").await;
    let status = world.reason("push", "CredentialsMissing").await;
    assert!(condition(&status, "Reconciling").is_some());
    run_command_of_message(message(&status)).await;
    world.gone("push").await;
    assert_eq!(world.calls().len(), before);

    world.put_secret("huaweicloud", &world.credentials()).await;
    world.gone("other").await;
    assert_eq!(world.calls()[before..], [(Delete, Some(204))]);
    assert_eq!(world.cloud.rows().len(), 1);
}

#[tokio::test]
async fn a_namespace_goes_although_its_secret_goes_first() {
    let (world, _operator, _) = ready(SimulatorSettings::default()).await;
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(world.namespace.client());
    world.delete_secret("huaweicloud").await;
    namespaces
        .delete(world.namespace.name(), &DeleteParams::default())
        .await
        .unwrap();
    world.gone("push").await;
    assert!(world.cloud.rows().is_empty());
    eventually("the namespace is gone", GONE, async || {
        let namespace = namespaces.get_opt(world.namespace.name()).await.unwrap();
        namespace.is_none().then_some(())
    })
    .await;
}
