//! What commands ask the API server and the cloud for, and in which order: as little as they need, and nothing while they do not listen.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::world::{Trouble, World};
use super::{program, say};

/// A manifest as Helm prints it, of about this length.
fn document(kind: &str, name: usize, spec: &str, length: usize) -> String {
    let head = format!(
        "---\n# Source: platform/templates/{name}.yaml\n{kind}\nmetadata:\n  name: object-{name}\n  labels:\n    helm.sh/chart: platform-1.0.0\n{spec}"
    );
    let line = "    key: \"some text, as settings have it: true\"\n";
    let lines = (length.saturating_sub(head.len()) / (line.len() + 5)).max(1);
    let lines = (0..lines).map(|number| line.replace("key", &format!("key{number:05}")));
    head + &lines.collect::<String>()
}

fn ours(name: usize, length: usize) -> String {
    let kind = "apiVersion: live.huaweicloud.com/v1alpha1\nkind: RecordingCallback";
    let spec = format!(
        "spec:\n  publishDomain: push.example.com\n  app: app-{name}\n  credentialsSecretRef: {{name: huaweicloud}}\nmore:\n"
    );
    document(kind, name, &spec, length)
}

#[tokio::test]
async fn a_plan_of_many_documents_asks_once_for_each_of_ours_side_by_side() {
    let world = World::new(Trouble::Together(16), Trouble::None).await;
    let documents = (0..1500).map(|number| match number % 75 {
        0..16 => ours(number, 3500),
        _ => document("apiVersion: v1\nkind: ConfigMap", number, "data:\n", 3500),
    });
    let text: String = documents.collect();
    assert!(text.len() > 5_000_000, "{}", text.len());
    std::fs::write(&world.manifest, text).unwrap();
    let said = say(&world, "plan MANIFEST", &["-o", "json"]).await;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    said.assert_says(&["of other kinds: 1180 (1180 ConfigMap)"]);
    let value = said.value();
    let items = value["items"].as_array().unwrap();
    assert!(items.len() == 320 && items.iter().all(|item| item["action"] == "Create"));
    let asked = ["POST", "GET"].map(|method| world.asked(method, "recordingcallbacks"));
    assert_eq!(
        asked,
        [320, 1],
        "a try of each, and one list of what is there"
    );
    assert_eq!((world.asked("GET", "/secrets/"), world.calls()), (1, 1));
}

#[tokio::test]
async fn a_plan_of_few_asks_the_cloud_once_and_each_domain_where_that_takes_fewer_calls() {
    let of = |number: usize| ours(number, 500).replace("push.", &format!("push{number}."));
    for (trouble, objects, calls) in [
        (Trouble::None, 3, 1),
        (Trouble::Large, 1, 1),
        (Trouble::Large, 2, 1 + 2),
    ] {
        let world = World::new(Trouble::None, trouble).await;
        let text: String = (0..objects).map(of).collect();
        std::fs::write(&world.manifest, text).unwrap();
        let said = say(&world, "plan MANIFEST", &["-o", "json"]).await;
        let value = said.value();
        let items = value["items"].as_array().unwrap();
        assert!(items.len() == objects, "{said}");
        assert!(
            items.iter().all(|item| item["action"] == "Create"),
            "{said}"
        );
        assert_eq!((said.code, world.calls()), (Some(2), calls), "{trouble:?}");
    }
}

#[tokio::test]
async fn an_api_server_is_heard_before_a_slow_cloud_is_waited_for() {
    let slow = Trouble::Late(Duration::from_secs(11));
    let world = World::new(Trouble::None, slow).await;
    let text: String = (0..40).map(|number| ours(number, 100_000)).collect();
    std::fs::write(&world.manifest, text).unwrap();
    let said = say(
        &world,
        "plan MANIFEST",
        &["-o", "json", "--request-timeout=20s"],
    )
    .await;
    assert_eq!((said.code, said.errors().len()), (Some(2), 0), "{said}");
}

const CREDENTIAL: &str = r#"{"kind":"ExecCredential","status":{"token":"not-a-real-token"}}"#;

fn watching(world: &World, command: &str) -> Child {
    let mut process = tokio::process::Command::from(program(command));
    process.env("KUBECONFIG", &world.kubeconfig);
    let process = process.stdout(Stdio::piped()).stderr(Stdio::piped());
    process.kill_on_drop(true).spawn().unwrap()
}

#[tokio::test]
async fn who_logs_in_by_a_program_does_so_once_a_command() {
    let world = World::new(Trouble::Changes, Trouble::None).await;
    let ran = world.manifest.with_file_name("ran");
    world.log_in_by(&format!("echo >> {}; echo '{CREDENTIAL}'", ran.display()));
    let times = || std::fs::read_to_string(&ran).unwrap().len();
    for (number, command) in ["status --all", "plan MANIFEST", "suspend push"]
        .iter()
        .enumerate()
    {
        let said = say(&world, command, &[]).await;
        assert_eq!((said.errors().len(), times()), (0, number + 1), "{said}");
    }
    let mut child = watching(&world, "status --all --watch -o yaml");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut documents = Vec::new();
    while documents.len() < 4 {
        let line = lines.next_line().await.unwrap().unwrap();
        if line == "---" {
            documents.push(String::new());
        } else {
            documents.last_mut().unwrap().push_str(&(line + "\n"));
        }
    }
    assert_eq!(times(), 4);
    for document in &documents[..3] {
        let value: serde_json::Value = serde_saphyr::from_str(document).unwrap();
        assert_eq!(value["items"][0]["name"], "push", "{document}");
    }
    world.log_in_by("echo hunter2; exit 3");
    let said = say(&world, "status --all", &["-o", "json"]).await;
    assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
    said.assert_says(&[
        "credential plugin \"/bin/sh\" ended with exit status: 3",
        "run it by hand",
        "log in again",
    ]);
    assert!(!said.to_string().contains("hunter2"), "{said}");
}

#[tokio::test]
async fn an_error_is_told_once_for_as_long_as_it_is_the_same() {
    let world = World::new(Trouble::Goes, Trouble::None).await;
    let mut child = watching(&world, "status push --watch");
    // The object, and then three rounds of one look for it and one for what may have been meant.
    while world.asked("GET", "recordingcallbacks") < 8 {
        assert!(child.try_wait().unwrap().is_none());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    child.start_kill().unwrap();
    let stderr = child.wait_with_output().await.unwrap();
    let stderr = String::from_utf8(stderr.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("error: there is no RecordingCallback push"),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_story_that_is_watched_takes_one_question_a_round() {
    let world = World::new(Trouble::Changes, Trouble::None).await;
    let mut child = watching(&world, "status --all --watch");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut stderr = Vec::new();
    while stderr.len() < 3 {
        let line = lines.next_line().await.unwrap().unwrap();
        if let Some((_, round)) = line.split_once("round-") {
            let round: String = round.chars().take_while(char::is_ascii_digit).collect();
            stderr.push(round);
            stderr.dedup();
        }
    }
    assert_eq!(stderr, ["1", "2", "3"]);
}
