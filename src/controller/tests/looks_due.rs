//! Looks that were put off and are due: what they show is acted on, though the API server, or the cloud, fails just then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::json;

use super::object::{domain, spec, verdict};
use super::script::{Script, becomes, insert_alike, settle_at_second_try};
use super::trouble::{CallFate, CloudCallFate, TroubledAnswer, Verb, reply};
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

/// The list says that it is gone, and the cloud does not say so by its id.
#[tokio::test(start_paused = true)]
async fn what_a_look_lacks_is_asked_for_again_when_the_cloud_does_not_answer() {
    let (script, mut world) = Script::with_world();
    world.start();
    world.apply("push", &spec("push"));
    becomes(&world, "True", "Available", Duration::from_secs(10)).await;
    let row = world.rows(&domain("push")).remove(0);
    world.cloud().delete_row(&row.id);
    let mut failures = 0;
    script.cloud(move |call| {
        let fails = call.method == Method::GET && call.id.is_some() && failures < 2;
        failures += usize::from(fails);
        CloudCallFate {
            answer: if fails {
                TroubledAnswer::Reply(reply(503, ""))
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
    let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
    world.merge("push", &asked);
    let is_back = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    let is_back = world.until(Duration::from_mins(2), is_back).await;
    assert!(is_back, "{}", world.story.whole());
}

/// Whether the product is being uninstalled can't be known just then.
#[tokio::test(start_paused = true)]
async fn a_second_callback_is_deleted_as_soon_as_the_crd_can_be_read() {
    let (script, mut world) = Script::with_world();
    let cloud = world.cloud();
    cloud.settings(|settings| settings.uniqueness = false);
    world.start();
    settle_at_second_try(&script, &world).await;
    insert_alike(&world);
    script.server(|call| {
        if call.verb == Verb::ReadCrd {
            CallFate::Refused(403, "Forbidden")
        } else {
            CallFate::Served
        }
    });
    let calls = world.calls().len();
    world.pass(Duration::from_mins(4)).await;
    let whole = world.story.whole();
    assert_eq!(world.rows(&domain("push")).len(), 2, "{whole}");
    assert!(world.calls().len() <= calls + 4, "{whole}");
    let told = verdict(&world.object("push").unwrap());
    assert_ne!(told.0, "True", "{whole}");

    script.ends();
    let is_one = |world: &ControllerWorld| world.rows(&domain("push")).len() == 1;
    let is_one = world.until(Duration::from_mins(3), is_one).await;
    assert!(is_one, "{}", world.story.whole());
    becomes(&world, "True", "Available", Duration::from_mins(1)).await;
}
