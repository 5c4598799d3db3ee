//! A watch that falls silent: what the operator knows grows old, and no change is made on the strength of it.

use live_simulator::{Cloud, LoggedChange, LoggedOperation};
use serde_json::json;

use super::{
    fixture::{CrashFixture, NAME},
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
async fn slow(fixture: &CrashFixture) -> OperatorProcess {
    let operator = fixture.operator_with(&["--requests-per-minute=6"]).await;
    CrashScene::Create.act(fixture, json!({})).await;
    fixture.world.ready(NAME).await;
    operator
}

#[tokio::test]
async fn a_delete_that_waited_is_not_made_for_an_object_that_is_to_retain_by_then() {
    let fixture = CrashFixture::new(CrashScene::Delete.settings(true)).await;
    let _operator = slow(&fixture).await;
    fixture.world.delete(NAME).await;
    fixture.world.reason(NAME, "RateLimited").await;

    fixture.proxy.watches(StreamOrder::Freeze);
    let retain = json!({ "spec": { "deletionPolicy": "Retain" } });
    fixture.world.patch(NAME, retain).await;
    fixture.world.gone(NAME).await;
    assert_eq!(fixture.world.count(LoggedOperation::Delete), 0);
    assert_eq!(fixture.rows().len(), 1);
}

#[tokio::test]
async fn an_update_that_waited_sends_what_the_object_says_by_then() {
    let fixture = CrashFixture::new(CrashScene::Update.settings(true)).await;
    let _operator = slow(&fixture).await;
    CrashScene::Update.act(&fixture, json!({})).await;
    fixture.world.reason(NAME, "RateLimited").await;

    fixture.proxy.watches(StreamOrder::Freeze);
    let newest = "https://hooks.example.com/newest";
    let url = json!({ "spec": { "notifyCallbackURL": newest } });
    fixture.world.patch(NAME, url).await;
    let sent = |cloud: &Cloud| {
        let rows = cloud.rows();
        rows.iter()
            .any(|row| row.notify_callback_url.as_deref() == Some(newest))
    };
    let cloud = &fixture.world.cloud;
    cloud.wait_for("the update", LIMIT, sent).await.unwrap();
    let former = cloud.mutations().into_iter().map(|mutation| mutation.row);
    let former = former.filter(|row| row.notify_callback_url.as_deref() == Some(EDITED));
    assert_eq!(former.count(), 0, "what was edited away was never sent");
    assert_eq!(fixture.world.count(LoggedOperation::Update), 1);
}

#[tokio::test]
async fn an_object_that_is_replaced_and_deleted_behind_a_silent_watch_leaves_nothing() {
    let fixture = leader::fixture(true).await;
    let _operator = leader::leader(&fixture).await;
    CrashScene::Create.act(&fixture, json!({})).await;
    fixture.world.ready(NAME).await;

    fixture.proxy.watches(StreamOrder::Freeze);
    wipe(&fixture).await;
    fixture.world.delete(NAME).await;
    fixture.world.gone(NAME).await;
    // The watch can't be taken up again where it was: all objects are listed anew, and this one is not among them.
    let expired = status(410, "Expired");
    let line = format!(r#"{{"type":"ERROR","object":{expired}}}"#);
    fixture.proxy.watches(StreamOrder::Say(line));

    let cloud = &fixture.world.cloud;
    let deleted = |cloud: &Cloud| {
        let mut mutations = cloud.mutations().into_iter();
        mutations.any(|mutation| mutation.change == LoggedChange::Deleted)
    };
    cloud.wait_for("the delete", LIMIT, deleted).await.unwrap();
    assert!(fixture.rows().is_empty());
}
