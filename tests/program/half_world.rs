//! Every command in a world of which a part is broken: it tells what it can, says in one line with cause, server or remedy what it
//! can't, and its exit code and its stdout say so to a program, too.

mod asked;
mod dying;
mod files;
mod imported;
mod terminal;
mod unreadable;
mod whose;
mod world;

use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use self::world::{Trouble, World};
use super::program;

/// What each command is called with.
const COMMANDS: &[&str] = &[
    "status push",
    "status --all",
    "retry rcb/push",
    "suspend --all",
    "resume push",
    "release push --lease-namespace media",
    "orphans -A",
    "import --secret huaweicloud",
    "doctor",
    "plan MANIFEST",
];

struct Said {
    command: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

async fn say(world: &World, command: &str, more: &[&str]) -> Said {
    say_in(&[], world, command, more).await
}

/// The same with these variables.
async fn say_in(environment: &[(&str, &str)], world: &World, command: &str, more: &[&str]) -> Said {
    let line = command.replace("MANIFEST", world.manifest.to_str().unwrap());
    let mut process = tokio::process::Command::from(program(&line));
    process.envs(environment.iter().copied());
    process.env("KUBECONFIG", &world.kubeconfig).args(more);
    if ["orphans", "import", "doctor", "plan"]
        .iter()
        .any(|name| command.starts_with(name))
    {
        process.arg(format!("--allowed-endpoints={}", world.cloud));
        if !more
            .iter()
            .any(|flag| flag.starts_with("--request-timeout"))
        {
            process.arg("--request-timeout=2s");
        }
    }
    let said = process.stdin(Stdio::null()).kill_on_drop(true).output();
    let said = said.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        command: command.to_owned(),
        code: said.status.code(),
        stdout: text(said.stdout),
        stderr: text(said.stderr),
    }
}

impl Said {
    /// The one value on stdout.
    fn value(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// What went wrong, a line each.
    fn errors(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        lines.filter(|line| line.starts_with("error: ")).collect()
    }

    /// A line of stderr has all these words, or one of a table.
    fn assert_says(&self, words: &[&str]) {
        let mut lines = self.stderr.lines().chain(self.stdout.lines());
        let found = lines.any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line has all of {words:?}: {self}");
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{command} ended with {code:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}"
        )
    }
}

/// Asserts that each command fails here with one line, which has these words, and with a value for a program.
async fn all_fail(world: &World, words: &[&str]) {
    let said = join_all(COMMANDS.iter().map(|command| async move {
        let table = say(world, command, &[]).await;
        let json = say(world, command, &["-o", "json"]).await;
        (table, json)
    }));
    for (table, json) in said.await {
        for said in [&table, &json] {
            assert_eq!(said.code, Some(1), "{said}");
            assert!(!said.stderr.contains("panicked"), "{said}");
        }
        for said in [&table, &json] {
            assert_eq!(said.errors().len(), 1, "{said}");
            said.assert_says(words);
        }
        let value = json.value();
        let errors = value["errors"].as_array().map_or(0, Vec::len);
        assert_eq!(errors, 1, "{json}");
        if table.command == "doctor" {
            assert_eq!(value["items"][0]["result"], "Failed", "{json}");
        } else {
            assert_eq!(table.stdout, "", "{table}");
            assert_eq!(value["items"], Value::Array(Vec::new()), "{json}");
        }
    }
}

#[tokio::test]
async fn an_api_server_that_fails_is_told_with_its_address_and_what_to_do() {
    let up = "see that the kubeconfig and its context name the right cluster";
    let no_api = "see that the kubeconfig's server is an API server";
    let status = r#"{"kind":"Status","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
    let html = "<html>\n<body>Bad Gateway</body>\n</html>";
    for (trouble, cause, remedy) in [
        (Trouble::Refuses, "onnection refused", up),
        (Trouble::Says(401, status), "Unauthorized", "log in again"),
        (Trouble::Says(502, html), "Bad Gateway", no_api),
        (Trouble::Says(200, html), "expected value", no_api),
    ] {
        let world = World::new(trouble, Trouble::None).await;
        all_fail(&world, &[cause, &world.server, remedy]).await;
    }
}

#[tokio::test]
async fn what_refuses_even_its_version_is_told_for_what_it_is() {
    let expired =
        r#"{"kind":"Status","status":"Failure","message":"too old","reason":"Expired","code":410}"#;
    for (trouble, command, remedy) in [
        (Trouble::Says(404, "<html/>"), "doctor", "is an API server"),
        (Trouble::Forbids("version"), "doctor", "public-info-viewer"),
        (
            Trouble::Says(410, expired),
            "status --all",
            "; what it told so far has changed too often",
        ),
    ] {
        let world = World::new(trouble, Trouble::None).await;
        let said = say(&world, command, &["-o", "json"]).await;
        assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
        said.assert_says(&["error: ", &world.server, remedy]);
    }
}

#[tokio::test]
async fn an_api_server_that_never_answers_is_not_waited_for_in_silence() {
    let world = World::new(Trouble::Hangs, Trouble::None).await;
    let up = "see that the kubeconfig and its context name the right cluster";
    let no_answer = "no answer from the API server";
    let words = [no_answer, &world.server, up];
    let (said, ()) = tokio::join!(say(&world, "status --all", &[]), all_fail(&world, &words));
    said.assert_says(&[
        "still at work after 20 s",
        &world.server,
        "recordingcallbacks",
    ]);
}

#[tokio::test]
async fn who_waits_can_be_asked_to_stop() {
    let world = World::new(Trouble::Hangs, Trouble::None).await;
    for command in ["suspend --all", "release --all"] {
        let mut process = tokio::process::Command::from(program(command));
        process.env("KUBECONFIG", &world.kubeconfig);
        let mut child = process
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let waits = lines.next_line().await.unwrap().unwrap();
        assert!(waits.starts_with("still at work after 10 s"), "{waits}");
        let pid = child.id().unwrap().to_string();
        let kill = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status();
        assert!(kill.unwrap().success());
        let line = lines.next_line().await.unwrap().unwrap();
        assert!(
            line.starts_with("error: asked to stop: nothing was "),
            "{line}"
        );
        assert_eq!(child.wait().await.unwrap().code(), Some(1), "{command}");
    }
}

#[tokio::test]
async fn an_api_server_that_answers_after_nine_seconds_is_waited_for() {
    let world = World::new(Trouble::Late(Duration::from_secs(9)), Trouble::None).await;
    let commands = [
        "status --all",
        "suspend push",
        "doctor --offline",
        "plan MANIFEST",
    ];
    let said = join_all(commands.map(|command| say(&world, command, &["-o", "json"])));
    for (said, code) in said.await.into_iter().zip([0, 0, 0, 2]) {
        assert_eq!(said.code, Some(code), "{said}");
        assert_ne!(said.value()["items"][0], Value::Null, "{said}");
    }
}

#[tokio::test]
async fn a_missing_or_another_crd_is_told_with_the_way_to_it() {
    let install = "recording-callback-operator crd | kubectl apply --server-side -f -";
    let world = World::new(Trouble::Unserved(None), Trouble::None).await;
    let newer = World::new(Trouble::Unserved(Some("v1")), Trouble::None).await;
    for command in COMMANDS.iter().filter(|command| **command != "doctor") {
        let said = say(&world, command, &["-o", "json"]).await;
        assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
        said.assert_says(&["is not installed there", &world.server, install]);
        said.value();
        let said = say(&newer, command, &[]).await;
        assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
        said.assert_says(&["served there as v1, and this program knows v1alpha1"]);
    }
    // An older one drops what it does not know.
    let older = World::new(Trouble::Drops, Trouble::None).await;
    let said = say(&older, "suspend push", &[]).await;
    assert_eq!(said.code, Some(1), "{said}");
    said.assert_says(&["error: media/push", "did not keep it", install]);
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_and_keeps_nothing_else_back() {
    for (right, command, words) in [
        ("recordingcallbacks", "status --all", "docs/commands.md"),
        ("push", "status push", "docs/commands.md"),
        ("push", "retry push", "docs/commands.md"),
        (
            "leases",
            "release push --lease-namespace media",
            "--lease-name",
        ),
        ("huaweicloud", "orphans -n media", "have this right granted"),
        (
            "huaweicloud",
            "import --secret huaweicloud",
            "have this right granted",
        ),
        ("huaweicloud", "plan MANIFEST", "have this right granted"),
        ("deployments", "doctor", "may list deployments.apps"),
        (
            "recordingcallbacks.live.huaweicloud.com",
            "doctor",
            "allow get on customresourcedefinitions",
        ),
        (
            "recordingcallbacks",
            "doctor",
            "allow get and list on recordingcallbacks",
        ),
        (
            "selfsubjectaccessreviews",
            "doctor",
            "allow create on subjectaccessreviews",
        ),
        ("huaweicloud", "doctor", "allow get on this Secret"),
    ] {
        let world = World::new(Trouble::Forbids(right), Trouble::None).await;
        let said = say(&world, command, &["-o", "json"]).await;
        assert_eq!(said.code, Some(1), "{said}");
        said.assert_says(&["error: ", words]);
        let items = said.value()["items"].as_array().unwrap().len();
        let counts = if command == "doctor" { 5.. } else { 0.. };
        assert!(counts.contains(&items), "{said}");
    }
}

#[tokio::test]
async fn a_cloud_that_fails_is_told_for_what_it_is() {
    let html = "<html><body>Service Unavailable</body></html>";
    let way = "heck network policy, DNS, proxy";
    let throttled = r#"{"error_code":"APIG.0308","error_msg":"throttled"}"#;
    for (trouble, cause, remedy) in [
        (Trouble::Refuses, "onnection refused", way),
        (Trouble::Hangs, "no answer before the deadline", way),
        (Trouble::Says(429, throttled), "APIG.0308", ""),
        (Trouble::Says(503, html), "503", way),
        (Trouble::Says(200, html), "200", way),
    ] {
        let world = World::new(Trouble::None, trouble).await;
        let commands = [
            "orphans -n media",
            "import --secret huaweicloud",
            "doctor",
            "plan MANIFEST",
        ];
        for command in commands {
            let said = say(&world, command, &["-o", "json"]).await;
            assert_eq!(said.code, Some(1), "{trouble:?} {said}");
            assert!(said.value()["items"].is_array(), "{said}");
            said.assert_says(&[cause]);
            said.assert_says(&[remedy]);
        }
    }
}

#[tokio::test]
async fn without_a_way_to_a_cluster_a_program_still_gets_a_value() {
    let world = World::new(Trouble::None, Trouble::None).await;
    for command in COMMANDS {
        let said = say(&world, command, &["--context", "other", "-o", "json"]).await;
        assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
        said.assert_says(&["no context \"other\"", "--context; there are: test"]);
        assert_eq!(said.value()["items"], Value::Array(Vec::new()), "{said}");
    }
    let said = say(
        &world,
        "status --all",
        &["--context", "other", "-o", "yaml"],
    )
    .await;
    let value: Value = serde_saphyr::from_str(&said.stdout).unwrap();
    assert_eq!(value["items"], Value::Array(Vec::new()), "{said}");
}

#[tokio::test]
async fn what_calls_no_cluster_fails_as_the_others_do() {
    let world = World::new(Trouble::None, Trouble::None).await;
    let line = "verify-notification none --key-file none";
    let said = say(&world, line, &["-o", "json"]).await;
    assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
    said.assert_says(&["none can't be read"]);
    assert_eq!(said.value()["items"], Value::Array(Vec::new()), "{said}");
}

#[test]
fn whoever_reads_no_further_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = program("crd").stdout(writer).stderr(Stdio::piped()).spawn();
    let said = child.unwrap().wait_with_output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    // Nor is a stderr that is closed a reason to panic.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = program("status push").stderr(writer).status().unwrap();
    assert_eq!(ended.code(), Some(1));
}
