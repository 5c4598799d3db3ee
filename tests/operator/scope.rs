//! Several operators side by side, each with the objects of its own labels.

use live_simulator::LoggedOperation;
use serde_json::{Value, json};

use crate::support::world::OperatorWorld;

use LoggedOperation::{Create, Delete, List, Update};

fn shard(name: &str) -> Value {
    json!({ "metadata": { "labels": { "shard": name } } })
}

#[tokio::test]
async fn an_object_that_changes_its_operator_is_served_by_one_at_a_time() {
    let world = OperatorWorld::new().await;
    let _first = world.operator_with(&["--label-selector=shard=one"]).await;
    let _second = world.operator_with(&["--label-selector=shard=two"]).await;
    world.create("push", json!({})).await;
    world.patch("push", shard("one")).await;
    let id = world.ready("push").await.callback_id;

    world.patch("push", shard("two")).await;
    let edit = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("push", edit).await;
    let status = world
        .status("push", "the edit is sent", |status| {
            let sent = status
                .sent
                .as_ref()
                .and_then(|sent| sent.notify_callback_url.as_deref());
            sent == Some("https://hooks.example.com/other")
        })
        .await;
    assert_eq!(
        status.callback_id, id,
        "the callback stays through the change"
    );
    let made = [(List, Some(200)), (Create, Some(201)), (Update, Some(200))];
    assert_eq!(world.calls(), made);

    world.patch("push", shard("nobody")).await;
    world.create("other", json!({})).await;
    world.patch("other", shard("one")).await;
    world.ready("other").await;
    assert_eq!(
        world.cloud.rows().len(),
        2,
        "who is served by nobody keeps its callback"
    );

    world.patch("push", shard("one")).await;
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.count(Delete), 1);
    assert_eq!(world.cloud.rows().len(), 1);
}
