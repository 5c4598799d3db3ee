//! `status`, `retry`, `suspend` and `resume`, beside a running operator.

use live_simulator::{LoggedOperation, ScriptedFault};
use recording_callback_operator::api::{RECONCILE_REQUESTED_AT, status::Status};
use serde_json::{Value, json};

use crate::{
    errors::refusal,
    support::{KubectlOutput, program, world::OperatorWorld},
};

async fn call(world: &OperatorWorld, command: &str, args: &[&str]) -> KubectlOutput {
    let mut all = vec![command, "-n", world.namespace.name()];
    all.extend(args);
    program(&all).await
}

#[tokio::test]
async fn a_refusal_is_told_and_a_look_is_asked_for() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    let always = ScriptedFault::on(LoggedOperation::Create).always();
    let refused = always.reply(400, refusal("LIVE.100011001"));
    world.cloud.fault(refused);
    world.create("push", json!({})).await;
    let status = world.reason("push", "RequestRejected").await;
    let request = status.last_operation.unwrap().request_id.unwrap();

    let said = call(&world, "status", &["push"]).await;
    let advice = "To do:       LIVE.100011001: ";
    for words in ["False RequestRejected since", "Next try:", &request, advice] {
        assert!(said.stdout.contains(words), "{words} is not in {said:#?}");
    }
    let said = call(&world, "retry", &["push"]).await;
    assert!(
        said.succeeded && said.stdout.contains("Requested"),
        "{said:#?}"
    );
    let annotations = world.get("push").await.unwrap().metadata.annotations;
    let asked = annotations.unwrap()[RECONCILE_REQUESTED_AT].clone();
    let answered = |status: &Status| status.last_handled_reconcile_at.as_ref() == Some(&asked);
    world.status("push", "the look is answered", answered).await;

    let said = call(&world, "status", &["--all", "-o", "json"]).await;
    let output: Value = serde_json::from_str(&said.stdout).unwrap();
    let output = &output["items"][0];
    assert_eq!(output["status"]["lastHandledReconcileAt"], json!(asked));
    assert_eq!(output["spec"]["app"], "live");
    assert_eq!(output["pending"], json!([]));
    let missing = call(&world, "status", &["none"]).await;
    assert!(
        !missing.succeeded && missing.stderr.contains("none"),
        "{missing:#?}"
    );
}

#[tokio::test]
async fn objects_are_suspended_and_resumed() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    for name in ["push", "other"] {
        world.create(name, json!({})).await;
        world.ready(name).await;
    }
    let said = call(&world, "suspend", &["push"]).await;
    assert!(said.stdout.ends_with("Suspended\n"), "{said:#?}");
    world.reason("push", "Suspended").await;
    let said = call(&world, "suspend", &["--all", "-o", "json"]).await;
    let output: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(output["items"].as_array().unwrap().len(), 2);
    assert_eq!(output["items"][0]["result"], "Suspended");
    assert_eq!(output["items"][1]["result"], "Unchanged");
    let said = call(&world, "retry", &["push"]).await;
    assert!(said.stdout.contains("suspended"), "{said:#?}");

    let said = call(&world, "resume", &["--all"]).await;
    assert_eq!(said.stdout.matches("Resumed").count(), 2, "{said:#?}");
    for name in ["push", "other"] {
        world.reason(name, "Available").await;
        let object = world.get(name).await.unwrap();
        assert_eq!(object.spec.suspend, None, "as it was before");
    }
}
