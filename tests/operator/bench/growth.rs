//! What grows with the number of objects: calls, writes, memory and CPU, from the first object on and when all are settled.

use std::time::{Duration, Instant};

use live_simulator::{Cloud, LoggedCall};
use serde_json::{Value, json};

use super::crowd::{self, Observer};
use super::{LIFTED, SWEPT, account, at_most, figure, flags, lifted, number, process, sizes};
use crate::support::eventually;
use crate::support::operator::OperatorProcess;
use crate::support::proxy::{ApiProxy, StreamOrder};
use crate::support::world::OperatorWorld;

/// In so many projects the objects lie.
pub(super) const PROJECTS: usize = 4;
/// So many objects of what does not grow, where no fewer are asked for.
const MOST: usize = 10_000;
/// MiB that a pod may take while 10,000 wait: three quarters of its limit.
const MOST_WHILE_WAITING: f64 = 192.0;
/// On so many domains, where one project has all.
const DOMAINS: usize = 64;
/// So many sweeps of each project are measured.
const SWEEPS: usize = 2;
/// What sweeps take at most, and a list of all objects anew.
const LONG: Duration = Duration::from_mins(10);
/// Seconds from one sweep to the next, unless somebody says otherwise.
const INTERVAL: f64 = 600.0;

pub(super) fn spread(number: usize) -> Value {
    json!({"credentialsSecretRef": {"name": account(number % PROJECTS)}})
}

fn is_first_page(call: &LoggedCall) -> bool {
    call.target.contains("offset=0") && !call.target.contains("publish_domain")
}

/// Waits for so many sweeps of each project after these calls; gives the calls up to the beginning of the last of them, and how many
/// sweeps they are.
async fn sweeps(cloud: &Cloud, since: usize, projects: usize) -> (usize, usize) {
    let wanted = SWEEPS * projects;
    let begun = |cloud: &Cloud| {
        let calls = cloud.calls().split_off(since);
        calls.iter().filter(|call| is_first_page(call)).count()
    };
    let enough = move |cloud: &Cloud| begun(cloud) > wanted;
    cloud.wait_for("sweeps", LONG, enough).await.unwrap();
    let calls = cloud.calls().split_off(since);
    let last = calls.iter().rposition(is_first_page).unwrap();
    (last, begun(cloud) - 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn memory_of_an_idle_operator() {
    let world = lifted(0).await;
    let operator = OperatorProcess::start(&flags(&world, &[])).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    figure(
        "memory, idle",
        0,
        process::memory(&operator),
        "MiB",
        Some(16.0),
    );
}

/// What is to be reached with so many objects, in MiB.
fn most_memory(objects: usize) -> Option<f64> {
    match objects {
        1000 => Some(20.0),
        10_000 => Some(45.0),
        50_000 => Some(160.0),
        _ => None,
    }
}

/// What it takes to have so many objects made.
async fn created(world: &OperatorWorld, observer: &Observer, count: usize) {
    let operator = OperatorProcess::start(&flags(world, &[LIFTED])).await;
    crowd::apply(world, count, spread).await;
    observer.ready(count).await;
    let calls = number(world.cloud.counters().calls);
    let writes = number(observer.seen().writes);
    let (cpu, peak) = (process::cpu(&operator), process::peak(&operator));
    figure(
        "growth: calls until all are Ready",
        count,
        calls,
        "calls",
        None,
    );
    figure(
        "growth: writes until all are Ready",
        count,
        writes,
        "writes",
        None,
    );
    figure("growth: CPU until all are Ready", count, cpu, "s", None);
    figure(
        "growth: memory peak while creating",
        count,
        peak,
        "MiB",
        None,
    );
}

/// What it takes to look after them from a start on.
async fn settled(world: &OperatorWorld, observer: &Observer, count: usize) {
    let (before, writes) = (world.cloud.counters(), observer.seen().writes);
    let begun = Instant::now();
    let operator = OperatorProcess::start(&flags(world, &[LIFTED, SWEPT])).await;
    let took = begun.elapsed().as_secs_f64();
    figure("start to ready", count, took, "s", Some(0.5));
    let (calls, swept) = sweeps(&world.cloud, before.calls, PROJECTS).await;
    let calls = number(calls) / number(swept) * number(PROJECTS);
    let most = number(count.div_ceil(100) + PROJECTS);
    figure(
        "growth: calls of a sweep of all",
        count,
        calls,
        "calls",
        Some(most),
    );

    let (cpu, since) = (process::cpu(&operator), world.cloud.counters().calls);
    let (_, swept) = sweeps(&world.cloud, since, PROJECTS).await;
    let cpu = (process::cpu(&operator) - cpu) * number(PROJECTS) / number(swept);
    let share = cpu / INTERVAL * 100.0;
    figure("growth: CPU of a sweep of all", count, cpu, "s", None);
    figure(
        "settled: share of a core by sweeps every 10 minutes",
        count,
        share,
        "%",
        Some(1.0),
    );
    let writes = number(observer.seen().writes - writes);
    figure("settled: writes", count, writes, "writes", Some(0.0));
    let changes = number(world.cloud.counters().mutations - before.mutations);
    figure(
        "settled: changes at the cloud",
        count,
        changes,
        "changes",
        Some(0.0),
    );
    let most = most_memory(count);
    let (memory, peak) = (process::memory(&operator), process::peak(&operator));
    figure("growth: memory when settled", count, memory, "MiB", most);
    let most = most.map(|most| most * 1.3);
    figure(
        "growth: memory peak after a restart",
        count,
        peak,
        "MiB",
        most,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn growth() {
    for count in sizes() {
        let world = lifted(PROJECTS).await;
        let observer = Observer::of(&world);
        created(&world, &observer, count).await;
        settled(&world, &observer, count).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn memory_while_creates_wait() {
    let count = at_most(MOST);
    let world = OperatorWorld::new().await;
    crowd::apply(&world, count, |_| json!({})).await;
    let operator = OperatorProcess::start(&flags(&world, &[])).await;
    let waiting = "recording_callback_resources{reason=\"RateLimited\"}";
    // Some are created before the last one is told to wait.
    let enough = number(count) * 0.9;
    eventually("nine of ten wait for the quota", LONG, async || {
        (process::metric(&operator, waiting).await >= enough).then_some(())
    })
    .await;
    let memory = process::memory(&operator);
    let most = Some(MOST_WHILE_WAITING);
    figure(
        "memory, while all wait for the quota",
        count,
        memory,
        "MiB",
        most,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn sweeps_of_one_project() {
    let count = at_most(MOST);
    let world = lifted(1).await;
    let usual = flags(&world, &[LIFTED, SWEPT]);
    let _operator = OperatorProcess::start(&usual).await;
    let observer = Observer::of(&world);
    let spec = |number: usize| {
        let domain = format!("push-{}.example.com", number % DOMAINS);
        json!({"publishDomain": domain, "app": format!("app-{number}"), "credentialsSecretRef": {"name": account(0)}})
    };
    crowd::apply(&world, count, spec).await;
    observer.ready(count).await;
    let since = world.cloud.counters().calls;
    let (calls, swept) = sweeps(&world.cloud, since, 1).await;
    let each = number(calls) / number(swept);
    figure(
        "calls of a sweep of one project with 64 domains",
        count,
        each,
        "calls",
        Some(230.0),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn lists_anew() {
    let count = at_most(MOST);
    let world = lifted(PROJECTS).await;
    let proxy = ApiProxy::start(std::sync::Arc::default()).await;
    let operator = OperatorProcess::start_at(proxy.url(), &flags(&world, &[LIFTED])).await;
    let observer = Observer::of(&world);
    crowd::apply(&world, count, spread).await;
    observer.ready(count).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let reconciles = process::metric(&operator, "recording_callback_reconcile_total").await;
    let lists = || proxy.seen().len();
    let before = lists();
    let expired = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old"});
    let line = format!("{{\"type\":\"ERROR\",\"object\":{expired}}}");
    proxy.watches(StreamOrder::Say(line));
    let pages = count.div_ceil(100);
    eventually("all are listed anew", LONG, async || {
        (lists() > before + pages).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let more = process::metric(&operator, "recording_callback_reconcile_total").await - reconciles;
    figure(
        "reconciles after all were listed anew (410)",
        count,
        more,
        "reconciles",
        Some(0.0),
    );
}
