//! From each released version to this one, back and forth again, with objects in every state: no callback is made or changed anew, what
//! one version left open the other ends, and neither writes to what needs nothing. The programs are built from the commits that
//! `tests/deploy/released` names.
//!
//! With `WRITE_RELEASED` set, what each version wrote is kept in `tests/data/released`, where `declared::released` reads it.

use std::{env, fs, path::PathBuf, process::Command};

use kube::{ResourceExt as _, api::ListParams};
use live_simulator::{KnownCredential, LoggedOperation::Create, Simulator};
use live_simulator::{LoggedCause, RowPatch, ScriptedFault, SimulatorSettings};
use recording_callback_operator::api::RecordingCallback;
use serde_json::{Value, json};

use crate::errors::refusal;
use crate::support::{
    eventually,
    operator::OperatorProcess,
    world::{AK, LIMIT, OperatorWorld, PROJECT, SK},
};

/// How many objects there are in each state.
const OF_EACH: usize = 4;

const HOOK: &str = "https://hooks.example.com/record";
const OTHER: &str = "https://hooks.example.com/other";

/// A state, the reason of Ready in it, whether nothing is written or called in it any more, and the spec that leads to it.
struct ReleasedState {
    name: &'static str,
    reason: &'static str,
    is_quiet: bool,
    spec: fn(usize) -> Value,
}

const fn state(
    name: &'static str,
    reason: &'static str,
    is_quiet: bool,
    spec: fn(usize) -> Value,
) -> ReleasedState {
    ReleasedState {
        name,
        reason,
        is_quiet,
        spec,
    }
}

const STATES: [ReleasedState; 13] = [
    state("settled", "Available", true, |_| json!({})),
    state(
        "signed",
        "Available",
        true,
        |_| json!({ "signKeySecretRef": { "name": "sign", "key": "sign" }, "signType": "MD5" }),
    ),
    state(
        "kept",
        "Available",
        true,
        |_| json!({ "deletionPolicy": "Retain" }),
    ),
    state("adopted", "Available", true, |_| json!({})),
    state("suspended", "Suspended", true, |_| json!({})),
    state("conflict", "Conflict", false, |_| json!({})),
    state(
        "duplicate",
        "Duplicate",
        false,
        |number| json!({ "publishDomain": format!("settled-{number}.example.com") }),
    ),
    state(
        "observed",
        "ObserveOnly",
        false,
        |_| json!({ "managementPolicy": "Observe" }),
    ),
    state(
        "penniless",
        "CredentialsMissing",
        false,
        |_| json!({ "credentialsSecretRef": { "name": "to-come" } }),
    ),
    state(
        "strange",
        "CredentialsRejected",
        false,
        |_| json!({ "credentialsSecretRef": { "name": "stranger" } }),
    ),
    state(
        "keyless",
        "SignKeyMissing",
        false,
        |_| json!({ "signKeySecretRef": { "name": "key-to-come", "key": "sign" } }),
    ),
    state("rejected", "RequestRejected", false, |_| json!({})),
    state("unknown", "OutcomeUnknown", false, |_| json!({})),
];

/// Those that an operator of the old version was killed with: their callback is made, and the answer was still to come.
const LOST: &str = "lost";

fn names(state: &str) -> Vec<String> {
    (0..OF_EACH)
        .map(|number| format!("{state}-{number}"))
        .collect()
}

fn domain(name: &str) -> String {
    format!("{name}.example.com")
}

/// The program of a release, which is built where it was not yet.
fn program(version: &str) -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/release/program.sh");
    let built = Command::new(script).arg(version).output().unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    String::from_utf8(built.stdout).unwrap().trim().into()
}

async fn world() -> OperatorWorld {
    let cloud = Simulator::start(SimulatorSettings {
        calls_per_minute: None,
        calls_per_minute_per_operation: None,
        ..SimulatorSettings::default()
    });
    let cloud = cloud.unwrap();
    cloud.add_credential(KnownCredential::new(AK, SK, PROJECT));
    let world = OperatorWorld::on(cloud).await;
    let key = "0123456789abcdefghijklmnopqrstuv".to_owned();
    world.put_secret("sign", &[("sign", key)]).await;
    let mut stranger = world.credentials_with("sk-of-nobody-example-not-a-secret-00001");
    "AKTESTEXAMPLE0000009".clone_into(&mut stranger[0].1);
    world.put_secret("stranger", &stranger).await;
    let row = |url: &str| RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    };
    for (state, url) in [("adopted", HOOK), ("conflict", OTHER)] {
        for name in names(state) {
            world
                .cloud
                .insert_row(PROJECT, &domain(&name), "live", &row(url));
        }
    }
    world
}

/// Creates what is to be in every state, and waits until it is.
async fn bring_about(world: &OperatorWorld) {
    let of = |state: &str, fault: &dyn Fn(ScriptedFault) -> ScriptedFault| {
        for name in names(state) {
            let fault = fault(ScriptedFault::on(Create).publish_domain(&domain(&name)));
            world.cloud.fault(fault);
        }
    };
    of("rejected", &|fault| {
        fault.reply(400, refusal("LIVE.100011001")).always()
    });
    of("unknown", &|fault| {
        fault.reply(503, refusal("LIVE.199999999")).always()
    });
    of(LOST, &|fault| fault.hang().after_commit());
    for state in &STATES {
        for (number, name) in names(state.name).iter().enumerate() {
            world.create(name, (state.spec)(number)).await;
            if state.name == "settled" || state.name == "suspended" {
                world.ready(name).await;
            }
        }
    }
    for name in names("suspended") {
        world
            .patch(&name, json!({ "spec": { "suspend": true } }))
            .await;
    }
    for state in &STATES {
        for name in names(state.name) {
            world.reason(&name, state.reason).await;
        }
    }
}

/// Creates what the operator is to lose, and kills it when the cloud has it.
async fn lose(world: &OperatorWorld, mut operator: OperatorProcess) {
    for name in names(LOST) {
        world.create(&name, json!({})).await;
    }
    eventually("the rows are there", LIMIT, async || {
        let rows = world.cloud.rows();
        let has = |name: &String| rows.iter().any(|row| row.publish_domain == domain(name));
        names(LOST).iter().all(has).then_some(())
    })
    .await;
    operator.kill().await;
}

/// What was changed at the cloud by calls, as domain and change.
fn changed(world: &OperatorWorld) -> Vec<String> {
    let mutations = world.cloud.mutations().into_iter();
    mutations
        .filter(|mutation| mutation.cause != LoggedCause::OutOfBand)
        .map(|mutation| format!("{:?} {}", mutation.change, mutation.row.publish_domain))
        .collect()
}

async fn objects(world: &OperatorWorld) -> Vec<RecordingCallback> {
    let callbacks = world.namespace.callbacks();
    callbacks.list(&ListParams::default()).await.unwrap().items
}

/// Another version has taken over: it has worked on a new object, on edits, and on nothing that needs nothing.
async fn takes_over(world: &OperatorWorld, round: usize) {
    let before = objects(world).await;
    let since = changed(world).len();
    let witness = format!("witness-{round}");
    world.create(&witness, json!({})).await;
    world.ready(&witness).await;
    for name in names(LOST) {
        world.ready(&name).await;
    }
    let is_quiet = |object: &&RecordingCallback| {
        let mut states = STATES.iter().filter(|state| state.is_quiet);
        states.any(|state| names(state.name).contains(&object.name_any()))
    };
    for object in before.iter().filter(is_quiet) {
        assert_eq!(world.writes_since(object).await, 0, "{}", object.name_any());
    }
    for state in STATES.iter().filter(|state| !state.is_quiet) {
        for name in names(state.name) {
            world.reason(&name, state.reason).await;
        }
    }
    let edited = format!("settled-{round}");
    let url = json!({ "spec": { "notifyCallbackURL": OTHER } });
    world.patch(&edited, url).await;
    world.ready(&edited).await;
    let mut new = changed(world).split_off(since);
    new.sort();
    let mut all = [
        format!("Created {}", domain(&witness)),
        format!("Updated {}", domain(&edited)),
    ];
    all.sort();
    assert_eq!(new, all);
}

/// Keeps what a version wrote, of each state one object.
fn keep(version: &str, objects: &[RecordingCallback]) {
    if env::var_os("WRITE_RELEASED").is_none() {
        return;
    }
    let one = |object: &&RecordingCallback| object.name_any().ends_with("-0");
    let mut kept = json!(objects.iter().filter(one).collect::<Vec<_>>());
    let keys = ["name", "uid", "generation", "finalizers", "annotations"];
    for object in kept.as_array_mut().unwrap() {
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.retain(|key, _| keys.contains(&key.as_str()));
    }
    let root = env!("CARGO_MANIFEST_DIR");
    let path = format!("{root}/tests/data/released/{version}.json");
    fs::write(path, format!("{kept:#}\n")).unwrap();
}

#[tokio::test]
async fn objects_in_every_state_go_to_this_version_and_back() {
    let list = include_str!("../deploy/released");
    for version in list.lines().filter_map(|line| line.split(' ').next()) {
        let released = program(version);
        let world = world().await;
        let flags = world.flags();
        let old =
            async |flags: Vec<String>| OperatorProcess::start_program(&released, &flags).await;
        // So that it still awaits answers when it is killed.
        let patient = ["--request-timeout=2m", "--settle-time=3m"];
        let operator = old(world.flags_with(&patient)).await;
        bring_about(&world).await;
        lose(&world, operator).await;
        keep(version, &objects(&world).await);

        let mut new = OperatorProcess::start(&flags).await;
        takes_over(&world, 0).await;
        assert!(new.terminate().await.success());
        let mut back = old(flags.clone()).await;
        takes_over(&world, 1).await;
        assert!(back.terminate().await.success());
        let mut new = OperatorProcess::start(&flags).await;
        takes_over(&world, 2).await;

        // What failed all the time is healed by the version after that which began it.
        world.cloud.clear_faults();
        let key = "vutsrqponmlkjihgfedcba9876543210".to_owned();
        world.put_secret("key-to-come", &[("sign", key)]).await;
        world.put_secret("to-come", &world.credentials()).await;
        for name in ["rejected", "unknown", "penniless", "keyless"]
            .map(names)
            .concat()
        {
            world.ask(&name, "heal").await;
            world.ready(&name).await;
        }
        let places = world.cloud.rows().into_iter().map(|row| row.publish_domain);
        let mut places: Vec<String> = places.collect();
        let all = places.len();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), all, "one for each place");
        assert!(new.terminate().await.success());
    }
}
