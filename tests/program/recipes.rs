//! The jobs that docs/commands.md shows: run as they stand there, beside a program that plans as the test wants it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const MARK: &str = "<!-- recording-callback-operator plan -->";

/// The YAML below a sentence of the page.
fn recipe(sentence: &str) -> Value {
    let page = include_str!("../../docs/commands.md");
    let (_, rest) = page.split_once(sentence).unwrap();
    let (_, rest) = rest.split_once("```yaml\n").unwrap();
    serde_saphyr::from_str(rest.split("```").next().unwrap()).unwrap()
}

fn put_program(directory: &Path, name: &str, text: &str) {
    let file = directory.join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A directory for a job, in which the program ends with this code.
fn job(code: u8) -> TempDir {
    let directory = TempDir::new().unwrap();
    let plan = format!("echo '{MARK}'; echo \"plan of $*\"; exit {code}");
    put_program(directory.path(), "recording-callback-operator", &plan);
    directory
}

/// Runs a job's script as GitHub and GitLab run it, and tells whether it succeeded.
async fn run(directory: &Path, script: &str, env: &[(&str, &str)]) -> bool {
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-eo", "pipefail", "-c", script])
        .current_dir(directory);
    bash.env_clear()
        .env("PATH", path)
        .env("RUNNER_TEMP", directory)
        .envs(env.iter().copied());
    bash.status().await.unwrap().success()
}

#[tokio::test]
async fn the_job_of_github_writes_one_comment_and_fails_where_the_plan_did() {
    let recipe = recipe("A job of GitHub that writes it");
    let step = &recipe["jobs"]["plan"]["steps"][1];
    let variables: Vec<&String> = step["env"].as_object().unwrap().keys().collect();
    assert_eq!(variables, ["GH_TOKEN", "KUBECONFIG_TEXT", "NUMBER"]);
    let env = [
        ("GITHUB_REPOSITORY", "a/b"),
        ("NUMBER", "7"),
        ("KUBECONFIG_TEXT", "config"),
    ];
    for (code, old, change) in [
        (
            0,
            "",
            "--method POST repos/a/b/issues/7/comments --field body=@plan.md",
        ),
        (
            2,
            "42",
            "--method PATCH repos/a/b/issues/comments/42 --field body=@plan.md",
        ),
        (
            1,
            "42",
            "--method PATCH repos/a/b/issues/comments/42 --field body=@plan.md",
        ),
    ] {
        let directory = job(code);
        let gh = format!("echo \"$*\" >> calls\ncase \"$*\" in *--jq*) echo {old};; esac");
        put_program(directory.path(), "gh", &gh);
        let succeeded = run(directory.path(), step["run"].as_str().unwrap(), &env).await;
        assert_eq!(succeeded, code != 1);
        let calls = fs::read_to_string(directory.path().join("calls")).unwrap();
        assert!(calls.ends_with(&format!("{change}\n")), "{calls}");
        let plan = fs::read_to_string(directory.path().join("plan.md")).unwrap();
        assert!(
            plan.contains("plan of plan callbacks/ -o markdown --kubeconfig"),
            "{plan}"
        );
    }
}

type Notes = Arc<Mutex<Vec<String>>>;

/// A GitLab that has one note of ours, or none, and keeps what is written.
async fn gitlab(
    State((old, notes)): State<(&'static str, Notes)>,
    request: Request,
) -> &'static str {
    let (head, body) = request.into_parts();
    if head.method == "GET" {
        return old;
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let token = head.headers["PRIVATE-TOKEN"].to_str().unwrap();
    let text = String::from_utf8_lossy(&body);
    let line = format!("{} {} {token} {text}", head.method, head.uri);
    notes.lock().unwrap().push(line);
    "{}"
}

#[tokio::test]
async fn the_job_of_gitlab_writes_one_note_and_fails_where_the_plan_did() {
    let recipe = recipe("A job of GitLab;");
    let script = recipe["plan"]["script"][0].as_str().unwrap();
    let ours = r#"[{"id":1,"body":"well done"},{"id":42,"body":"<!-- recording-callback-operator plan -->\nold"}]"#;
    for (code, old, change) in [
        (2, "[]", "POST /projects/1/merge_requests/7/notes secret "),
        (1, ours, "PUT /projects/1/merge_requests/7/notes/42 secret "),
    ] {
        let notes = Notes::default();
        let router = Router::new()
            .fallback(gitlab)
            .with_state((old, Arc::clone(&notes)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let directory = job(code);
        let env = [
            ("CI_API_V4_URL", &*url),
            ("CI_PROJECT_ID", "1"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("PLAN_TOKEN", "secret"),
            ("PLAN_KUBECONFIG", "config"),
        ];
        assert_eq!(run(directory.path(), script, &env).await, code != 1);
        let notes = notes.lock().unwrap().clone();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with(change), "{notes:?}");
        assert!(
            notes[0].contains("plan+of+plan+callbacks%2F+-o+markdown"),
            "{notes:?}"
        );
    }
}
