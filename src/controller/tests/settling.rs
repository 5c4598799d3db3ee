//! The smallest course: one object comes, is settled, and then costs nothing.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::object::{domain, key, spec, verdict};
use super::script::{Script, settle};
use super::trouble::{CloudCallFate, Peace, Troubled, TroubledAnswer};
use super::world::ControllerWorld;

/// A row goes right after a write of ours, so that its absence does not count yet, and then the spec changes.
#[tokio::test(start_paused = true)]
async fn a_generation_that_nobody_holds_is_not_ready() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.start();
    world.apply("push", &spec("push"));
    world.pass(Duration::from_secs(5)).await;
    let id = world.rows(&domain("push"))[0].id.clone();
    world.cloud().delete_row(&id);
    let url = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
    for _ in 0..60 {
        world.pass(Duration::from_secs(1)).await;
        let is_ready = verdict(&world.object("push").unwrap()).0 == "True";
        let is_held = world.rows(&domain("push")).len() == 1;
        assert!(is_held || !is_ready, "{}", world.story.whole());
    }
    assert_eq!(
        verdict(&world.object("push").unwrap()).0,
        "True",
        "{}",
        world.story.whole()
    );
}

/// The answer to an edit is lost, and the list shows late what it did; by then the edit is taken back.
#[tokio::test(start_paused = true)]
async fn an_edit_that_is_taken_back_after_a_lost_answer_is_undone_at_the_cloud() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    let cloud = world.cloud();
    cloud.settings(|settings| settings.list_lag_ms = 20_000);
    script.cloud(|call| CloudCallFate {
        answer: if call.method == Method::PUT {
            TroubledAnswer::Broken
        } else {
            TroubledAnswer::True
        },
        ..CloudCallFate::default()
    });
    let other = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": other}}));
    let url = |world: &ControllerWorld| {
        let rows = world.rows(&domain("push"));
        rows[0].notify_callback_url.clone()
    };
    let is_sent = |world: &ControllerWorld| url(world).as_deref() == Some(other);
    assert!(world.until(Duration::from_secs(5), is_sent).await);
    script.ends();
    world.apply("push", &spec("push"));
    let wanted = spec("push")["notifyCallbackURL"]
        .as_str()
        .map(str::to_owned);
    for _ in 0..60 {
        world.pass(Duration::from_secs(1)).await;
        let is_ready = verdict(&world.object("push").unwrap()).0 == "True";
        assert!(
            !is_ready || url(&world) == wanted,
            "{}",
            world.story.whole()
        );
    }
    assert_eq!(url(&world), wanted, "{}", world.story.whole());
    assert_eq!(world.count(&Method::PUT), 2, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn a_create_is_two_calls_and_two_writes_and_then_silence() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.start();
    world.apply("push", &spec("push"));
    let settled = world.until(Duration::from_secs(30), |world| {
        world
            .object("push")
            .is_some_and(|object| verdict(&object).0 == "True")
    });
    assert!(settled.await, "{}", world.story.whole());
    let rows = world.rows(&domain("push"));
    assert_eq!(rows.len(), 1, "{}", world.story.whole());
    assert_eq!(world.calls().len(), 2, "{}", world.story.whole());
    let version = |world: &ControllerWorld| {
        world.server.object(&key("push")).unwrap()["metadata"]["resourceVersion"].clone()
    };
    let before = version(&world);
    world.pass(Duration::from_hours(1)).await;
    assert_eq!(version(&world), before, "{}", world.story.whole());
    eprintln!("{}", world.story.whole());
}
