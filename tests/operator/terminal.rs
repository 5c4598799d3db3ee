//! What commands do at a terminal with a real cluster: completion, suggestions, a story that is watched, files of an import, and a receiver
//! of notifications that compares them with the objects.

use std::fs;
use std::process::Stdio;

use live_simulator::RowPatch;
use serde_json::{Map, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::{
    kubeconfig, kubectl, program,
    world::{OperatorWorld, PROJECT},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_recording-callback-operator");

/// What a shell is told of the last of these words.
async fn completed(words: &[&str]) -> Vec<String> {
    let output = Command::new(PROGRAM)
        .args(["--", "recording-callback-operator"])
        .args(words)
        .env("KUBECONFIG", kubeconfig())
        .env("RECORDING_CALLBACK_OPERATOR_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "true")
        .env("_CLAP_IFS", "\n")
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}

fn started(args: &[&str]) -> Child {
    Command::new(PROGRAM)
        .args(args)
        .env("KUBECONFIG", kubeconfig())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn names_are_completed_and_slips_answered() {
    let world = OperatorWorld::new().await;
    let namespace = world.namespace.name();
    for name in ["push-live", "push-vod", "other"] {
        let place = json!({ "app": name, "suspend": true });
        world.create(name, place).await;
    }
    assert_eq!(
        completed(&["status", "-n", namespace, "push-"]).await,
        ["push-live", "push-vod"]
    );
    assert!(
        completed(&["status", "-n", "no-such-namespace", "push-"])
            .await
            .is_empty()
    );
    let start = &namespace[..namespace.len() - 1];
    assert!(
        completed(&["status", "-n", start])
            .await
            .contains(&namespace.to_owned())
    );
    let said = program(&["status", "-n", namespace, "push-lvie"]).await;
    assert!(said.stderr.contains("did you mean push-live?"), "{said:#?}");
}

#[tokio::test]
async fn a_watched_story_is_told_again_when_it_changes_and_ends_with_its_reader() {
    let world = OperatorWorld::new().await;
    let namespace = world.namespace.name();
    world.create("push", json!({ "suspend": true })).await;
    let mut watching = started(&["status", "push", "--watch", "-n", namespace, "-o", "json"]);
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = async |words: &str| {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(words) {
                return;
            }
        }
        panic!("{words} was not told");
    };
    let edit = async |url: &str| {
        let patch = json!({ "spec": { "notifyCallbackURL": url } }).to_string();
        let edit = [
            "patch",
            "rcb",
            "push",
            "-n",
            namespace,
            "--type=merge",
            "-p",
            &patch,
        ];
        let said = kubectl(&edit).await;
        assert!(said.succeeded, "{said:#?}");
    };
    next("\"suspend\": true").await;
    edit("https://hooks.example.com/watched").await;
    next("https://hooks.example.com/watched").await;
    drop(lines);
    edit("https://hooks.example.com/unseen").await;
    watching.wait().await.unwrap();
}

#[tokio::test]
async fn an_import_writes_files_and_over_none() {
    let world = OperatorWorld::new().await;
    let domain = format!("push.{}.example.com", world.namespace.name());
    for app in ["live", "vod"] {
        world
            .cloud
            .insert_row(PROJECT, &domain, app, &RowPatch::default());
    }
    let directory = TempDir::new().unwrap();
    let endpoint = format!("--allowed-endpoints={}", world.cloud.endpoint());
    let path = directory.path().to_str().unwrap();
    let import = async |more: &[&str]| {
        let mut args = vec![
            "import",
            "--secret",
            "huaweicloud",
            "-n",
            world.namespace.name(),
            &endpoint,
            "--directory",
            path,
        ];
        args.extend(more);
        program(&args).await
    };
    let first = import(&[]).await;
    assert_eq!(
        (first.code, first.stdout.lines().count()),
        (0, 2),
        "{first:#?}"
    );
    let files: Vec<String> = first.stdout.lines().map(str::to_owned).collect();
    let text = fs::read_to_string(&files[0]).unwrap();
    assert!(
        text.contains("kind: RecordingCallback") && text.contains(&domain),
        "{text}"
    );
    fs::write(&files[0], "mine").unwrap();
    let second = import(&[]).await;
    assert_eq!(
        (second.code, second.stdout.lines().count()),
        (1, 1),
        "{second:#?}"
    );
    assert!(second.stderr.contains("--force"), "{second:#?}");
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), "mine");
    assert_eq!(import(&["--force"]).await.code, 0);
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), text);
}

#[tokio::test]
async fn notifications_are_compared_with_the_objects() {
    let world = OperatorWorld::new().await;
    let namespace = world.namespace.name();
    let every = format!("every.{namespace}.example.com");
    world.create("push", json!({ "suspend": true })).await;
    world
        .create(
            "every",
            json!({ "publishDomain": every, "app": "*", "suspend": true }),
        )
        .await;
    let own = world.get("push").await.unwrap().spec.publish_domain;
    let mut receiver = started(&[
        "serve-notifications",
        "--listen",
        "127.0.0.1:0",
        "-n",
        namespace,
    ]);
    let mut lines = BufReader::new(receiver.stderr.take().unwrap()).lines();
    let url = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        if let Some(url) = line.strip_prefix("receiving at ") {
            break url.to_owned();
        }
    };
    let mut printed = BufReader::new(receiver.stdout.take().unwrap()).lines();
    for (domain, app, status) in [
        (own.as_str(), "live", 200),
        (own.as_str(), "other", 403),
        (every.as_str(), "anything", 200),
        ("push.elsewhere.example.com", "live", 403),
    ] {
        let fields = RowPatch {
            notify_callback_url: Some(url.clone()),
            ..RowPatch::default()
        };
        let row = world.cloud.insert_row(PROJECT, domain, app, &fields);
        let sent = world
            .cloud
            .notify(&row.id, "RECORD_OVER", "stream", &Map::new())
            .await;
        assert_eq!(sent.unwrap().status, status, "{domain} {app}");
        let line = printed.next_line().await.unwrap().unwrap();
        let expected = if status == 200 {
            "Unverified"
        } else {
            "Elsewhere: no RecordingCallback of the namespace"
        };
        assert!(line.starts_with(expected), "{line}");
    }
}
