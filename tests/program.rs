//! The binary as a child process: what it says when it is started in ways that can't work, how it stands up, and how it ends.
//! The API server here knows the Lease and the CRD and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use recording_callback_operator::api::crd;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The binary with nothing of this machine's environment that could help it.
fn program(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recording-callback-operator"));
    command
        .args(args.split_whitespace())
        .env_clear()
        .env("HOME", "/nonexistent");
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

/// Asserts an end with this code and one line on stderr that has all these words.
fn refused(command: &mut Command, code: i32, words: &[&str]) {
    let (status, stdout, stderr) = output(command);
    assert_eq!((status, stdout.as_str()), (Some(code), ""), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word} is not in {stderr}");
    }
}

#[test]
fn a_mistake_on_the_command_line_ends_with_code_2_and_one_line() {
    refused(
        &mut program("run --resync-interval soon"),
        2,
        &["--resync-interval", "10m"],
    );
    refused(&mut program("run --no-such-flag"), 2, &["--no-such-flag"]);
    refused(
        &mut program("run --request-timeout 1m"),
        2,
        &["--settle-time", "1m5s"],
    );
    refused(&mut program(""), 2, &["subcommand"]);
    refused(&mut program("release"), 2, &["NAME", "--all"]);
    refused(&mut program("release -A"), 2, &["NAME", "--all"]);
    refused(&mut program("release push --all"), 2, &["--all"]);
    for command in ["status", "retry", "suspend", "resume"] {
        refused(&mut program(command), 2, &["NAME", "--all"]);
    }
    // A variable that is set does not make a flag's mistake its own.
    let mut short = program("release push -n Bad");
    refused(
        short.env("NAMESPACE", "media"),
        2,
        &["error: invalid value 'Bad'"],
    );
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    for (name, value) in [
        ("RESYNC_INTERVAL", "soon"),
        ("LEADER_ELECT", "yes"),
        ("REQUESTS_PER_MINUTE", "300"),
        ("NAMESPACES", "media,,live"),
        ("LISTEN", ""),
    ] {
        refused(
            program("run").env(name, value),
            2,
            &["environment variable", name],
        );
    }
    refused(
        program("release push").env("LEASE_NAME", "Bad"),
        2,
        &["environment variable LEASE_NAME"],
    );
    let latin1 = OsStr::from_bytes(b"caf\xe9");
    refused(
        program("run").env("LABEL_SELECTOR", latin1),
        2,
        &["environment variable LABEL_SELECTOR"],
    );
    // A flag goes before its variable, so this gets as far as looking for a cluster.
    let mut both = program("run --resync-interval 1m");
    refused(both.env("RESYNC_INTERVAL", "soon"), 1, &["KUBECONFIG"]);
}

#[test]
fn without_a_cluster_the_ways_to_one_are_named() {
    refused(
        &mut program("run"),
        1,
        &["KUBECONFIG", "--kubeconfig", "service account"],
    );
    refused(&mut program("release --all"), 1, &["error: ", "KUBECONFIG"]);
    refused(
        &mut program("run --kubeconfig /no/such/file"),
        1,
        &["/no/such/file"],
    );
    refused(
        program("run").env("KUBECONFIG", "/no/such/file"),
        1,
        &["/no/such/file"],
    );
}

#[test]
fn the_crd_is_printed() {
    let (status, stdout, stderr) = output(&mut program("crd"));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert_eq!(stdout, crd::yaml().unwrap());
}

#[test]
fn a_code_is_explained() {
    let (status, stdout, stderr) = output(&mut program("explain LIVE.100011001"));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("Class:    rejected\n"), "{stdout}");
    refused(&mut program("explain LIVE.0"), 1, &["LIVE.0", "Conflict"]);
}

#[test]
fn shells_and_manuals_know_every_command() {
    for (line, words) in [
        (
            "completion bash",
            ["complete -F", "resync-interval", "release"],
        ),
        ("completion zsh", ["#compdef", "resync-interval", "release"]),
        ("man", [".TH", "NAME", "release"]),
        ("man run", [".TH", "RESYNC_INTERVAL", "concurrency"]),
    ] {
        let (status, stdout, stderr) = output(&mut program(line));
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{line}");
        for word in words {
            let found = stdout.replace("\\-", "-").contains(word);
            assert!(found, "{word} is not in what {line} printed");
        }
    }
    refused(&mut program("man walk"), 1, &["walk"]);
    refused(&mut program("completion csh"), 2, &["csh", "bash", "fish"]);
}

/// An API server that has the CRD and a place for one Lease. A silent one takes requests and never answers.
#[derive(Clone)]
struct ApiServer {
    address: SocketAddr,
    lease: Arc<Mutex<Value>>,
    is_silent: bool,
}

impl ApiServer {
    async fn start(is_silent: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            lease: Arc::default(),
            is_silent,
        };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    fn kubeconfig(&self, dir: &Path) -> std::path::PathBuf {
        let file = dir.join("kubeconfig");
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "namespace": "media"}}],
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", self.address)}}],
        });
        std::fs::write(&file, text.to_string()).unwrap();
        file
    }

    fn lease(&self) -> Value {
        self.lease
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn answer(State(server): State<ApiServer>, request: Request) -> Response {
    if server.is_silent {
        std::future::pending::<()>().await;
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let (code, value) = match (head.uri.path(), head.method) {
        (
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/recordingcallbacks.live.huaweicloud.com",
            _,
        ) => {
            let mut crd = json!(crd::crd());
            crd["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
            (StatusCode::OK, crd)
        }
        ("/apis/coordination.k8s.io/v1/namespaces/media/leases", Method::POST)
        | (
            "/apis/coordination.k8s.io/v1/namespaces/media/leases/recording-callback-operator",
            Method::PUT,
        ) => {
            let mut lease: Value = serde_json::from_slice(&body).unwrap();
            lease["metadata"]["resourceVersion"] = json!("1");
            server.lease.lock().unwrap().clone_from(&lease);
            (StatusCode::OK, lease)
        }
        (path, _) => {
            let reason = "NotFound";
            (
                StatusCode::NOT_FOUND,
                json!({"kind": "Status", "message": path, "reason": reason, "code": 404}),
            )
        }
    };
    (code, value.to_string()).into_response()
}

/// A running operator. Killed when dropped.
struct Operator {
    child: std::process::Child,
    admin: SocketAddr,
    dir: TempDir,
}

impl Operator {
    fn start(server: &ApiServer, env: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let admin = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = program(&format!("run --listen {admin} --log-format text"))
            .env("KUBECONFIG", server.kubeconfig(dir.path()))
            .envs(env.iter().copied())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, admin, dir }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// The answer to a GET, once there is one.
    async fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        let Ok(mut stream) = TcpStream::connect(self.admin).await else {
            return answer;
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
        if stream.write_all(request.as_bytes()).await.is_ok() {
            let _ = stream.read_to_string(&mut answer).await;
        }
        answer
    }

    /// Waits until the answer to a GET has this text.
    async fn says(&self, path: &str, text: &str) {
        let begun = Instant::now();
        loop {
            let answer = self.get(path).await;
            if answer.contains(text) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{path}: {answer}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends SIGTERM; the exit code, and how long it took.
    async fn terminate(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), begun.elapsed());
            }
            assert!(
                begun.elapsed() < Duration::from_secs(15),
                "still there\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_stands_up_whatever_the_environment_says_of_proxies_and_lets_the_lease_go() {
    let server = ApiServer::start(false).await;
    let mut operator = Operator::start(
        &server,
        &[
            ("HTTPS_PROXY", "not a url"),
            ("https_proxy", "http://127.0.0.1:1"),
            ("HTTP_PROXY", "http://127.0.0.1:1"),
            ("NO_PROXY", "a,,::b,"),
            ("SSL_CERT_FILE", "/no/such/file"),
            ("SSL_CERT_DIR", "/no/such/dir"),
            ("POD_NAME", "operator-0"),
        ],
    );
    operator.says("/livez", "200 OK").await;
    operator.says("/readyz", "lease: ok\ncrd: ok\n").await;
    operator
        .says("/metrics", "recording_callback_leader 1")
        .await;
    let holder = server.lease()["spec"]["holderIdentity"].clone();
    assert!(
        holder.as_str().unwrap().starts_with("operator-0_"),
        "{holder}"
    );

    let (code, took) = operator.terminate().await;
    assert_eq!(code, Some(0), "{}", operator.log());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(
        server.lease()["spec"]["holderIdentity"],
        "",
        "{}",
        operator.log()
    );
}

#[tokio::test]
async fn an_api_server_that_never_answers_makes_unready_and_not_dead() {
    let server = ApiServer::start(true).await;
    let mut operator = Operator::start(&server, &[]);
    operator
        .says("/readyz", "no answer from the API server in 3s")
        .await;
    operator
        .says("/readyz", "no answer from the API server in 10s")
        .await;
    operator.says("/readyz", "503 Service Unavailable").await;
    operator.says("/livez", "200 OK").await;
    let (code, took) = operator.terminate().await;
    assert_eq!(code, Some(0), "{}", operator.log());
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_taken_address_is_told_with_the_remedy() {
    let server = ApiServer::start(false).await;
    let dir = TempDir::new().unwrap();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let mut command = program(&format!("run --listen {address}"));
    refused(
        command.env("KUBECONFIG", server.kubeconfig(dir.path())),
        1,
        &[&address, "--listen"],
    );
}
