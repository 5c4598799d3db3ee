//! How long things take, and what a create costs.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use kube::api::{Patch, PatchParams};
use live_simulator::{LoggedOperation, SimulatorSettings};
use serde_json::json;

use super::crowd::{self, Observer};
use super::{LIFTED, figure, flags, lifted, number, process, thousand};
use crate::support::lease::{allow_lease, leads};
use crate::support::operator::OperatorProcess;
use crate::support::world::OperatorWorld;

/// How often an edit is timed.
const EDITS: usize = 50;
/// So many writes does a bare client have under way.
const HANDS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn creates_under_the_quota() {
    let (count, world) = (thousand(), OperatorWorld::new().await);
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

/// How long a bare client takes for as many writes of the same kind beside nothing else.
async fn bare(world: &OperatorWorld, count: usize) -> Duration {
    let (callbacks, params) = (world.namespace.callbacks(), PatchParams::default());
    let begun = Instant::now();
    stream::iter(0..count)
        .for_each_concurrent(HANDS, async |number| {
            let name = format!("push-{number}");
            let record =
                json!({"metadata": {"annotations": {"example.com/record": "x".repeat(400)}}});
            callbacks
                .patch(&name, &params, &Patch::Merge(record))
                .await
                .unwrap();
            let status = json!({"status": {"requestID": "x".repeat(1000)}});
            callbacks
                .patch_status(&name, &params, &Patch::Merge(status))
                .await
                .unwrap();
        })
        .await;
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn objects_that_are_there_before_the_start() {
    let count = thousand();
    let other = lifted(0).await;
    crowd::apply(&other, count, |_| json!({})).await;
    let bare = bare(&other, count).await;
    for (latency, name) in [
        (
            0,
            "there before the start, the cloud takes 0 ms: time, against a bare client's writes",
        ),
        (
            100,
            "there before the start, the cloud takes 100 ms: time, against a bare client's writes",
        ),
    ] {
        let world = lifted(0).await;
        world
            .cloud
            .settings(|settings: &mut SimulatorSettings| settings.latency_ms = latency);
        crowd::apply(&world, count, |_| json!({})).await;
        let observer = Observer::of(&world);
        let begun = Instant::now();
        let operator = OperatorProcess::start(&flags(&world, &[LIFTED])).await;
        let took = observer.ready(count).await - begun;
        figure(
            name,
            count,
            took.as_secs_f64() / bare.as_secs_f64(),
            "times",
            Some(1.5),
        );
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
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn objects_that_are_applied() {
    let (count, world) = (thousand(), lifted(0).await);
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
