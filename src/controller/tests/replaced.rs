//! A record that another was written over is not one that was lost, whichever of them sorts first: ids sort by a clock that may have been
//! wrong, and whoever may edit an object may write any. What this process wrote itself it knows.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::object::{PROJECT, domain, key, spec, verdict};
use super::script::Script;
use super::server::WatchDelivery;
use super::trouble::CloudCallFate;
use super::world::ControllerWorld;
use crate::api::PENDING_OPERATION;

/// Sorts after every id that is made.
const LAST: &str = "zzzz";

/// Somebody writes a record that says that the object was posted then, and before that what it says of itself.
fn forge(world: &ControllerWorld, before: &[Value], at: &str) {
    let object = world.object("push").unwrap();
    let newest = json!({
        "id": LAST,
        "at": at,
        "url": "https://other.example.com/",
        "events": ["RECORD_FILE_COMPLETE"],
        "signType": "HMACSHA256",
    });
    let attempts = [before, &[newest]].concat();
    let record = json!({
        "uid": object["metadata"]["uid"],
        "target": {
            "region": "cn-north-4",
            "projectID": PROJECT,
            "endpoint": "https://live.cn-north-4.myhuaweicloud.com",
        },
        "attempts": attempts,
    });
    let annotations = json!({PENDING_OPERATION: record.to_string()});
    world.merge("push", &json!({"metadata": {"annotations": annotations}}));
}

/// What is not known to be its own is told as a Conflict.
fn never_adopts() -> Value {
    let mut spec = spec("push");
    spec["adoptionPolicy"] = json!("Never");
    spec
}

fn is_forged(object: &Value) -> bool {
    let record = object["metadata"]["annotations"][PENDING_OPERATION].as_str();
    record.is_some_and(|record| record.contains(LAST))
}

/// A world whose object is being posted: the answer comes in 3 s.
async fn while_posting() -> ControllerWorld {
    let (script, mut world) = Script::with_world();
    script.cloud(|call| CloudCallFate {
        after: Duration::from_secs(if call.method == Method::POST { 3 } else { 0 }),
        ..CloudCallFate::default()
    });
    world.start();
    world.apply("push", &never_adopts());
    let is_posted = |world: &ControllerWorld| world.count(&Method::POST) == 1;
    assert!(world.until(Duration::from_secs(30), is_posted).await);
    world
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_create_is_recorded_and_a_record_that_was_made_up_is_not() {
    for late in [0, 5] {
        let mut world = while_posting().await;
        world.server.set_delivery(WatchDelivery {
            delay: Duration::from_secs(late),
            ..WatchDelivery::default()
        });
        forge(&world, &[], "2036-01-01T00:00:00Z");
        let story = || format!("{late} s late\n{}", world.story.whole());
        world.pass(Duration::from_mins(2)).await;
        let object = world.object("push").unwrap();
        assert_eq!(verdict(&object).1, "Available", "{}", story());
        assert_eq!(object["status"]["adopted"], false, "{}", story());
        let history = world.server.history();
        let versions = history
            .iter()
            .filter(|(.., object)| is_forged(object))
            .count();
        assert_eq!(versions, 1, "{}", story());
        let calls = (world.count(&Method::POST), world.count(&Method::GET));
        assert_eq!(calls, (1, 1), "the answer is enough: {}", story());
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_record_of_another_operator_that_went_on_is_not_written_over() {
    let world = while_posting().await;
    let object = world.object("push").unwrap();
    let record = object["metadata"]["annotations"][PENDING_OPERATION].as_str();
    let record: Value = serde_json::from_str(record.unwrap()).unwrap();
    let attempts = record["attempts"].as_array().unwrap();
    forge(&world, attempts, "2026-11-25T12:00:01Z");
    let version = world.server.version();
    world.pass(Duration::from_mins(3)).await;
    let later = world.server.history();
    let later = later.iter().filter(|(.., object)| {
        let written = object["metadata"]["resourceVersion"].as_str();
        written.is_some_and(|written| written.parse::<u64>().unwrap() >= version)
    });
    let later: Vec<&Value> = later.map(|(.., object)| object).collect();
    assert!(
        later.len() > 1 && later.iter().all(|it| is_forged(it)),
        "{}",
        world.story.whole()
    );
    let object = world.object("push").unwrap();
    assert_eq!(verdict(&object).1, "Available", "{}", world.story.whole());
    assert_eq!(object["status"]["adopted"], false);
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
}

/// The next create reaches the cloud long after it was given up.
fn loses_creates(script: &Script) {
    script.cloud(|call| CloudCallFate {
        before: Duration::from_secs(if call.method == Method::POST { 20 } else { 0 }),
        ..CloudCallFate::default()
    });
}

async fn becomes_unknown(world: &ControllerWorld) {
    let is_so = |world: &ControllerWorld| {
        world.count(&Method::POST) > 0
            && verdict(&world.object("push").unwrap()).1 == "OutcomeUnknown"
    };
    let is_so = world.until(Duration::from_mins(1), is_so).await;
    assert!(is_so, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn a_create_of_unknown_outcome_is_not_forgotten_for_a_record_that_knows_nothing_of_it() {
    let (script, mut world) = Script::with_world();
    loses_creates(&script);
    world.start();
    world.apply("push", &never_adopts());
    becomes_unknown(&world).await;
    forge(&world, &[], "2026-11-25T11:00:00Z");
    world.pass(Duration::from_mins(2)).await;
    let object = world.object("push").unwrap();
    assert_eq!(verdict(&object).1, "Available", "{}", world.story.whole());
    assert_eq!(object["status"]["adopted"], false);
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
    assert!(!is_forged(&object), "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn a_create_is_not_forgotten_for_an_earlier_one_of_a_clock_that_was_ahead() {
    let (script, mut world) = Script::with_world();
    world.apply("push", &spec("push"));
    forge(&world, &[], "2026-11-25T11:00:00Z");
    loses_creates(&script);
    world.start();
    becomes_unknown(&world).await;
    let url = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
    world.pass(Duration::from_mins(2)).await;
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
    let rows = world.rows(&domain("push"));
    assert_eq!(rows.len(), 1, "{}", world.story.whole());
    assert_eq!(rows[0].notify_callback_url.as_deref(), Some(url));
}

#[tokio::test(start_paused = true)]
async fn what_a_create_made_goes_with_an_object_that_is_taken_away_with_a_made_up_record() {
    let (script, mut world) = Script::with_world();
    loses_creates(&script);
    world.start();
    world.apply("push", &never_adopts());
    becomes_unknown(&world).await;
    forge(&world, &[], "2026-11-25T11:00:00Z");
    world.take_away(&key("push"));
    let is_made = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    let story = || world.story.whole();
    assert!(
        world.until(Duration::from_mins(1), is_made).await,
        "{}",
        story()
    );
    let is_gone = |world: &ControllerWorld| world.rows(&domain("push")).is_empty();
    assert!(
        world.until(Duration::from_mins(3), is_gone).await,
        "{}",
        story()
    );
}
