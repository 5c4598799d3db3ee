//! The figures of docs/performance.md, measured on real parts. `make bench` runs all of them, one after the other, and writes the page;
//! `make bench FIGURES=bench::edit` one of them. Counts are asserted by other tests, here they are only told.
//!
//! Each figure is one line of JSON in the file that `BENCH_FIGURES` names. `BENCH_SIZES`, "1000 10000" for instance, says with how many objects.

mod churn;
mod crowd;
mod growth;
mod process;
mod shards;
mod time;

use std::io::Write as _;
use std::{env, fs};

use live_simulator::{KnownCredential, Simulator, SimulatorSettings};
use serde_json::json;

use crate::support::print_line;
use crate::support::world::{AK, OperatorWorld, PROJECT, SK};

/// Calls a minute where the cloud has lifted its limit.
const LIFTED: &str = "--requests-per-minute=600000";
/// A sweep so often, where sweeps are measured.
const SWEPT: &str = "--resync-interval=10s";

/// Tells one thing that was measured, and writes it down: what, with the same words for each number of objects; how much; and what is to
/// be reached at most, if anything.
fn figure(name: &str, objects: usize, value: f64, unit: &str, most: Option<f64>) {
    let bound = most.map(|most| format!(" (at most {most})"));
    let bound = bound.unwrap_or_default();
    print_line(&format!(
        "{name}, {objects} objects: {value:.3} {unit}{bound}"
    ));
    let line =
        json!({"name": name, "objects": objects, "value": value, "unit": unit, "most": most});
    if let Ok(path) = env::var("BENCH_FIGURES") {
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(file.unwrap(), "{line}").unwrap();
    }
}

/// A count as a figure; none here is beyond 2^52.
#[allow(clippy::cast_precision_loss, reason = "counts of calls and bytes")]
fn number(count: usize) -> f64 {
    count as f64
}

/// With how many objects each figure that grows is measured.
fn sizes() -> Vec<usize> {
    let sizes = env::var("BENCH_SIZES").unwrap_or_else(|_| "100 1000 10000 50000".to_owned());
    sizes
        .split_whitespace()
        .map(|size| size.parse().unwrap())
        .collect()
}

/// The number of objects of a figure that does not grow: so many, or fewer where fewer are asked for.
fn at_most(count: usize) -> usize {
    sizes().into_iter().max().unwrap_or_default().min(count)
}

/// The Secret of one of several projects.
fn account(project: usize) -> String {
    format!("account-{project}")
}

/// A world whose cloud has lifted its limits, with so many projects, each with an access key of its own.
async fn lifted(projects: usize) -> OperatorWorld {
    let settings = SimulatorSettings {
        calls_per_minute: None,
        calls_per_minute_per_operation: None,
        ..SimulatorSettings::default()
    };
    let cloud = Simulator::start(settings).unwrap();
    cloud.add_credential(KnownCredential::new(AK, SK, PROJECT));
    let world = OperatorWorld::on(cloud).await;
    for number in 0..projects {
        let (ak, project) = (format!("AKBENCH{number:013}"), format!("{number:032x}"));
        world
            .cloud
            .add_credential(KnownCredential::new(&ak, SK, &project));
        let values = [
            ("ak", ak),
            ("sk", SK.to_owned()),
            ("project_id", project),
            ("region", "cn-north-4".to_owned()),
            ("live_endpoint", world.cloud.endpoint()),
        ];
        world.put_secret(&account(number), &values).await;
    }
    world
}

/// The flags of a usual operator in this world: the times that a user has, not those of tests.
fn flags(world: &OperatorWorld, more: &[&str]) -> Vec<String> {
    let usual = [
        "--request-timeout=15s",
        "--settle-time=30s",
        "--secret-poll-interval=1m",
    ];
    world.flags_with(&[&usual[..], more].concat())
}
