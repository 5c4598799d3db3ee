//! The key with which notifications are signed: write-only at the cloud, so what is sent is counted here.

use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use live_simulator::{LoggedOperation, RowPatch, SimulatorSettings, StoredSignKey};
use recording_callback_operator::api::status::Status;
use serde_json::json;

use crate::support::{
    eventually,
    operator::OperatorProcess,
    proxy::{ApiProxy, Harm, HarmedAnswer, HarmedCalls},
    world::{AK, LIMIT, OperatorWorld, SK, condition},
};

use LoggedOperation::Update;

const FIRST: &str = "TestSignKeyNotASecret00000000000001";
const SECOND: &str = "TestSignKeyNotASecret00000000000002";

fn wants() -> serde_json::Value {
    json!({ "signKeySecretRef": { "name": "hooks", "key": "sign" } })
}

async fn put_key(world: &OperatorWorld, key: &str) {
    let values = [
        ("sign", key.to_owned()),
        ("other", "not looked at".to_owned()),
    ];
    world.put_secret("hooks", &values).await;
}

/// The keys that the cloud holds.
fn keys(world: &OperatorWorld) -> Vec<Option<String>> {
    let rows = world.cloud.rows();
    let keys = rows.iter().map(|row| row.key.as_ref());
    keys.map(|key| key.map(|key| key.reveal().to_owned()))
        .collect()
}

fn updates(world: &OperatorWorld) -> usize {
    let calls = world.calls();
    calls
        .iter()
        .filter(|(operation, _)| *operation == Update)
        .count()
}

fn digest(status: &Status) -> Option<String> {
    status.sent.as_ref()?.key_digest.clone()
}

/// Nothing secret is in what people and programs can read.
async fn keeps_secrets(world: &OperatorWorld, operator: &OperatorProcess, secrets: &[&str]) {
    let callbacks = world.namespace.callbacks();
    let objects = callbacks.list(&ListParams::default()).await.unwrap();
    let events: Api<Event> = Api::namespaced(world.namespace.client(), world.namespace.name());
    let events = events.list(&ListParams::default()).await.unwrap();
    let (_, metrics) = operator.get("/metrics").await.unwrap();
    let texts = [
        operator.output(),
        serde_json::to_string(&objects).unwrap(),
        serde_json::to_string(&events).unwrap(),
        metrics,
    ];
    assert!(!events.items.is_empty() && texts[0].contains("\"call\""));
    for (place, text) in ["log", "objects", "events", "metrics"].iter().zip(&texts) {
        for secret in secrets {
            assert!(!text.contains(secret), "the {place} has {secret}");
        }
    }
}

#[tokio::test]
async fn a_key_is_sent_and_its_digest_is_kept() {
    let world = OperatorWorld::new().await;
    put_key(&world, FIRST).await;
    let operator = world.operator().await;
    for name in ["one", "two"] {
        world.create(name, wants()).await;
    }
    world.create("without", json!({})).await;
    let (one, two) = (
        digest(&world.ready("one").await).unwrap(),
        digest(&world.ready("two").await).unwrap(),
    );
    assert_eq!(digest(&world.ready("without").await), None);
    assert_eq!(one.len(), 32, "{one}");
    assert_ne!(one, two, "the digest is keyed with the object");
    let mut sent = keys(&world);
    sent.sort();
    assert_eq!(sent, [None, Some(FIRST.to_owned()), Some(FIRST.to_owned())]);
    assert_eq!(updates(&world), 0);
    keeps_secrets(&world, &operator, &[FIRST, AK, SK]).await;
}

#[tokio::test]
async fn a_changed_key_is_one_update_per_object() {
    let world = OperatorWorld::new().await;
    put_key(&world, FIRST).await;
    let operator = world.operator().await;
    let names = ["one", "two", "three", "four"];
    let mut before = Vec::new();
    for name in names {
        world.create(name, wants()).await;
        before.push(digest(&world.ready(name).await));
    }
    let calls = world.calls().len();

    put_key(&world, SECOND).await;
    for (name, before) in names.iter().zip(before) {
        world
            .status(name, "the digest of the new key", |status| {
                digest(status).is_some() && digest(status) != before
            })
            .await;
        world.ready(name).await;
    }
    assert_eq!(world.calls()[calls..], [(Update, Some(200)); 4]);
    assert_eq!(keys(&world), vec![Some(SECOND.to_owned()); 4]);

    // What else is in that Secret does not matter.
    let values = [("sign", SECOND.to_owned()), ("other", "changed".to_owned())];
    world.put_secret("hooks", &values).await;
    world.create("five", wants()).await;
    world.ready("five").await;
    assert_eq!(updates(&world), 4);
    keeps_secrets(&world, &operator, &[FIRST, SECOND, AK, SK]).await;
}

#[tokio::test]
async fn a_key_that_changed_while_nobody_watched_is_one_update() {
    let world = OperatorWorld::new().await;
    put_key(&world, FIRST).await;
    let mut operator = world.operator().await;
    world.create("push", wants()).await;
    world.ready("push").await;
    operator.kill().await;
    put_key(&world, SECOND).await;

    let _operator = world.operator().await;
    eventually("the new key is sent", LIMIT, async || {
        (keys(&world) == [Some(SECOND.to_owned())]).then_some(())
    })
    .await;
    world.ready("push").await;
    assert_eq!(updates(&world), 1);
}

#[tokio::test]
async fn a_key_that_another_object_reads_first_after_a_restart_is_sent_for_all() {
    let world = OperatorWorld::new().await;
    put_key(&world, FIRST).await;
    let mut operator = world.operator().await;
    world.create("push", wants()).await;
    world.ready("push").await;
    operator.kill().await;
    put_key(&world, SECOND).await;
    world.create("other", wants()).await;

    // Long enough for the other object to be served before the Secrets in use are read.
    let _operator = world.operator_with(&["--secret-poll-interval=5s"]).await;
    world.ready("other").await;
    eventually("the new key is sent", LIMIT, async || {
        let second = Some(SECOND.to_owned());
        (keys(&world) == [second.clone(), second]).then_some(())
    })
    .await;
    world.ready("push").await;
    assert_eq!(updates(&world), 1);
}

#[tokio::test]
async fn a_key_that_is_rotated_during_suspension_is_sent_once_when_that_ends() {
    let world = OperatorWorld::new().await;
    put_key(&world, FIRST).await;
    let _operator = world.operator().await;
    world.create("push", wants()).await;
    let id = world.ready("push").await.callback_id.unwrap();
    world
        .patch("push", json!({ "spec": { "suspend": true } }))
        .await;
    world.reason("push", "Suspended").await;
    put_key(&world, SECOND).await;
    // What another object needs shows that the Secret was read anew.
    let values = [("sign", SECOND.to_owned()), ("later", FIRST.to_owned())];
    let other = json!({ "signKeySecretRef": { "name": "hooks", "key": "later" } });
    world.create("other", other).await;
    world.reason("other", "SignKeyMissing").await;
    world.put_secret("hooks", &values).await;
    world.ready("other").await;
    assert_eq!(updates(&world), 0);

    world
        .patch("push", json!({ "spec": { "suspend": false } }))
        .await;
    eventually("the new key is sent", LIMIT, async || {
        let row = world.cloud.row(&id)?;
        (row.key?.reveal() == SECOND).then_some(())
    })
    .await;
    world.ready("push").await;
    assert_eq!(updates(&world), 1);
}

#[tokio::test]
async fn a_rotation_whose_reconcile_meets_an_error_of_the_api_server_is_sent_once() {
    for calls in [HarmedCalls::Read, HarmedCalls::Secret] {
        let world = OperatorWorld::new().await;
        put_key(&world, FIRST).await;
        let proxy = ApiProxy::start(std::sync::Arc::default()).await;
        let _operator = OperatorProcess::start_at(proxy.url(), &world.flags()).await;
        world.create("push", wants()).await;
        world.ready("push").await;
        let error = HarmedAnswer::error(500, "InternalError");
        proxy.harm(Harm::to(calls).before(error));
        put_key(&world, SECOND).await;
        eventually("the new key is sent", LIMIT, async || {
            (keys(&world) == [Some(SECOND.to_owned())]).then_some(())
        })
        .await;
        world.ready("push").await;
        assert_eq!((updates(&world), proxy.harmed()), (1, 1), "{calls:?}");
    }
}

#[tokio::test]
async fn a_key_that_somebody_else_changed_is_rewritten_once() {
    let world = OperatorWorld::with(SimulatorSettings {
        write_times: true,
        ..SimulatorSettings::default()
    })
    .await;
    put_key(&world, FIRST).await;
    let _operator = world.operator_with(&["--resync-interval=1s"]).await;
    world.create("push", wants()).await;
    let status = world.ready("push").await;
    let written = status.last_operation.unwrap().time.unwrap();
    // A change within 5 s of our own write can't be told from it.
    eventually("6 s have passed", LIMIT, async || {
        (world.cloud.now().duration_since(written).as_secs() > 6).then_some(())
    })
    .await;
    let patch = RowPatch {
        key: Some(StoredSignKey::new(SECOND)),
        ..RowPatch::default()
    };
    world
        .cloud
        .edit_row(&status.callback_id.unwrap(), &patch)
        .unwrap();
    eventually("our key is back", LIMIT, async || {
        (keys(&world) == [Some(FIRST.to_owned())]).then_some(())
    })
    .await;
    let sweeps = world.calls().len();
    eventually("three more sweeps", LIMIT, async || {
        (world.calls().len() > sweeps + 3).then_some(())
    })
    .await;
    assert_eq!(updates(&world), 1, "{:?}", world.calls());
}

#[tokio::test]
async fn a_missing_or_invalid_key_is_told_without_a_call() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    world.create("push", wants()).await;
    let status = world.reason("push", "SignKeyMissing").await;
    let message = &condition(&status, "Ready").unwrap().message;
    assert!(message.contains("hooks"), "{message}");
    assert!(condition(&status, "Reconciling").is_some());

    world
        .put_secret("hooks", &[("another", FIRST.to_owned())])
        .await;
    world
        .status("push", "the missing key is named", |status| {
            condition(status, "Ready").is_some_and(|ready| ready.message.contains("\"sign\""))
        })
        .await;

    let invalid = [
        ("TestSignKeyTooShort01", "at least 32"),
        ("TestSignKeyNotASecret0000000000000-1", "character"),
        ("TestSignKeyNotASecret00000000000001\n", "white space"),
    ];
    for (key, problem) in invalid {
        put_key(&world, key).await;
        let status = world
            .status("push", problem, |status| {
                condition(status, "Ready").is_some_and(|ready| {
                    ready.reason == "SignKeyInvalid" && ready.message.contains(problem)
                })
            })
            .await;
        assert!(condition(&status, "Stalled").is_some());
    }
    assert_eq!(world.calls(), []);

    put_key(&world, FIRST).await;
    world.ready("push").await;
    let secrets = ["TestSignKeyTooShort", "TestSignKeyNotASecret", AK, SK];
    keeps_secrets(&world, &operator, &secrets).await;
}

#[tokio::test]
async fn a_key_that_is_lost_does_not_disturb_what_is_settled() {
    let world = OperatorWorld::new().await;
    put_key(&world, FIRST).await;
    let _operator = world.operator().await;
    world.create("push", wants()).await;
    world.ready("push").await;
    let settled = world.get("push").await.unwrap();
    let before = world.calls().len();

    // An object that needs another key shows when the Secret was read anew.
    let other = json!({ "signKeySecretRef": { "name": "hooks", "key": "later" } });
    world.create("other", other).await;
    world.reason("other", "SignKeyMissing").await;
    let values = [("later", FIRST.to_owned())];
    world.put_secret("hooks", &values).await;
    world.ready("other").await;
    assert_eq!(world.writes_since(&settled).await, 0);
    assert_eq!(world.calls().len(), before + 2, "those of the other one");
}

#[tokio::test]
async fn a_key_that_is_taken_out_of_the_spec_stays_at_the_cloud_and_that_is_told() {
    let world = OperatorWorld::new().await;
    put_key(&world, FIRST).await;
    let _operator = world.operator().await;
    world.create("push", wants()).await;
    world.ready("push").await;
    let before = world.calls().len();

    world
        .patch("push", json!({ "spec": { "signKeySecretRef": null } }))
        .await;
    let status = world
        .status("push", "what stays is told", |status| {
            condition(status, "Ready")
                .is_some_and(|ready| ready.status == "True" && ready.message.contains("sign key"))
        })
        .await;
    assert!(digest(&status).is_some());
    assert_eq!(world.calls().len(), before);
    assert_eq!(keys(&world), [Some(FIRST.to_owned())]);
}
