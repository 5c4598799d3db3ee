//! `plan`, on what objects would become: it says what the operator then does, and changes nothing.

use std::fs;

use live_simulator::{LoggedOperation, RowPatch, ScriptedFault};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::{
    errors::refusal,
    support::{
        KubectlOutput, eventually, program,
        world::{LIMIT, OperatorWorld, PROJECT, condition},
    },
};

const HOOK: &str = "https://hooks.example.com/record";
const OTHER: &str = "https://hooks.example.com/other";

/// An ingest domain that no other world has: `plan` looks at the objects of the whole cluster.
fn domain(world: &OperatorWorld, name: &str) -> String {
    format!("{name}.{}.example.com", world.namespace.name())
}

/// A manifest of an object at a place of this world.
fn manifest(world: &OperatorWorld, name: &str, more: &Value) -> Value {
    let mut spec = json!({
        "publishDomain": domain(world, name),
        "app": "live",
        "notifyCallbackURL": HOOK,
        "credentialsSecretRef": { "name": "huaweicloud" },
    });
    json_patch::merge(&mut spec, more);
    json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
        "metadata": { "name": name }, "spec": spec,
    })
}

/// Creates what `manifest` declares.
async fn create(world: &OperatorWorld, name: &str, more: Value) {
    let mut spec = json!({ "publishDomain": domain(world, name) });
    json_patch::merge(&mut spec, &more);
    world.create(name, spec).await;
}

async fn plan(world: &OperatorWorld, manifests: &[Value], more: &[&str]) -> KubectlOutput {
    let file = NamedTempFile::new().unwrap();
    let documents: Vec<String> = manifests.iter().map(Value::to_string).collect();
    fs::write(file.path(), documents.join("\n---\n")).unwrap();
    let endpoint = format!("--allowed-endpoints={}", world.cloud.endpoint());
    let path = file.path().to_str().unwrap();
    let mut all = vec!["plan", "-n", world.namespace.name(), &endpoint, path];
    all.extend(more);
    program(&all).await
}

/// The plans as programs read them, and the exit code.
async fn plans(world: &OperatorWorld, manifests: &[Value]) -> (Vec<Value>, i32) {
    let said = plan(world, manifests, &["-o", "json"]).await;
    let read: Value = serde_json::from_str(&said.stdout).unwrap();
    (read["items"].as_array().unwrap().clone(), said.code)
}

fn foreign(world: &OperatorWorld, name: &str, url: &str) {
    let fields = RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    };
    let domain = domain(world, name);
    world.cloud.insert_row(PROJECT, &domain, "live", &fields);
}

#[tokio::test]
async fn what_it_says_is_what_the_operator_does_then() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    for name in ["same", "edited"] {
        create(&world, name, json!({})).await;
        world.ready(name).await;
    }
    foreign(&world, "equal", HOOK);
    foreign(&world, "taken", OTHER);
    foreign(&world, "claimed", OTHER);
    let before = (world.cloud.rows(), world.get("edited").await);
    let id = before
        .1
        .as_ref()
        .and_then(|object| object.status.as_ref()?.callback_id.clone());
    let calls = world.calls().len();

    let manifests = [
        manifest(&world, "same", &json!({})),
        manifest(&world, "edited", &json!({ "notifyCallbackURL": OTHER })),
        manifest(&world, "new", &json!({})),
        manifest(&world, "equal", &json!({})),
        manifest(&world, "taken", &json!({})),
        manifest(&world, "claimed", &json!({ "adoptionPolicy": "Always" })),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "other" } }),
    ];
    let said = plan(&world, &manifests, &[]).await;
    assert_eq!(said.code, 2, "{said:#?}");
    assert!(said.stderr.contains("of other kinds: 1"), "{said:#?}");
    let namespace = world.namespace.name();
    for words in [
        format!("{namespace}/edited: Update {}", id.unwrap()),
        format!("  - notifyCallbackURL: {HOOK}\n  + notifyCallbackURL: {OTHER}\n"),
        format!("{namespace}/new: Create\n  + notifyCallbackURL: {HOOK}\n"),
        "Plan: 1 to create, 1 to update, 2 to adopt, 2 without a change.".to_owned(),
    ] {
        assert!(said.stdout.contains(&words), "{words}: {}", said.stdout);
    }
    assert_eq!(
        world.calls()[calls..],
        [(LoggedOperation::List, Some(200))],
        "one list for all"
    );
    assert_eq!(world.cloud.rows(), before.0);
    assert_eq!(world.get("edited").await, before.1);
    assert_eq!(world.get("new").await, None);

    let (planned, _) = plans(&world, &manifests[..6]).await;
    let actions: Vec<&str> = planned
        .iter()
        .map(|plan| plan["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["None", "Update", "Create", "Adopt", "None", "Adopt"]
    );
    assert!(
        planned[4]["message"].as_str().unwrap().contains(OTHER),
        "{:#}",
        planned[4]
    );
    assert_eq!(planned[3]["changes"], json!([]));
    assert_eq!(planned[5]["changes"][0]["from"], OTHER);

    let changed = ["Created new", "Updated claimed", "Updated edited"];
    assert_eq!(
        applied(&world).await,
        changed,
        "the operator does just that"
    );
    drop(operator);
    let same = [
        manifest(&world, "new", &json!({})),
        manifest(&world, "equal", &json!({})),
    ];
    let (planned, code) = plans(&world, &same).await;
    assert_eq!(code, 0, "{planned:#?}");
}

/// Does what the manifests declare. Gives what the operator then changed at the cloud.
async fn applied(world: &OperatorWorld) -> Vec<String> {
    let since = world.cloud.mutations().len();
    let edit = json!({ "spec": { "notifyCallbackURL": OTHER } });
    world.patch("edited", edit).await;
    for name in ["new", "equal", "taken"] {
        create(world, name, json!({})).await;
    }
    create(world, "claimed", json!({ "adoptionPolicy": "Always" })).await;
    for name in ["edited", "new", "equal", "claimed"] {
        world.ready(name).await;
    }
    world.reason("taken", "Conflict").await;
    let mutations = world.cloud.mutations().split_off(since);
    let changed = mutations.iter().map(|mutation| {
        let name = mutation.row.publish_domain.split('.').next();
        format!("{:?} {}", mutation.change, name.unwrap_or_default())
    });
    let mut changed: Vec<String> = changed.collect();
    changed.sort();
    changed
}

#[tokio::test]
async fn what_can_not_be_told_is_no_absence_of_changes() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    create(&world, "settled", json!({})).await;
    let settled = world.ready("settled").await;
    assert!(condition(&settled, "Ready").is_some());
    let calls = world.calls().len();
    let (planned, code) = plans(
        &world,
        &[
            manifest(
                &world,
                "bad",
                &json!({ "notifyCallbackURL": "ftp://hooks.example.com" }),
            ),
            manifest(
                &world,
                "settled",
                &json!({ "publishDomain": "moved.example.com" }),
            ),
        ],
    )
    .await;
    assert_eq!(code, 1);
    for (plan, words) in [
        (&planned[0], "notifyCallbackURL"),
        (&planned[1], "immutable"),
    ] {
        assert_eq!(plan["action"], "Unknown", "{plan:#}");
        assert!(
            plan["message"].as_str().unwrap().contains(words),
            "{plan:#}"
        );
    }
    assert_eq!(
        world.calls().len(),
        calls,
        "what the API server refuses needs no call"
    );

    // That another object owns the place can be told; what credentials, keys or the cloud itself keep back can't.
    let second = manifest(
        &world,
        "second",
        &json!({ "publishDomain": domain(&world, "settled") }),
    );
    unknown_or_none(&world, second, "None", "settled owns this domain").await;
    for (spec, words) in [
        (
            json!({ "credentialsSecretRef": { "name": "missing" } }),
            "Secret missing does not exist",
        ),
        (
            json!({ "signKeySecretRef": { "name": "nokey", "key": "key" } }),
            "Secret nokey does not exist",
        ),
        (
            json!({ "credentialsSecretRef": null, "region": "cn-north-4" }),
            "own credentials are not here",
        ),
    ] {
        unknown_or_none(&world, manifest(&world, "new", &spec), "Unknown", words).await;
    }
    drop(operator);
    let refused = ScriptedFault::on(LoggedOperation::List)
        .always()
        .reply(400, refusal("LIVE.100011001"));
    world.cloud.fault(refused);
    unknown_or_none(
        &world,
        manifest(&world, "new", &json!({})),
        "Unknown",
        "LIVE.100011001",
    )
    .await;
}

/// Asserts what is planned for one object, and that the exit code says so, too.
async fn unknown_or_none(world: &OperatorWorld, manifest: Value, action: &str, words: &str) {
    let (planned, code) = plans(world, &[manifest]).await;
    assert_eq!(planned[0]["action"], action, "{planned:#?}");
    assert_eq!(code, i32::from(action == "Unknown"), "{planned:#?}");
    assert!(
        planned[0]["message"].as_str().unwrap().contains(words),
        "{planned:#?}"
    );
}

/// A row that is another soon after our own write may be what a list shows late: how late is what the operator is told.
#[tokio::test]
async fn how_late_a_list_may_be_is_what_the_operator_is_told() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    create(&world, "push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();
    operator.kill().await;
    let edited = RowPatch {
        notify_callback_url: Some(OTHER.to_owned()),
        ..RowPatch::default()
    };
    world.cloud.edit_row(&id, &edited).unwrap();
    let action = async |settle_time: &str| {
        let flag = format!("--settle-time={settle_time}");
        let same = manifest(&world, "push", &json!({}));
        let said = plan(&world, &[same], &["-o", "json", &flag]).await;
        let read: Value = serde_json::from_str(&said.stdout).unwrap();
        read["items"][0]["action"].as_str().unwrap().to_owned()
    };
    eventually("an update is planned", LIMIT, async || {
        (action("5s").await == "Update").then_some(())
    })
    .await;
    assert_eq!(action("1h").await, "None");
}
