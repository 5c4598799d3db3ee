//! What faults do to calls, and at which moment.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use live_simulator::CallPhase;
use live_simulator::Cloud;
use live_simulator::CloudRefusal;
use live_simulator::LoggedOperation;
use live_simulator::RowPatch;
use live_simulator::ScriptedAnswer;
use live_simulator::ScriptedFault;
use live_simulator::ScriptedPayload;
use live_simulator::SimulatorSettings;
use live_simulator::settings::Connections;
use serde_json::json;
use tokio::time::Instant;

use crate::client::BOUND;
use crate::client::CALLBACKS;
use crate::client::apps;
use crate::client::body;
use crate::client::body_with;
use crate::client::create_all;
use crate::client::start;

#[tokio::test]
async fn a_lost_call_changes_nothing_and_a_lost_reply_does() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.fault(ScriptedFault::on(LoggedOperation::Create).lose_call());
    let lost = client.send("POST", CALLBACKS, Some(&body("a"))).await;
    assert!(lost.is_err());
    assert!(simulator.rows().is_empty());

    simulator.fault(ScriptedFault::on(LoggedOperation::Create).lose_reply());
    let lost = client.send("POST", CALLBACKS, Some(&body("a"))).await;
    assert!(lost.is_err());
    assert_eq!(simulator.rows().len(), 1);
    let calls = simulator.calls();
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (call.status, call.committed))
        .collect();
    assert_eq!(seen, [(None, false), (None, true)]);
    assert_eq!(calls[1].row_id.as_ref(), Some(&simulator.rows()[0].id));
    assert!(!calls[1].is_answered());
    assert_eq!(client.create(&body("a")).await.code(), "LIVE.103011018");
}

#[tokio::test]
async fn errors_come_before_or_after_the_commit() {
    let (simulator, client) = start(SimulatorSettings::default());
    let error = CloudRefusal::new(500, "LIVE.100011005", "Internal server error.");
    simulator.fault(ScriptedFault::on(LoggedOperation::Create).refuse(&error));
    let before = client.create(&body("a")).await;
    assert_eq!(
        (before.status, before.code().as_str()),
        (500, "LIVE.100011005")
    );
    assert!(simulator.rows().is_empty());
    simulator.fault(
        ScriptedFault::on(LoggedOperation::Create)
            .refuse(&error)
            .after_commit(),
    );
    assert_eq!(client.create(&body("a")).await.status, 500);
    assert_eq!(simulator.rows().len(), 1);
    assert_eq!(
        simulator.calls()[1].error_code.as_deref(),
        Some("LIVE.100011005")
    );
}

#[tokio::test]
async fn rules_choose_their_calls() {
    let (simulator, client) = start(SimulatorSettings::default());
    let ids = create_all(&client, &["a", "b"]).await;
    let fault =
        |fault: ScriptedFault| simulator.fault(fault.reply(503, ScriptedPayload::default()));

    fault(ScriptedFault::on(LoggedOperation::List).nth(2));
    let statuses = [
        client.get(&ids[0]).await.status,
        client.list("").await.status,
        client.list("").await.status,
        client.list("").await.status,
    ];
    assert_eq!(statuses, [200, 200, 503, 200]);

    fault(ScriptedFault::any().times(2));
    assert_eq!(client.get(&ids[0]).await.status, 503);
    assert_eq!(client.list("").await.status, 503);
    assert_eq!(client.list("").await.status, 200);
    assert!(simulator.faults().is_empty());

    fault(ScriptedFault::any().app("b").always());
    for _ in 0..2 {
        assert_eq!(client.get(&ids[0]).await.status, 200);
        assert_eq!(client.get(&ids[1]).await.status, 503);
        assert_eq!(client.update(&ids[1], &body("b")).await.status, 503);
        assert_eq!(client.list("app=b").await.status, 503);
        assert_eq!(client.list("").await.status, 200);
    }
    simulator.clear_faults();

    fault(ScriptedFault::on(LoggedOperation::Get).id(&ids[1]));
    assert_eq!(client.get(&ids[0]).await.status, 200);
    assert_eq!(client.get(&ids[1]).await.status, 503);

    fault(ScriptedFault::on(LoggedOperation::Create).publish_domain("other.example.com"));
    assert_eq!(client.create(&body("c")).await.status, 201);
    let other = body_with("c", &json!({"publish_domain": "other.example.com"}));
    assert_eq!(client.create(&other).await.status, 503);

    // The first rule that is due wins; the others keep their turn.
    fault(ScriptedFault::on(LoggedOperation::List));
    simulator
        .fault(ScriptedFault::on(LoggedOperation::List).reply(502, ScriptedPayload::default()));
    assert_eq!(
        [client.list("").await.status, client.list("").await.status],
        [503, 502]
    );
}

#[tokio::test]
async fn only_calls_that_are_let_in_meet_faults() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.fault(
        ScriptedFault::on(LoggedOperation::List)
            .reply(200, ScriptedPayload::Json(json!({"total": 0}))),
    );
    let wrong = client.clone().with_secret_key("SKWRONG");
    assert_eq!(wrong.list("").await.status, 401);
    assert_eq!(simulator.faults().len(), 1);
    assert_eq!(client.list("").await.json(), json!({"total": 0}));
}

#[tokio::test]
async fn a_create_commits_after_its_caller_has_given_up() {
    let (simulator, client) = start(SimulatorSettings::default());
    let late = Duration::from_millis(300);
    simulator.fault(ScriptedFault::on(LoggedOperation::Create).delay_before(late));
    let caller = tokio::spawn({
        let client = client.clone();
        async move { client.send("POST", CALLBACKS, Some(&body("late"))).await }
    });
    simulator
        .wait_for("the call", BOUND, |cloud| !cloud.calls().is_empty())
        .await
        .unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    simulator
        .wait_for("the row", BOUND, |cloud| !cloud.rows().is_empty())
        .await
        .unwrap();
    let call = &simulator.calls()[0];
    let waited = simulator.mutations()[0].at.duration_since(call.at);
    assert!(waited.unsigned_abs() >= late, "{waited:?}");
    assert!(
        call.committed && !call.is_answered(),
        "nobody took the answer"
    );
    assert_eq!(apps(&client.list("").await), ["late"]);
}

#[tokio::test]
async fn answers_can_be_late() {
    let (simulator, client) = start(SimulatorSettings::default());
    let delay = Duration::from_millis(200);
    simulator.fault(ScriptedFault::on(LoggedOperation::Create).delay_after(delay));
    let begun = Instant::now();
    assert_eq!(client.create(&body("a")).await.status, 201);
    assert!(begun.elapsed() >= delay);
    simulator.settings(|settings| settings.latency_ms = 200);
    let begun = Instant::now();
    assert_eq!(client.list("").await.status, 200);
    assert!(begun.elapsed() >= delay);
}

#[tokio::test]
async fn a_hung_call_is_not_answered() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.fault(ScriptedFault::on(LoggedOperation::List).hang());
    let caller = tokio::spawn({
        let client = client.clone();
        async move { client.send("GET", CALLBACKS, None).await }
    });
    let befallen = |cloud: &Cloud| cloud.calls().iter().any(|call| call.fault.is_some());
    simulator
        .wait_for("the fault", BOUND, befallen)
        .await
        .unwrap();
    assert_eq!(client.list("").await.status, 200, "other calls are");
    assert!(!caller.is_finished());
    assert_eq!(simulator.calls()[0].status, None);
}

#[tokio::test]
async fn answers_can_be_anything() {
    let (simulator, client) = start(SimulatorSettings::default());
    let on_list = || ScriptedFault::on(LoggedOperation::List);

    simulator.fault(
        on_list()
            .reply(302, ScriptedPayload::default())
            .header("location", "http://x/"),
    );
    let redirect = client.list("").await;
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (302, "http://x/")
    );

    let bare = on_list().reply(200, ScriptedPayload::Text("{}".to_owned()));
    simulator.fault(bare.header("date", "").header("X-Request-Id", ""));
    let bare = client.list("").await;
    assert_eq!((bare.header("date"), bare.header("x-request-id")), ("", ""));

    let html = ScriptedPayload::Text("<html>503</html>".to_owned());
    simulator.fault(
        on_list()
            .reply(503, html)
            .header("content-type", "text/html"),
    );
    let page = client.list("").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (503, "text/html")
    );
    assert_eq!(page.bytes, "<html>503</html>");

    simulator.fault(on_list().reply(200, ScriptedPayload::Fill(2 << 20)));
    assert_eq!(client.list("").await.bytes.len(), 2 << 20);

    simulator.fault(on_list().reply(200, ScriptedPayload::Hex("7b22ff227d".to_owned())));
    assert_eq!(client.list("").await.bytes.as_ref(), b"{\"\xff\"}");

    simulator.fault(on_list().cut(10));
    assert!(client.send("GET", CALLBACKS, None).await.is_err());
    assert_eq!(simulator.calls().last().unwrap().status, Some(200));

    let raw = ScriptedPayload::Text("SSH-2.0-OpenSSH_9.9\r\n".to_owned());
    simulator.fault(on_list().answer(ScriptedAnswer::Raw(raw)));
    assert!(client.send("GET", CALLBACKS, None).await.is_err());

    let short = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort";
    simulator.fault(on_list().answer(ScriptedAnswer::Raw(ScriptedPayload::Text(short.to_owned()))));
    assert!(client.send("GET", CALLBACKS, None).await.is_err());
    assert_eq!(client.list("").await.status, 200);
}

#[tokio::test]
async fn the_cloud_can_make_something_else_of_a_write() {
    let (simulator, client) = start(SimulatorSettings::default());
    let patch = RowPatch {
        notify_callback_url: Some("https://hooks.example.com/record/".to_owned()),
        ..RowPatch::default()
    };
    simulator.fault(ScriptedFault::on(LoggedOperation::Create).rewrite(patch));
    let created = client.create(&body("a")).await.json();
    assert_eq!(
        created["notify_callback_url"],
        "https://hooks.example.com/record/"
    );
}

#[tokio::test]
async fn connections_can_be_refused() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.settings(|settings| settings.connections = Connections::Close);
    assert!(client.send("GET", CALLBACKS, None).await.is_err());
    assert!(simulator.calls().is_empty());
    simulator.settings(|settings| settings.connections = Connections::Hang);
    let patience = Duration::from_millis(200);
    assert!(
        tokio::time::timeout(patience, client.send("GET", CALLBACKS, None))
            .await
            .is_err()
    );
    simulator.settings(|settings| settings.connections = Connections::Serve);
    assert_eq!(client.list("").await.status, 200);
}

#[tokio::test]
async fn hooks_are_called_around_the_commit() {
    let (simulator, client) = start(SimulatorSettings::default());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let cloud = simulator.cloud();
    simulator.on_call({
        let seen = Arc::clone(&seen);
        move |phase, call| {
            let rows = cloud.rows().len();
            seen.lock()
                .unwrap()
                .push((phase, call.operation, call.committed, rows));
        }
    });
    client.create(&body("a")).await;
    client.create(&body("a")).await;
    let expected = [
        (CallPhase::BeforeCommit, LoggedOperation::Create, false, 0),
        (CallPhase::AfterCommit, LoggedOperation::Create, true, 1),
        (CallPhase::BeforeCommit, LoggedOperation::Create, false, 1),
        (CallPhase::AfterCommit, LoggedOperation::Create, false, 1),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_wait_in_vain_tells_what_was_seen() {
    let (simulator, client) = start(SimulatorSettings::default());
    client.list("limit=3").await;
    let waited = simulator
        .wait_for("a create", Duration::from_millis(50), |_| false)
        .await;
    let error = waited.unwrap_err().to_string();
    assert!(error.contains("in vain for a create; 1 calls"), "{error}");
    assert!(error.contains("limit=3 -> Some(200)"), "{error}");
}
