//! Looks that were put off and are due: what they show is acted on, though the API server fails just then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use live_simulator::RowPatch;
use serde_json::json;

use super::object::{domain, spec, verdict};
use super::script::Script;
use super::trouble::{CallFate, Verb};
use super::world::ControllerWorld;
use crate::api::RECONCILE_REQUESTED_AT;

#[tokio::test(start_paused = true)]
async fn what_a_look_shows_that_was_put_off_is_acted_on_though_the_api_server_fails_then() {
    let (script, mut world) = Script::with_world();
    world.start();
    world.apply("push", &spec("push"));
    let is_ready = |world: &ControllerWorld| verdict(&world.object("push").unwrap()).0 == "True";
    assert!(world.until(Duration::from_secs(10), is_ready).await);
    let row = world.rows(&domain("push")).remove(0);
    let drift = RowPatch {
        notify_callback_url: Some("https://drift.example.com/".to_owned()),
        ..RowPatch::default()
    };
    world.cloud().edit_row(&row.id, &drift).unwrap();
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    script.server(move |call| {
        if call.verb == Verb::Get && counted.fetch_add(1, Ordering::SeqCst) < 2 {
            CallFate::Refused(500, "InternalError")
        } else {
            CallFate::Served
        }
    });
    // It comes too early to count, so another one is made when the settle time is over.
    let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
    world.merge("push", &asked);
    world.pass(Duration::from_mins(2)).await;
    let whole = world.story.whole();
    assert!(reads.load(Ordering::SeqCst) >= 2, "{whole}");
    let now = world.rows(&domain("push")).remove(0);
    assert_eq!(now.notify_callback_url, row.notify_callback_url, "{whole}");
}
