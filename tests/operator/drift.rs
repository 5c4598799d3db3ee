//! What somebody else does at the cloud: seen by a sweep or a requested look, repaired once, and never repaired wrongly.

use jiff::SignedDuration;
use live_simulator::{
    LoggedOperation, RowPatch, ScriptedFault, ScriptedPayload, SimulatorSettings, StoredSignKey,
    settings::Contract,
};
use serde_json::json;

use crate::support::{
    in_both_modes,
    operator::OperatorProcess,
    world::{LIMIT, OperatorWorld, condition},
};

use LoggedOperation::{Create, Get, List, Update};

const ELSEWHERE: &str = "https://elsewhere.example.com/record";

/// An operator that sweeps every second.
async fn sweeping(world: &OperatorWorld) -> OperatorProcess {
    world.operator_with(&["--resync-interval=1s"]).await
}

/// Waits for so many more lists.
async fn sweeps(world: &OperatorWorld, more: usize) {
    let wanted = world.count(List) + more;
    let lists = |cloud: &live_simulator::Cloud| {
        let calls = cloud.calls();
        calls.iter().filter(|call| call.operation == List).count()
    };
    let enough = world
        .cloud
        .wait_for("sweeps", LIMIT, |cloud| lists(cloud) >= wanted);
    enough.await.unwrap();
}

/// Sweeps until a look counts against everything that was written before: the settle time is 6 s.
async fn past_settle_time(world: &OperatorWorld) {
    sweeps(world, 8).await;
}

/// A rewrite that is later than every write so far.
fn rewrite(world: &OperatorWorld) -> RowPatch {
    RowPatch {
        notify_callback_url: Some(ELSEWHERE.to_owned()),
        update_time: Some(world.cloud.now() + SignedDuration::from_secs(3)),
        ..RowPatch::default()
    }
}

#[tokio::test]
async fn an_edit_by_hand_is_repaired_once_by_the_next_sweep() {
    in_both_modes(async |world| {
        let operator = sweeping(world).await;
        world.create("push", json!({})).await;
        let id = world.ready("push").await.callback_id.unwrap();
        let settled = world.get("push").await.unwrap();

        world.cloud.edit_row(&id, &rewrite(world));
        operator
            .counts("recording_callback_drift_repaired_total 1")
            .await;
        sweeps(world, 4).await;

        assert_eq!(world.count(Update), 1, "{:?}", world.calls());
        assert_eq!(world.writes_since(&settled).await, 1);
        let row = world.cloud.row(&id).unwrap();
        let url = row.notify_callback_url.as_deref();
        assert_eq!(url, Some("https://hooks.example.com/record"));
        let event = world.event("push", "Drifted").await;
        assert!(event.contains(&id) && event.contains(ELSEWHERE), "{event}");
    })
    .await;
}

#[tokio::test]
async fn an_edit_by_hand_is_repaired_by_a_requested_look() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();
    world.cloud.edit_row(&id, &rewrite(&world));
    let before = world.calls().len();

    world.asked("push", "once").await;

    assert_eq!(
        world.calls()[before..],
        [(List, Some(200)), (Update, Some(200))]
    );
}

#[tokio::test]
async fn a_callback_deleted_by_hand_is_created_again_once_the_id_is_gone_too() {
    let world = OperatorWorld::new().await;
    let operator = sweeping(&world).await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();
    past_settle_time(&world).await;

    world.cloud.delete_row(&id);
    let renewed = |status: &recording_callback_operator::api::status::Status| {
        status.callback_id.as_ref().is_some_and(|new| *new != id)
    };
    world.status("push", "a new callback", renewed).await;
    operator
        .counts("recording_callback_drift_repaired_total 1")
        .await;

    assert_eq!((world.count(Get), world.count(Create)), (1, 2));
    assert_eq!(world.cloud.rows().len(), 1);
}

#[tokio::test]
async fn one_bad_empty_list_costs_one_get_and_creates_nothing() {
    let world = OperatorWorld::new().await;
    let _operator = sweeping(&world).await;
    for name in ["one", "two", "three"] {
        world.create(name, json!({})).await;
    }
    for name in ["one", "two", "three"] {
        world.ready(name).await;
    }
    past_settle_time(&world).await;
    let settled = world.get("one").await.unwrap();

    let empty = ScriptedPayload::Json(json!({ "total": 0, "callback_config": [] }));
    world
        .cloud
        .fault(ScriptedFault::on(List).times(1).reply(200, empty));
    sweeps(&world, 4).await;

    assert_eq!((world.count(Get), world.count(Create)), (1, 3));
    assert_eq!(world.writes_since(&settled).await, 0);
}

/// Removes everything from the cloud, and waits until two callbacks are back: the calls that were made for that.
async fn both_come_back(world: &OperatorWorld) -> Vec<(LoggedOperation, Option<u16>)> {
    let before = world.calls().len();
    world.cloud.wipe();
    let full = world
        .cloud
        .wait_for("both again", LIMIT, |cloud| cloud.rows().len() == 2);
    full.await.unwrap();
    world.calls().split_off(before)
}

#[tokio::test]
async fn several_that_are_missing_are_created_only_after_a_second_sweep() {
    let world = OperatorWorld::new().await;
    let _operator = sweeping(&world).await;
    for name in ["one", "two"] {
        world.create(name, json!({})).await;
    }
    for name in ["one", "two"] {
        world.ready(name).await;
    }
    past_settle_time(&world).await;

    let calls = both_come_back(&world).await;
    let asked = calls.iter().rposition(|(call, _)| *call == Get).unwrap();
    let created = calls.iter().position(|(call, _)| *call == Create).unwrap();
    let second = calls[asked..created].contains(&(List, Some(200)));
    assert!(second, "{calls:?}");
    assert_eq!(world.count(Get), 2);
}

#[tokio::test]
async fn one_that_is_too_new_to_count_is_missing_all_the_same() {
    let world = OperatorWorld::new().await;
    let _operator = sweeping(&world).await;
    world.create("one", json!({})).await;
    world.ready("one").await;
    past_settle_time(&world).await;
    world.create("two", json!({})).await;
    world.ready("two").await;

    let calls = both_come_back(&world).await;
    let asked = calls.iter().position(|(call, _)| *call == Get).unwrap();
    let created = calls.iter().position(|(call, _)| *call == Create).unwrap();
    let second = calls[asked..created].contains(&(List, Some(200)));
    assert!(second, "{calls:?}");
}

#[tokio::test]
async fn a_list_that_lags_behind_our_own_update_repairs_nothing() {
    let settings = SimulatorSettings {
        list_lag_ms: 3_000,
        ..SimulatorSettings::default()
    };
    let world = OperatorWorld::with(settings).await;
    let _operator = sweeping(&world).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    past_settle_time(&world).await;

    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    let edited = world.patch("push", url).await;
    world.ready("push").await;
    past_settle_time(&world).await;

    assert_eq!(world.count(Update), 1, "{:?}", world.calls());
    assert_eq!(world.count(Create), 1);
    assert_eq!(world.writes_since(&edited).await, 1);
}

#[tokio::test]
async fn what_the_cloud_makes_of_our_words_is_told_once_and_left_alone() {
    for contract in [Contract::Modern, Contract::Original] {
        let settings = SimulatorSettings {
            contract,
            ..SimulatorSettings::default()
        };
        let world = OperatorWorld::with(settings).await;
        let normalized = RowPatch {
            notify_callback_url: Some("https://hooks.example.com/other".to_owned()),
            ..RowPatch::default()
        };
        world
            .cloud
            .fault(ScriptedFault::on(Update).always().rewrite(normalized));
        let _operator = sweeping(&world).await;
        world.create("push", json!({})).await;
        world.ready("push").await;

        let events = json!({ "spec": { "notifyEventSubscription": ["RECORD_OVER"] } });
        world.patch("push", events).await;
        let status = world.reason("push", "Normalized").await;
        let ready = condition(&status, "Ready").unwrap();
        assert_eq!(ready.status, "True");
        let message = &ready.message;
        assert!(message.contains("notifyCallbackURL"), "{message}");
        let settled = world.get("push").await.unwrap();
        past_settle_time(&world).await;

        assert_eq!(world.count(Update), 1, "{:?}", world.calls());
        assert_eq!(world.writes_since(&settled).await, 0);
    }
}

#[tokio::test]
async fn a_contest_is_told_and_repaired_at_once_only_when_somebody_asks() {
    let world = OperatorWorld::new().await;
    let operator = sweeping(&world).await;
    world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id.unwrap();
    world.cloud.edit_row(&id, &rewrite(&world));
    operator
        .counts("recording_callback_drift_repaired_total 1")
        .await;
    past_settle_time(&world).await;

    world.cloud.edit_row(&id, &rewrite(&world));
    let status = world.reason("push", "Contended").await;
    assert!(condition(&status, "Stalled").is_some());
    let wait = status
        .next_attempt_time
        .unwrap()
        .duration_since(world.cloud.now());
    assert!(wait > SignedDuration::from_mins(8), "{wait}");
    let object = world.get("push").await.unwrap();
    past_settle_time(&world).await;
    assert_eq!(world.count(Update), 1, "{:?}", world.calls());
    assert_eq!(world.writes_since(&object).await, 0);

    world.ask("push", "now").await;
    operator
        .counts("recording_callback_drift_repaired_total 2")
        .await;
    // It is over when nothing has rewritten it for an hour, not before.
    past_settle_time(&world).await;
    let status = world.reason("push", "Contended").await;
    assert_eq!(status.next_attempt_time, None);
    assert_eq!(world.count(Update), 2, "{:?}", world.calls());
}

#[tokio::test]
async fn a_sign_key_that_may_have_changed_is_sent_once() {
    let world = OperatorWorld::new().await;
    let key = [("sign", "k".repeat(32))];
    world.put_secret("hooks", &key).await;
    let _operator = sweeping(&world).await;
    let reference = json!({ "signKeySecretRef": { "name": "hooks", "key": "sign" } });
    world.create("push", reference).await;
    let id = world.ready("push").await.callback_id.unwrap();

    // The first row that is seen after our own write says when that was, by the clock of the rows.
    sweeps(&world, 2).await;
    let theirs = RowPatch {
        key: Some(StoredSignKey::new("x".repeat(32))),
        update_time: Some(world.cloud.now() + SignedDuration::from_secs(20)),
        ..RowPatch::default()
    };
    world.cloud.edit_row(&id, &theirs);
    let ours = Some(StoredSignKey::new(key[0].1.clone()));
    let sent = |cloud: &live_simulator::Cloud| cloud.row(&id).unwrap().key == ours;
    let again = world.cloud.wait_for("the key again", LIMIT, sent);
    again.await.unwrap();
    past_settle_time(&world).await;

    assert_eq!(world.count(Update), 1, "{:?}", world.calls());
}

#[tokio::test]
async fn an_object_that_only_looks_follows_the_sweeps() {
    let world = OperatorWorld::new().await;
    let fields = RowPatch {
        notify_callback_url: Some("https://hooks.example.com/record".to_owned()),
        ..RowPatch::default()
    };
    let project = crate::support::world::PROJECT;
    let row = world
        .cloud
        .insert_row(project, "push.example.com", "live", &fields);
    let _operator = sweeping(&world).await;
    let spec = json!({ "managementPolicy": "Observe", "adoptionPolicy": "Always" });
    world.create("push", spec).await;
    let status = world.ready("push").await;
    assert_eq!(status.remote.unwrap().id, Some(row.id.clone()));

    world.cloud.edit_row(&row.id, &rewrite(&world));
    let differs = |status: &recording_callback_operator::api::status::Status| {
        let changes = status.plan.as_ref().map_or(0, |plan| plan.changes.len());
        changes == 1 && condition(status, "Ready").is_some_and(|ready| ready.status == "False")
    };
    world.status("push", "the difference", differs).await;

    world.cloud.delete_row(&row.id);
    let gone = |status: &recording_callback_operator::api::status::Status| {
        let action = status.plan.as_ref().map(|plan| plan.action.as_str());
        action == Some("Create") && status.remote.is_none()
    };
    world.status("push", "the absence", gone).await;
    let object = world.get("push").await.unwrap();
    sweeps(&world, 3).await;
    assert_eq!(world.writes_since(&object).await, 0);
    assert_eq!(world.cloud.mutations().len(), 3, "only by hand");
}
