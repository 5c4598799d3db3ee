//! What commands read beside the cluster: manifests and kubeconfigs that are wrong, hostile, or do not come.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::world::{Trouble, World};
use super::{program, say};

#[tokio::test]
async fn a_plan_of_nothing_or_of_what_can_not_be_read_is_no_absence_of_changes() {
    let world = World::new(Trouble::None, Trouble::None).await;
    for output in ["table", "json", "yaml", "markdown"] {
        let said = say(&world, "plan -", &["-o", output]).await;
        assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
        said.assert_says(&["stdin: holds no manifest"]);
    }
    let text = "kind: Secret\napiVersion: v1\n---\npassword: [hunter2\n";
    std::fs::write(&world.manifest, text).unwrap();
    let said = say(&world, "plan MANIFEST", &["-o", "json"]).await;
    assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
    said.assert_says(&["push.yaml: document 2, line "]);
    said.assert_says(&["of other kinds: 1 (1 Secret)"]);
    assert!(!said.to_string().contains("hunter2"), "{said}");
    assert_eq!(said.value()["items"], Value::Array(Vec::new()), "{said}");
}

#[tokio::test]
async fn what_is_wrong_with_files_is_told_though_the_cluster_fails() {
    let world = World::new(Trouble::Refuses, Trouble::None).await;
    for output in ["table", "json", "markdown"] {
        let more = ["none.yaml", "-o", output];
        let said = say(&world, "plan MANIFEST", &more).await;
        assert_eq!((said.code, said.errors().len()), (Some(1), 2), "{said}");
        said.assert_says(&["error: none.yaml: can't be read"]);
        said.assert_says(&["onnection refused", &world.server]);
    }
    let more = ["none.yaml", "-o", "json"];
    let said = say(&world, "plan MANIFEST --context other", &more).await;
    assert_eq!(
        said.value()["errors"].as_array().unwrap().len(),
        2,
        "{said}"
    );
    // Also what is wrong within them.
    let text = "apiVersion: live.huawei.com/v1alpha1\nkind: RecordingCallback\nmetadata: {name: a}\n---\na: 1\n";
    std::fs::write(&world.manifest, text).unwrap();
    let said = say(&world, "plan MANIFEST --context other", &["-o", "json"]).await;
    assert_eq!((said.code, said.errors().len()), (Some(1), 3), "{said}");
    said.assert_says(&["document 1, line 1: there is no kind", "did you mean"]);
    said.assert_says(&["document 2, line 4: has no apiVersion"]);
    said.assert_says(&["no context \"other\""]);
}

#[tokio::test]
async fn no_name_of_a_manifest_can_say_a_line_of_its_own() {
    let world = World::new(Trouble::None, Trouble::None).await;
    let text = r#"{"apiVersion": "v1", "kind": "A\u001b[2J\n::error::no\u202e"}"#;
    std::fs::write(&world.manifest, text).unwrap();
    let said = say(&world, "plan MANIFEST", &[]).await;
    said.assert_says(&["of other kinds: 1 (1 A [2J ::error::no )"]);
    assert!(!said.stderr.contains(['\u{1b}', '\u{202e}']), "{said}");
    assert!(
        !said.stderr.lines().any(|line| line.starts_with("::")),
        "{said}"
    );
}

#[tokio::test]
async fn who_reads_a_silent_pipe_says_so() {
    let world = World::new(Trouble::None, Trouble::None).await;
    let pipe = world.manifest.with_file_name("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let pipe = pipe.to_str().unwrap();
    let key = world.manifest.with_file_name("key");
    std::fs::write(&key, "TESTKEY0123456789abcdef0123456789").unwrap();
    let of_kubeconfig = format!("status --all --kubeconfig {pipe}");
    let of_plan = format!("plan {pipe}");
    for (command, words) in [
        ("plan -", "stdin"),
        ("verify-notification - --key-file KEY", "-"),
        (&of_plan, pipe),
        (&of_kubeconfig, "the kubeconfig"),
    ] {
        let line = command.replace("KEY", key.to_str().unwrap());
        let mut process = tokio::process::Command::from(program(&line));
        process.env("KUBECONFIG", &world.kubeconfig);
        let process = process.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = process.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let expected = format!("still at work after 10 s, waiting for {words}");
        assert_eq!(line, expected, "{command}");
    }
}
