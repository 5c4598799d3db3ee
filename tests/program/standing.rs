//! How the operator stands up, and how it ends. The API server here knows the Lease and the CRD and nothing else.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
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

use super::{program, refused};

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
struct StandingOperator {
    child: std::process::Child,
    admin: SocketAddr,
    dir: TempDir,
}

impl StandingOperator {
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

impl Drop for StandingOperator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_stands_up_whatever_the_environment_says_of_proxies_and_lets_the_lease_go() {
    let server = ApiServer::start(false).await;
    let mut operator = StandingOperator::start(
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
    let mut operator = StandingOperator::start(&server, &[]);
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
