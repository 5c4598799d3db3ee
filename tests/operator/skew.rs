//! Operator and CRD of different versions, as they stand side by side while one of them is upgraded or rolled back.

use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use live_simulator::LoggedOperation;
use recording_callback_operator::api::{SCHEMA_VERSION, SCHEMA_VERSION_ANNOTATION, crd::crd};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::{
    KubectlOutput, alone, eventually, install, kubectl, program,
    world::{LIMIT, OperatorWorld},
};

/// The way to the definition that fits, which the operator names.
const INSTALL: &str = "recording-callback-operator crd | kubectl apply --server-side -f -";
/// The file that users apply.
const FILE: &str = "crds/recordingcallbacks.live.huaweicloud.com.yaml";

/// Runs the tests below that are ignored otherwise, one by one, each with a control plane of its own.
#[tokio::test]
async fn operator_and_definition_may_be_of_different_versions() {
    for test in [
        "skew::a_newer_definition_is_served_and_what_it_added_is_kept",
        "skew::an_older_definition_is_told_and_waited_for_by_all_commands",
    ] {
        alone(test).await;
    }
}

/// The CRD of another version: its number, and its schema with one thing or another.
fn of_version(version: u32, change: impl FnOnce(&mut Value)) -> CustomResourceDefinition {
    let mut crd = json!(crd());
    crd["metadata"]["annotations"][SCHEMA_VERSION_ANNOTATION] = json!(version.to_string());
    change(&mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]);
    serde_json::from_value(crd).unwrap()
}

/// That of the version after this one: a field more in spec and in status.
fn newer() -> CustomResourceDefinition {
    of_version(SCHEMA_VERSION + 1, |schema| {
        for part in ["spec", "status"] {
            schema[part]["properties"]["later"] = json!({ "type": "string" });
        }
    })
}

/// That of a version before this one: without a field of the spec and one of the status.
fn older() -> CustomResourceDefinition {
    of_version(SCHEMA_VERSION - 1, |schema| {
        for (part, field) in [("spec", "suspend"), ("status", "lastHandledReconcileAt")] {
            let fields = schema[part]["properties"].as_object_mut().unwrap();
            fields.remove(field).unwrap();
        }
    })
}

/// What the object has in the field that this version does not know.
async fn later(name: &str, world: &OperatorWorld, part: &str) -> String {
    let path = format!("jsonpath={{.{part}.later}}");
    let namespace = world.namespace.name();
    let said = kubectl(&["get", "rcb", name, "-n", namespace, "-o", &path]).await;
    assert!(said.succeeded, "{said:#?}");
    said.stdout
}

/// A command in the world's namespace: its words, of which MANIFEST is an object of this spec.
async fn say(world: &OperatorWorld, line: &str, spec: &Value) -> KubectlOutput {
    let file = NamedTempFile::new().unwrap();
    let manifest = json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
        "metadata": { "name": "push" }, "spec": spec,
    });
    std::fs::write(file.path(), manifest.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let endpoint = format!("--allowed-endpoints={}", world.cloud.endpoint());
    let mut words: Vec<&str> = line.split(' ').collect();
    for word in &mut words {
        if *word == "MANIFEST" {
            *word = path;
        }
    }
    words.extend(["-n", world.namespace.name()]);
    if ["orphans", "import", "doctor", "plan"].contains(&words[0]) {
        words.push(&endpoint);
    }
    program(&words).await
}

#[tokio::test]
#[ignore = "changes the CRD, so it needs a control plane of its own"]
async fn a_newer_definition_is_served_and_what_it_added_is_kept() {
    let world = OperatorWorld::new().await;
    install(world.namespace.client(), newer()).await;
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    world
        .patch("push", json!({ "spec": { "later": "spec" } }))
        .await;
    world.ready("push").await;
    // As an operator of that version has left it.
    let namespace = world.namespace.name();
    let status = r#"{"status":{"later":"status"}}"#;
    let patch = [
        "patch",
        "rcb",
        "push",
        "-n",
        namespace,
        "--subresource=status",
    ];
    let said = kubectl(&[&patch[..], &["--type=merge", "-p", status]].concat()).await;
    assert!(said.succeeded, "{said:#?}");

    // Neither one that saw it nor one that comes anew has anything to write or to call.
    let settled = world.get("push").await.unwrap();
    let changes = world.cloud.mutations().len();
    world.create("witness", json!({})).await;
    world.ready("witness").await;
    assert!(operator.terminate().await.success());
    let operator = world.operator().await;
    world.create("another-witness", json!({})).await;
    world.ready("another-witness").await;
    assert_eq!(world.writes_since(&settled).await, 0);
    assert_eq!(world.cloud.mutations().len(), changes + 2, "the witnesses");
    assert_eq!(later("push", &world, "status").await, "status");

    // Nor do the commands.
    let spec = json!({
        "publishDomain": "push.example.com", "app": "live", "later": "spec",
        "notifyCallbackURL": "https://hooks.example.com/record",
        "credentialsSecretRef": { "name": "huaweicloud" },
    });
    for (line, code, words) in [
        ("status push", 0, "Ready"),
        ("retry push", 0, "Requested"),
        ("suspend push", 0, "Suspended"),
        ("resume push", 0, "Resumed"),
        ("plan MANIFEST", 0, "1 without a change"),
        ("orphans", 0, ""),
        ("import --secret huaweicloud", 0, ""),
        (
            "doctor --offline",
            0,
            "installed, with all that this version writes",
        ),
    ] {
        let said = say(&world, line, &spec).await;
        assert!(
            said.code == code && said.stdout.contains(words),
            "{said:#?}"
        );
    }
    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("push", url).await;
    world.ready("push").await;
    assert_eq!(later("push", &world, "spec").await, "spec");
    assert_eq!(world.count(LoggedOperation::Update), 1);
    assert_eq!(operator.get("/readyz").await.unwrap().0, 200);
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.cloud.rows().len(), 2);
}

#[tokio::test]
#[ignore = "changes the CRD, so it needs a control plane of its own"]
async fn an_older_definition_is_told_and_waited_for_by_all_commands() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    for name in ["push", "still"] {
        world.create(name, json!({})).await;
        world.ready(name).await;
    }
    let still = world.get("still").await.unwrap();
    install(world.namespace.client(), older()).await;
    eventually("/readyz names the way", LIMIT, async || {
        let (code, body) = operator.get("/readyz").await?;
        (code == 503 && body.contains(INSTALL)).then_some(())
    })
    .await;
    assert_eq!(operator.get("/livez").await.unwrap().0, 200);
    assert!(!operator.has_ended());
    let (calls, before) = (world.calls().len(), world.cloud.mutations().len());
    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("push", url).await;

    let spec = json!({
        "publishDomain": "push.example.com", "app": "live", "suspend": true,
        "credentialsSecretRef": { "name": "huaweicloud" },
    });
    for (line, code, words) in [
        (
            "status push",
            0,
            "the newest spec (generation 2) is not taken up yet",
        ),
        ("status --all", 0, "still"),
        ("suspend push", 1, "did not keep it"),
        ("resume push", 0, "Unchanged"),
        ("plan MANIFEST", 1, "no field spec.suspend"),
        ("import --secret huaweicloud", 0, ""),
        ("doctor --offline", 1, INSTALL),
    ] {
        let said = say(&world, line, &spec).await;
        let found = [&said.stdout, &said.stderr]
            .iter()
            .any(|text| text.contains(words));
        assert!(said.code == code && found, "{words}: {said:#?}");
    }
    let asked = world.calls().split_off(calls);
    let all_lists = asked.iter().all(|(call, _)| *call == LoggedOperation::List);
    assert!(all_lists, "import's own: {asked:?}");

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let said = kubectl(&["apply", "-f", file.to_str().unwrap()]).await;
    assert!(said.succeeded, "{said:#?}");
    operator.ready().await;
    world.ready("push").await;
    assert_eq!(world.cloud.mutations().len(), before + 1, "the edit");
    assert_eq!(world.writes_since(&still).await, 0);
    assert!(operator.terminate().await.success());
}
