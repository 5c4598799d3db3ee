//! Whatever a manifest says, no request may write.

use std::sync::{Arc, Mutex};

use http::{Method, Response, Uri};
use kube::client::Body;
use proptest::prelude::*;
use serde_json::json;
use tower::BoxError;

use super::*;
use crate::lock::lock;

type AskedRequests = Arc<Mutex<Vec<(Method, Uri)>>>;

/// A client of an API server that keeps what it is asked for.
fn client(asked: &AskedRequests) -> Client {
    let asked = Arc::clone(asked);
    let service = tower::service_fn(move |request: Request<Body>| {
        lock(&asked).push((request.method().clone(), request.uri().clone()));
        let answer = json!({ "apiVersion": "v1", "kind": "Any", "metadata": { "name": "push" } });
        let body = Body::from(answer.to_string().into_bytes());
        std::future::ready(Ok::<_, BoxError>(Response::new(body)))
    });
    Client::new(service, "default")
}

/// Parts of which a text is made that tries to leave its place in a path.
fn hostile() -> impl Strategy<Value = String> {
    let parts = [
        "/",
        "..",
        ".",
        "#",
        "?",
        "&",
        "%2F",
        "%",
        " ",
        "\n",
        "\\",
        ":",
        "push",
        "v1alpha1",
        "secrets",
        "namespaces",
        "dryRun=",
        "live.huaweicloud.com",
        "recordingcallbacks",
        "中",
        "\u{0}",
    ];
    prop::collection::vec(prop::sample::select(parts.to_vec()), 1..6)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn every_request_that_could_write_is_a_dry_run_at_one_object(
        namespace in hostile(), name in hostile(), version in hostile(), server in any::<bool>(), is_there in any::<bool>(),
    ) {
        let asked = AskedRequests::default();
        let mode = if server {
            ApplyMode::Server { manager: "kubectl".to_owned(), force: true }
        } else {
            ApplyMode::Client
        };
        let wanted = json!({
            "apiVersion": version, "kind": "RecordingCallback",
            "metadata": { "name": name, "namespace": namespace }, "spec": { "app": "new" },
        });
        let there = json!({ "metadata": { "name": name }, "spec": { "app": "old" } });
        let there: DynamicObject = serde_json::from_value(there).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let rehearsal = Rehearsal::new(client(&asked), mode);
            let _ = rehearsal.apply(&namespace, &name, &wanted, is_there.then_some(&there)).await;
        });
        for (method, uri) in lock(&asked).iter() {
            let query = uri.query().unwrap_or_default();
            prop_assert!(query.split('&').any(|pair| pair == "dryRun=All"), "{method} {uri}");
            let parts: Vec<&str> = uri.path().split('/').skip(1).collect();
            let count = if *method == Method::POST { 6 } else { 7 };
            prop_assert_eq!(parts.len(), count, "{} {}", method, uri);
            let fixed = (parts[0], parts[1], parts[3], parts[5]);
            let expected = ("apis", "live.huaweicloud.com", "namespaces", "recordingcallbacks");
            prop_assert_eq!(fixed, expected, "{} {}", method, uri);
            prop_assert!(!parts.iter().any(|part| matches!(*part, "" | "." | "..")), "{method} {uri}");
        }
    }
}
