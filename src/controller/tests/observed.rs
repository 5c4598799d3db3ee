//! What objects that only look say of their place follows who owns it.

use std::time::Duration;

use live_simulator::RowPatch;
use serde_json::{Value, json};

use super::object::{PROJECT, domain, key, ready, spec};
use super::script::{Script, settle};
use super::world::ControllerWorld;

/// An object that only looks at the place of `push`.
fn looker() -> Value {
    let mut looker = spec("push");
    looker["managementPolicy"] = json!("Observe");
    looker
}

/// Waits until this is what managing `looker` would do, and its message names `push`, or does not.
async fn says(world: &ControllerWorld, action: &str, names_owner: bool, limit: Duration) {
    let is_said = |world: &ControllerWorld| {
        let looker = world.object("looker").unwrap();
        let message = ready(&looker)["message"].to_string();
        looker["status"]["plan"]["action"] == action
            && message.contains("media/push owns it") == names_owner
    };
    let is_said = world.until(limit, is_said).await;
    assert!(is_said, "not {action}\n{}", world.story.whole());
}

/// A callback that nobody made here and that says what the spec of `push` says.
fn insert_callback(world: &ControllerWorld) {
    let content = RowPatch {
        notify_callback_url: Some("https://hooks.example.com/record".to_owned()),
        notify_event_subscription: Some(vec!["RECORD_FILE_COMPLETE".to_owned()]),
        sign_type: Some("HMACSHA256".to_owned()),
        ..RowPatch::default()
    };
    let cloud = world.cloud();
    cloud.insert_row(PROJECT, &domain("push"), "live", &content);
}

#[tokio::test(start_paused = true)]
async fn a_plan_follows_who_owns_the_place_and_costs_a_look_each_time() {
    let (_script, mut world) = Script::with_world();
    insert_callback(&world);
    world.start();
    world.apply("looker", &looker());
    says(&world, "Adopt", false, Duration::from_secs(30)).await;
    let mut push = spec("push");
    push["deletionPolicy"] = json!("Retain");
    settle(&world, "push", &push).await;
    says(&world, "None", true, Duration::from_secs(5)).await;
    let before = world.calls().len();
    world.delete("push");
    says(&world, "Adopt", false, Duration::from_secs(5)).await;
    world.pass(Duration::from_mins(1)).await;
    let calls = world.calls().len() - before;
    assert!(calls <= 1, "{calls} calls\n{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn a_plan_follows_an_owner_that_went_while_nobody_was_there() {
    let (_script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.apply("looker", &looker());
    says(&world, "None", true, Duration::from_secs(30)).await;
    world.kill().await;
    world.take_away(&key("push"));
    world.start();
    let interval = world.config().resync_interval * 2;
    says(&world, "Adopt", false, interval).await;
}
