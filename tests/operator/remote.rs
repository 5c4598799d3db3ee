//! `orphans` and `import`: what a project holds that no object holds, and how it is taken over without a change.

use std::{fs, process::Stdio};

use jiff::SignedDuration;
use live_simulator::{LoggedOperation, RowPatch};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::process::Command;

use crate::support::{
    KubectlOutput, eventually, kubeconfig, kubectl, program,
    world::{LIMIT, OperatorWorld, PROJECT},
};

const HOOK: &str = "https://hooks.example.com/record";

/// An ingest domain that no other world has: both commands look at the objects of the whole cluster.
fn domain(world: &OperatorWorld, name: &str) -> String {
    format!("{name}.{}.example.com", world.namespace.name())
}

/// A callback that somebody made without the operator; gives its id.
fn foreign(world: &OperatorWorld, name: &str, app: &str, url: &str) -> String {
    let fields = RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    };
    let domain = domain(world, name);
    world.cloud.insert_row(PROJECT, &domain, app, &fields).id
}

async fn call(world: &OperatorWorld, command: &str, more: &[&str]) -> KubectlOutput {
    let endpoint = format!("--allowed-endpoints={}", world.cloud.endpoint());
    let mut all = vec![command, "-n", world.namespace.name(), &endpoint];
    all.extend(more);
    program(&all).await
}

fn items(said: &KubectlOutput) -> Vec<Value> {
    let read: Value = serde_json::from_str(&said.stdout).unwrap();
    read["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn orphans_are_those_that_no_object_holds_and_say_who_may_have_to_do_with_them() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    world.create("held", json!({})).await;
    world.ready("held").await;
    let free = foreign(&world, "free", "*", HOOK);
    let taken = foreign(&world, "taken", "live", "https://elsewhere.example.com");
    world
        .create("taken", json!({ "publishDomain": domain(&world, "taken") }))
        .await;
    world.reason("taken", "Conflict").await;
    let before = (world.cloud.rows(), world.calls().len());

    let said = call(&world, "orphans", &["-o", "json"]).await;
    assert_eq!(said.code, 0, "{said:#?}");
    let found: Vec<(Value, Value)> = items(&said)
        .iter()
        .map(|found| (found["callbackID"].clone(), found["notes"].clone()))
        .collect();
    let by = format!("wanted by {}/taken (Conflict)", world.namespace.name());
    assert_eq!(
        found,
        [(json!(free), json!([])), (json!(taken), json!([by]))]
    );
    assert_eq!(
        world.calls()[before.1..],
        [(LoggedOperation::List, Some(200))]
    );
    assert_eq!(world.cloud.rows(), before.0);
    let table = call(&world, "orphans", &[]).await;
    assert!(table.stdout.starts_with("DOMAIN"), "{table:#?}");
    drop(operator);

    // What can't be looked at is told, and no answer.
    let wrong = world.credentials_with("sk-test-example-wrong-000000000000000000");
    world.put_secret("huaweicloud", &wrong).await;
    let said = call(&world, "orphans", &["-o", "json"]).await;
    assert_eq!((said.code, items(&said).len()), (1, 0), "{said:#?}");
    assert!(
        said.stderr.contains("not looked at: cn-north-4"),
        "{said:#?}"
    );
}

#[tokio::test]
async fn a_project_of_several_pages_is_listed_whole() {
    let world = OperatorWorld::new().await;
    for number in 0..250 {
        foreign(&world, &format!("d{number}"), "live", HOOK);
    }
    world.create("push", json!({ "suspend": true })).await;
    let said = call(&world, "orphans", &["-o", "json"]).await;
    assert_eq!(items(&said).len(), 250, "{}", said.stderr);
    let calls = world.cloud.calls();
    assert_eq!(calls.len(), 3);
    let spans = calls
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at));
    // Three seconds, less what a busy machine adds to the way of the first of two.
    let is_seldom = |span: SignedDuration| span > SignedDuration::from_millis(1_500);
    assert!(
        spans.clone().all(is_seldom),
        "20 calls a minute: {:?}",
        spans.collect::<Vec<_>>()
    );
    assert!(!said.stderr.contains("250"), "{}", said.stderr);

    let screen = at_a_terminal(&world, "orphans").await;
    for words in [
        "100/250 callbacks",
        "250/250 callbacks",
        &domain(&world, "d249"),
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
}

#[tokio::test]
async fn a_callback_that_gets_its_object_during_the_look_is_no_orphan() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    for number in 0..150 {
        foreign(&world, &format!("d{number}"), "live", HOOK);
    }
    world.create("push", json!({ "suspend": true })).await;
    let during = async {
        let begun = async || (world.count(LoggedOperation::List) > 0).then_some(());
        eventually("the look has begun", LIMIT, begun).await;
        let place = json!({ "publishDomain": domain(&world, "late") });
        world.create("late", place).await;
        world.ready("late").await
    };
    let (said, late) = tokio::join!(call(&world, "orphans", &["-o", "json"]), during);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let ids: Vec<Value> = items(&said)
        .iter()
        .map(|found| found["callbackID"].clone())
        .collect();
    assert_eq!(ids.len(), 150);
    assert!(
        !ids.contains(&json!(late.callback_id)),
        "its object holds it"
    );
}

/// Calls the program as somebody at a terminal does.
async fn at_a_terminal(world: &OperatorWorld, command: &str) -> String {
    let terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let output = Command::new("python3")
        .args([
            "-c",
            terminal,
            env!("CARGO_BIN_EXE_recording-callback-operator"),
        ])
        .args([command, "-n", world.namespace.name()])
        .arg(format!("--allowed-endpoints={}", world.cloud.endpoint()))
        .env("KUBECONFIG", kubeconfig())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_is_imported_is_taken_over_without_a_change() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    world.create("held", json!({})).await;
    world.ready("held").await;
    let named = |app: &str| format!("{}-{app}", domain(&world, "push").replace('.', "-"));
    let ids = [
        (named("live"), foreign(&world, "push", "live", HOOK)),
        (named("all"), foreign(&world, "push", "*", HOOK)),
    ];
    foreign(
        &world,
        "bad",
        "live",
        "https://hooks.example.com/record?query",
    );
    foreign(&world, "taken", "live", "https://elsewhere.example.com");
    world
        .create("taken", json!({ "publishDomain": domain(&world, "taken") }))
        .await;
    world.reason("taken", "Conflict").await;
    for _ in 0..2 {
        foreign(&world, "twice", "live", HOOK);
    }
    let mutations = world.cloud.mutations().len();

    let said = call(&world, "import", &["--secret", "huaweicloud"]).await;
    assert_eq!(said.code, 1, "{said:#?}");
    for words in [
        &domain(&world, "bad"),
        "notifyCallbackURL",
        "signKeySecretRef",
        "take over one of several",
        &format!("left out: {} live", domain(&world, "taken")),
    ] {
        assert!(said.stderr.contains(words), "{words}: {said:#?}");
    }
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), &said.stdout).unwrap();
    let path = file.path().to_str().unwrap();
    let applied = kubectl(&["apply", "-f", path]).await;
    assert!(applied.succeeded, "{applied:#?}");
    for (name, id) in &ids {
        let status = world.ready(name).await;
        assert_eq!(status.callback_id.as_ref(), Some(id));
        assert_eq!(status.adopted, Some(true));
    }
    assert_eq!(
        world.cloud.mutations().len(),
        mutations,
        "taken over as they are"
    );
    let again = call(&world, "import", &["--secret", "huaweicloud", "-o", "json"]).await;
    assert_eq!(items(&again), Vec::<Value>::new());

    // The objects go, the callbacks stay.
    for (name, _) in &ids {
        world.delete(name).await;
        world.gone(name).await;
    }
    assert_eq!(world.cloud.mutations().len(), mutations);
    drop(operator);
    let missing = call(&world, "import", &["--secret", "missing"]).await;
    assert!(
        missing.code == 1 && missing.stderr.contains("Secret missing"),
        "{missing:#?}"
    );
}
