//! The figures of a large installation: a thousand objects on real parts, by counting calls and writes. Takes minutes, most of
//! them for the quota of a thousand creates.

use std::{collections::BTreeMap, fs, time::Duration};

use futures::{StreamExt as _, stream};
use kube::{ResourceExt as _, api::ListParams};
use live_simulator::{LoggedCall, LoggedOperation, RowPatch};
use recording_callback_operator::api::RecordingCallback;
use serde_json::json;

use crate::support::{
    eventually,
    operator::OperatorProcess,
    print_line,
    world::{OperatorWorld, PROJECT, condition},
};

use LoggedOperation::{Create, List, Update};

const OBJECTS: usize = 1000;
/// Of these, how many have a sign key.
const SIGNED: usize = 100;
/// Rows of others at first, and later: a sweep of all takes 11 pages then.
const OTHERS: (usize, usize) = (500, 50);
/// The quota alone takes four minutes for the creates.
const LONG: Duration = Duration::from_mins(8);
/// What the chart grants; this is a build without optimisation.
const MOST_MEMORY_KIB: u64 = 256 * 1024;

async fn objects(world: &OperatorWorld) -> Vec<RecordingCallback> {
    let (callbacks, all) = (world.namespace.callbacks(), ListParams::default());
    callbacks.list(&all).await.unwrap().items
}

/// Waits until all objects are Ready; their versions then.
async fn settled(world: &OperatorWorld) -> BTreeMap<String, Option<String>> {
    let is_ready = |object: &RecordingCallback| {
        let status = object.status.as_ref();
        let ready = status.and_then(|status| condition(status, "Ready"));
        ready.is_some_and(|ready| ready.status == "True")
    };
    eventually("all objects are Ready", LONG, async || {
        let all = objects(world).await;
        let versions = |object: &RecordingCallback| (object.name_any(), object.resource_version());
        let all_ready = all.iter().all(is_ready);
        all_ready.then(|| all.iter().map(versions).collect())
    })
    .await
}

fn live_calls(world: &OperatorWorld) -> Vec<LoggedCall> {
    let calls = world.cloud.calls().into_iter();
    calls.filter(|call| call.operation.is_live()).collect()
}

/// Waits until so many sweeps have begun after the calls so far, and gives the calls of all but the last one.
async fn sweeps(world: &OperatorWorld, since: usize, wanted: usize) -> Vec<LoggedCall> {
    eventually("the sweeps", LONG, async || {
        let calls = live_calls(world).split_off(since);
        let is_first = |call: &LoggedCall| call.target.contains("offset=0");
        let last = calls.iter().rposition(is_first)?;
        let begun = calls.iter().filter(|call| is_first(call)).count();
        (begun > wanted).then(|| calls[..last].to_vec())
    })
    .await
}

/// The most memory that the process ever took, in KiB.
fn memory(operator: &OperatorProcess) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", operator.process())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_thousand_objects_cost_a_call_each_and_then_eleven_lists_a_sweep() {
    let world = OperatorWorld::new().await;
    let others = (0..OTHERS.0).map(|number| {
        let (domain, none) = (format!("other-{number}.example.com"), RowPatch::default());
        world.cloud.insert_row(PROJECT, &domain, "live", &none).id
    });
    let others: Vec<String> = others.collect();
    world.put_secret("hooks", &[("sign", "k".repeat(32))]).await;
    stream::iter(0..OBJECTS)
        .for_each_concurrent(8, async |number| {
            let spec = if number < SIGNED {
                json!({ "signKeySecretRef": { "name": "hooks", "key": "sign" } })
            } else {
                json!({})
            };
            world.create(&format!("push-{number}"), spec).await;
        })
        .await;

    let mut operator = world.operator().await;
    settled(&world).await;
    let counters = world.cloud.counters();
    assert!(counters.calls <= 1050, "{:?}", counters.by_operation);
    assert_eq!(counters.by_operation[&Create], OBJECTS);
    assert_eq!(counters.by_status.get(&429), None);
    assert!(counters.busiest_minute <= 280, "{counters:?}");
    let while_creating = memory(&operator);

    // A restart and the sweeps after it: lists, no change at the cloud, no write on an object.
    for id in &others[OTHERS.1..] {
        world.cloud.delete_row(id);
    }
    let before = settled(&world).await;
    operator.kill().await;
    let since = live_calls(&world).len();
    let operator = world.operator_with(&["--resync-interval=15s"]).await;
    let swept = sweeps(&world, since, 3).await;
    assert!(swept.iter().all(|call| call.operation == List));
    let each = swept.split(|call| call.target.contains("offset=0"));
    let longest = each.map(|pages| pages.len() + 1).max().unwrap();
    assert!(longest <= 11, "{longest} calls in a sweep");
    assert_eq!(settled(&world).await, before);

    world.put_secret("hooks", &[("sign", "n".repeat(32))]).await;
    let rotated = world.cloud.wait_for("the new key", LONG, |cloud| {
        let rows = cloud.rows().into_iter();
        let keys = rows.filter_map(|row| row.key);
        keys.filter(|key| key.reveal() == "n".repeat(32)).count() == SIGNED
    });
    rotated.await.unwrap();
    settled(&world).await;
    assert_eq!(world.count(Update), SIGNED);

    let settled_memory = memory(&operator);
    print_line(&format!(
        "{OBJECTS} creates beside {} rows: {} calls, at most {} in a minute; a sweep of all: {longest} calls; {SIGNED} keys rotated: {SIGNED} updates; memory: {} MiB while creating, {} MiB after a restart",
        OTHERS.0,
        counters.calls,
        counters.busiest_minute,
        while_creating / 1024,
        settled_memory / 1024
    ));
    let most = while_creating.max(settled_memory);
    assert!(most <= MOST_MEMORY_KIB, "{most} KiB");
}
