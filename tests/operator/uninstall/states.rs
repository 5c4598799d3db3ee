//! Deleting the CRD lets every object go, whatever its state, and leaves every callback.

use std::time::{Duration, Instant};

use live_simulator::{Cloud, LoggedOperation, RowPatch, ScriptedFault};
use serde_json::{Value, json};

use super::delete_crd;
use crate::{
    errors::refusal,
    support::{
        alone,
        world::{LIMIT, OperatorWorld, PROJECT, condition},
    },
};

use LoggedOperation::{Create, Delete, List};

/// Within this every object is gone.
const GONE: Duration = Duration::from_secs(15);

/// One whose create's outcome is not known may take this longer.
const SETTLE: Duration = Duration::from_secs(6);

/// Runs the tests below that are ignored otherwise, one by one, each with a control plane of its own.
#[tokio::test]
async fn objects_in_any_state_go_with_the_definition() {
    for test in [
        "uninstall::states::objects_that_wait_for_a_human_go",
        "uninstall::states::objects_of_an_operator_that_may_only_look_go",
        "uninstall::states::objects_that_wait_for_the_quota_go",
        "uninstall::states::an_object_with_an_open_record_goes_after_its_settle_time",
    ] {
        alone(test).await;
    }
}

/// Makes objects that are to be deleted with their callbacks.
async fn settled(world: &OperatorWorld, names: &[&str]) {
    for name in names {
        world
            .create(name, json!({ "deletionPolicy": "Delete" }))
            .await;
    }
    for name in names {
        world.ready(name).await;
    }
}

/// Edits an object's spec, and deletes it once Ready has this reason.
async fn edited_and_deleted(world: &OperatorWorld, name: &str, spec: Value, reason: &str) {
    world.patch(name, json!({ "spec": spec })).await;
    world.reason(name, reason).await;
    world.delete(name).await;
}

/// Deletes the CRD, and waits until all objects are gone. The callbacks stay.
async fn all_go(world: &OperatorWorld, names: &[&str], limit: Duration) {
    let rows = world.cloud.rows();
    let deletes = world.count(Delete);
    delete_crd(world).await;
    let begun = Instant::now();
    for name in names {
        while world.get(name).await.is_some() {
            let status = world.get(name).await.and_then(|object| object.status);
            assert!(begun.elapsed() < limit, "{name} stays: {status:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(world.cloud.rows(), rows);
    assert_eq!(world.count(Delete), deletes);
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn objects_that_wait_for_a_human_go() {
    let world = OperatorWorld::new().await;
    for name in ["absent", "elsewhere"] {
        world.put_secret(name, &world.credentials()).await;
    }
    let mut operator = world.operator().await;
    let names = [
        "available",
        "suspended",
        "suspended-deleted",
        "absent",
        "absent-deleted",
        "elsewhere",
        "elsewhere-deleted",
        "refused-deleted",
    ];
    settled(&world, &names).await;
    for name in ["absent", "absent-deleted", "elsewhere", "elsewhere-deleted"] {
        let secret = name.trim_end_matches("-deleted");
        let spec = json!({ "credentialsSecretRef": { "name": secret } });
        world.patch(name, json!({ "spec": spec })).await;
        world.ready(name).await;
    }
    // Without the process goes what it remembers of credentials.
    operator.kill().await;
    world.delete_secret("absent").await;
    let mut values = world.credentials();
    "fedcba9876543210fedcba9876543210".clone_into(&mut values[2].1);
    world.put_secret("elsewhere", &values).await;
    world.cloud.fault(
        ScriptedFault::on(Create)
            .publish_domain("rejected.example.com")
            .always()
            .reply(400, refusal("LIVE.100011001")),
    );
    let fault = ScriptedFault::on(Delete).publish_domain("refused-deleted.example.com");
    world
        .cloud
        .fault(fault.always().reply(401, refusal("LIVE.100011003")));
    let _operator = world.operator().await;

    let suspend = json!({ "suspend": true });
    let name = "suspended-deleted";
    edited_and_deleted(&world, name, suspend.clone(), "Suspended").await;
    world.patch("suspended", json!({ "spec": suspend })).await;
    world.reason("suspended", "Suspended").await;
    world.delete("absent-deleted").await;
    world.reason("absent-deleted", "CredentialsMissing").await;
    world.reason("elsewhere", "TargetChanged").await;
    let name = "elsewhere-deleted";
    edited_and_deleted(&world, name, json!({}), "TargetChanged").await;
    world.delete("refused-deleted").await;
    world.reason("refused-deleted", "PermissionDenied").await;
    world.create("rejected", json!({})).await;
    world.reason("rejected", "RequestRejected").await;
    let place = json!({ "publishDomain": "available.example.com" });
    world.create("duplicate", place).await;
    world.reason("duplicate", "Duplicate").await;
    let foreign = RowPatch {
        notify_callback_url: Some("https://elsewhere.example.com/record".to_owned()),
        ..RowPatch::default()
    };
    let domain = "conflict.example.com";
    world.cloud.insert_row(PROJECT, domain, "live", &foreign);
    world.create("conflict", json!({})).await;
    world.reason("conflict", "Conflict").await;
    let observed = json!({ "managementPolicy": "Observe" });
    world.create("observed", observed).await;
    world.reason("observed", "ObserveOnly").await;
    world
        .status("suspended-deleted", "it waits", |status| {
            condition(status, "Ready").is_some_and(|ready| ready.message.contains("kubectl"))
        })
        .await;
    let others = ["rejected", "duplicate", "conflict", "observed"];
    let all: Vec<&str> = names.into_iter().chain(others).collect();
    all_go(&world, &all, GONE).await;
    assert_eq!(
        world.cloud.rows().len(),
        names.len() + 1,
        "and the foreign one"
    );
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn objects_of_an_operator_that_may_only_look_go() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    settled(&world, &["push", "deleted"]).await;
    operator.kill().await;
    let _operator = world.operator_with(&["--read-only"]).await;
    world.delete("deleted").await;
    world.reason("deleted", "ObserveOnly").await;
    all_go(&world, &["push", "deleted"], GONE).await;
    assert_eq!(world.cloud.rows().len(), 2);
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn objects_that_wait_for_the_quota_go() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    let names = ["deleted", "edited", "spent"];
    settled(&world, &names).await;
    operator.kill().await;
    // One token at the start, and the next in a minute.
    let _operator = world.operator_with(&["--requests-per-minute=1"]).await;
    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/edited" } });
    world.patch("spent", url.clone()).await;
    world.ready("spent").await;
    world.patch("edited", url).await;
    world.delete("deleted").await;
    world.create("created", json!({})).await;
    for name in ["edited", "deleted", "created"] {
        world.reason(name, "RateLimited").await;
    }
    all_go(&world, &["deleted", "edited", "created", "spent"], GONE).await;
    assert_eq!(world.cloud.rows().len(), names.len());
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn an_object_with_an_open_record_goes_after_its_settle_time() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    // The outcome stays unknown: the POST's answer is lost, and no later look is answered.
    world.cloud.fault(ScriptedFault::on(Create).lose_reply());
    let looks = ScriptedFault::on(List).nth(2).always();
    world
        .cloud
        .fault(looks.reply(503, refusal("LIVE.100011010")));
    world.create("push", json!({})).await;
    let made = |cloud: &Cloud| !cloud.rows().is_empty();
    world.cloud.wait_for("a create", LIMIT, made).await.unwrap();
    world.reason("push", "OutcomeUnknown").await;
    all_go(&world, &["push"], GONE + SETTLE).await;
    assert_eq!(world.cloud.rows().len(), 1);
}
