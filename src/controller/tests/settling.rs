//! The smallest course: one object comes, is settled, and then costs nothing.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::object::{domain, key, spec, verdict};
use super::script::{Script, settle};
use super::trouble::{CloudCallFate, Peace, Troubled, TroubledAnswer, reply};
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

/// The cloud's clock is ahead, which a new process does not know yet, and the list shows late what the one before it wrote.
#[tokio::test(start_paused = true)]
async fn what_a_list_shows_late_is_no_drift_to_a_process_that_does_not_know_the_time() {
    // The one is believed at once, the other when a second answer agrees.
    for ahead in [50, 120] {
        let (_script, mut world) = Script::with_world();
        world
            .cloud()
            .settings(|settings| settings.clock_offset_s = ahead);
        world.start();
        settle(&world, "push", &spec("push")).await;
        world
            .cloud()
            .settings(|settings| settings.list_lag_ms = 20_000);
        let other = "https://hooks.example.com/other";
        world.merge("push", &json!({"spec": {"notifyCallbackURL": other}}));
        let is_sent = |world: &ControllerWorld| {
            let status = &world.object("push").unwrap()["status"];
            status["sent"]["notifyCallbackURL"] == other
        };
        assert!(world.until(Duration::from_secs(5), is_sent).await);
        world.restart().await;
        let asked = json!({crate::api::RECONCILE_REQUESTED_AT: "now"});
        world.merge("push", &json!({"metadata": {"annotations": asked}}));
        world.pass(Duration::from_mins(2)).await;
        let object = world.object("push").unwrap();
        assert_eq!(verdict(&object).0, "True", "{}", world.story.whole());
        assert_eq!(object["status"]["lastHandledReconcileAt"], "now");
        assert_eq!(world.count(&Method::PUT), 1, "{}", world.story.whole());
    }
}

/// An update is answered as if the callback were gone, and lists lack it for a while: neither is so.
#[tokio::test(start_paused = true)]
async fn nothing_is_created_anew_for_what_an_update_and_a_list_say() {
    for lies in [1, 3] {
        let (script, mut world) = Script::with_world();
        world.start();
        settle(&world, "push", &spec("push")).await;
        let mut left = lies;
        script.cloud(move |call| {
            let is_list = call.method == Method::GET && call.id.is_none();
            if left == 0 || !is_list && call.method != Method::PUT {
                return CloudCallFate::default();
            }
            left -= usize::from(is_list);
            let lie = if is_list {
                reply(200, r#"{"total": 0, "callback_config": []}"#)
            } else {
                reply(404, r#"{"error_code": "LIVE.103011019"}"#)
            };
            CloudCallFate {
                carried_out: false,
                answer: TroubledAnswer::Reply(lie),
                ..CloudCallFate::default()
            }
        });
        let other = "https://hooks.example.com/other";
        world.merge("push", &json!({"spec": {"notifyCallbackURL": other}}));
        let is_held = |world: &ControllerWorld| {
            let rows = world.rows(&domain("push"));
            rows.iter()
                .any(|row| row.notify_callback_url.as_deref() == Some(other))
        };
        let held = world.until(Duration::from_mins(15), is_held).await;
        assert!(held, "{}", world.story.whole());
        world.pass(Duration::from_mins(1)).await;
        assert_eq!(world.rows(&domain("push")).len(), 1);
        assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
        let object = world.object("push").unwrap();
        assert_eq!(verdict(&object).0, "True", "{}", world.story.whole());
    }
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
