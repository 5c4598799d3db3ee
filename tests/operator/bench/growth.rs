//! What grows with the number of objects: calls, writes, memory and CPU, from the first object on and when all are settled.

use std::time::{Duration, Instant};

use live_simulator::{Cloud, LoggedCall};
use serde_json::{Value, json};

use super::crowd::{self, Observer};
use super::{Figure, LIFTED, SWEPT, account, flags, lifted, number, process, sizes};
use crate::support::eventually;
use crate::support::operator::OperatorProcess;
use crate::support::proxy::{ApiProxy, StreamOrder};

/// In so many projects the objects lie.
const PROJECTS: usize = 4;
/// On so many domains, where one project has all.
const DOMAINS: usize = 64;
/// So many sweeps of each project are measured.
const SWEEPS: usize = 3;
/// What sweeps take at most, and a list of all objects anew.
const LONG: Duration = Duration::from_mins(10);
/// Seconds from one sweep to the next, unless somebody says otherwise.
const INTERVAL: f64 = 600.0;

fn spread(number: usize) -> Value {
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
    Figure::new("memory, idle", 0, process::memory(&operator), "MiB")
        .most(16.0)
        .note();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn growth() {
    for count in sizes() {
        let world = lifted(PROJECTS).await;
        let usual = flags(&world, &[LIFTED, SWEPT]);
        let mut operator = OperatorProcess::start(&usual).await;
        let observer = Observer::of(&world);
        crowd::apply(&world, count, spread).await;
        observer.ready(count).await;
        let counters = world.cloud.counters();
        Figure::new(
            "growth: calls until all are Ready",
            count,
            number(counters.calls),
            "calls",
        )
        .note();
        Figure::new(
            "growth: writes until all are Ready",
            count,
            number(observer.seen().writes),
            "writes",
        )
        .note();
        Figure::new(
            "growth: CPU until all are Ready",
            count,
            process::cpu(&operator),
            "s",
        )
        .note();
        Figure::new(
            "growth: memory peak while creating",
            count,
            process::peak(&operator),
            "MiB",
        )
        .note();
        operator.kill().await;

        let writes = observer.seen().writes;
        let since = world.cloud.counters().calls;
        let begun = Instant::now();
        let operator = OperatorProcess::start(&usual).await;
        let took = begun.elapsed().as_secs_f64();
        Figure::new("start to ready", count, took, "s")
            .most(0.5)
            .note();
        let (calls, swept) = sweeps(&world.cloud, since, PROJECTS).await;
        let each = number(calls) / number(swept) * number(PROJECTS);
        let most = number(count.div_ceil(100) + PROJECTS);
        Figure::new("growth: calls of a sweep of all", count, each, "calls")
            .most(most)
            .note();
        let written = observer.seen().writes - writes;
        Figure::new("settled: writes", count, number(written), "writes")
            .most(0.0)
            .note();
        let mutations = world.cloud.counters().mutations - count;
        Figure::new(
            "settled: changes at the cloud",
            count,
            number(mutations),
            "changes",
        )
        .most(0.0)
        .note();

        let (cpu, since, begun) = (
            process::cpu(&operator),
            world.cloud.counters().calls,
            Instant::now(),
        );
        let (_, swept) = sweeps(&world.cloud, since, PROJECTS).await;
        let rounds = number(swept) / number(PROJECTS);
        let spent = process::cpu(&operator) - cpu;
        Figure::new("growth: CPU of a sweep of all", count, spent / rounds, "s").note();
        let share = spent / rounds / INTERVAL * 100.0;
        Figure::new(
            "settled: share of a core, swept every 10 minutes",
            count,
            share,
            "%",
        )
        .most(1.0)
        .note();
        let idle = spent / begun.elapsed().as_secs_f64() * 100.0;
        Figure::new(
            "settled: share of a core, swept every 30 s",
            count,
            idle,
            "%",
        )
        .note();
        let memory = Figure::new(
            "growth: memory when settled",
            count,
            process::memory(&operator),
            "MiB",
        );
        let peak = Figure::new(
            "growth: memory peak after a restart",
            count,
            process::peak(&operator),
            "MiB",
        );
        match most_memory(count) {
            Some(most) => {
                memory.most(most).note();
                peak.most(most * 1.3).note();
            }
            None => {
                memory.note();
                peak.note();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn sweeps_of_one_project() {
    let count = sizes().into_iter().max().unwrap_or_default();
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
    let figure = Figure::new(
        "calls of a sweep of one project with 64 domains",
        count,
        each,
        "calls",
    );
    figure.most(230.0).note();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: make bench"]
async fn lists_anew() {
    let count = sizes().into_iter().max().unwrap_or_default();
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
    let told = format!("{{\"type\":\"ERROR\",\"object\":{expired}}}");
    proxy.watches(StreamOrder::Say(told));
    let pages = count.div_ceil(500);
    eventually("all are listed anew", LONG, async || {
        (lists() > before + pages).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let more = process::metric(&operator, "recording_callback_reconcile_total").await - reconciles;
    Figure::new(
        "reconciles after all were listed anew (410)",
        count,
        more,
        "reconciles",
    )
    .most(0.0)
    .note();
}
