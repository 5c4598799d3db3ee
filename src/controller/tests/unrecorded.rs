//! Something in the API server's way takes the write-ahead record off: nothing is posted that nobody would know of.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::object::{domain, ready, spec, verdict};
use super::trouble::{Peace, Troubled};
use super::world::ControllerWorld;

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
