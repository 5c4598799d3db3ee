//! Two teams that share an account of the cloud: what one of them can write must not turn against the other.

use kube::api::{Patch, PatchParams};
use live_simulator::Change;
use serde_json::json;

use crate::support::world::{World, condition};

/// The callback of one team, and the name of an object of another whose status somebody has made to name that callback.
async fn mistaken(world: &World) -> String {
    world.create("theirs", json!({})).await;
    let id = world.ready("theirs").await.callback_id.unwrap();
    world.create("push", json!({})).await;
    world.ready("push").await;
    let status = Patch::Merge(json!({ "status": { "callbackID": id } }));
    let (callbacks, params) = (world.namespace.callbacks(), PatchParams::default());
    let written = callbacks.patch_status("push", &params, &status).await;
    written.unwrap();
    id
}

#[tokio::test]
async fn a_status_that_names_anothers_callback_changes_nothing_of_it() {
    let world = World::new().await;
    let operator = world.operator_with(&["--resync-interval=1s"]).await;
    let id = mistaken(&world).await;
    let edit = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("push", edit.clone()).await;
    let status = world.reason("push", "Conflict").await;
    let told = condition(&status, "Ready").unwrap().message.clone();
    assert!(told.contains(&id) && told.contains("callbackID"), "{told}");
    assert!(condition(&status, "Stalled").is_some());

    // Whoever is right goes on.
    world.patch("theirs", edit).await;
    world.ready("theirs").await;
    assert_eq!(world.changes(&id), [Change::Created, Change::Updated]);
    drop(operator);
}

#[tokio::test]
async fn nor_does_the_deletion_of_such_an_object() {
    let world = World::new().await;
    let _operator = world.operator().await;
    let id = mistaken(&world).await;
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.changes(&id), [Change::Created]);
    world.delete("theirs").await;
    world.gone("theirs").await;
    assert!(world.cloud.row(&id).is_none());
}
