//! What only a control plane of its own can be put through: the CRD changes under the objects, and goes.

mod states;

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use live_simulator::{LoggedOperation, ScriptedFault};
use recording_callback_operator::api::{SCHEMA_VERSION_ANNOTATION, crd::crd};
use serde_json::json;

use crate::{
    crd::ratchet::without_rules,
    errors::refusal,
    support::{
        alone,
        chart::{Chart, Mode},
        eventually, install,
        operator::OperatorProcess,
        world::{LIMIT, OperatorWorld, condition},
    },
};

fn definitions(world: &OperatorWorld) -> Api<CustomResourceDefinition> {
    Api::all(world.namespace.client())
}

/// Deletes the CRD without waiting.
async fn delete_crd(world: &OperatorWorld) {
    definitions(world)
        .delete(&crd().name_any(), &DeleteParams::default())
        .await
        .unwrap();
}

async fn crd_is_gone(world: &OperatorWorld) {
    eventually("the CRD is gone", Duration::from_mins(1), async || {
        let crd = definitions(world).get_opt(&crd().name_any()).await;
        crd.unwrap().is_none().then_some(())
    })
    .await;
}

/// Runs the tests below that are ignored otherwise, one by one, each with a control plane of its own.
#[tokio::test]
async fn the_definition_may_change_and_go() {
    for test in [
        "uninstall::an_object_that_breaks_a_newer_rule_can_still_be_deleted",
        "uninstall::nothing_is_done_while_the_crd_is_an_older_one",
        "uninstall::uninstalling_retains_every_callback",
        "uninstall::roles_only_an_uninstall_is_not_seen_and_each_object_has_its_policy",
        "uninstall::an_operator_that_comes_while_the_definition_goes_lets_all_objects_go",
        "uninstall::an_object_that_waits_while_it_is_deleted_is_woken_when_the_definition_goes",
    ] {
        alone(test).await;
    }
}

#[tokio::test]
#[ignore = "changes the CRD, so it needs a control plane of its own"]
async fn an_object_that_breaks_a_newer_rule_can_still_be_deleted() {
    let world = OperatorWorld::new().await;
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
    assert_eq!(
        world.calls()[before..],
        [(LoggedOperation::Delete, Some(204))]
    );
}

#[tokio::test]
#[ignore = "changes the CRD, so it needs a control plane of its own"]
async fn nothing_is_done_while_the_crd_is_an_older_one() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let version = async |version: &str| {
        let version =
            json!({ "metadata": { "annotations": { SCHEMA_VERSION_ANNOTATION: version } } });
        let (params, patch) = (PatchParams::default(), Patch::Merge(&version));
        definitions(&world)
            .patch(&crd().name_any(), &params, &patch)
            .await
            .unwrap();
    };

    version("0").await;
    eventually("/readyz names the version", LIMIT, async || {
        let (code, body) = operator.get("/readyz").await?;
        (code == 503 && body.contains("schema version")).then_some(())
    })
    .await;
    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("push", url).await;
    world.create("other", json!({})).await;
    eventually("the new object is counted", LIMIT, async || {
        let (_, page) = operator.get("/metrics").await?;
        let waiting = page.contains(r#"recording_callback_resources{reason="Creating"} 1"#);
        waiting.then_some(())
    })
    .await;
    let since = world.cloud.now();
    version("1").await;
    world.ready("push").await;
    world.ready("other").await;
    let calls = world.cloud.calls();
    let early = calls.iter().skip(2).filter(|call| call.at < since);
    assert_eq!(early.count(), 0, "{calls:#?}");
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn uninstalling_retains_every_callback() {
    let mut world = OperatorWorld::new().await;
    let chart = Chart::rendered(Mode::Namespaced, world.namespace.name());
    world.install(&chart).await;
    let operator = world.operator().await;
    for name in ["push", "other"] {
        world
            .create(name, json!({ "deletionPolicy": "Delete" }))
            .await;
        world.ready(name).await;
    }
    let before = world.calls().len();

    delete_crd(&world).await;
    crd_is_gone(&world).await;
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
    assert_eq!(world.refused(), [], "rights that are missing");
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn roles_only_an_uninstall_is_not_seen_and_each_object_has_its_policy() {
    let mut world = OperatorWorld::new().await;
    let chart = Chart::roles_only(world.namespace.name());
    world.install(&chart).await;
    let operator = world.operator().await;
    assert!(
        operator.output().contains("--check-crd is false"),
        "the cost is told"
    );
    for policy in ["Delete", "Retain"] {
        let name = policy.to_lowercase();
        world
            .create(&name, json!({ "deletionPolicy": policy }))
            .await;
        world.ready(&name).await;
    }
    delete_crd(&world).await;
    crd_is_gone(&world).await;
    let left = world.cloud.rows().into_iter();
    let left: Vec<_> = left.map(|row| row.publish_domain).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].starts_with("retain"), "{left:?}");
    assert_eq!(world.count(LoggedOperation::Delete), 1);
    assert_eq!(world.refused(), [], "rights that are missing");
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn an_operator_that_comes_while_the_definition_goes_lets_all_objects_go() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    operator.kill().await;

    delete_crd(&world).await;
    eventually("the object is to go", LIMIT, async || {
        let object = world.get("push").await?;
        object.metadata.deletion_timestamp.map(drop)
    })
    .await;
    let _operator = OperatorProcess::spawn(&world.flags(), &[]).await;
    crd_is_gone(&world).await;
    assert_eq!(world.cloud.rows().len(), 1);
    assert_eq!(world.count(LoggedOperation::Delete), 0);
}

#[tokio::test]
#[ignore = "deletes the CRD, so it needs a control plane of its own"]
async fn an_object_that_waits_while_it_is_deleted_is_woken_when_the_definition_goes() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    world
        .create("push", json!({ "deletionPolicy": "Delete" }))
        .await;
    world.ready("push").await;
    let always = ScriptedFault::on(LoggedOperation::Delete).always();
    world
        .cloud
        .fault(always.reply(401, refusal("LIVE.100011003")));
    world.delete("push").await;
    world.reason("push", "PermissionDenied").await;
    let tried = world.count(LoggedOperation::Delete);

    // It is tried again in ten minutes, and nothing of the object changes when the definition is to go.
    delete_crd(&world).await;
    crd_is_gone(&world).await;
    assert_eq!(world.count(LoggedOperation::Delete), tried);
    assert_eq!(world.cloud.rows().len(), 1);
}
