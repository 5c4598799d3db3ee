//! Facts are levels: what an object refers to is judged by what holds now, however it came to hold and whatever failed on the way.

mod rotation;

use live_simulator::{Cloud, KnownCredential, LoggedOperation};
use recording_callback_operator::api::{RecordingCallback, status::Status};
use serde_json::{Value, json};

use crate::support::{
    versions,
    world::{AK, LIMIT, OperatorWorld, PROJECT, SK, condition},
};

use LoggedOperation::{Get, List, Update};

const A: &str = "TestSignKeyNotASecret0000000000000A";
const B: &str = "TestSignKeyNotASecret0000000000000B";
const C: &str = "TestSignKeyNotASecret0000000000000C";

const OTHER_PROJECT: &str = "fedcba9876543210fedcba9876543210";

fn key(name: &str, key: &str) -> Value {
    json!({ "signKeySecretRef": { "name": name, "key": key } })
}

fn credentials(name: &str) -> Value {
    json!({ "credentialsSecretRef": { "name": name } })
}

async fn edit(world: &OperatorWorld, spec: Value) {
    world.patch("push", json!({ "spec": spec })).await;
}

async fn put_keys(world: &OperatorWorld, sign: &str, other: &str) {
    let values = [("sign", sign.to_owned()), ("other", other.to_owned())];
    world.put_secret("hooks", &values).await;
}

/// Waits until the cloud holds this key, and gives the PUTs so far.
async fn holds(world: &OperatorWorld, key: &str) -> usize {
    let held = |cloud: &Cloud| {
        let rows = cloud.rows();
        rows.iter()
            .all(|row| row.key.as_ref().is_some_and(|held| held.reveal() == key))
    };
    world.cloud.wait_for(key, LIMIT, held).await.unwrap();
    world.count(Update)
}

fn digest(status: &Status) -> Option<&String> {
    status.sent.as_ref()?.key_digest.as_ref()
}

/// The statuses after this version that say Ready of a later generation.
async fn readies_since(world: &OperatorWorld, before: &RecordingCallback) -> Vec<Status> {
    let statuses = versions::statuses(&world.namespace, before).await;
    let is_ready = |status: &Status| {
        status.observed_generation > before.metadata.generation
            && condition(status, "Ready").is_some_and(|ready| ready.status == "True")
    };
    statuses.into_iter().filter(is_ready).collect()
}

#[tokio::test]
async fn another_sign_key_is_sent_once_and_before_the_generation_is_ready() {
    let world = OperatorWorld::new().await;
    put_keys(&world, A, B).await;
    world.put_secret("next", &[("sign", C.to_owned())]).await;
    let _operator = world.operator().await;
    world.create("push", key("hooks", "sign")).await;
    world.ready("push").await;

    // The last one was read before: nobody notices it as a change.
    let edits = [
        (key("hooks", "other"), B),
        (key("next", "sign"), C),
        (key("hooks", "sign"), A),
    ];
    for (number, (spec, value)) in edits.into_iter().enumerate() {
        let before = world.get("push").await.unwrap();
        let former = before.status.clone().unwrap();
        edit(&world, spec).await;
        let status = world.ready("push").await;
        assert_eq!(holds(&world, value).await, number + 1);
        assert_ne!(digest(&status), digest(&former));
        let ready = readies_since(&world, &before).await;
        let early = ready.iter().find(|said| digest(said) == digest(&former));
        assert_eq!(early, None, "Ready before the PUT");
    }
}

#[tokio::test]
async fn other_credentials_of_the_same_project_look_once() {
    let world = OperatorWorld::new().await;
    let second = ("AKTESTEXAMPLE0000002", "sk-test-example-of-the-second-key");
    let credential = KnownCredential::new(second.0, second.1, PROJECT);
    world.cloud.add_credential(credential);
    let mut values = world.credentials_with(second.1);
    second.0.clone_into(&mut values[0].1);
    world.put_secret("second", &values).await;
    world.put_secret("copy", &world.credentials()).await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id;

    for (name, looks) in [("copy", 0), ("second", 1), ("huaweicloud", 1)] {
        let before = world.calls().len();
        edit(&world, credentials(name)).await;
        assert_eq!(world.ready("push").await.callback_id, id);
        let calls = world.calls().split_off(before);
        let are_looks = calls.iter().all(|(call, _)| [Get, List].contains(call));
        assert!(are_looks && calls.len() == looks, "{name}: {calls:?}");
    }
}

#[tokio::test]
async fn another_target_is_not_called_until_it_is_the_former_one_again() {
    let world = OperatorWorld::new().await;
    let credential = KnownCredential::new(AK, SK, PROJECT);
    world
        .cloud
        .add_credential(credential.project(OTHER_PROJECT, "other"));
    for (name, key, value) in [("project", 2, OTHER_PROJECT), ("region", 3, "cn-east-3")] {
        let mut values = world.credentials();
        value.clone_into(&mut values[key].1);
        world.put_secret(name, &values).await;
    }
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id;
    for name in ["project", "region"] {
        let before = world.calls().len();
        edit(&world, credentials(name)).await;
        world.reason("push", "TargetChanged").await;
        assert_eq!(world.calls().len(), before, "{name}");
        edit(&world, credentials("huaweicloud")).await;
        assert_eq!(world.ready("push").await.callback_id, id);
        let calls = world.calls().split_off(before);
        let are_looks = calls.iter().all(|(call, _)| [Get, List].contains(call));
        assert!(are_looks && calls.len() <= 1, "{calls:?}");
    }

    // What the target is, said in the spec: no other one.
    edit(
        &world,
        json!({ "region": "cn-north-4", "projectID": PROJECT }),
    )
    .await;
    assert_eq!(world.ready("push").await.callback_id, id);
    for (name, spec) in [
        ("region", json!({ "region": "cn-east-3" })),
        ("project", json!({ "projectID": OTHER_PROJECT })),
    ] {
        world.create(name, json!({})).await;
        world.ready(name).await;
        let before = world.get(name).await.unwrap();
        let calls = world.calls().len();
        world.patch(name, json!({ "spec": spec })).await;
        world.reason(name, "TargetChanged").await;
        assert_eq!(world.calls().len(), calls, "{name}");
        assert_eq!(readies_since(&world, &before).await, [], "{name}");
    }
    assert_eq!(world.cloud.mutations().len(), 3, "the creates");
}

#[tokio::test]
async fn another_target_that_came_while_nobody_watched_is_told() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id;
    operator.kill().await;
    let mut values = world.credentials();
    OTHER_PROJECT.clone_into(&mut values[2].1);
    world.put_secret("huaweicloud", &values).await;
    let before = world.calls().len();
    let _operator = world.operator().await;
    world.reason("push", "TargetChanged").await;
    assert_eq!(world.calls().len(), before);
    world.put_secret("huaweicloud", &world.credentials()).await;
    assert_eq!(world.ready("push").await.callback_id, id);
    assert_eq!(world.cloud.mutations().len(), 1, "the create");
}

#[tokio::test]
async fn an_endpoint_that_came_to_be_forbidden_while_nobody_watched_is_told() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    operator.kill().await;
    let before = world.calls().len();
    let allowed = "--allowed-endpoints=live.*.myhuaweicloud.com";
    let _operator = world.operator_with(&[allowed]).await;
    world.reason("push", "EndpointNotAllowed").await;
    assert_eq!(world.calls().len(), before);
}

#[tokio::test]
async fn a_secret_that_is_missing_is_told_of_the_new_generation_and_healed() {
    let world = OperatorWorld::new().await;
    put_keys(&world, A, B).await;
    let _operator = world.operator().await;
    world.create("push", key("hooks", "sign")).await;
    let id = world.ready("push").await.callback_id;
    let before = world.calls().len();
    let usual = |name: &str| match name {
        "CredentialsMissing" => credentials("huaweicloud"),
        _ => key("hooks", "sign"),
    };
    for (spec, reason) in [
        (credentials("nowhere"), "CredentialsMissing"),
        (key("nowhere", "sign"), "SignKeyMissing"),
        (key("hooks", "nothing"), "SignKeyMissing"),
    ] {
        let settled = world.get("push").await.unwrap();
        edit(&world, spec).await;
        let status = world.reason("push", reason).await;
        assert!(condition(&status, "Reconciling").is_some(), "{reason}");
        assert_eq!(readies_since(&world, &settled).await, [], "{reason}");
        edit(&world, usual(reason)).await;
        assert_eq!(world.ready("push").await.callback_id, id);
    }
    assert_eq!(world.count(Update), 0);
    let looks = world.calls().split_off(before);
    assert!(looks.len() <= 3, "{looks:?}");
}
