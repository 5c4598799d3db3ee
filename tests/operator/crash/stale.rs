//! A watch that falls silent: what the operator knows grows old, and no change is made on the strength of it.

use live_simulator::{Cloud, LoggedChange, LoggedOperation};
use serde_json::json;

use super::{
    ground::{CrashGround, NAME},
    hard::wipe,
    leader,
    scene::{CrashScene, EDITED},
};
use crate::support::{
    operator::OperatorProcess,
    proxy::{StreamOrder, status},
    world::LIMIT,
};

/// An operator with a settled object, whose next call waits for seconds.
async fn slow(ground: &CrashGround) -> OperatorProcess {
    let operator = ground.operator_with(&["--requests-per-minute=6"]).await;
    CrashScene::Create.act(ground, json!({})).await;
    ground.world.ready(NAME).await;
    operator
}

#[tokio::test]
async fn a_delete_that_waited_is_not_made_for_an_object_that_is_to_retain_by_then() {
    let ground = CrashGround::new(CrashScene::Delete.settings(true)).await;
    let _operator = slow(&ground).await;
    ground.world.delete(NAME).await;
    ground.world.reason(NAME, "RateLimited").await;

    ground.proxy.watches(StreamOrder::Freeze);
    let retain = json!({ "spec": { "deletionPolicy": "Retain" } });
    ground.world.patch(NAME, retain).await;
    ground.world.gone(NAME).await;
    assert_eq!(ground.world.count(LoggedOperation::Delete), 0);
    assert_eq!(ground.rows().len(), 1);
}

#[tokio::test]
async fn an_update_that_waited_sends_what_the_object_says_by_then() {
    let ground = CrashGround::new(CrashScene::Update.settings(true)).await;
    let _operator = slow(&ground).await;
    CrashScene::Update.act(&ground, json!({})).await;
    ground.world.reason(NAME, "RateLimited").await;

    ground.proxy.watches(StreamOrder::Freeze);
    let newest = "https://hooks.example.com/newest";
    let url = json!({ "spec": { "notifyCallbackURL": newest } });
    ground.world.patch(NAME, url).await;
    let sent = |cloud: &Cloud| {
        let rows = cloud.rows();
        rows.iter()
            .any(|row| row.notify_callback_url.as_deref() == Some(newest))
    };
    let cloud = &ground.world.cloud;
    cloud.wait_for("the update", LIMIT, sent).await.unwrap();
    let former = cloud.mutations().into_iter().map(|mutation| mutation.row);
    let former = former.filter(|row| row.notify_callback_url.as_deref() == Some(EDITED));
    assert_eq!(former.count(), 0, "what was edited away was never sent");
    assert_eq!(ground.world.count(LoggedOperation::Update), 1);
}

#[tokio::test]
async fn an_object_that_is_replaced_and_deleted_behind_a_silent_watch_leaves_nothing() {
    let ground = leader::ground(true).await;
    let _operator = leader::leader(&ground).await;
    CrashScene::Create.act(&ground, json!({})).await;
    ground.world.ready(NAME).await;

    ground.proxy.watches(StreamOrder::Freeze);
    wipe(&ground).await;
    ground.world.delete(NAME).await;
    ground.world.gone(NAME).await;
    // The watch can't be taken up again where it was: all objects are listed anew, and this one is not among them.
    let expired = status(410, "Expired");
    let told = format!(r#"{{"type":"ERROR","object":{expired}}}"#);
    ground.proxy.watches(StreamOrder::Say(told));

    let cloud = &ground.world.cloud;
    let deleted = |cloud: &Cloud| {
        let mut mutations = cloud.mutations().into_iter();
        mutations.any(|mutation| mutation.change == LoggedChange::Deleted)
    };
    cloud.wait_for("the delete", LIMIT, deleted).await.unwrap();
    assert!(ground.rows().is_empty());
}
