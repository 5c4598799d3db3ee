//! The figures that the product is bought for, by counting the calls at the cloud and the writes on the objects.

use std::{collections::BTreeMap, time::Duration};

use kube::{ResourceExt as _, api::ListParams};
use live_simulator::{LoggedCall, LoggedOperation, RowPatch};
use recording_callback_operator::api::RecordingCallback;
use serde_json::json;

use crate::support::{
    eventually,
    operator::OperatorProcess,
    world::{LIMIT, OperatorWorld, PROJECT, condition},
};

use LoggedOperation::{Create, Delete, List, Update};

/// More than the quota makes a hundred creates take.
const LONG: Duration = Duration::from_secs(90);

fn is_ready(object: &RecordingCallback) -> bool {
    let Some(status) = &object.status else {
        return false;
    };
    status.observed_generation == object.metadata.generation
        && condition(status, "Ready").is_some_and(|ready| ready.status == "True")
}

async fn objects(world: &OperatorWorld) -> Vec<RecordingCallback> {
    let (callbacks, all) = (world.namespace.callbacks(), ListParams::default());
    callbacks.list(&all).await.unwrap().items
}

/// Waits until so many objects are Ready, and gives all of them.
async fn ready(world: &OperatorWorld, wanted: usize) -> Vec<RecordingCallback> {
    eventually(&format!("{wanted} objects are Ready"), LONG, async || {
        let all = objects(world).await;
        (all.iter().filter(|object| is_ready(object)).count() == wanted).then_some(all)
    })
    .await
}

/// The version of each object: a write changes it.
fn versions(objects: &[RecordingCallback]) -> BTreeMap<String, Option<String>> {
    let version = |object: &RecordingCallback| (object.name_any(), object.resource_version());
    objects.iter().map(version).collect()
}

fn live_calls(world: &OperatorWorld) -> Vec<LoggedCall> {
    let calls = world.cloud.calls().into_iter();
    calls.filter(|call| call.operation.is_live()).collect()
}

/// Waits until an operation was called so often.
async fn called(world: &OperatorWorld, operation: LoggedOperation, times: usize) {
    let enough = |cloud: &live_simulator::Cloud| {
        let calls = cloud.calls();
        let found = calls.iter().filter(|call| call.operation == operation);
        found.count() >= times
    };
    let wait = world.cloud.wait_for("calls", LONG, enough);
    wait.await.unwrap();
}

/// Where in the log the first call is of which this is so.
fn position(world: &OperatorWorld, is_so: impl Fn(&LoggedCall) -> bool) -> Option<usize> {
    live_calls(world).iter().position(is_so)
}

fn names(call: &LoggedCall, domain: &str) -> bool {
    let body = call.body.as_ref();
    body.is_some_and(|body| body["publish_domain"] == json!(domain))
}

#[tokio::test]
async fn a_hundred_objects_cost_a_call_each_and_then_a_page_per_hundred_rows_and_no_write() {
    let world = OperatorWorld::new().await;
    for number in 0..150 {
        let domain = format!("other-{number}.example.com");
        let project = PROJECT;
        let none = RowPatch::default();
        world.cloud.insert_row(project, &domain, "live", &none);
    }
    let mut created = Vec::new();
    for number in 0..100 {
        created.push(world.create(&format!("push-{number}"), json!({})).await);
    }

    let mut operator = world.operator_with(&["--requests-per-minute=280"]).await;
    ready(&world, 100).await;
    let counters = world.cloud.counters();
    assert!(counters.calls <= 105, "{:?}", counters.by_operation);
    assert_eq!(counters.by_operation[&Create], 100);
    assert_eq!(counters.by_status.get(&429), None);
    assert!(counters.busiest_minute <= 280, "{counters:?}");
    assert_eq!(world.cloud.rows().len(), 250);
    for object in &created {
        let writes = world.writes_since(object).await;
        assert!(writes <= 3, "{}: {writes} writes", object.name_any());
    }

    // A restart knows from the objects that there is nothing to do.
    let settled = versions(&objects(&world).await);
    let (calls, mutations) = (counters.calls, counters.mutations);
    operator.kill().await;
    let flags = ["--requests-per-minute=280", "--resync-interval=3s"];
    let _operator = world.operator_with(&flags).await;

    // And every sweep takes as many lists as the project has pages.
    called(&world, List, calls - 100 + 9).await;
    let lists: Vec<LoggedCall> = live_calls(&world).split_off(calls);
    assert!(lists.iter().all(|call| call.operation == List));
    let first_pages = lists.iter().filter(|call| call.target.contains("offset=0"));
    assert_eq!(first_pages.count(), lists.len().div_ceil(3), "{lists:#?}");
    assert_eq!(world.cloud.counters().mutations, mutations);
    assert_eq!(versions(&objects(&world).await), settled);
}

#[tokio::test]
async fn a_rotated_sign_key_is_one_update_and_one_write_for_each_object() {
    let world = OperatorWorld::new().await;
    world.put_secret("hooks", &[("sign", "k".repeat(32))]).await;
    let key = json!({ "signKeySecretRef": { "name": "hooks", "key": "sign" } });
    for number in 0..20 {
        world.create(&format!("push-{number}"), key.clone()).await;
    }
    let _operator = world.operator_with(&["--requests-per-minute=280"]).await;
    let settled = ready(&world, 20).await;
    assert_eq!(world.count(Update), 0);

    world.put_secret("hooks", &[("sign", "n".repeat(32))]).await;
    let rotated = world.cloud.wait_for("the new key", LONG, |cloud| {
        let rows = cloud.rows();
        rows.iter().all(|row| {
            row.key
                .as_ref()
                .is_some_and(|key| key.reveal() == "n".repeat(32))
        })
    });
    rotated.await.unwrap();
    for object in &settled {
        let name = object.name_any();
        let digest = |object: &RecordingCallback| {
            let sent = object
                .status
                .as_ref()
                .and_then(|status| status.sent.clone());
            sent.and_then(|sent| sent.key_digest)
        };
        eventually("the new key's digest", LIMIT, async || {
            let now = world.get(&name).await?;
            (digest(&now) != digest(object)).then_some(())
        })
        .await;
        assert!(world.writes_since(object).await <= 2, "2 where it queues");
    }
    assert_eq!(world.count(Update), 20);
    assert_eq!((world.count(Create), world.count(Delete)), (20, 0));
}

#[tokio::test]
async fn an_edit_that_has_to_queue_is_two_writes() {
    let world = OperatorWorld::new().await;
    // One token every 10 s: whoever comes after a call waits for long.
    let _operator = world.operator_with(&["--requests-per-minute=6"]).await;
    world.create("push", json!({})).await;
    world.ready("push").await;

    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    let edited = world.patch("push", url).await;
    let status = world.reason("push", "RateLimited").await;
    assert!(status.next_attempt_time.is_some());
    assert!(condition(&status, "Reconciling").is_some());
    world.ready("push").await;

    assert_eq!(world.count(Update), 1);
    assert_eq!(world.writes_since(&edited).await, 2);
}

#[tokio::test]
async fn a_queue_of_creates_holds_up_neither_edits_nor_deletes_nor_other_namespaces() {
    let (world, other) = (OperatorWorld::new().await, OperatorWorld::new().await);
    other.put_secret("huaweicloud", &world.credentials()).await;
    let mut flags = world.flags();
    flags.retain(|flag| !flag.starts_with("--namespaces="));
    let namespaces = [world.namespace.name(), other.namespace.name()].join(",");
    flags.push(format!("--namespaces={namespaces}"));
    flags.push("--requests-per-minute=60".to_owned());
    let _operator = OperatorProcess::start(&flags).await;
    world.create("edited", json!({})).await;
    world.create("deleted", json!({})).await;
    world.ready("edited").await;
    world.ready("deleted").await;
    for number in 0..60 {
        world.create(&format!("push-{number}"), json!({})).await;
    }
    called(&world, Create, 6).await;

    let before = live_calls(&world).len();
    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("edited", url).await;
    world.delete("deleted").await;
    other.create("alone", json!({})).await;
    let alone = |call: &LoggedCall| call.operation == Create && names(call, "alone.example.com");
    eventually("all three are served", LIMIT, async || {
        position(&world, |call| call.operation == Update)?;
        position(&world, |call| call.operation == Delete)?;
        position(&world, alone)
    })
    .await;

    // A token every second, two of them to the urgent ones, the rest in turns: look and create of the other namespace come soon.
    let after = |is_so: &dyn Fn(&LoggedCall) -> bool| position(&world, is_so).unwrap() - before;
    let edit = after(&|call| call.operation == Update);
    let delete = after(&|call| call.operation == Delete);
    let calls = live_calls(&world).split_off(before);
    let calls: Vec<LoggedOperation> = calls.iter().map(|call| call.operation).collect();
    assert!(edit <= 4 && delete <= 4, "{calls:?}");
    assert!(after(&alone) <= 9, "{calls:?}");
    assert!(world.count(Create) < 40, "the queue is still long");
}
