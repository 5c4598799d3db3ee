//! Facts are levels: what an object refers to is judged by what holds now, however it came to hold and whatever failed on the way.

use std::sync::Arc;

use live_simulator::{Cloud, Credential, Operation};
use recording_callback_operator::api::{RecordingCallback, status::Status};
use serde_json::{Value, json};

use crate::support::{
    operator::Operator,
    proxy::{Answer, Calls, Harm, Proxy},
    trap::{Blow, Moment, Point, Side, Trap},
    versions,
    world::{AK, LIMIT, PROJECT, SK, World, condition},
};

use Operation::{Get, List, Update};

const A: &str = "TestSignKeyNotASecret0000000000000A";
const B: &str = "TestSignKeyNotASecret0000000000000B";
const C: &str = "TestSignKeyNotASecret0000000000000C";
const D: &str = "TestSignKeyNotASecret0000000000000D";

const OTHER_PROJECT: &str = "fedcba9876543210fedcba9876543210";

fn key(name: &str, key: &str) -> Value {
    json!({ "signKeySecretRef": { "name": name, "key": key } })
}

fn credentials(name: &str) -> Value {
    json!({ "credentialsSecretRef": { "name": name } })
}

async fn edit(world: &World, spec: Value) {
    world.patch("push", json!({ "spec": spec })).await;
}

async fn put_keys(world: &World, sign: &str, other: &str) {
    let values = [("sign", sign.to_owned()), ("other", other.to_owned())];
    world.put_secret("hooks", &values).await;
}

/// Waits until the cloud holds this key, and gives the PUTs so far.
async fn holds(world: &World, key: &str) -> usize {
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
async fn readies_since(world: &World, before: &RecordingCallback) -> Vec<Status> {
    let statuses = versions::statuses(&world.namespace, before).await;
    let is_ready = |status: &Status| {
        status.observed_generation > before.metadata.generation
            && condition(status, "Ready").is_some_and(|ready| ready.status == "True")
    };
    statuses.into_iter().filter(is_ready).collect()
}

/// Waits until the Secret `hooks` was read anew, which another object tells that needs a key of it.
async fn read_anew(world: &World, sign: &str) {
    world.create("reader", key("hooks", "later")).await;
    world.reason("reader", "SignKeyMissing").await;
    let values = [("sign", sign.to_owned()), ("later", D.to_owned())];
    world.put_secret("hooks", &values).await;
    world.ready("reader").await;
}

#[tokio::test]
async fn another_sign_key_is_sent_once_and_before_the_generation_is_ready() {
    let world = World::new().await;
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
    let world = World::new().await;
    let second = ("AKTESTEXAMPLE0000002", "sk-test-example-of-the-second-key");
    let credential = Credential::new(second.0, second.1, PROJECT);
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
    let world = World::new().await;
    let credential = Credential::new(AK, SK, PROJECT);
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
async fn a_secret_that_is_missing_is_told_of_the_new_generation_and_healed() {
    let world = World::new().await;
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

/// The steps are those of one object's life, in this order.
#[tokio::test]
async fn a_rotation_is_sent_whatever_comes_between_it_and_its_reconcile() {
    let world = World::new().await;
    let trap = Trap::before(&world.cloud);
    let proxy = Proxy::start(Arc::clone(&trap)).await;
    put_keys(&world, A, D).await;
    let mut operator = Operator::start_at(proxy.url(), &world.flags()).await;
    world.create("push", key("hooks", "sign")).await;
    world.ready("push").await;

    // It is rotated during a suspension.
    edit(&world, json!({ "suspend": true })).await;
    world.reason("push", "Suspended").await;
    put_keys(&world, B, D).await;
    edit(&world, json!({ "suspend": false })).await;
    assert_eq!(holds(&world, B).await, 1);
    world.ready("push").await;

    // The read of the object that follows a rotation fails.
    let error = Answer::error(500, "InternalError");
    proxy.harm(Harm::to(Calls::Read).before(error));
    put_keys(&world, C, D).await;
    assert_eq!(holds(&world, C).await, 2);
    world.ready("push").await;
    assert_eq!(proxy.harmed(), 1);

    // Another key is named, and the process dies before it can tell that it sent it. Then it is the former value again.
    let put = Point {
        side: Side::Cloud,
        number: 1,
        moment: Moment::After,
    };
    trap.set(put, Blow::Kill, operator.process(), &world.cloud);
    edit(&world, key("hooks", "other")).await;
    operator.ended().await;
    assert_eq!(holds(&world, D).await, 3);
    let told = world.get("push").await.unwrap();
    assert_ne!(
        told.status.unwrap().observed_generation,
        told.metadata.generation
    );
    trap.count();
    put_keys(&world, C, C).await;
    let _operator = Operator::start_at(proxy.url(), &world.flags()).await;
    assert_eq!(holds(&world, C).await, 4);
    world.ready("push").await;
    assert_eq!(world.count(Update), 4);
}

#[tokio::test]
async fn a_key_that_is_rotated_under_observe_is_sent_once_when_it_is_managed_again() {
    let world = World::new().await;
    put_keys(&world, A, B).await;
    let _operator = world.operator().await;
    world.create("push", key("hooks", "sign")).await;
    world.ready("push").await;
    edit(&world, json!({ "managementPolicy": "Observe" })).await;
    world.reason("push", "ObserveOnly").await;
    put_keys(&world, B, B).await;
    read_anew(&world, B).await;
    assert_eq!(world.count(Update), 0);
    world.delete("reader").await;
    world.gone("reader").await;

    edit(&world, json!({ "managementPolicy": "Manage" })).await;
    assert_eq!(holds(&world, B).await, 1);
    world.ready("push").await;
    assert_eq!(world.count(Update), 1);
}
