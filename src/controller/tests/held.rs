//! Objects that the finalizer of another holds while they are being deleted, and that lack ours: somebody wiped it, or let them go.

use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::json;

use super::life::Life;
use super::object::{NAMESPACE, PROJECT, domain, spec, verdict};
use super::script::{Script, settle, settle_at_second_try};
use super::trouble::{CallFate, CloudCallFate, Verb};
use super::world::ControllerWorld;
use crate::api::FINALIZER;
use crate::cluster::raw::{RawObjects, ReleaseResult};

const OTHER: &str = "example.com/other";
const SOON: Duration = Duration::from_mins(3);

/// Whether `push` is there still, by the other's finalizer alone, and holds nothing any more.
fn is_let_go(world: &ControllerWorld) -> bool {
    let object = world.object("push").unwrap();
    object["status"]["callbackID"].is_null() && object["metadata"]["finalizers"] == json!([OTHER])
}

/// A world in which `push` is settled, and another controller's finalizer is on it, too.
async fn held_by_another(world: &mut ControllerWorld) {
    world.start();
    settle(world, "push", &spec("push")).await;
    let both = json!({"metadata": {"finalizers": [FINALIZER, OTHER]}});
    world.merge("push", &both);
    world.pass(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_command_let_go_keeps_its_callback_whoever_starts_later() {
    let (_script, mut world) = Script::with_world();
    held_by_another(&mut world).await;
    world.kill().await;
    world.delete("push");
    let objects = RawObjects::new(world.server.client(&Life::begin()));
    let mut object = objects.get(NAMESPACE, "push").await.unwrap().unwrap();
    let released = objects.release(&mut object).await.unwrap();
    assert_eq!(released, ReleaseResult::Released);

    for _ in 0..2 {
        world.start();
        world.pass(SOON).await;
        let whole = world.story.whole();
        assert_eq!(world.rows(&domain("push")).len(), 1, "{whole}");
        assert!(is_let_go(&world), "{whole}");
        world.kill().await;
    }
}

/// Nobody let it go, and nobody else will delete what it made: no process may take it for one that was.
#[tokio::test(start_paused = true)]
async fn what_lost_its_finalizer_while_it_waits_is_deleted_by_the_next_process_too() {
    for is_restarted in [false, true] {
        let (_script, mut world) = Script::with_world();
        held_by_another(&mut world).await;
        world.merge("push", &json!({"spec": {"suspend": true}}));
        world.delete("push");
        world.merge("push", &json!({"metadata": {"finalizers": [OTHER]}}));
        world.pass(Duration::from_secs(5)).await;
        assert_eq!(world.rows(&domain("push")).len(), 1);
        if is_restarted {
            world.restart().await;
        }
        world.merge("push", &json!({"spec": {"suspend": false}}));
        world.pass(SOON).await;
        let whole = world.story.whole();
        assert_eq!(world.rows(&domain("push")).len(), 0, "{whole}");
        assert!(is_let_go(&world), "{whole}");
        world.kill().await;
    }
}

/// Its callback is still to be deleted: whoever waits for the place must not take it over before.
#[tokio::test(start_paused = true)]
async fn what_lost_its_finalizer_while_it_goes_holds_its_place_until_its_callback_is_gone() {
    let (script, mut world) = Script::with_world();
    held_by_another(&mut world).await;
    world.apply("other", &spec("push"));
    world.pass(Duration::from_secs(5)).await;
    let reason = |world: &ControllerWorld| verdict(&world.object("other").unwrap());
    assert_eq!(reason(&world).1, "Duplicate", "{}", world.story.whole());
    let former = world.rows(&domain("push"))[0].id.clone();
    script.cloud(|call| CloudCallFate {
        before: Duration::from_secs(if call.method == Method::DELETE { 8 } else { 0 }),
        ..CloudCallFate::default()
    });
    world.delete("push");
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(world.count(&Method::DELETE), 1, "{}", world.story.whole());
    world.merge("push", &json!({"metadata": {"finalizers": [OTHER]}}));
    for _ in 0..90 {
        world.pass(Duration::from_secs(1)).await;
        let rows = world.rows(&domain("push"));
        let is_true = verdict(&world.object("other").unwrap()).0 != "True" || rows.len() == 1;
        let holds = &world.object("other").unwrap()["status"]["callbackID"];
        let whole = world.story.whole();
        assert!(is_true && *holds != former.as_str(), "{whole}");
    }
    assert_eq!(reason(&world).0, "True", "{}", world.story.whole());
    assert!(is_let_go(&world), "{}", world.story.whole());
}

/// Its create took two attempts, so that rows may be ours by them. But it is let go, and what lies at its place by now is somebody's.
#[tokio::test(start_paused = true)]
async fn what_was_let_go_asks_for_nothing_and_deletes_nothing_whoever_starts_later() {
    for is_wiped in [false, true] {
        asks_for_nothing(is_wiped).await;
    }
}

/// Its finalizer is taken off, or somebody has wiped it before its callback is deleted.
async fn asks_for_nothing(is_wiped: bool) {
    let (script, mut world) = Script::with_world();
    world.start();
    settle_at_second_try(&script, &world).await;
    let made = world.rows(&domain("push")).remove(0);
    let both =
        json!({"metadata": {"finalizers": [FINALIZER, OTHER]}, "spec": {"suspend": is_wiped}});
    world.merge("push", &both);
    world.delete("push");
    if is_wiped {
        world.merge("push", &json!({"metadata": {"finalizers": [OTHER]}}));
        world.pass(Duration::from_secs(5)).await;
        world.merge("push", &json!({"spec": {"suspend": false}}));
    }
    let let_go = world.until(SOON, is_let_go).await;
    assert!(let_go, "{}", world.story.whole());
    assert_eq!(world.count(&Method::DELETE), 1, "{}", world.story.whole());

    let alike = RowPatch {
        notify_callback_url: made.notify_callback_url,
        notify_event_subscription: Some(made.notify_event_subscription),
        ..RowPatch::default()
    };
    let cloud = world.cloud();
    cloud.insert_row(PROJECT, &domain("push"), "live", &alike);
    world.restart().await;
    let before = world.calls().len();
    world.pass(SOON).await;
    let whole = world.story.whole();
    assert_eq!(world.rows(&domain("push")).len(), 1, "{whole}");
    let (_, reason) = verdict(&world.object("push").unwrap());
    assert_eq!(reason, "Deleting", "{whole}");
    assert_eq!(world.calls().len(), before, "{whole}");
    world.kill().await;
}

/// Others may wait for ours, and whoever refuses the status may do so for ever.
#[tokio::test(start_paused = true)]
async fn what_others_hold_is_let_go_though_its_status_is_refused() {
    let (script, mut world) = Script::with_world();
    held_by_another(&mut world).await;
    script.server(|call| {
        if call.verb == Verb::PatchStatus {
            CallFate::Refused(403, "no status may be changed")
        } else {
            CallFate::Served
        }
    });
    world.delete("push");
    let is_without_ours = |world: &ControllerWorld| {
        world.object("push").unwrap()["metadata"]["finalizers"] == json!([OTHER])
    };
    let is_let_go = world.until(SOON, is_without_ours).await;
    assert!(is_let_go, "{}", world.story.whole());
    assert!(world.rows(&domain("push")).is_empty());
    assert_eq!(world.count(&Method::DELETE), 1, "{}", world.story.whole());
    world.kill().await;
}
