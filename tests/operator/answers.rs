//! Answers that deny what was done, say what can't be, or never end: each is a failure like any other, told and bounded.

use std::sync::Arc;

use jiff::SignedDuration;
use live_simulator::{
    CallPhase, Cloud, LoggedOperation, RowPatch, ScriptedFault, ScriptedPayload, SimulatorSettings,
};
use serde_json::{Value, json};

use crate::{
    errors::refusal,
    support::{
        eventually,
        operator::OperatorProcess,
        proxy::{ApiProxy, Harm, HarmedAnswer, HarmedCalls},
        world::{LIMIT, OperatorWorld, condition},
    },
};

use LoggedOperation::{Create, Delete, Get, List, Update};

const EDITED: &str = "https://hooks.example.com/edited";

fn edit() -> Value {
    json!({ "spec": { "notifyCallbackURL": EDITED } })
}

/// Waits until the cloud holds the edit.
async fn holds_edit(world: &OperatorWorld) {
    let held = |cloud: &Cloud| {
        let rows = cloud.rows();
        rows.iter()
            .all(|row| row.notify_callback_url.as_deref() == Some(EDITED))
    };
    let wait = world.cloud.wait_for("the edit", LIMIT, held);
    wait.await.unwrap();
}

#[tokio::test]
async fn an_update_that_is_answered_gone_for_ever_is_a_failure_that_comes_ever_later() {
    for flags in [&[][..], &["--resync-interval=1s"][..]] {
        let world = OperatorWorld::new().await;
        let _operator = world.operator_with(flags).await;
        world.create("push", json!({})).await;
        let id = world.ready("push").await.callback_id;
        let gone = ScriptedFault::on(Update).always();
        world
            .cloud
            .fault(gone.reply(404, refusal("LIVE.103011019")));
        let before = world.cloud.calls().len();
        let edited = world.patch("push", edit()).await;

        let status = world
            .status("push", "three failures", |status| {
                status.failures >= Some(3)
            })
            .await;
        assert_eq!(status.observed_generation, edited.metadata.generation);
        let ready = condition(&status, "Ready").unwrap();
        assert_eq!(ready.status, "False", "{ready:?}");
        let operations = serde_json::to_string(&status.operations).unwrap();
        assert!(operations.contains("LIVE.103011019"), "{operations}");
        assert!(status.next_attempt_time.is_some());
        let calls = world.cloud.calls().split_off(before);
        let own = calls.iter().filter(|call| {
            let target = &call.target;
            call.operation != List || target.contains("publish_domain")
        });
        let own = own.count();
        assert!(own <= 12, "{own}: {:?}", world.calls());
        let puts = calls.iter().filter(|call| call.operation == Update).count();
        assert!((1..=4).contains(&puts), "{:?}", world.calls());

        world.cloud.clear_faults();
        world.ask("push", "now").await;
        holds_edit(&world).await;
        assert_eq!(world.ready("push").await.callback_id, id);
        assert_eq!((world.count(Create), world.cloud.rows().len()), (1, 1));
    }
}

#[tokio::test]
async fn a_page_that_answers_a_delete_is_not_gone() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let page = ScriptedPayload::Text("<html><body>It works!</body></html>".to_owned());
    let fault = ScriptedFault::on(Delete).times(2).reply(200, page);
    world.cloud.fault(fault.header("Content-Type", "text/html"));

    world.delete("push").await;
    let status = world.reason("push", "CloudUnavailable").await;
    assert_eq!(world.cloud.rows().len(), 1);
    assert_eq!(status.last_operation.unwrap().type_, "Delete");
    world.gone("push").await;
    assert!(world.cloud.rows().is_empty());
    assert_eq!(world.count(Delete), 3);
}

#[tokio::test]
async fn an_empty_project_may_be_told_in_three_ways() {
    for list in [
        json!({ "total": 0, "callback_config": null }),
        json!({ "total": 0 }),
        json!({ "total": 0, "callback_config": [] }),
    ] {
        let world = OperatorWorld::new().await;
        let fault = ScriptedFault::on(List).always();
        world
            .cloud
            .fault(fault.reply(200, ScriptedPayload::Json(list)));
        let _operator = world.operator().await;
        world.create("push", json!({})).await;
        world.ready("push").await;
        assert_eq!(world.calls(), [(List, Some(200)), (Create, Some(201))]);
    }
}

#[tokio::test]
async fn a_row_whose_time_is_always_ahead_is_not_rewritten_for_ever() {
    for write_times in [false, true] {
        let world = OperatorWorld::with(SimulatorSettings {
            write_times,
            ..SimulatorSettings::default()
        })
        .await;
        let cloud = world.cloud.cloud();
        world.cloud.on_call(move |phase, _| {
            if phase == CallPhase::BeforeCommit {
                let ahead = cloud.now().checked_add(SignedDuration::from_hours(1));
                let patch = RowPatch {
                    update_time: ahead.ok(),
                    ..RowPatch::default()
                };
                for row in cloud.rows() {
                    cloud.edit_row(&row.id, &patch);
                }
            }
        });
        world.put_secret("hooks", &[("sign", "k".repeat(32))]).await;
        let _operator = world.operator_with(&["--resync-interval=1s"]).await;
        let key = json!({ "signKeySecretRef": { "name": "hooks", "key": "sign" } });
        world.create("push", key).await;
        world.ready("push").await;
        let swept = |cloud: &Cloud| {
            let calls = cloud.calls().into_iter();
            calls.filter(|call| call.operation == List).count() >= 12
        };
        let wait = world.cloud.wait_for("sweeps", LIMIT, swept);
        wait.await.unwrap();
        let updates = world.count(Update);
        assert!(updates <= 2, "{updates}: {:?}", world.calls());
        // An edit is sent all the same.
        world.patch("push", edit()).await;
        holds_edit(&world).await;
        assert!(world.count(Update) <= updates + 2);
        assert!(world.count(Get) <= 2, "{:?}", world.calls());
    }
}

#[tokio::test]
async fn a_status_that_can_not_be_written_makes_no_second_update() {
    for (code, reason) in [(500, "InternalError"), (403, "Forbidden"), (422, "Invalid")] {
        let world = OperatorWorld::new().await;
        let proxy = ApiProxy::start(Arc::default()).await;
        world.put_secret("hooks", &[("sign", "k".repeat(32))]).await;
        let _operator = OperatorProcess::start_at(proxy.url(), &world.flags()).await;
        let key = json!({ "signKeySecretRef": { "name": "hooks", "key": "sign" } });
        world.create("push", key).await;
        world.ready("push").await;
        let always = Harm::to(HarmedCalls::Status).times(usize::MAX);
        proxy.harm(always.before(HarmedAnswer::error(code, reason)));
        world.patch("push", edit()).await;
        holds_edit(&world).await;
        eventually("the write is tried again", LIMIT, async || {
            (proxy.harmed() >= 4).then_some(())
        })
        .await;
        assert_eq!(world.count(Update), 1, "{code}: {:?}", world.calls());
        proxy.calm();
        world.ready("push").await;
        assert_eq!(world.count(Update), 1, "{code}: {:?}", world.calls());
    }
}

#[tokio::test]
async fn maintenance_that_ends_is_healed_in_time() {
    let world = OperatorWorld::new().await;
    let busy = ScriptedFault::on(Create).times(3);
    world
        .cloud
        .fault(busy.reply(400, refusal("LIVE.100011006")));
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let calls = world.cloud.calls().into_iter();
    let posts: Vec<_> = calls.filter(|call| call.operation == Create).collect();
    assert_eq!(posts.len(), 4);
    let took = posts[3].at.duration_since(posts[0].at);
    assert!(took <= SignedDuration::from_secs(15), "{took}");
}
