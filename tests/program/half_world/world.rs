//! An API server and a cloud that answer as they are told to, and a kubeconfig for them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use k8s_openapi::ByteString;
use recording_callback_operator::api::crd;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

/// What is wrong with a server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Trouble {
    /// Nothing.
    None,
    /// Nobody listens.
    Refuses,
    /// It takes requests and never answers.
    Hangs,
    /// It answers so late.
    Late(Duration),
    /// It answers everything with this.
    Says(u16, &'static str),
    /// It refuses what is asked of one resource.
    Forbids(&'static str),
    /// It knows nothing of the group, or has it in another version only.
    Unserved(Option<&'static str>),
    /// One of its objects is none that this version can read.
    Unreadable,
    /// Its object names no Secret: the operator's own credentials are meant.
    NoSecret,
    /// Its object was made in another project than its credentials lead to.
    Moved,
    /// It drops what it does not know.
    Drops,
    /// Its object has another app each time that it is listed: round-1, round-2.
    Changes,
    /// Its object is gone after it was read once.
    Goes,
    /// It answers creates only when so many wait for it.
    Together(usize),
    /// Its namespace is being deleted.
    Terminates,
    /// It holds 1,000 callbacks, none of them in a domain that is asked for.
    Large,
    /// It answers no more from this request on, counted from 1.
    Dies(usize, Death),
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Death {
    /// It takes requests and answers none.
    Silence,
    /// It ends each connection.
    Closes,
    /// It ends each connection within its answer.
    BreaksOff,
    /// What stands before it answers.
    Unavailable,
}

impl Death {
    async fn answer(self) -> Response {
        match self {
            Self::Silence => std::future::pending().await,
            // It ends the connection's task, without a word as no hook is called.
            Self::Closes => std::panic::resume_unwind(Box::new("the connection ends")),
            Self::BreaksOff => {
                let broken = std::io::Error::other("the connection ends");
                let begun = [Ok(Bytes::from_static(b"{")), Err(broken)];
                Body::from_stream(stream::iter(begun)).into_response()
            }
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "no upstream").into_response(),
        }
    }
}

/// What a server was asked for, each with its method and path.
type Requests = Arc<Mutex<Vec<String>>>;

#[derive(Clone)]
struct Server {
    trouble: Trouble,
    cloud: String,
    requests: Requests,
    together: Arc<Barrier>,
}

/// Where a server of that trouble listens.
async fn start(router: Router, trouble: Trouble) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    if trouble != Trouble::Refuses {
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    address
}

/// A cluster and a cloud, each with its trouble.
pub(super) struct World {
    pub(super) server: String,
    pub(super) cloud: String,
    pub(super) kubeconfig: std::path::PathBuf,
    pub(super) manifest: std::path::PathBuf,
    requests: Requests,
    requests_of_the_cloud: Requests,
    _files: TempDir,
}

impl World {
    pub(super) async fn new(cluster: Trouble, cloud: Trouble) -> Self {
        let (requests, requests_of_the_cloud) = (Requests::default(), Requests::default());
        let answers = Router::new()
            .fallback(answer_of_the_cloud)
            .with_state((cloud, Arc::clone(&requests_of_the_cloud)));
        let cloud = format!("http://{}", start(answers, cloud).await);
        let together = if let Trouble::Together(number) = cluster {
            number
        } else {
            1
        };
        let state = Server {
            trouble: cluster,
            cloud: cloud.clone(),
            requests: Arc::clone(&requests),
            together: Arc::new(Barrier::new(together)),
        };
        let answers = Router::new().fallback(answer).with_state(state);
        let server = format!("http://{}", start(answers, cluster).await);
        let files = TempDir::new().unwrap();
        let (kubeconfig, manifest) = (files.path().join("config"), files.path().join("push.yaml"));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "namespace": "media"}}],
            "clusters": [{"name": "test", "cluster": {"server": server}}],
        });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        std::fs::write(&manifest, object("push", "live").to_string()).unwrap();
        Self {
            server,
            cloud,
            kubeconfig,
            manifest,
            requests,
            requests_of_the_cloud,
            _files: files,
        }
    }

    /// Lets the manifest name no Secret.
    pub(super) fn take_the_secret_out(&self) {
        let manifest = std::fs::read(&self.manifest).unwrap();
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        without_secret(&mut manifest);
        std::fs::write(&self.manifest, manifest.to_string()).unwrap();
    }

    /// Lets the kubeconfig's user log in by a script.
    pub(super) fn log_in_by(&self, script: &str) {
        let config = std::fs::read(&self.kubeconfig).unwrap();
        let mut config: Value = serde_json::from_slice(&config).unwrap();
        config["contexts"][0]["context"]["user"] = json!("me");
        let exec = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable",
            "command": "/bin/sh", "args": ["-c", script],
        });
        config["users"] = json!([{ "name": "me", "user": { "exec": exec } }]);
        std::fs::write(&self.kubeconfig, config.to_string()).unwrap();
    }

    /// How often the API server was asked for this.
    pub(super) fn asked(&self, method: &str, resource: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        let is_so = |line: &&String| line.starts_with(method) && line.contains(resource);
        requests.iter().filter(is_so).count()
    }

    /// How many requests came to the API server.
    pub(super) fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// How often the cloud was called.
    pub(super) fn calls(&self) -> usize {
        self.requests_of_the_cloud.lock().unwrap().len()
    }
}

fn object(name: &str, app: impl Into<Value>) -> Value {
    json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
        "metadata": {
            "name": name, "namespace": "media", "uid": name, "resourceVersion": "1",
            "finalizers": ["live.huaweicloud.com/recording-callback"],
        },
        "spec": {
            "publishDomain": "push.example.com", "app": app.into(),
            "notifyCallbackURL": "https://hooks.example.com/record",
            "credentialsSecretRef": { "name": "huaweicloud" },
        },
    })
}

fn without_secret(object: &mut Value) {
    let spec = object["spec"].as_object_mut().unwrap();
    spec.remove("credentialsSecretRef");
}

/// The object that there is, as the request of this number finds it.
fn stored(trouble: Trouble, number: usize) -> Value {
    if trouble == Trouble::Changes {
        return object("push", format!("round-{number}"));
    }
    let mut stored = object("push", "live");
    if trouble == Trouble::NoSecret {
        without_secret(&mut stored);
    }
    if trouble == Trouble::Moved {
        let target = json!({ "region": "cn-north-4", "projectID": "of-old", "endpoint": "" });
        stored["status"] = json!({ "target": target });
    }
    stored
}

fn refusal(code: u16, reason: &str, message: &str) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    (StatusCode::from_u16(code).unwrap(), status.to_string()).into_response()
}

fn of_a_namespace_that_goes() -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "unable to create new content in namespace media because it is being terminated",
        "details": { "causes": [{ "reason": "NamespaceTerminating", "field": "metadata.namespace" }] },
    });
    (StatusCode::FORBIDDEN, status.to_string()).into_response()
}

/// Credentials for this cloud.
fn secret(cloud: &str) -> Value {
    let values = [
        ("ak", "AKTESTEXAMPLE0000001"),
        ("sk", "sk-test-example-not-a-secret-0000000001"),
        ("project_id", "0123456789abcdef0123456789abcdef"),
        ("region", "cn-north-4"),
        ("live_endpoint", cloud),
    ];
    let data = values.map(|(key, value)| (key, ByteString(value.as_bytes().to_vec())));
    json!({ "metadata": {}, "data": BTreeMap::from(data) })
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let path = head.uri.path();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let resource = parent.rsplit('/').next().unwrap();
    let number = {
        let mut requests = server.requests.lock().unwrap();
        requests.push(format!("{} {path}", head.method));
        requests.len()
    };
    match server.trouble {
        Trouble::Hangs => std::future::pending().await,
        Trouble::Dies(last, death) if number >= last => return death.answer().await,
        Trouble::Late(wait) => tokio::time::sleep(wait).await,
        Trouble::Says(code, text) => {
            return (StatusCode::from_u16(code).unwrap(), text).into_response();
        }
        Trouble::Forbids(what) if what == name || what == resource => {
            let message = format!("{what} is forbidden: User \"jane\" cannot ask for {what}");
            return refusal(403, "Forbidden", &message);
        }
        Trouble::Unserved(Some(version)) if path == "/apis/live.huaweicloud.com" => {
            let version = json!({ "groupVersion": format!("live.huaweicloud.com/{version}"), "version": version });
            let group = json!({ "name": "live.huaweicloud.com", "versions": [version] });
            return Body::from(group.to_string()).into_response();
        }
        Trouble::Unserved(_) if path.starts_with("/apis/live.huaweicloud.com") => {
            return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
        }
        Trouble::Goes if number > 1 => {
            return refusal(
                404,
                "NotFound",
                &format!("recordingcallbacks {name:?} not found"),
            );
        }
        Trouble::Terminates if name == "recordingcallbacks" && head.method == "POST" => {
            return of_a_namespace_that_goes();
        }
        Trouble::Together(_) if name == "recordingcallbacks" && head.method == "POST" => {
            server.together.wait().await;
        }
        Trouble::None
        | Trouble::Refuses
        | Trouble::Forbids(_)
        | Trouble::Unserved(_)
        | Trouble::Unreadable
        | Trouble::NoSecret
        | Trouble::Moved
        | Trouble::Drops
        | Trouble::Changes
        | Trouble::Goes
        | Trouble::Terminates
        | Trouble::Large
        | Trouble::Dies(..)
        | Trouble::Together(_) => {}
    }
    let good = stored(server.trouble, number);
    let list = |items: Value| json!({ "apiVersion": "v1", "kind": "List", "metadata": {}, "items": items });
    let value = match (name, resource) {
        ("version", _) => json!({
            "major": "1", "minor": "34", "gitVersion": "v1.34.0", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
        }),
        ("recordingcallbacks.live.huaweicloud.com", _) => {
            let mut crd = json!(crd::crd());
            crd["status"] = json!({"conditions": [{"type": "Established", "status": "True"}]});
            crd
        }
        ("recordingcallbacks", _) if head.method == "POST" => {
            serde_json::from_slice(&body).unwrap()
        }
        ("recordingcallbacks", _) if server.trouble == Trouble::Unreadable => {
            let mut broken = object("broken", "wanted");
            broken["status"] = json!({ "callbackID": "held", "failures": "many" });
            list(json!([broken, good]))
        }
        ("recordingcallbacks", _) => list(json!([good])),
        (_, "recordingcallbacks") if server.trouble == Trouble::Drops => good,
        (_, "recordingcallbacks") => {
            let mut changed = good;
            let change = serde_json::from_slice(&body).unwrap_or_else(|_| json!({}));
            json_patch::merge(&mut changed, &change);
            changed
        }
        ("selfsubjectaccessreviews", _) => json!({ "spec": {}, "status": { "allowed": true } }),
        (_, "secrets") => secret(&server.cloud),
        ("deployments" | "leases", _) => list(json!([])),
        _ => return refusal(404, "NotFound", path),
    };
    Body::from(value.to_string()).into_response()
}

async fn answer_of_the_cloud(
    State((trouble, requests)): State<(Trouble, Requests)>,
    request: Request,
) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    requests.lock().unwrap().push(line.clone());
    if let Trouble::Late(wait) = trouble {
        tokio::time::sleep(wait).await;
    }
    match trouble {
        Trouble::Hangs => std::future::pending().await,
        Trouble::Says(code, text) => (StatusCode::from_u16(code).unwrap(), text).into_response(),
        Trouble::Large if !line.contains("publish_domain=") => {
            let row = |id: usize| json!({ "id": id.to_string(), "publish_domain": "elsewhere.example.com", "app": id.to_string() });
            let rows: Vec<Value> = (0..100).map(row).collect();
            Body::from(json!({ "total": 1000, "callback_config": rows }).to_string())
                .into_response()
        }
        Trouble::None
        | Trouble::Refuses
        | Trouble::Late(_)
        | Trouble::Forbids(_)
        | Trouble::Unserved(_)
        | Trouble::Unreadable
        | Trouble::NoSecret
        | Trouble::Moved
        | Trouble::Drops
        | Trouble::Changes
        | Trouble::Goes
        | Trouble::Terminates
        | Trouble::Large
        | Trouble::Dies(..)
        | Trouble::Together(_) => Body::from(r#"{"total":0,"callback_config":[]}"#).into_response(),
    }
}
