//! What waits for a short quota: what is written of it, and what it is planned on.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::object::{key, spec, verdict};
use super::script::{Script, becomes};
use super::server::WatchDelivery;
use super::trouble::{CallFate, CloudCallFate, TroubledAnswer, Verb, reply};
use super::world::ControllerWorld;

const CROWD: usize = 60;

fn name(number: usize) -> String {
    format!("wave-{number}")
}

fn is_ready(world: &ControllerWorld) -> bool {
    let ready = |number| {
        world
            .object(&name(number))
            .is_some_and(|it| verdict(&it).0 == "True")
    };
    (0..CROWD).all(ready)
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_quota_says_so_once_however_often_the_operator_starts_anew() {
    let (_script, mut world) = Script::with_world();
    world.configure(|config| config.requests_per_minute = 20);
    world.start();
    for number in 0..CROWD {
        world.apply(&name(number), &spec(&name(number)));
    }
    for _ in 0..5 {
        world.pass(Duration::from_secs(23)).await;
        world.restart().await;
    }
    let is_ready = world.until(Duration::from_mins(10), is_ready).await;
    assert!(is_ready, "{}", world.story.whole());
    let history = world.server.history();
    for number in 0..CROWD {
        let own = history
            .iter()
            .filter(|(_, of, _)| *of == key(&name(number)));
        let mut statuses: Vec<&Value> = own.map(|(_, _, object)| &object["status"]).collect();
        statuses.dedup();
        assert!(statuses.len() <= 1 + 2, "{statuses:?}");
    }
}

/// The status that tells of the wait is refused, since the object is another by now; the watch tells that late. What is read instead must
/// not pass for what was planned on.
#[tokio::test(start_paused = true)]
async fn an_edit_that_is_seen_first_by_a_refused_status_is_no_less_an_edit() {
    let (script, mut world) = Script::with_world();
    world.configure(|config| config.requests_per_minute = 2);
    script.cloud(|call| CloudCallFate {
        after: Duration::from_secs(if call.method == Method::GET { 5 } else { 0 }),
        ..CloudCallFate::default()
    });
    world.start();
    world.apply("push", &spec("push"));
    let is_asked = |world: &ControllerWorld| world.count(&Method::GET) == 1;
    assert!(world.until(Duration::from_secs(3), is_asked).await);
    world.server.set_delivery(WatchDelivery {
        delay: Duration::from_mins(2),
        ..WatchDelivery::default()
    });
    world.merge("push", &json!({"spec": {"suspend": true}}));
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.count(&Method::POST), 0, "{}", world.story.whole());
}

/// What is told of a wait begins when that does, however long the round has taken till then.
#[tokio::test(start_paused = true)]
async fn its_turn_is_told_from_when_the_wait_begins() {
    let (script, mut world) = Script::with_world();
    world.configure(|config| config.requests_per_minute = 2);
    script.cloud(|call| CloudCallFate {
        before: Duration::from_secs(if call.method == Method::GET { 10 } else { 0 }),
        ..CloudCallFate::default()
    });
    world.start();
    world.apply("push", &spec("push"));
    let is_told =
        |world: &ControllerWorld| verdict(&world.object("push").unwrap()).1 == "RateLimited";
    let is_told = world.until(Duration::from_secs(20), is_told).await;
    assert!(is_told, "{}", world.story.whole());
    let next = world.object("push").unwrap()["status"]["nextAttemptTime"].clone();
    let next: Timestamp = next.as_str().unwrap().parse().unwrap();
    let turn: Timestamp = "2026-11-25T12:00:30Z".parse().unwrap();
    let early = turn.duration_since(next).as_secs();
    assert!((-2..=0).contains(&early), "{}", world.story.whole());
}

/// What was waited for is over when the call is made: its failure, though somebody changes the object meanwhile, is no reason to make it again.
#[tokio::test(start_paused = true)]
async fn what_failed_after_a_wait_for_the_quota_waits_for_its_backoff() {
    let (script, mut world) = Script::with_world();
    world.configure(|config| config.requests_per_minute = 6);
    world.start();
    world.apply("push", &spec("push"));
    becomes(&world, "True", "Available", Duration::from_mins(1)).await;
    script.cloud(move |call| {
        if call.method != Method::PUT {
            return CloudCallFate::default();
        }
        let refused = r#"{"error_code":"LIVE.100011013","error_msg":"in arrears"}"#;
        CloudCallFate {
            carried_out: false,
            after: Duration::from_secs(3),
            answer: TroubledAnswer::Reply(reply(403, refused)),
            ..CloudCallFate::default()
        }
    });
    let url = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
    becomes(&world, "False", "RateLimited", Duration::from_secs(5)).await;
    let is_sent = |world: &ControllerWorld| world.count(&Method::PUT) == 1;
    assert!(world.until(Duration::from_secs(30), is_sent).await);
    let labelled = json!({"metadata": {"labels": {"by": "somebody"}}});
    world.merge("push", &labelled);
    world.pass(Duration::from_mins(5)).await;
    becomes(&world, "False", "AccountProblem", Duration::ZERO).await;
    assert_eq!(world.count(&Method::PUT), 1, "{}", world.story.whole());
}

/// One that waits behind many is another each time that this is to be told: no call is made, so none of those that it may cause is used up.
#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_made_since_the_object_changed_is_not_used_up() {
    let (script, mut world) = Script::with_world();
    world.configure(|config| config.requests_per_minute = 6);
    world.start();
    for number in 0..CROWD {
        world.apply(&name(number), &spec(&name(number)));
    }
    world.pass(Duration::from_secs(5)).await;
    let (server, mut edits) = (world.server.clone(), 0);
    script.server(move |call| {
        if call.verb == Verb::PatchStatus && call.name == "push" {
            edits += 1;
            server.edit(&key("push"), |object| {
                object["metadata"]["annotations"]["edits"] = json!(edits.to_string());
            });
        }
        CallFate::Served
    });
    world.apply("push", &spec("push"));
    world.pass(Duration::from_mins(1)).await;
    script.ends();
    becomes(&world, "False", "RateLimited", Duration::from_secs(5)).await;
    world.kill().await;
}
