//! An API server that dies midway: at each request that a command makes, in each of its ways.

use std::collections::BTreeSet;

use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep};

use super::world::{Death, Trouble, World};
use super::{COMMANDS, Said, program, say};

const DEATHS: &[Death] = &[
    Death::Silence,
    Death::Closes,
    Death::BreaksOff,
    Death::Unavailable,
];

/// How many objects the plan is of: more than are asked about at once.
const PLANNED: usize = 40;
/// How many a command asks at once at most. What it asks then it has begun before it knows.
const AT_ONCE: usize = 16;

/// A world for a command that dies so.
async fn world(trouble: Trouble) -> World {
    let world = World::new(trouble, Trouble::None).await;
    let one = std::fs::read_to_string(&world.manifest).unwrap();
    let of = |number: usize| {
        let new = one.replace("\"push\"", &format!("\"new-{number}\""));
        let new = new.replace("\"live\"", &format!("\"app-{number}\""));
        // Each with credentials of its own: nothing is known from the one before it.
        new.replace("\"huaweicloud\"", &format!("\"huaweicloud-{number}\""))
    };
    let manifests: Vec<String> = (0..PLANNED).map(of).collect();
    std::fs::write(&world.manifest, manifests.join("\n---\n")).unwrap();
    world
}

/// What is wrong with what a command says of this.
fn faults(said: &Said, world: &World, at: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |is_so: bool, what: &str| {
        if !is_so {
            faults.push(what.to_owned());
        }
    };
    expect(said.code == Some(1), "the exit code");
    expect(!said.stderr.contains("panicked"), "a panic");
    let errors = said.errors();
    let is_whole = |line: &&str| line.contains(&world.server) && line.contains("; ");
    expect(!errors.is_empty(), "no error");
    if !said.command.starts_with("doctor") {
        expect(errors.len() == 1, "several errors");
        expect(errors.iter().all(is_whole), "no server or no remedy");
    }
    let value = serde_json::from_str::<serde_json::Value>(&said.stdout);
    let told = value.map(|value| value["errors"].as_array().map_or(0, Vec::len));
    expect(told.is_ok_and(|told| told == errors.len()), "the value");
    let requests = world.requests();
    expect(requests < at + 2 * AT_ONCE, &format!("{requests} requests"));
    faults
}

#[tokio::test]
async fn an_api_server_that_dies_at_any_request_is_told_in_one_line_and_asked_no_more() {
    let mut cases = Vec::new();
    for command in COMMANDS.iter().copied() {
        let well = world(Trouble::None).await;
        say(&well, command, &["-o", "json"]).await;
        let requests = well.requests();
        assert!(requests > 0, "{command}");
        for death in DEATHS {
            // Of many requests that are alike some.
            let is_tried = |at: &usize| *at <= 8 || at.is_multiple_of(5) || *at == requests;
            let at = (1..=requests).filter(is_tried);
            cases.extend(at.map(|at| (command, at, *death)));
        }
    }
    // Who waits for silence takes no processor.
    cases.sort_by_key(|(.., death)| *death != Death::Silence);
    let tried = stream::iter(cases).map(|(command, at, death)| async move {
        let world = world(Trouble::Dies(at, death)).await;
        // The cloud is well: it is waited for, however busy this machine is.
        let calls = ["orphans", "import", "doctor", "plan"];
        let calls = calls.iter().any(|name| command.starts_with(name));
        let more = ["-o", "json", "--request-timeout=1m"];
        let said = say(&world, command, &more[..if calls { 3 } else { 2 }]).await;
        let faults = faults(&said, &world, at);
        (!faults.is_empty()).then(|| format!("{death:?} at {at}: {faults:?}: {said}"))
    });
    let wrong: BTreeSet<String> = tried
        .buffer_unordered(48)
        .filter_map(async |wrong| wrong)
        .collect()
        .await;
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(
        wrong.is_empty(),
        "{} cases: {}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn watched_while_it_dies(death: Death) {
    let world = World::new(Trouble::Dies(2, death), Trouble::None).await;
    let mut process = tokio::process::Command::from(program("status push --watch -o json"));
    process.env("KUBECONFIG", &world.kubeconfig);
    let process = process.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = process.kill_on_drop(true).spawn().unwrap();
    let patience = Instant::now() + Duration::from_mins(2);
    // The object, then three rounds of which each ends as the one before it.
    while world.requests() < 4 {
        assert!(child.try_wait().unwrap().is_none(), "{death:?}");
        assert!(Instant::now() < patience, "{death:?}");
        sleep(Duration::from_millis(50)).await;
    }
    child.start_kill().unwrap();
    let said = child.wait_with_output().await.unwrap();
    let stdout: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(stdout["items"][0]["name"], "push", "{death:?}");
    let stderr = String::from_utf8(said.stderr).unwrap();
    let errors = stderr.lines().filter(|line| line.starts_with("error: "));
    let errors: Vec<&str> = errors.collect();
    assert_eq!(errors.len(), 1, "{death:?}: {stderr}");
    assert!(errors[0].contains(&world.server), "{death:?}: {stderr}");
}

#[tokio::test]
async fn who_watches_hears_once_that_the_api_server_died_and_goes_on() {
    join_all(DEATHS.iter().copied().map(watched_while_it_dies)).await;
}
