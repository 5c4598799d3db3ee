//! How long things take, and what a create costs.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use live_simulator::{LoggedOperation, SimulatorSettings};
use recording_callback_operator::api::RecordingCallback;
use serde_json::{Value, json};

use super::crowd::{self, HANDS, Observer};
use super::{LIFTED, at_most, figure, flags, lifted, number, process};
use crate::support::lease::{allow_lease, leads};
use crate::support::operator::OperatorProcess;
use crate::support::world::OperatorWorld;

/// So many objects, where no fewer are asked for.
const THOUSAND: usize = 1000;
/// How often an edit is timed.
const EDITS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn creates_under_the_quota() {
    let (count, world) = (at_most(THOUSAND), OperatorWorld::new().await);
    crowd::apply(&world, count, |_| json!({})).await;
    let observer = Observer::of(&world);
    let (begun, _operator) = (
        Instant::now(),
        OperatorProcess::start(&flags(&world, &[])).await,
    );
    let took = observer.ready(count).await - begun;
    let counters = world.cloud.counters();
    let least = number(counters.calls) / 270.0 * 60.0;
    let name = "creates under 270 calls a minute: time, against calls / quota";
    figure(name, count, took.as_secs_f64() / least, "times", Some(1.05));
    let name = "creates under 270 calls a minute: calls for each";
    figure(
        name,
        count,
        number(counters.calls) / number(count),
        "calls",
        Some(1.05),
    );
    let throttled = counters.by_status.get(&429).copied().unwrap_or_default();
    let name = "creates under 270 calls a minute: answers 429";
    figure(name, count, number(throttled), "answers", Some(0.0));
}

/// The writes of the operator on these objects once more, by a bare client beside nothing else: how long they take.
async fn bare(world: &OperatorWorld, written: &[RecordingCallback]) -> Duration {
    let (callbacks, params) = (world.namespace.callbacks(), PatchParams::default());
    let patch = |operations: Value| Patch::Json::<()>(serde_json::from_value(operations).unwrap());
    let begun = Instant::now();
    stream::iter(written)
        .for_each_concurrent(HANDS, async |object| {
            let name = object.name_any();
            let record = patch(json!([
                {"op": "add", "path": "/metadata/finalizers", "value": object.finalizers()},
                {"op": "add", "path": "/metadata/annotations", "value": object.annotations()},
            ]));
            callbacks.patch(&name, &params, &record).await.unwrap();
            let status = patch(json!([{"op": "add", "path": "/status", "value": object.status}]));
            let written = callbacks.patch_status(&name, &params, &status).await;
            written.unwrap();
        })
        .await;
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn objects_that_are_there_before_the_start() {
    let count = at_most(THOUSAND);
    let (mut times, mut written) = (Vec::new(), Vec::new());
    for latency in [0, 100] {
        let world = lifted(0).await;
        world
            .cloud
            .settings(|settings: &mut SimulatorSettings| settings.latency_ms = latency);
        crowd::apply(&world, count, |_| json!({})).await;
        let observer = Observer::of(&world);
        let begun = Instant::now();
        let operator = OperatorProcess::start(&flags(&world, &[LIFTED])).await;
        times.push((latency, observer.ready(count).await - begun));
        let name = "there before the start: CPU of the operator";
        figure(name, count, process::cpu(&operator), "s", Some(2.0));
        let writes = number(observer.seen().writes) / number(count);
        figure(
            "there before the start: writes on each",
            count,
            writes,
            "writes",
            Some(2.0),
        );
        let (callbacks, params) = (world.namespace.callbacks(), ListParams::default());
        written = callbacks.list(&params).await.unwrap().items;
    }
    let other = lifted(0).await;
    crowd::apply(&other, count, |_| json!({})).await;
    let bare = bare(&other, &written).await;
    for (latency, took) in times {
        let name = format!(
            "there before the start, the cloud takes {latency} ms: time, against the same writes by a bare client"
        );
        let times = took.as_secs_f64() / bare.as_secs_f64();
        figure(&name, count, times, "times", Some(1.5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn objects_that_are_applied() {
    let (count, world) = (at_most(THOUSAND), lifted(0).await);
    let _operator = OperatorProcess::start(&flags(&world, &[LIFTED])).await;
    let observer = Observer::of(&world);
    let applied = crowd::apply(&world, count, |_| json!({})).await;
    let late = observer.ready(count).await - applied;
    let calls = number(world.cloud.counters().calls) / number(count);
    figure(
        "applied by 16 at once: the last is Ready after the last apply",
        count,
        late.as_secs_f64(),
        "s",
        Some(1.0),
    );
    figure(
        "applied by 16 at once: calls for each",
        count,
        calls,
        "calls",
        Some(1.05),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn edit() {
    let world = lifted(0).await;
    let _operator = OperatorProcess::start(&flags(&world, &[LIFTED])).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let mut times = Vec::new();
    for edit in 1..=EDITS {
        let url = format!("https://hooks.example.com/{edit}");
        let updates = move |cloud: &live_simulator::Cloud| {
            cloud
                .counters()
                .by_operation
                .get(&LoggedOperation::Update)
                .copied()
                == Some(edit)
        };
        let arrived = world
            .cloud
            .wait_for("the update", Duration::from_secs(30), updates);
        let change = world.patch("push", json!({"spec": {"notifyCallbackURL": url}}));
        let edited = async {
            change.await;
            Instant::now()
        };
        let (edited, arrived) = tokio::join!(edited, async {
            arrived.await.unwrap();
            Instant::now()
        });
        times.push(arrived.saturating_duration_since(edited).as_secs_f64() * 1000.0);
        world.ready("push").await;
    }
    times.sort_by(f64::total_cmp);
    let median = times[EDITS / 2];
    figure(
        "an edit: from the API server's answer to the PUT, median of 50",
        1,
        median,
        "ms",
        Some(15.0),
    );
}

/// How long it takes after the end of the one until the other acts.
async fn take_over(world: &OperatorWorld, graceful: bool) -> f64 {
    let lease = format!("--lease-namespace={}", world.namespace.name());
    let name = format!("--lease-name=bench-{graceful}");
    let mut flags = flags(world, &[&lease, &name]);
    flags.retain(|flag| !flag.starts_with("--leader-elect"));
    let mut leader = OperatorProcess::start(&flags).await;
    leads(&leader).await;
    let standby = OperatorProcess::start(&flags).await;
    let begun = Instant::now();
    if graceful {
        leader.terminate().await;
    } else {
        leader.kill().await;
    }
    leads(&standby).await;
    begun.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn take_overs() {
    let world = lifted(0).await;
    allow_lease(&world.namespace).await;
    let took = take_over(&world, true).await;
    figure("take-over from one that ends", 0, took, "s", Some(2.0));
    let took = take_over(&world, false).await;
    figure(
        "take-over from one that was killed (the Lease is for 15 s)",
        0,
        took,
        "s",
        Some(17.0),
    );
}
