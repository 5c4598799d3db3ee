//! The outcome of a create that the API server does not take: what was made is known to this process alone, and still it is ours.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::json;

use super::object::{PROJECT, domain, key, spec, verdict};
use super::script::Script;
use super::server::WatchDelivery;
use super::trouble::{CallFate, CloudCallFate, Verb};
use super::world::ControllerWorld;

const MINUTES: Duration = Duration::from_mins(3);

/// An object whose callback was made, and whose status the API server refuses since; or all that is written of it, and its record was
/// wiped meanwhile.
async fn unwritten(is_wiped: bool) -> (Arc<Script>, ControllerWorld, String) {
    unwritten_in(Script::with_world(), is_wiped).await
}

/// The same in this world.
async fn unwritten_in(
    (script, mut world): (Arc<Script>, ControllerWorld),
    is_wiped: bool,
) -> (Arc<Script>, ControllerWorld, String) {
    script.cloud(|call| CloudCallFate {
        after: Duration::from_secs(if call.method == Method::POST { 5 } else { 0 }),
        ..CloudCallFate::default()
    });
    world.start();
    world.apply("push", &spec("push"));
    let is_made = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    assert!(world.until(MINUTES, is_made).await);
    script.server(move |call| {
        if call.verb == Verb::PatchStatus {
            CallFate::Refused(422, "Schema")
        } else if call.verb == Verb::Patch && is_wiped {
            CallFate::Refused(403, "Forbidden")
        } else {
            CallFate::Served
        }
    });
    if is_wiped {
        let wiped = json!({"metadata": {"annotations": null, "finalizers": null}});
        world.merge("push", &wiped);
    }
    world.pass(MINUTES).await;
    let id = world.rows(&domain("push"))[0].id.clone();
    let status = world.object("push").unwrap()["status"].clone();
    assert_eq!(status["callbackID"], json!(null), "{status}");
    (script, world, id)
}

/// Somebody else writes it so that no attempt could have made it.
fn rewrite(world: &ControllerWorld, id: &str) {
    let other = RowPatch {
        notify_callback_url: Some("https://elsewhere.example.com/".to_owned()),
        ..RowPatch::default()
    };
    world.cloud().edit_row(id, &other).unwrap();
}

fn is_held(world: &ControllerWorld) -> bool {
    verdict(&world.object("push").unwrap_or_default()).0 == "True"
}

/// It ends as what the object made.
async fn becomes_its_own(world: &ControllerWorld, id: &str) {
    let is_held = world.until(MINUTES, is_held).await;
    assert!(is_held, "{}", world.story.whole());
    let status = world.object("push").unwrap()["status"].clone();
    assert_eq!(
        (&status["callbackID"], &status["adopted"]),
        (&json!(id), &json!(false))
    );
}

/// Nothing is left at the cloud.
async fn is_cleared(world: &ControllerWorld) {
    let is_gone = |world: &ControllerWorld| world.rows(&domain("push")).is_empty();
    let is_gone = world.until(MINUTES, is_gone).await;
    assert!(is_gone, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn it_is_not_changed_before_the_api_server_knows_it_or_the_next_process_takes_it_for_anothers()
 {
    let (script, mut world, id) = unwritten(false).await;
    let url = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
    world.pass(MINUTES).await;
    let story = world.story.whole();
    assert_eq!(world.count(&Method::PUT), 0, "{story}");
    world.kill().await;
    script.ends();
    world.start();
    becomes_its_own(&world, &id).await;
    world.delete("push");
    is_cleared(&world).await;
    assert_eq!(world.count(&Method::POST), 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_deleted_by_its_id_when_the_object_is_taken_away() {
    let (_script, world, id) = unwritten(true).await;
    rewrite(&world, &id);
    world.take_away(&key("push"));
    is_cleared(&world).await;
}

/// Nobody else can know of it, whoever serves the object, too.
#[tokio::test(start_paused = true)]
async fn it_is_deleted_when_the_object_goes_unseen_also_beside_other_operators() {
    let (script, mut world) = Script::with_world();
    world.configure(|config| config.leader_elect = false);
    let (_script, world, _) = unwritten_in((script, world), false).await;
    world.server.set_delivery(WatchDelivery {
        silent_on: [key("push")].into_iter().collect(),
        ..WatchDelivery::default()
    });
    world.take_away(&key("push"));
    world.server.expire();
    is_cleared(&world).await;
}

#[tokio::test(start_paused = true)]
async fn it_is_not_forgotten_when_somebody_else_writes_the_status() {
    let (script, world, id) = unwritten(true).await;
    rewrite(&world, &id);
    let condition = json!({
        "type": "Seen", "status": "True", "reason": "Seen", "message": "", "lastTransitionTime": "2026-11-25T02:00:00Z",
    });
    world.merge("push", &json!({"status": {"conditions": [condition]}}));
    world.pass(MINUTES).await;
    script.ends();
    becomes_its_own(&world, &id).await;
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_over_is_not_deleted_before_a_status_tells_of_it() {
    let (script, mut world) = Script::with_world();
    script.server(|call| {
        if call.verb == Verb::PatchStatus {
            CallFate::Refused(429, "TooManyRequests")
        } else {
            CallFate::Served
        }
    });
    let row = RowPatch {
        notify_callback_url: Some("https://hooks.example.com/record".to_owned()),
        ..RowPatch::default()
    };
    let cloud = world.cloud();
    cloud.insert_row(PROJECT, &domain("push"), "live", &row);
    world.start();
    let mut adopting = spec("push");
    adopting["adoptionPolicy"] = json!("IfIdentical");
    adopting["deletionPolicy"] = json!("Delete");
    world.apply("push", &adopting);
    world.pass(MINUTES).await;
    world.delete("push");
    let is_gone = |world: &ControllerWorld| world.object("push").is_none();
    let story = |world: &ControllerWorld| world.story.whole();
    assert!(world.until(MINUTES, is_gone).await, "{}", story(&world));
    assert_eq!(world.rows(&domain("push")).len(), 1, "{}", story(&world));
}
