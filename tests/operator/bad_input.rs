//! Input that nobody would give, to the real operator: it lives on, says what came, and makes everything right once it can.

use kube::api::{Patch, PatchParams, PostParams};
use live_simulator::{LoggedOperation, ScriptedAnswer, ScriptedFault, ScriptedPayload};
use proptest::{
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};
use recording_callback_operator::api::{RecordingCallback, status::Status};
use serde_json::{Value, json};

use crate::{
    fuzz::{self, manifest},
    support::{
        eventually, kstatus,
        world::{AK, LIMIT, OperatorWorld, SK, condition},
    },
};

use LoggedOperation::{Create, Delete, Update};

const ID: &str = "e2fe84def7e476651034ec4b9e92bc30";

/// How a create is answered, and what the status must tell of it.
struct BadInput {
    name: &'static str,
    answer: ScriptedAnswer,
    outcome: &'static str,
    http_status: Option<i64>,
    code: Option<&'static str>,
}

fn reply(status: u16, body: ScriptedPayload) -> ScriptedAnswer {
    ScriptedFault::on(Create).reply(status, body).answer
}

/// A refusal with one more header.
fn with(status: u16, header: &str, value: &str) -> ScriptedAnswer {
    let body = json!({"error_code": "LIVE.100011001", "error_msg": "as the test has it"});
    let fault = ScriptedFault::on(Create).reply(status, ScriptedPayload::Json(body));
    fault.header(header, value).answer
}

fn text(text: impl Into<String>) -> ScriptedPayload {
    ScriptedPayload::Text(text.into())
}

fn rejected(name: &'static str, body: Value, code: &'static str) -> BadInput {
    BadInput {
        name,
        answer: reply(400, ScriptedPayload::Json(body)),
        outcome: "Rejected",
        http_status: Some(400),
        code: Some(code),
    }
}

/// An answer that leaves open whether anything was made. Nothing was.
fn unknown(name: &'static str, http_status: u16, answer: ScriptedAnswer) -> BadInput {
    BadInput {
        name,
        answer,
        outcome: "Unknown",
        http_status: (http_status > 0).then_some(http_status.into()),
        code: None,
    }
}

/// A create's answer with this body.
fn answered(name: &'static str, body: ScriptedPayload) -> BadInput {
    unknown(name, 201, reply(201, body))
}

fn raw(name: &'static str, http: &str) -> BadInput {
    unknown(name, 0, ScriptedAnswer::Raw(text(http)))
}

fn refusals() -> Vec<BadInput> {
    let dated = |name, header, value| BadInput {
        name,
        answer: with(400, header, value),
        outcome: "Rejected",
        http_status: Some(400),
        code: Some("LIVE.100011001"),
    };
    vec![
        rejected(
            "number",
            json!({"code": 4_000_000_000_000_u64, "message": 7}),
            "4000000000000",
        ),
        rejected(
            "escapes",
            json!({"error_code": "LIVE.1\u{1b}]0;x\u{7}", "error_msg": "\u{1b}[2J\r\nReady=True\u{202e}"}),
            "LIVE.1\\u{1b}]0;x\\u{7}",
        ),
        rejected(
            "long",
            json!({"error_code": "LIVE.2", "error_msg": "x".repeat(100_000)}),
            "LIVE.2",
        ),
        rejected(
            "echo",
            json!({"error_code": "LIVE.3", "error_msg": format!("Access={AK}&sk={SK}"), "error_detail": &SK[..30]}),
            "LIVE.3",
        ),
        rejected(
            "wrapped",
            json!([{"error": {"inner": {"errorCode": "LIVE.4", "errorMsg": null}}}]),
            "LIVE.4",
        ),
        dated("future", "Date", "Thu, 30 Dec 9999 22:00:00 GMT"),
        dated("past", "Date", "Sat, 01 Jan 0000 00:00:00 GMT"),
        dated("undated", "Date", "yesterday"),
        dated("named", "X-Request-Id", &"r".repeat(3_000)),
        dated("typed", "Content-Type", "application/json; charset=utf-16"),
        dated("later", "Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"),
        dated("negative", "Retry-After", "-99999999999999999999"),
    ]
}

fn riddles() -> Vec<BadInput> {
    let row = |id: &str, domain: &str| json!({"id": id, "publish_domain": domain, "app": "live"});
    vec![
        answered("dots", ScriptedPayload::Json(row("..", "dots.example.com"))),
        answered(
            "path",
            ScriptedPayload::Json(row("../../x", "path.example.com")),
        ),
        answered(
            "endless",
            ScriptedPayload::Json(row(&"1".repeat(100_000), "endless.example.com")),
        ),
        answered(
            "secret",
            ScriptedPayload::Json(row(SK, "secret.example.com")),
        ),
        answered(
            "list",
            ScriptedPayload::Json(json!([row(ID, "list.example.com")])),
        ),
        answered("null", text("null")),
        answered("deep", text("[".repeat(100_000))),
        answered("half", text(r#"{"id":"e2fe84def7e47665"#)),
        unknown(
            "cutkey",
            403,
            reply(403, text(format!(r#"{{"sk":"{}"#, &SK[..30]))),
        ),
        unknown("odd", 999, reply(999, text(""))),
        raw("ssh", "SSH-2.0-OpenSSH_9.6\r\n"),
        raw(
            "length",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        ),
        raw("header", "HTTP/1.1 200 OK\r\nX-Request-Id: a\0b\r\n\r\n"),
    ]
}

/// Nothing that a person or a program reads may be raw or secret.
fn check_texts(name: &str, value: &Value) {
    match value {
        Value::String(text) => {
            assert!(!text.chars().any(char::is_control), "{name}: {text:?}");
            assert!(!text.contains(&SK[..20]), "{name}: {text:?}");
            assert!(text.chars().count() < 2_000, "{name}: {text:?}");
        }
        Value::Array(items) => items.iter().for_each(|item| check_texts(name, item)),
        Value::Object(members) => members.values().for_each(|item| check_texts(name, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn a_create_is_answered_with_garbage_and_made_once_all_the_same() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    let cases = || refusals().into_iter().chain(riddles());
    for case in cases() {
        let domain = format!("{}.example.com", case.name);
        let fault = ScriptedFault::on(Create).publish_domain(&domain);
        world.cloud.fault(fault.answer(case.answer));
        world.create(case.name, json!({})).await;
    }
    for case in cases() {
        let name = case.name;
        let status = world.ready(name).await;
        let operation = status
            .operations
            .iter()
            .rfind(|operation| operation.outcome != "Succeeded");
        let operation = operation.unwrap_or_else(|| panic!("{name}: {status:?}"));
        assert_eq!(
            (
                operation.type_.as_str(),
                operation.outcome.as_str(),
                operation.http_status
            ),
            ("Create", case.outcome, case.http_status),
            "{name}: {operation:?}"
        );
        assert_eq!(operation.error_code.as_deref(), case.code, "{name}");
        assert_eq!(
            operation.request_id.is_some(),
            case.http_status.is_some(),
            "{name}"
        );
        check_texts(name, &json!(status));
        let event = if case.outcome == "Unknown" {
            "OutcomeUnknown"
        } else {
            "RequestRejected"
        };
        check_texts(name, &json!(world.event(name, event).await));
    }
    let mut domains: Vec<_> = world
        .cloud
        .rows()
        .into_iter()
        .map(|row| row.publish_domain)
        .collect();
    domains.sort();
    domains.dedup();
    assert_eq!(
        (domains.len(), world.cloud.rows().len()),
        (cases().count(), cases().count())
    );
    assert_eq!(operator.get("/livez").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_look_an_update_and_a_delete_are_answered_with_garbage() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    let look = |body| ScriptedFault::on(LoggedOperation::List).reply(200, body);
    for body in [
        json!({"total": u64::MAX, "callback_config": []}),
        json!({"total": 1, "callback_config": [{"id": ID, "publish_domain": null, "app": "live"}]}),
        json!({"total": 1, "callback_config": [{"id": "\u{1b}[2J", "publish_domain": "a.b", "app": "*"}]}),
    ] {
        world.cloud.fault(look(ScriptedPayload::Json(body)));
    }
    world.create("push", json!({})).await;
    let failed = |status: &Status| {
        let operation = status.last_operation.as_ref();
        operation
            .is_some_and(|operation| operation.type_ == "List" && operation.outcome == "Failed")
    };
    let status = world.status("push", "a failed look", failed).await;
    check_texts("push", &json!(status));
    let status = world.ready("push").await;
    let id = status.callback_id.unwrap();

    for body in [
        json!({"id": ID, "publish_domain": "push.example.com", "app": "live"}),
        json!({"id": id, "publish_domain": "elsewhere.example.com", "app": "live"}),
    ] {
        world
            .cloud
            .fault(ScriptedFault::on(Update).reply(200, ScriptedPayload::Json(body)));
    }
    let url = json!({"spec": {"notifyCallbackURL": "https://hooks.example.com/@team/other"}});
    world.patch("push", url).await;
    let status = world.ready("push").await;
    assert_eq!(status.callback_id.as_ref(), Some(&id));
    assert_eq!(status.remote.unwrap().id.as_ref(), Some(&id));
    assert_eq!(world.count(Update), 2, "its own id is believed");

    world
        .cloud
        .fault(ScriptedFault::on(Delete).reply(404, text("<html>gone</html>")));
    world.cloud.fault(
        ScriptedFault::on(Delete)
            .reply(299, text("\0"))
            .after_commit(),
    );
    world.delete("push").await;
    world.gone("push").await;
    // The 299 says nothing of a callback: the next one says that it is gone.
    assert_eq!((world.count(Delete), world.cloud.rows().len()), (3, 0));
    assert_eq!(operator.get("/livez").await.unwrap().0, 200);
}

/// So many values of a strategy, the same every time.
fn some<T: std::fmt::Debug>(number: usize, strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::new(fuzz::config(1));
    let trees = (0..number).map(|_| strategy.new_tree(&mut runner).unwrap());
    trees.map(|tree| tree.current()).collect()
}

fn object(name: &str, spec: &Value, annotations: &Value) -> RecordingCallback {
    let object = json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": { "name": name, "annotations": annotations },
        "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

#[tokio::test]
async fn the_api_server_takes_the_specs_that_are_generated() {
    let world = OperatorWorld::new().await;
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    for spec in some(60, &manifest::spec()) {
        let sent = object("push", &spec, &json!({}));
        let created = world.namespace.callbacks().create(&dry, &sent).await;
        assert!(created.is_ok(), "{spec}: {created:?}");
    }
}

#[tokio::test]
async fn whatever_is_stored_is_told_of_and_taken_by_the_api_server() {
    let world = OperatorWorld::new().await;
    let callbacks = world.namespace.callbacks();
    let mut names = Vec::new();
    for (number, stored) in some(30, &manifest::stored()).into_iter().enumerate() {
        let name = format!("push-{number}");
        let mut spec = stored["spec"].clone();
        spec["publishDomain"] = format!("{name}.example.com").into();
        spec["credentialsSecretRef"] = json!({ "name": "huaweicloud" });
        let created = object(&name, &spec, &json!({}));
        let created = callbacks
            .create(&PostParams::default(), &created)
            .await
            .unwrap();
        let uid = created.metadata.uid.unwrap();
        let annotations = stored["metadata"]["annotations"].to_string();
        let annotations: Value =
            serde_json::from_str(&annotations.replace(manifest::UID, &uid)).unwrap();
        world
            .patch(&name, json!({"metadata": {"annotations": annotations}}))
            .await;
        if let Some(status) = stored.get("status") {
            let status = Patch::Merge(json!({ "status": status }));
            let written = callbacks
                .patch_status(&name, &PatchParams::default(), &status)
                .await;
            assert!(written.is_ok(), "{written:?}");
        }
        names.push(name);
    }
    let operator = world.operator().await;
    for name in &names {
        let status = eventually(&format!("{name} is told of"), LIMIT, async || {
            let object = world.get(name).await?;
            let status = object.status?;
            let ready = condition(&status, "Ready")?.observed_generation;
            (ready == object.metadata.generation && ready == status.observed_generation)
                .then_some(status)
        })
        .await;
        kstatus::check(name, &status);
    }
    let output = operator.output();
    let refused = output
        .lines()
        .find(|line| line.contains("cannot write the status"));
    assert_eq!(refused, None);
    assert!(!output.contains("panicked"), "{output}");
    assert_eq!(operator.get("/livez").await.unwrap().0, 200);
}
