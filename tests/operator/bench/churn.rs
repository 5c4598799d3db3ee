//! Many objects come, are edited and go, and nothing of them stays.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use live_simulator::{Cloud, LoggedOperation};
use serde_json::json;

use super::crowd::{self, HANDS, Observer};
use super::growth::{PROJECTS, spread};
use super::{LIFTED, figure, flags, lifted, number, process, sizes};
use crate::support::eventually;
use crate::support::operator::OperatorProcess;

/// What the edits and the deletes of all take at most.
const LONG: Duration = Duration::from_mins(40);
/// After so long a process is at rest.
const REST: Duration = Duration::from_secs(10);

fn made(cloud: &Cloud, operation: LoggedOperation) -> usize {
    let counters = cloud.counters();
    counters
        .by_operation
        .get(&operation)
        .copied()
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn churn() {
    let count = sizes().into_iter().max().unwrap_or_default();
    let world = lifted(PROJECTS).await;
    let operator = OperatorProcess::start(&flags(&world, &[LIFTED])).await;
    tokio::time::sleep(REST).await;
    let before = process::memory(&operator);

    let observer = Observer::of(&world);
    crowd::apply(&world, count, spread).await;
    observer.ready(count).await;
    let calls = number(world.cloud.counters().calls) / number(count);
    figure(
        "churn: calls for each create",
        count,
        calls,
        "calls",
        Some(2.0),
    );
    drop(observer);

    let callbacks = world.namespace.callbacks();
    let edit = json!({"spec": {"notifyCallbackURL": "https://hooks.example.com/edited"}});
    let (params, edit) = (PatchParams::default(), Patch::Merge(edit));
    let edits = stream::iter(0..count).for_each_concurrent(HANDS, async |number| {
        let edited = callbacks
            .patch(&format!("push-{number}"), &params, &edit)
            .await;
        edited.unwrap();
    });
    edits.await;
    let are_edited = |cloud: &Cloud| {
        let mut rows = cloud.rows().into_iter();
        rows.all(|row| {
            row.notify_callback_url
                .is_some_and(|url| url.ends_with("/edited"))
        })
    };
    eventually("all are edited at the cloud", LONG, async || {
        are_edited(&world.cloud).then_some(())
    })
    .await;
    let updates = number(made(&world.cloud, LoggedOperation::Update)) / number(count);
    figure(
        "churn: PUTs for each edit",
        count,
        updates,
        "calls",
        Some(1.0),
    );

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
    let rows = number(world.cloud.rows().len());
    figure(
        "churn: callbacks that stay at the cloud",
        count,
        rows,
        "rows",
        Some(0.0),
    );
    tokio::time::sleep(REST).await;
    let memory = process::memory(&operator) / before;
    let name = "churn: memory after all are gone, against before they came";
    figure(name, count, memory, "times", Some(1.1));
}
