//! Several operators divide the objects of a cluster among them by a label; one is killed in the midst of its creates, and replaced.

use futures::future::join_all;
use futures::{StreamExt as _, stream};
use kube::api::PostParams;
use live_simulator::LoggedOperation;

use super::crowd::{self, HANDS, Observer};
use super::growth::spread;
use super::{LIFTED, at_most, figure, flags, lifted, number, process};
use crate::support::operator::OperatorProcess;
use crate::support::world::OperatorWorld;

/// So many objects, where no fewer are asked for.
const MOST: usize = 10_000;
const SHARDS: usize = 4;
const LABEL: &str = "callbacks.example.com/shard";

async fn shard(world: &OperatorWorld, number: usize) -> OperatorProcess {
    let selector = format!("--label-selector={LABEL}={number}");
    OperatorProcess::start(&flags(world, &[LIFTED, &selector])).await
}

/// Applies so many objects, each with the label of a shard.
async fn apply(world: &OperatorWorld, count: usize) {
    let callbacks = world.namespace.callbacks();
    let applied = stream::iter(0..count).for_each_concurrent(HANDS, async |number| {
        let mut object = crowd::object(&format!("push-{number}"), &spread(number));
        let shard = (number % SHARDS).to_string();
        object.metadata.labels = Some([(LABEL.to_owned(), shard)].into());
        let created = callbacks.create(&PostParams::default(), &object).await;
        created.unwrap();
    });
    applied.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn shards() {
    let count = at_most(MOST);
    let world = lifted(SHARDS).await;
    let mut shards = join_all((0..SHARDS).map(|number| shard(&world, number))).await;
    let observer = Observer::of(&world);
    let replaced = async {
        observer.ready(count / 2).await;
        let mut killed = shards.swap_remove(0);
        killed.kill().await;
        shards.push(shard(&world, 0).await);
    };
    tokio::join!(apply(&world, count), replaced);
    observer.ready(count).await;

    let counters = world.cloud.counters();
    let made = |operation| {
        let made: &usize = counters.by_operation.get(&operation).unwrap_or(&0);
        number(*made)
    };
    let creates = made(LoggedOperation::Create) / number(count);
    let name = "4 shards, one of them killed and replaced: creates for each";
    figure(name, count, creates, "calls", Some(1.0));
    let others = made(LoggedOperation::Update) + made(LoggedOperation::Delete);
    let name = "4 shards, one of them killed and replaced: other changes";
    figure(name, count, others, "changes", Some(0.0));
    let rows = number(world.cloud.rows().len()) / number(count);
    let name = "4 shards, one of them killed and replaced: callbacks for each";
    figure(name, count, rows, "rows", Some(1.0));
    let memory = shards.iter().map(process::memory).fold(0.0, f64::max);
    figure(
        "4 shards: memory of the largest",
        count,
        memory,
        "MiB",
        None,
    );
}
