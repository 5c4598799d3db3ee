//! `plan` beside kubectl: what it says of a manifest is what comes of applying it. And commands beside an API server that refuses.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    KubectlOutput, account::account_in, kubectl, program, program_as, world::OperatorWorld,
};

const HOOK: &str = "https://hooks.example.com/record";

/// A world with a file that `plan` and kubectl read.
struct AppliedWorld {
    world: OperatorWorld,
    files: TempDir,
}

impl AppliedWorld {
    async fn new() -> Self {
        let world = OperatorWorld::new().await;
        let files = TempDir::new().unwrap();
        Self { world, files }
    }

    /// Writes a manifest of `push` with these fields, or without those that are null.
    fn declare(&self, fields: &Value) -> PathBuf {
        let mut spec = json!({
            "publishDomain": format!("push.{}.example.com", self.world.namespace.name()),
            "app": "live",
            "notifyCallbackURL": HOOK,
            "credentialsSecretRef": { "name": "huaweicloud" },
        });
        json_patch::merge(&mut spec, fields);
        let manifest = json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
            "metadata": { "name": "push" }, "spec": spec,
        });
        let path = self.files.path().join("push.yaml");
        fs::write(&path, serde_saphyr::to_string(&manifest).unwrap()).unwrap();
        path
    }

    async fn apply(&self, path: &Path, more: &[&str]) -> KubectlOutput {
        let path = path.to_str().unwrap();
        let mut all = vec!["apply", "-n", self.world.namespace.name(), "-f", path];
        all.extend(more);
        kubectl(&all).await
    }

    /// What is planned for `push`, and the exit code.
    async fn plan(&self, path: &Path, more: &[&str]) -> (Value, i32) {
        let endpoint = format!("--allowed-endpoints={}", self.world.cloud.endpoint());
        let (namespace, path) = (self.world.namespace.name(), path.to_str().unwrap());
        let mut all = vec!["plan", "-n", namespace, &endpoint, "-o", "json", path];
        all.extend(more);
        let said = program(&all).await;
        let planned: Value = serde_json::from_str(&said.stdout).unwrap();
        (planned["items"][0].clone(), said.code)
    }

    /// What the object says of the fields that tests change.
    async fn spec(&self) -> Value {
        let object = self.world.get("push").await.unwrap();
        json!(object.spec)
    }
}

#[tokio::test]
async fn a_manifest_is_merged_as_kubectl_merges_it() {
    let applied = AppliedWorld::new().await;
    let _operator = applied.world.operator().await;
    let first = applied.declare(&json!({ "signType": "MD5" }));
    assert_eq!(applied.plan(&first, &[]).await.0["action"], "Create");
    assert!(applied.apply(&first, &[]).await.succeeded);
    applied.world.ready("push").await;
    let events = json!({ "spec": { "notifyEventSubscription": ["RECORD_OVER"] } });
    applied.world.patch("push", events).await;
    applied.world.ready("push").await;
    let (planned, code) = applied.plan(&first, &[]).await;
    assert_eq!(
        (&planned["action"], code),
        (&json!("None"), 0),
        "others' fields stay: {planned:#}"
    );

    // The file says signType no longer, so that goes; of the events it never spoke.
    let second = applied.declare(&json!({}));
    let (planned, code) = applied.plan(&second, &[]).await;
    let change = json!([{ "field": "signType", "from": "MD5", "to": "HMACSHA256" }]);
    assert_eq!((&planned["changes"], code), (&change, 2), "{planned:#}");
    assert_eq!(
        applied.spec().await["signType"],
        "MD5",
        "nothing is written"
    );
    assert!(applied.apply(&second, &[]).await.succeeded);
    let spec = applied.spec().await;
    assert_eq!(spec["signType"], Value::Null, "kubectl does the same");
    assert_eq!(spec["notifyEventSubscription"], json!(["RECORD_OVER"]));
}

#[tokio::test]
async fn fields_that_nobody_knows_are_refused_as_by_kubectl_and_told_with_their_line() {
    let applied = AppliedWorld::new().await;
    let file = applied.declare(&json!({ "notifyURL": HOOK }));
    let text = fs::read_to_string(&file).unwrap();
    let line = 1 + text
        .lines()
        .position(|line| line.contains("notifyURL"))
        .unwrap();
    assert!(!applied.apply(&file, &[]).await.succeeded);
    for more in [&[][..], &["--server-side"]] {
        let (planned, code) = applied.plan(&file, more).await;
        let words = format!("spec.notifyURL in {} line {line}", file.display());
        let message = planned["message"].as_str().unwrap();
        assert!(
            code == 1 && message.contains(&words),
            "{words}: {planned:#}"
        );
    }
    applied
        .world
        .create("push", json!({ "publishDomain": "push.other.example.com" }))
        .await;
    // Of an object that is there the API server says it after having quoted it whole.
    let long = json!({ "metadata": { "annotations": { "long": "x".repeat(2000) } } });
    applied.world.patch("push", long).await;
    let (planned, code) = applied.plan(&file, &[]).await;
    assert_eq!(
        (&planned["action"], code),
        (&json!("Unknown"), 1),
        "{planned:#}"
    );
    let words = format!(
        "refuses it, since there is no field spec.notifyURL in {} line {line}",
        file.display()
    );
    assert!(
        planned["message"].as_str().unwrap().contains(&words),
        "{planned:#}"
    );
}

#[tokio::test]
async fn with_server_side_fields_belong_to_managers() {
    let applied = AppliedWorld::new().await;
    let _operator = applied.world.operator().await;
    let first = applied.declare(&json!({}));
    assert!(applied.apply(&first, &["--server-side"]).await.succeeded);
    applied.world.ready("push").await;
    let second =
        applied.declare(&json!({ "notifyCallbackURL": "https://hooks.example.com/other" }));
    let (planned, code) = applied.plan(&second, &["--server-side"]).await;
    assert_eq!(
        (&planned["action"], code),
        (&json!("Update"), 2),
        "{planned:#}"
    );
    let other = ["--server-side", "--field-manager=other"];
    assert!(!applied.apply(&second, &other).await.succeeded);
    let (planned, code) = applied.plan(&second, &other).await;
    let message = planned["message"].as_str().unwrap();
    assert!(code == 1 && message.contains("conflict"), "{planned:#}");
    let forced = [
        "--server-side",
        "--field-manager=other",
        "--force-conflicts",
    ];
    let (planned, code) = applied.plan(&second, &forced).await;
    assert_eq!(
        (&planned["action"], code),
        (&json!("Update"), 2),
        "{planned:#}"
    );
    assert_eq!(applied.spec().await["notifyCallbackURL"], HOOK);
}

#[tokio::test]
async fn who_may_nothing_or_comes_too_late_is_told_so_by_each_command() {
    let applied = AppliedWorld::new().await;
    let namespace = &applied.world.namespace;
    let file = applied.declare(&json!({}));
    let path = file.to_str().unwrap();
    let nobody = applied.files.path().join("nobody");
    fs::write(&nobody, account_in(namespace, "nobody").await).unwrap();
    let expired = applied.files.path().join("expired");
    let config = fs::read_to_string(&nobody).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["users"][0]["user"]["token"] = json!("expired");
    fs::write(&expired, config.to_string()).unwrap();
    let commands: [&[&str]; 9] = [
        &["status", "push"],
        &["status", "--all"],
        &["retry", "push"],
        &["suspend", "--all"],
        &["resume", "push"],
        &["release", "push"],
        &["orphans"],
        &["import", "--secret", "huaweicloud"],
        &["plan", path],
    ];
    for command in commands {
        for (kubeconfig, cause, remedy) in [
            (&nobody, "is forbidden", "have this right granted"),
            (&expired, "Unauthorized", "log in again"),
        ] {
            let mut all = command.to_vec();
            all.extend(["-n", namespace.name(), "-o", "json"]);
            let said = program_as(kubeconfig, &all).await;
            let errors = said
                .stderr
                .lines()
                .filter(|line| line.starts_with("error: "));
            let errors: Vec<&str> = errors.collect();
            assert!(said.code == 1 && errors.len() == 1, "{said:#?}");
            for words in [cause, remedy, "https://"] {
                assert!(errors[0].contains(words), "{words}: {said:#?}");
            }
            let planned: Value = serde_json::from_str(&said.stdout).unwrap();
            assert_eq!(planned["items"], json!([]), "{said:#?}");
        }
    }
    let said = program_as(&nobody, &["doctor", "-n", namespace.name(), "-o", "json"]).await;
    let planned: Value = serde_json::from_str(&said.stdout).unwrap();
    let results = planned["items"].as_array().unwrap().iter();
    let unknown = results
        .filter(|finding| finding["result"] == "Unknown")
        .count();
    assert!(said.code == 1 && unknown >= 3, "{said:#?}");
}
