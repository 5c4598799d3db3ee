//! Two teams that share an account of the cloud: what one of them can write must not turn against the other.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use live_simulator::LoggedChange;
use serde_json::json;

use crate::support::{
    eventually,
    world::{OperatorWorld, PROJECT, condition},
};

/// The callback of one team, and the name of an object of another whose status somebody has made to name that callback.
async fn mistaken(world: &OperatorWorld) -> String {
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
    let world = OperatorWorld::new().await;
    let operator = world.operator_with(&["--resync-interval=1s"]).await;
    let id = mistaken(&world).await;
    let edit = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("push", edit.clone()).await;
    let status = world.reason("push", "Conflict").await;
    let message = condition(&status, "Ready").unwrap().message.clone();
    assert!(
        message.contains(&id) && message.contains("callbackID"),
        "{message}"
    );
    assert!(condition(&status, "Stalled").is_some());

    // Whoever is right goes on.
    world.patch("theirs", edit).await;
    world.ready("theirs").await;
    assert_eq!(
        world.changes(&id),
        [LoggedChange::Created, LoggedChange::Updated]
    );
    drop(operator);
}

#[tokio::test]
async fn nor_does_the_deletion_of_such_an_object() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    let id = mistaken(&world).await;
    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.changes(&id), [LoggedChange::Created]);
    world.delete("theirs").await;
    world.gone("theirs").await;
    assert!(world.cloud.row(&id).is_none());
}

/// Whoever may edit an object may give it a record, and no credentials are needed for that.
#[tokio::test]
async fn a_record_that_somebody_made_up_keeps_others_from_a_place_only_for_a_while() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    let spec = json!({ "publishDomain": "theirs.example.com", "credentialsSecretRef": { "name": "nosuch" } });
    let object = world.create("push", spec).await;
    let record = json!({
        "uid": object.metadata.uid,
        "target": { "region": "cn-north-4", "projectID": PROJECT, "endpoint": world.cloud.endpoint() },
        "attempts": [{ "id": "made-up", "at": "2026-11-25T02:00:00Z", "signType": "HMACSHA256" }],
    });
    let annotation = json!({ "live.huaweicloud.com/pending-operation": record.to_string() });
    let made_up = json!({ "metadata": { "annotations": annotation } });
    world.patch("push", made_up).await;
    world.reason("push", "CredentialsMissing").await;
    world.create("theirs", json!({})).await;
    world.reason("theirs", "Duplicate").await;
    eventually(
        "it gets its callback",
        Duration::from_secs(100),
        async || world.get("theirs").await?.status?.callback_id,
    )
    .await;
    world.ready("theirs").await;
    world.reason("push", "CredentialsMissing").await;
}
