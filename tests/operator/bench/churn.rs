//! Many objects come, are edited and go, and nothing of them stays.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use live_simulator::{Cloud, Counters, LoggedOperation};
use serde_json::json;

use super::crowd::{self, HANDS, Observer};
use super::growth::{PROJECTS, spread};
use super::{LIFTED, at_most, figure, flags, lifted, number, process};
use crate::support::eventually;
use crate::support::operator::OperatorProcess;
use crate::support::world::OperatorWorld;

/// So many objects, where no fewer are asked for.
const MOST: usize = 20_000;
/// What the edits and the deletes of all take at most.
const LONG: Duration = Duration::from_mins(40);
/// After so long a process is at rest.
const REST: Duration = Duration::from_secs(10);
/// So many come and go before memory is measured: what a process does for the first time takes memory of its own.
const FIRST: usize = 100;

/// What was called from one moment to another.
struct WaveCalls {
    creating: usize,
    updates: usize,
}

/// Edits all objects; ends when the cloud has all edits.
async fn edit(world: &OperatorWorld, count: usize) {
    let callbacks = world.namespace.callbacks();
    let edit = json!({"spec": {"notifyCallbackURL": "https://hooks.example.com/edited"}});
    let (params, edit) = (PatchParams::default(), Patch::Merge(edit));
    let edits = stream::iter(0..count).for_each_concurrent(HANDS, async |number| {
        let name = format!("push-{number}");
        let edited = callbacks.patch(&name, &params, &edit).await;
        edited.unwrap();
    });
    edits.await;
    let are_edited = |cloud: &Cloud| {
        let mut urls = cloud.rows().into_iter().map(|row| row.notify_callback_url);
        urls.all(|url| url.is_some_and(|url| url.ends_with("/edited")))
    };
    eventually("all are edited at the cloud", LONG, async || {
        are_edited(&world.cloud).then_some(())
    })
    .await;
}

/// Deletes all objects; ends when none is left.
async fn delete(world: &OperatorWorld, count: usize) {
    let callbacks = world.namespace.callbacks();
    let deletes = stream::iter(0..count).for_each_concurrent(HANDS, async |number| {
        let name = format!("push-{number}");
        let deleted = callbacks.delete(&name, &DeleteParams::default()).await;
        deleted.unwrap();
    });
    deletes.await;
    let one = ListParams::default().limit(1);
    eventually("all are gone", LONG, async || {
        let left = callbacks.list_metadata(&one).await.unwrap();
        left.items.is_empty().then_some(())
    })
    .await;
}

/// So many objects come, are edited and go.
async fn wave(world: &OperatorWorld, count: usize) -> WaveCalls {
    let updates = |counters: &Counters| {
        let updates = counters.by_operation.get(&LoggedOperation::Update);
        updates.copied().unwrap_or_default()
    };
    let before = world.cloud.counters();
    let observer = Observer::of(world);
    crowd::apply(world, count, spread).await;
    observer.ready(count).await;
    let creating = world.cloud.counters().calls - before.calls;
    edit(world, count).await;
    let updates = updates(&world.cloud.counters()) - updates(&before);
    delete(world, count).await;
    WaveCalls { creating, updates }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn churn() {
    let count = at_most(MOST);
    let world = lifted(PROJECTS).await;
    let operator = OperatorProcess::start(&flags(&world, &[LIFTED])).await;
    wave(&world, FIRST).await;
    tokio::time::sleep(REST).await;
    let before = process::memory(&operator);
    let WaveCalls { creating, updates } = wave(&world, count).await;
    let name = "churn: calls for each create";
    let calls = number(creating) / number(count);
    figure(name, count, calls, "calls", Some(2.0));
    let name = "churn: PUTs for each edit";
    let calls = number(updates) / number(count);
    figure(name, count, calls, "calls", Some(1.0));
    let name = "churn: callbacks that stay at the cloud";
    let rows = number(world.cloud.rows().len());
    figure(name, count, rows, "rows", Some(0.0));
    tokio::time::sleep(REST).await;
    let name = "churn: memory after all are gone, against before they came";
    let memory = process::memory(&operator) / before;
    figure(name, count, memory, "times", Some(1.1));
}
