//! What others write on an object is theirs: it neither gets lost nor gets in the way.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::object::{domain, spec, verdict};
use super::script::settle;
use super::trouble::{Peace, Troubled};
use super::world::ControllerWorld;
use crate::api::{FINALIZER, PENDING_OPERATION};
use crate::fuzz::is_full;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn world() -> ControllerWorld {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    ControllerWorld::new(&trouble)
}

async fn ready(world: &ControllerWorld) -> Value {
    let is_ready = |world: &ControllerWorld| {
        let object = world.object("push");
        let is_ready = object.is_some_and(|object| verdict(&object).1 == "Available");
        is_ready && world.rows(&domain("push")).len() == 1
    };
    let ready = world.until(Duration::from_hours(1), is_ready).await;
    assert!(ready, "{}", world.story.whole());
    world.object("push").unwrap()
}

/// kubectl compares with what it wrote there: without it, a field that is left out later would stay.
#[tokio::test(start_paused = true)]
async fn annotations_of_others_stay() {
    for annotations in [json!({LAST_APPLIED: "{}"}), json!({"a": "1", "b": "2"})] {
        let mut world = world();
        world.apply("push", &spec("push"));
        let written =
            json!({"metadata": {"annotations": annotations, "finalizers": ["example.com/other"]}});
        world.merge("push", &written);
        world.start();
        let mut object = ready(&world).await;
        let found = object["metadata"]["annotations"].as_object_mut().unwrap();
        assert!(found.remove(PENDING_OPERATION).is_some());
        assert_eq!(json!(found), annotations);
        let both = json!(["example.com/other", FINALIZER]);
        assert_eq!(object["metadata"]["finalizers"], both);
    }
}

/// Of whoever may write all of an object.
#[tokio::test(start_paused = true)]
async fn an_object_full_of_made_up_things_is_served_and_goes() {
    let mut world = world();
    world.apply("push", &spec("push"));
    let long = "x".repeat(200 * 1024);
    let others: Vec<String> = (0..1000).map(|n| format!("example.com/{n}")).collect();
    let operation = json!({"type": "Create", "outcome": "Unknown", "errorMessage": long});
    let full = json!({
        "metadata": {"annotations": {"long": long, PENDING_OPERATION: long}, "finalizers": others},
        "status": {
            "callbackID": "short", "closedOperation": long, "failures": 9, "operations": vec![operation.clone(); if is_full() { 100 } else { 20 }],
            "lastOperation": operation, "remote": {"id": long}, "lastHandledReconcileAt": long,
            "conditions": [{"type": "Ready", "status": "True", "reason": long, "message": long}],
        },
    });
    world.merge("push", &full);
    world.start();
    let object = ready(&world).await;
    assert_eq!(object["metadata"]["annotations"]["long"], long.as_str());
    assert!(
        object["status"].to_string().len() < 8 * 1024,
        "what was made up is gone"
    );

    world.delete("push");
    let is_gone = |world: &ControllerWorld| {
        let object = world.object("push").unwrap();
        object["metadata"]["finalizers"] == json!(others)
    };
    let gone = world.until(Duration::from_mins(10), is_gone).await;
    assert!(gone, "{}", world.story.whole());
    assert_eq!(world.rows(&domain("push")).len(), 0);
}

/// Whoever may write a status decides what is asked for, but not what is found of others.
#[tokio::test(start_paused = true)]
async fn an_id_that_is_none_hides_no_loss_of_others() {
    let mut world = world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    settle(&world, "other", &spec("other")).await;
    world.merge("other", &json!({"status": {"callbackID": "none/of/them"}}));
    let id = world.rows(&domain("push"))[0].id.clone();
    world.cloud().delete_row(&id);
    let is_back = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    let back = world.until(Duration::from_mins(30), is_back).await;
    assert!(back, "{}", world.story.whole());
}
