//! Something in the API server's way takes the write-ahead record off: nothing is posted that nobody would know of.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::object::{domain, ready, spec, verdict};
use super::script::settle;
use super::trouble::{Peace, Troubled};
use super::world::ControllerWorld;
use crate::api::PENDING_OPERATION;

/// Writes that an admission webhook undid in a quarter of an hour: each waits longer than the one before.
const FEW: usize = 20;

#[tokio::test(start_paused = true)]
async fn nothing_is_posted_while_the_api_server_keeps_no_record() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.server.keep_records(false);
    world.start();
    world.apply("push", &spec("push"));
    world.pass(Duration::from_mins(15)).await;
    let calls = world.calls();
    let posts = calls.iter().filter(|made| made.call.method == Method::POST);
    assert_eq!(posts.count(), 0, "{}", world.story.whole());
    let told = ready(&world.object("push").unwrap())["message"].to_string();
    assert!(told.contains("webhook"), "{}", world.story.whole());
    let versions = world.server.history().len();
    assert!(versions <= FEW, "{versions}: {}", world.story.whole());

    world.server.keep_records(true);
    let is_held = |world: &ControllerWorld| {
        let object = world.object("push").unwrap_or_default();
        verdict(&object).0 == "True" && world.rows(&domain("push")).len() == 1
    };
    let held = world.until(Duration::from_mins(15), is_held).await;
    assert!(held, "{}", world.story.whole());
}

/// This process has not written it, and only the watch has brought it.
#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_wiped_is_put_back() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.restart().await;
    world.pass(Duration::from_mins(1)).await;
    let record = |world: &ControllerWorld| {
        let object = world.object("push").unwrap_or_default();
        object["metadata"]["annotations"][PENDING_OPERATION].clone()
    };
    let written = record(&world);
    assert!(written.is_string());
    // Whether something came of it is then not known any more, either.
    let wiped = json!({"metadata": {"annotations": null}, "status": {"closedOperation": null}});
    for _ in 0..2 {
        world.merge("push", &wiped);
        let is_back = |world: &ControllerWorld| record(world) == written;
        let is_back = world.until(Duration::from_mins(1), is_back).await;
        assert!(is_back, "{}", world.story.whole());
        world.pass(Duration::from_mins(1)).await;
    }
}
