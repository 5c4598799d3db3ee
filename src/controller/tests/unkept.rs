//! A write of ours is answered as done, and is not what it was when it is stored: an admission webhook undoes it, in full or in part. It is
//! not believed, not made again and again, and told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::object::{PROJECT, domain, ready, spec, verdict};
use super::script::{Script, settle};
use super::server::StoredCrd;
use super::trouble::{CallFate, Verb};
use super::world::ControllerWorld;
use crate::api::FINALIZER;
use crate::fuzz::cases;

/// Writes of metadata in a quarter of an hour: each waits longer than the one before.
const FEW: usize = 20;
/// Writes of a status that is not kept, in the same time: two every 30 s at most, where they came every 5 s.
const STATUSES: usize = 80;
const QUARTER: Duration = Duration::from_mins(15);
/// Longer than any pause between two tries.
const HEALING: Duration = Duration::from_secs(150);

/// Counts the writes of metadata, and those of statuses.
#[derive(Clone, Default)]
struct Writes(Arc<[AtomicUsize; 2]>);

impl Writes {
    fn counted(script: &Script) -> Self {
        let writes = Self::default();
        let counted = writes.clone();
        script.server(move |call| {
            let kinds = [Verb::Patch, Verb::PatchStatus];
            if let Some(kind) = kinds.iter().position(|verb| *verb == call.verb) {
                counted.0[kind].fetch_add(1, Ordering::SeqCst);
            }
            CallFate::Served
        });
        writes
    }

    fn figures(&self) -> [usize; 2] {
        [0, 1].map(|kind| self.0[kind].load(Ordering::SeqCst))
    }

    /// How many have come since these figures.
    fn since(&self, before: [usize; 2]) -> [usize; 2] {
        let now = self.figures();
        [0, 1].map(|kind| now[kind] - before[kind])
    }
}

/// Each write leaves our finalizer as it was: neither put on nor taken off.
fn keep_finalizers(world: &ControllerWorld) {
    world.server.admit_by(|old, new| {
        let held = old["metadata"]["finalizers"].clone();
        new["metadata"]["finalizers"] = held;
    });
}

fn message(world: &ControllerWorld) -> String {
    ready(&world.object("push").unwrap_or_default())["message"].to_string()
}

fn is_held(world: &ControllerWorld) -> bool {
    let object = world.object("push").unwrap_or_default();
    let finalizers = &object["metadata"]["finalizers"];
    let rows = world.rows(&domain("push"));
    verdict(&object).0 == "True"
        && *finalizers == json!([FINALIZER])
        && rows.len() == 1
        && object["status"]["callbackID"] == rows[0].id.as_str()
        && object["spec"]["notifyCallbackURL"].as_str() == rows[0].notify_callback_url.as_deref()
}

/// It is told, with few writes, and all is well when the webhook is gone.
async fn is_told_and_heals(world: &ControllerWorld, writes: &Writes) {
    let before = writes.figures();
    world.pass(QUARTER).await;
    let story = world.story.whole();
    assert!(message(world).contains("webhook"), "{story}");
    let figures = writes.since(before);
    assert!(
        figures.iter().all(|few| *few <= FEW),
        "{figures:?}\n{story}"
    );
    world.server.admit_all();
    let held = world.until(HEALING, is_held).await;
    assert!(held, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_posted_for_an_object_that_keeps_no_finalizer() {
    let (script, mut world) = Script::with_world();
    let writes = Writes::counted(&script);
    keep_finalizers(&world);
    world.start();
    world.apply("push", &spec("push"));
    world.pass(QUARTER).await;
    assert_eq!(world.count(&Method::POST), 0, "{}", world.story.whole());
    is_told_and_heals(&world, &writes).await;
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_over_by_an_object_that_keeps_no_finalizer() {
    let (script, mut world) = Script::with_world();
    let writes = Writes::counted(&script);
    let row = RowPatch {
        notify_callback_url: Some("https://hooks.example.com/record".to_owned()),
        ..RowPatch::default()
    };
    let cloud = world.cloud();
    cloud.insert_row(PROJECT, &domain("push"), "live", &row);
    keep_finalizers(&world);
    world.start();
    world.apply("push", &spec("push"));
    is_told_and_heals(&world, &writes).await;
    let status = &world.object("push").unwrap()["status"];
    assert_eq!(status["adopted"], true, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_does_not_get_its_finalizer_back_says_so() {
    let (script, mut world) = Script::with_world();
    let writes = Writes::counted(&script);
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.merge("push", &json!({"metadata": {"finalizers": null}}));
    keep_finalizers(&world);
    let url = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
    is_told_and_heals(&world, &writes).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_finalizer_comes_back_says_so() {
    for observes in [false, true] {
        let (script, mut world) = Script::with_world();
        let writes = Writes::counted(&script);
        world.start();
        settle(&world, "push", &spec("push")).await;
        keep_finalizers(&world);
        let before = writes.figures();
        if observes {
            world.merge("push", &json!({"spec": {"managementPolicy": "Observe"}}));
        } else {
            world.delete("push");
        }
        world.pass(QUARTER).await;
        let story = world.story.whole();
        assert!(message(&world).contains("webhook"), "{observes}\n{story}");
        let few = writes.since(before);
        assert!(few.iter().all(|few| *few <= FEW), "{few:?} {story}");
        world.server.admit_all();
        let is_over = |world: &ControllerWorld| {
            let object = world.object("push").unwrap_or_default();
            let finalizers = object["metadata"]["finalizers"].as_array();
            finalizers.is_none_or(Vec::is_empty)
        };
        let is_over = world.until(HEALING, is_over).await;
        assert!(is_over, "{}", world.story.whole());
        let rows = world.rows(&domain("push")).len();
        assert_eq!(rows, usize::from(observes), "{}", world.story.whole());
        world.kill().await;
    }
}

/// The product goes, and every object with it: what may not go is asked for ever more slowly all the same.
#[tokio::test(start_paused = true)]
async fn an_object_that_may_not_go_with_the_product_costs_few_writes() {
    let (script, mut world) = Script::with_world();
    let writes = Writes::counted(&script);
    world.start();
    settle(&world, "push", &spec("push")).await;
    keep_finalizers(&world);
    let before = writes.figures();
    world.server.set_crd(StoredCrd::Terminating);
    world.delete("push");
    world.pass(QUARTER).await;
    let story = world.story.whole();
    assert!(message(&world).contains("webhook"), "{story}");
    let few = writes.since(before);
    assert!(few.iter().all(|few| *few <= FEW), "{few:?} {story}");
    world.server.admit_all();
    let is_gone = |world: &ControllerWorld| world.object("push").is_none();
    let is_gone = world.until(Duration::from_mins(11), is_gone).await;
    assert!(is_gone, "{}", world.story.whole());
    assert_eq!(world.rows(&domain("push")).len(), 1, "its callback stays");
}

/// Not a webhook but a controller: each of its writes is one that the watch brings, and could be answered at once for ever.
#[tokio::test(start_paused = true)]
async fn a_controller_that_takes_the_finalizer_off_is_answered_ever_more_slowly() {
    let (script, mut world) = Script::with_world();
    let writes = Writes::counted(&script);
    world.start();
    settle(&world, "push", &spec("push")).await;
    let before = writes.figures();
    let end = Instant::now() + QUARTER;
    let mut is_told = false;
    while Instant::now() < end {
        let object = world.object("push").unwrap();
        if object["metadata"]["finalizers"] == json!([FINALIZER]) {
            world.merge("push", &json!({"metadata": {"finalizers": null}}));
        }
        is_told |= message(&world).contains("another controller");
        world.pass(Duration::from_millis(200)).await;
    }
    let story = world.story.whole();
    assert!(is_told, "{story}");
    let [metadata, statuses] = writes.since(before);
    assert!(metadata <= FEW, "{metadata} {story}");
    assert!(statuses <= 2 * FEW, "{statuses} {story}");
    let held = world.until(HEALING, is_held).await;
    assert!(held, "{}", world.story.whole());
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
    world.kill().await;
}

/// What decisions are made by, each taken off by itself, and all at once. What lies within a part has its name behind that.
const PARTS: [&[&str]; 12] = [
    &["callbackID"],
    &["closedOperation"],
    &["sent"],
    &["sent/notifyCallbackURL"],
    &["sent/signType"],
    &["remote/notifyCallbackURL"],
    &["remote/updateTime"],
    &["adopted"],
    &["operations"],
    &["failures", "nextAttemptTime"],
    &["conditions"],
    &[
        "callbackID",
        "closedOperation",
        "sent",
        "adopted",
        "remote",
        "target",
        "operations",
    ],
];

fn without(parts: &'static [&'static str]) -> impl Fn(&Value, &mut Value) + Send {
    move |_, new| {
        for part in parts {
            let (owner, name) = match part.split_once('/') {
                Some((owner, name)) => (new["status"].get_mut(owner), name),
                None => (new.get_mut("status"), *part),
            };
            if let Some(owner) = owner.and_then(Value::as_object_mut) {
                owner.remove(name);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_status_does_not_keep_is_not_forgotten() {
    for parts in cases(PARTS, 3) {
        let (script, mut world) = Script::with_world();
        let writes = Writes::counted(&script);
        world.server.admit_by(without(parts));
        world.start();
        let mut never = spec("push");
        never["adoptionPolicy"] = json!("Never");
        world.apply("push", &never);
        world.pass(QUARTER).await;
        let url = "https://hooks.example.com/other";
        world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
        world.pass(QUARTER).await;
        let story = || format!("{parts:?}\n{}", world.story.whole());
        assert_eq!(world.rows(&domain("push")).len(), 1, "{}", story());
        assert_eq!(world.count(&Method::POST), 1, "{}", story());
        assert!(world.count(&Method::PUT) <= 1, "{}", story());
        assert!(world.calls().len() <= FEW, "{}", story());
        let [_, statuses] = writes.figures();
        assert!(statuses <= STATUSES, "{statuses} {}", story());
        world.server.admit_all();
        let held = world.until(HEALING, is_held).await;
        assert!(held, "{}", story());
        assert_eq!(world.count(&Method::PUT), 1, "{}", story());
        world.delete("push");
        let is_gone = |world: &ControllerWorld| world.object("push").is_none();
        assert!(world.until(HEALING, is_gone).await, "{}", story());
        assert!(world.rows(&domain("push")).is_empty(), "{}", story());
        world.kill().await;
    }
}

/// Whoever is refused comes back ever more slowly though the status does not say how often that was.
#[tokio::test(start_paused = true)]
async fn a_failure_that_no_status_keeps_is_counted_all_the_same() {
    let (script, mut world) = Script::with_world();
    let _writes = Writes::counted(&script);
    world.start();
    settle(&world, "push", &spec("push")).await;
    world
        .server
        .admit_by(without(&["failures", "nextAttemptTime", "operations"]));
    let refused = json!(["RECORD_START"]);
    world.merge(
        "push",
        &json!({"spec": {"notifyEventSubscription": refused}}),
    );
    world.pass(QUARTER).await;
    let puts = world.count(&Method::PUT);
    assert!(puts <= 9, "{puts}\n{}", world.story.whole());
}
