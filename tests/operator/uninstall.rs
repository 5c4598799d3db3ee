//! What only a control plane of its own can be put through: the CRD changes under the objects, and goes.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use live_simulator::Operation;
use recording_callback_operator::api::crd::crd;
use serde_json::json;

use crate::{
    crd::ratchet::without_rules,
    support::{
        alone, eventually, install,
        world::{LIMIT, World, condition},
    },
};

/// Runs the tests below that are ignored otherwise, one by one, each with a control plane of its own.
#[tokio::test]
async fn the_definition_may_change_and_go() {
    for test in [
        "uninstall::an_object_that_breaks_a_newer_rule_can_still_be_deleted",
        "uninstall::uninstalling_retains_every_callback",
    ] {
        alone(test).await;
    }
}

#[tokio::test]
#[ignore = "changes the CRD, so it needs a control plane of its own"]
async fn an_object_that_breaks_a_newer_rule_can_still_be_deleted() {
    let world = World::new().await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;

    install(world.namespace.client(), without_rules(crd())).await;
    let query = "https://hooks.example.com/record?who=media";
    let change = json!({ "spec": { "notifyCallbackURL": query } });
    eventually("the rules are off", LIMIT, async || {
        let callbacks = world.namespace.callbacks();
        let (params, patch) = (PatchParams::default(), Patch::Merge(&change));
        callbacks
            .patch("push", &params, &patch)
            .await
            .ok()
            .map(drop)
    })
    .await;
    install(world.namespace.client(), crd()).await;
    let status = world.reason("push", "InvalidSpec").await;
    assert!(condition(&status, "Stalled").is_some());
    let before = world.calls().len();

    world.delete("push").await;
    world.gone("push").await;
    assert_eq!(world.calls()[before..], [(Operation::Delete, Some(204))]);
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn uninstalling_retains_every_callback() {
    let world = World::new().await;
    let operator = world.operator().await;
    for name in ["push", "other"] {
        world
            .create(name, json!({ "deletionPolicy": "Delete" }))
            .await;
        world.ready(name).await;
    }
    let before = world.calls().len();

    let definitions: Api<CustomResourceDefinition> = Api::all(world.namespace.client());
    let name = crd().name_any();
    definitions
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    eventually("the CRD is gone", Duration::from_mins(1), async || {
        let definition = definitions.get_opt(&name).await.unwrap();
        definition.is_none().then_some(())
    })
    .await;
    for id in world.cloud.rows().into_iter().map(|row| row.id) {
        assert!(operator.output().contains(&id), "its id is told");
    }
    assert_eq!(world.cloud.rows().len(), 2);
    assert_eq!(world.calls().len(), before);
    assert_eq!(operator.get("/livez").await.unwrap().0, 200);

    // Who installs again finds what is there.
    install(world.namespace.client(), crd()).await;
    world.create("push", json!({})).await;
    let status = world.ready("push").await;
    assert_eq!(status.adopted, Some(true));
    assert_eq!(world.cloud.rows().len(), 2);
    let changed = world.cloud.mutations().len();
    assert_eq!(changed, 2, "the two creates");
}
