//! Who waits (for the quota, for a clean-up) acts on what holds when the wait ends, and holds up nobody.

use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams};
use live_simulator::{Cloud, KnownCredential, LoggedOperation, ScriptedFault};
use serde_json::{Value, json};

use crate::support::{
    eventually,
    operator::OperatorProcess,
    world::{LIMIT, OperatorWorld, PROJECT, SK, condition},
};

use LoggedOperation::{Create, Delete, Update};

/// One token every 10 s: whoever comes after a call waits for long.
const SLOW: &str = "--requests-per-minute=6";

const NEWEST: &str = "https://hooks.example.com/newest";

fn url(url: &str) -> Value {
    json!({ "spec": { "notifyCallbackURL": url } })
}

fn suspend(suspend: bool) -> Value {
    json!({ "spec": { "suspend": suspend } })
}

/// An object whose POST waits for the quota.
async fn create_waits() -> (OperatorWorld, OperatorProcess) {
    let world = OperatorWorld::new().await;
    let operator = world.operator_with(&[SLOW]).await;
    world.create("push", json!({})).await;
    world.reason("push", "RateLimited").await;
    assert_eq!(world.count(Create), 0);
    (world, operator)
}

/// An object whose PUT waits for the quota.
async fn update_waits() -> (OperatorWorld, OperatorProcess) {
    let world = OperatorWorld::new().await;
    let operator = world.operator_with(&[SLOW]).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let edited = url("https://hooks.example.com/edited");
    world.patch("push", edited).await;
    world.reason("push", "RateLimited").await;
    assert_eq!(world.count(Update), 0);
    (world, operator)
}

/// The newest URL is the only one that the cloud ever got by a call of this kind.
async fn newest_is_sent(world: &OperatorWorld, operation: LoggedOperation) {
    world.ready("push").await;
    let calls = world.cloud.calls().into_iter();
    let bodies = calls
        .filter(|call| call.operation == operation)
        .filter_map(|call| call.body);
    let urls: Vec<Value> = bodies
        .map(|body| body["notify_callback_url"].clone())
        .collect();
    assert_eq!(urls, [json!(NEWEST)]);
}

#[tokio::test]
async fn a_create_that_waits_sends_the_newest_edit() {
    let (world, _operator) = create_waits().await;
    world.patch("push", url(NEWEST)).await;
    newest_is_sent(&world, Create).await;
}

#[tokio::test]
async fn a_create_that_waits_is_suspended_at_once() {
    let (world, _operator) = create_waits().await;
    world.patch("push", suspend(true)).await;
    world.reason("push", "Suspended").await;
    assert_eq!(world.count(Create), 0, "its token has not come yet");
    // By the time that another object of the account had its token, this one's has come, too.
    world.create("other", json!({})).await;
    world.ready("other").await;
    world.patch("push", url(NEWEST)).await;
    let creates = world.count(Create);
    assert_eq!(creates, 1, "that of the other one");
    world.delete("other").await;
    world.gone("other").await;
    world.patch("push", suspend(false)).await;
    world.ready("push").await;
    let rows = world.cloud.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].notify_callback_url.as_deref(), Some(NEWEST));
    assert_eq!((world.count(Create), world.count(Update)), (2, 0));
}

#[tokio::test]
async fn a_create_that_waits_is_not_made_for_an_object_that_goes() {
    let (world, _operator) = create_waits().await;
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.count(Create), 0, "its token has not come yet");
    world.create("other", json!({})).await;
    world.ready("other").await;
    assert_eq!((world.count(Create), world.cloud.rows().len()), (1, 1));
}

#[tokio::test]
async fn an_update_that_waits_sends_the_newest_edit() {
    let (world, _operator) = update_waits().await;
    world.patch("push", url(NEWEST)).await;
    newest_is_sent(&world, Update).await;
}

#[tokio::test]
async fn an_update_that_waits_is_suspended_at_once() {
    let (world, _operator) = update_waits().await;
    world.patch("push", suspend(true)).await;
    world.reason("push", "Suspended").await;
    assert_eq!(world.count(Update), 0, "its token has not come yet");
    world.patch("push", url(NEWEST)).await;
    world.patch("push", suspend(false)).await;
    newest_is_sent(&world, Update).await;
}

#[tokio::test]
async fn an_update_that_waits_is_not_made_for_an_object_that_goes() {
    let (world, _operator) = update_waits().await;
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!((world.count(Update), world.count(Delete)), (0, 1));
    assert!(world.cloud.rows().is_empty());
}

/// A second account of the same cloud, whose Secret has its name.
async fn second_account(world: &OperatorWorld) {
    let ak = "AKTESTEXAMPLE0000002";
    let credential = KnownCredential::new(ak, SK, PROJECT).user("second");
    world.cloud.add_credential(credential);
    let mut values = world.credentials();
    ak.clone_into(&mut values[0].1);
    world.put_secret("second", &values).await;
}

fn of_second_account() -> Value {
    json!({ "credentialsSecretRef": { "name": "second" } })
}

#[tokio::test]
async fn with_one_worker_objects_that_wait_for_their_quota_hold_up_nobody() {
    let world = OperatorWorld::new().await;
    second_account(&world).await;
    let flags = ["--concurrency=1", "--requests-per-minute=12"];
    let _operator = world.operator_with(&flags).await;
    let names: Vec<String> = (0..12).map(|number| format!("push-{number}")).collect();
    for name in &names {
        world.create(name, json!({})).await;
    }
    for name in &names[10..] {
        world.reason(name, "RateLimited").await;
    }
    world.create("other", of_second_account()).await;
    world.ready("other").await;
    let mut waiting = 0;
    for name in &names {
        let status = world.get(name).await.unwrap().status.unwrap();
        let is_ready = condition(&status, "Ready").is_some_and(|ready| ready.status == "True");
        waiting += usize::from(!is_ready);
    }
    assert!(waiting >= 6, "{waiting} of 12 wait still");
}

#[tokio::test]
async fn with_one_worker_a_clean_up_that_waits_for_its_quota_holds_up_nobody() {
    let world = OperatorWorld::new().await;
    second_account(&world).await;
    let late = ScriptedFault::on(Create).publish_domain("push.example.com");
    world
        .cloud
        .fault(late.delay_after(Duration::from_millis(1500)));
    let flags = [
        "--concurrency=1",
        "--request-timeout=3s",
        "--settle-time=8s",
        "--requests-per-minute=3",
    ];
    let _operator = world.operator_with(&flags).await;
    world.create("push", json!({})).await;
    let made = |cloud: &Cloud| !cloud.rows().is_empty();
    world.cloud.wait_for("a create", LIMIT, made).await.unwrap();
    // By force: what the POST made is left to the clean-up, whose token comes in 20 s.
    let callbacks = world.namespace.callbacks();
    callbacks
        .delete("push", &DeleteParams::default())
        .await
        .unwrap();
    let none = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    callbacks
        .patch_metadata("push", &PatchParams::default(), &none)
        .await
        .unwrap();
    world.gone("push").await;
    world
        .create(
            "absent",
            json!({ "credentialsSecretRef": { "name": "absent" } }),
        )
        .await;
    world.reason("absent", "CredentialsMissing").await;
    world.create("other", of_second_account()).await;
    let looked = |cloud: &Cloud| {
        let mut calls = cloud.calls().into_iter();
        calls.any(|call| call.target.contains("other.example.com"))
    };
    let wait = world.cloud.wait_for("the other's look", LIMIT, looked);
    wait.await.unwrap();
    assert_eq!(world.count(Delete), 0, "the clean-up waits still");
    eventually("nothing is left", LIMIT, async || {
        let rows = world.cloud.rows().into_iter();
        let left = rows.filter(|row| row.publish_domain == "push.example.com");
        (world.count(Delete) == 1 && left.count() == 0).then_some(())
    })
    .await;
}
