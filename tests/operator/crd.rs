//! The CRD on a real API server: accepted without a warning, explained, printed, and its status never refused.

pub(crate) mod ratchet;

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::api::{Patch, PatchParams, PostParams};
use recording_callback_operator::api::{RecordingCallback, RecordingCallbackSpec, crd};
use serde_json::{Value, json};

use crate::support::{Namespace, client, eventually, kubectl, kubectl_with_input};

const GROUP: &str = "live.huaweicloud.com";

fn object(name: &str) -> RecordingCallback {
    RecordingCallback::new(
        name,
        RecordingCallbackSpec {
            publish_domain: "push.example.com".to_owned(),
            app: "live".to_owned(),
            notify_callback_url: Some("https://hooks.example.com/record".to_owned()),
            ..RecordingCallbackSpec::default()
        },
    )
}

#[tokio::test]
async fn the_api_server_takes_the_crd_without_a_warning() {
    // In a group that is not there yet, since a change that changes nothing is not warned about.
    let yaml = crd::yaml().unwrap().replace(GROUP, "warnings.example.com");
    let create = kubectl_with_input(&["create", "--dry-run=server", "-f", "-"], &yaml).await;
    assert!(
        create
            .without_warning()
            .contains("created (server dry run)")
    );
    let apply = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
    let apply = kubectl_with_input(&apply, &yaml).await;
    assert!(
        apply
            .without_warning()
            .contains("serverside-applied (server dry run)")
    );
}

#[tokio::test]
async fn kubectl_explains_every_field() {
    client().await;
    eventually(
        "kubectl knows the resource",
        Duration::from_secs(30),
        async || kubectl(&["explain", "rcb"]).await.succeeded.then_some(()),
    )
    .await;
    let mut schemas = vec![("rcb".to_owned(), root_schema())];
    while let Some((path, schema)) = schemas.pop() {
        let text = kubectl(&["explain", &path]).await.without_warning();
        for (name, property) in schema.properties.into_iter().flatten() {
            let (_, rest) = text
                .split_once(&format!("\n  {name}\t<"))
                .unwrap_or_else(|| panic!("{path} has no {name}: {text}"));
            let described = rest.lines().skip(1).take_while(|line| !line.is_empty());
            let words: Vec<_> = described.filter(|line| line.starts_with("    ")).collect();
            assert!(
                !words.is_empty() && !words.concat().contains("<no description>"),
                "{path}.{name}"
            );
            let inner = match property.items {
                Some(JSONSchemaPropsOrArray::Schema(items)) => *items,
                _ => property,
            };
            if inner.properties.is_some() {
                schemas.push((format!("{path}.{name}"), inner));
            }
        }
    }
}

fn root_schema() -> JSONSchemaProps {
    let version = crd::crd().spec.versions.remove(0);
    version.schema.unwrap().open_api_v3_schema.unwrap()
}

#[tokio::test]
async fn a_fresh_object_is_in_progress() {
    let namespace = Namespace::new().await;
    let created = namespace
        .callbacks()
        .create(&PostParams::default(), &object("fresh"))
        .await
        .unwrap();
    assert_eq!(created.status.unwrap().observed_generation, Some(-1));
}

/// A status with every field, and in no field but the times what the operator would write.
fn odd_status(time: &str) -> Value {
    let operation = json!({
        "type": "Guess",
        "outcome": "",
        "httpStatus": -99_999_999_999_i64,
        "errorCode": "\u{0}\u{1f600} LIVE",
        "errorMessage": "long ".repeat(2_000),
        "requestID": "\"}]{[<not> & an id: \\ 'of' \n any kind",
        "time": time,
        "attempt": 0,
        "count": i64::MAX,
        "firstTime": time,
    });
    let sent = json!({
        "notifyCallbackURL": "not a URL",
        "notifyEventSubscription": ["RECORD_START", "RECORD_START", ""],
        "signType": "ROT13",
        "keyDigest": "?",
    });
    let remote = json!({
        "id": "../..",
        "notifyCallbackURL": "",
        "notifyEventSubscription": ["record start"],
        "signType": "",
        "createTime": "2020-13-45T99:99:99",
        "updateTime": "",
    });
    json!({
        "observedGeneration": -7,
        "callbackID": "an id with blanks and ü".repeat(20),
        "requestID": "",
        "target": { "region": "", "projectID": "?", "endpoint": "ftp://nowhere" },
        "adopted": true,
        "deletionPolicy": "Archive",
        "lastOperation": operation,
        "operations": vec![operation; 12],
        "failures": -1,
        "nextAttemptTime": time,
        "closedOperation": "?",
        "sent": sent,
        "remote": remote,
        "plan": { "action": "Explode", "changes": [{ "field": "", "from": "a", "to": "b" }] },
        "rejectedCredential": "?",
        "lastHandledReconcileAt": " ",
        "conditions": [
            {
                "type": "ready",
                "status": "Maybe",
                "reason": "no word",
                "message": "",
                "lastTransitionTime": time,
                "observedGeneration": -7,
            },
            { "type": "", "status": "" },
        ],
    })
}

#[tokio::test]
async fn no_value_of_a_status_is_refused_or_unreadable() {
    let namespace = Namespace::new().await;
    let callbacks = namespace.callbacks();
    callbacks
        .create(&PostParams::default(), &object("odd"))
        .await
        .unwrap();
    let patch = Patch::Merge(json!({ "status": odd_status("yesterday") }));
    callbacks
        .patch_status("odd", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let read = callbacks.get_status("odd").await.unwrap().status.unwrap();
    assert!(
        read.callback_id
            .unwrap()
            .starts_with("an id with blanks and ü")
    );
    assert_eq!(read.operations.len(), 12);
    assert_eq!(
        read.next_attempt_time, None,
        "what is no time is read as none"
    );
    assert_eq!(read.conditions[0].status, "Maybe");

    let every_null = Patch::Merge(json!({ "status": null }));
    let cleared = callbacks
        .patch_status("odd", &PatchParams::default(), &every_null)
        .await
        .unwrap();
    assert_eq!(cleared.status.unwrap().observed_generation, Some(-1));
}

#[tokio::test]
async fn every_field_of_the_status_is_kept() {
    let namespace = Namespace::new().await;
    let callbacks = namespace.callbacks();
    callbacks
        .create(&PostParams::default(), &object("kept"))
        .await
        .unwrap();
    let mut status = odd_status("2026-11-25T02:00:00Z");
    status["conditions"].as_array_mut().unwrap().truncate(1);
    let schema = root_schema().properties.unwrap().remove("status").unwrap();
    assert_has_every_field("status", &status, &schema);
    let patch = Patch::Merge(json!({ "status": status }));
    let stored = callbacks
        .patch_status("kept", &PatchParams::default(), &patch)
        .await
        .unwrap();
    assert_eq!(serde_json::to_value(stored.status).unwrap(), status);
}

fn assert_has_every_field(path: &str, value: &Value, schema: &JSONSchemaProps) {
    assert!(!value.is_null(), "the test says nothing of {path}");
    for (name, property) in schema.properties.iter().flatten() {
        assert_has_every_field(&format!("{path}.{name}"), &value[name], property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        assert_has_every_field(&format!("{path}[]"), &value[0], items);
    }
}

#[tokio::test]
async fn kubectl_prints_the_columns() {
    let namespace = Namespace::new().await;
    let callbacks = namespace.callbacks();
    callbacks
        .create(&PostParams::default(), &object("printed"))
        .await
        .unwrap();
    let status = json!({
        "callbackID": "e2fe84def7e476651034ec4b9e92bc30",
        "requestID": "8e4a-1764000000000-host",
        "nextAttemptTime": "2999-01-01T00:00:00Z",
        "deletionPolicy": "Delete",
        "remote": { "notifyEventSubscription": ["RECORD_OVER", "RECORD_FAILED"] },
        "conditions": [
            { "type": "Reconciling", "status": "True", "reason": "Updating", "message": "not this" },
            { "type": "Ready", "status": "False", "reason": "RequestRejected", "message": "a sentence" },
        ],
    });
    let patch = Patch::Merge(json!({ "status": status }));
    callbacks
        .patch_status("printed", &PatchParams::default(), &patch)
        .await
        .unwrap();

    let narrow = kubectl(&["get", "rcb", "-n", namespace.name()])
        .await
        .without_warning();
    let table = words(&narrow);
    assert_eq!(
        table[0],
        ["NAME", "DOMAIN", "APP", "READY", "REASON", "ID", "AGE"]
    );
    let row =
        "printed push.example.com live False RequestRejected e2fe84def7e476651034ec4b9e92bc30";
    assert_eq!(table[1][..6].join(" "), row);

    let wide = kubectl(&["get", "rcb", "-n", namespace.name(), "-o", "wide"])
        .await
        .without_warning();
    let table = words(&wide);
    assert_eq!(
        table[0][7..],
        [
            "URL",
            "EVENTS",
            "REQUEST-ID",
            "NEXT-ATTEMPT",
            "ON-DELETE",
            "MESSAGE"
        ]
    );
    assert_eq!(
        table[1][7..].join(" "),
        "https://hooks.example.com/record [\"RECORD_OVER\",\"RECORD_FAILED\"] \
         8e4a-1764000000000-host 2999-01-01T00:00:00Z Delete a sentence"
    );
}

fn words(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[tokio::test]
async fn the_resource_goes_by_all_its_names() {
    let namespace = Namespace::new().await;
    namespace
        .callbacks()
        .create(&PostParams::default(), &object("named"))
        .await
        .unwrap();
    for name in [
        "recordingcallbacks",
        "recordingcallback",
        "rcb",
        "huaweicloud",
        "live",
    ] {
        let get = ["get", name, "-n", namespace.name(), "-o", "name"];
        let found = kubectl(&get).await.without_warning();
        assert_eq!(
            found.trim(),
            "recordingcallback.live.huaweicloud.com/named",
            "{name}"
        );
    }
}
