use serde_json::json;

use super::*;
use crate::plan::facts::record::Attempt;
use crate::terms::target::Target;

fn read(object: &Value) -> RecordingCallback {
    let text = object.to_string();
    let stored: StoredObject = serde_json::from_str(&text).unwrap();
    stored.0.unwrap()
}

fn object(metadata: &Value, status: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": {"name": "push", "namespace": "media", "uid": "uid", "resourceVersion": "7", "generation": 2,
            "creationTimestamp": "2026-11-25T02:00:00Z"},
        "spec": {"publishDomain": "push.example.com", "app": "live"},
        "status": status,
    });
    json_patch::merge(&mut object["metadata"], metadata);
    object
}

/// A record of ours with so many attempts, each for the longest URL.
fn record(attempts: usize) -> String {
    let target = Target {
        region: "cn-north-4".to_owned(),
        project_id: "p".repeat(64),
        endpoint: "https://live.cn-north-4.myhuaweicloud.com".to_owned(),
    };
    let content = crate::plan::facts::content::Content {
        url: Some(format!("https://hooks.example.com/{}", "é".repeat(2022))),
        events: crate::api::EVENTS.map(str::to_owned).into_iter().collect(),
        sign_type: "HMACSHA256".to_owned(),
    };
    let attempt = |number: usize| {
        let digest = Some("d".repeat(32));
        Attempt::new(
            format!("{number:026}"),
            "2026-11-25T02:00:00Z".parse().unwrap(),
            &content,
            digest,
        )
    };
    let record = Record::new("uid", &target, attempt(0));
    let record = (1..attempts).fold(record, |record, number| record.appended(attempt(number)));
    json!(record).to_string()
}

#[test]
fn what_decisions_need_is_kept() {
    let status = json!({
        "observedGeneration": 2, "callbackID": "id", "failures": 3,
        "conditions": [{"type": "Ready", "status": "True", "reason": "Available", "message": "é".repeat(2000)}],
    });
    let metadata = json!({
        "annotations": {PENDING_OPERATION: record(8), RECONCILE_REQUESTED_AT: "now", "team": "media"},
        "finalizers": ["example.com/other", FINALIZER],
        "deletionTimestamp": "2026-11-25T03:00:00Z",
    });
    let object = object(&metadata, &status);
    let read = read(&object);
    let typed: RecordingCallback = serde_json::from_value(object).unwrap();
    let mut expected = typed.clone();
    expected
        .metadata
        .annotations
        .as_mut()
        .unwrap()
        .remove("team");
    assert_eq!(read, expected);
}

#[test]
fn what_editors_write_beside_it_is_not() {
    let long = "x".repeat(200 * 1024);
    let metadata = json!({
        "annotations": {"a/long": long, "b/long": long},
        "labels": {"long": long},
        "managedFields": [{"fieldsV1": {"f:spec": {long.clone(): {}}}}],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": long, "uid": "uid"}],
        "finalizers": (0..1000).map(|n| format!("example.com/{n}")).chain([FINALIZER.to_owned()]).collect::<Vec<_>>(),
    });
    let read = read(&object(&metadata, &Value::Null)).metadata;
    let kept = read.annotations.unwrap();
    assert_eq!(
        kept,
        [("a/long".to_owned(), String::new())].into(),
        "that there are some is told"
    );
    assert_eq!(
        (read.labels, read.managed_fields, read.owner_references),
        (None, None, None)
    );
    let finalizers = read.finalizers.unwrap();
    assert_eq!(finalizers.len(), MOST_FINALIZERS);
    assert_eq!(finalizers[MOST_FINALIZERS - 1], FINALIZER);
    assert_eq!(finalizers[0], "example.com/0");
}

#[test]
fn a_record_that_is_none_of_the_object_is_only_there() {
    let forged = record(1).replacen("\"uid\":\"uid\"", "\"uid\":\"other\"", 1);
    let longer = format!("{}{}", record(8), " ".repeat(LONGEST_RECORD));
    for text in [forged, longer, "x".repeat(200 * 1024)] {
        let metadata = json!({"annotations": {PENDING_OPERATION: text, RECONCILE_REQUESTED_AT: "t".repeat(9999)}});
        let kept = read(&object(&metadata, &Value::Null))
            .metadata
            .annotations
            .unwrap();
        assert_eq!(kept[PENDING_OPERATION], "");
        assert_eq!(kept[RECONCILE_REQUESTED_AT].len(), LONGEST_TOKEN);
    }
}

#[test]
fn a_status_that_was_made_up_is_cut() {
    let long = "é".repeat(LONGEST_TEXT);
    let operation = json!({"type": "Update", "outcome": "Failed", "errorMessage": long});
    let few = json!({"callbackID": "id", "lastOperation": operation});
    let kept = read(&object(&json!({}), &few)).status.unwrap();
    let message = kept.last_operation.unwrap().error_message.unwrap();
    assert_eq!(message.len(), LONGEST_TEXT);
    let many = json!({"callbackID": "id", "operations": vec![operation; 1000], "sent": {"notifyEventSubscription": vec!["x"; 1000]}});
    let kept = read(&object(&json!({}), &many)).status.unwrap();
    assert_eq!(kept.callback_id.as_deref(), Some("id"));
    assert_eq!(
        kept.sent.unwrap().notify_event_subscription.len(),
        MOST_ITEMS
    );
    assert_eq!(kept.operations.len(), MOST_ITEMS);
    assert_eq!(
        kept.operations[0].error_message.as_ref().unwrap().len(),
        MADE_UP_TEXT
    );
}

#[test]
fn an_object_that_cannot_be_read_is_known_by_its_metadata() {
    for (part, value) in [
        ("spec", json!(7)),
        ("spec", Value::Null),
        ("status", json!("x")),
    ] {
        let mut object = object(&json!({"finalizers": [FINALIZER]}), &Value::Null);
        object[part] = value;
        let stored: StoredObject = serde_json::from_value(object).unwrap();
        assert_eq!(stored.meta().name.as_deref(), Some("push"));
        assert_eq!(stored.meta().resource_version.as_deref(), Some("7"));
        assert!(stored.0.is_err());
    }
}
