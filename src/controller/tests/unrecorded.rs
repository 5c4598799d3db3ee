//! The API server, or something in its way, does not hold the write-ahead record or the finalizer: nothing is posted that nobody would know
//! of, and the object tells why nothing happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::object::{domain, ready, spec, verdict};
use super::script::{Script, settle};
use super::trouble::{CallFate, CloudCallFate, Peace, Troubled, TroubledAnswer, Verb};
use super::world::ControllerWorld;
use crate::api::PENDING_OPERATION;

/// Writes that an admission webhook undid in a quarter of an hour: each waits longer than the one before.
const FEW: usize = 20;
const QUARTER: Duration = Duration::from_mins(15);
/// Longer than any pause between two tries.
const HEALING: Duration = Duration::from_secs(150);

/// How metadata is refused for good: by a policy, for its size, by a webhook that gives no cause, and by one that can't be asked.
const REFUSALS: [CallFate; 4] = [
    CallFate::Refused(403, "Forbidden"),
    CallFate::Refused(422, "Schema"),
    CallFate::Refused(422, "Invalid"),
    CallFate::Refused(500, "failed calling webhook \"a.b.c\""),
];

/// Every patch of metadata ends so.
fn refuses(script: &Script, refusal: &CallFate) {
    let refusal = refusal.clone();
    script.server(move |call| {
        if call.verb == Verb::Patch {
            refusal.clone()
        } else {
            CallFate::Served
        }
    });
}

fn condition(world: &ControllerWorld) -> String {
    ready(&world.object("push").unwrap_or_default())["message"].to_string()
}

/// The refusal is told, and with few versions since there were so many.
fn assert_reported_seldom(world: &ControllerWorld, before: usize, story: &str) {
    assert!(condition(world).contains("refused: "), "{story}");
    let versions = world.server.history().len() - before;
    assert!(versions <= FEW, "{versions}: {story}");
}

fn is_held(world: &ControllerWorld) -> bool {
    let object = world.object("push").unwrap_or_default();
    verdict(&object).0 == "True" && world.rows(&domain("push")).len() == 1
}

#[tokio::test(start_paused = true)]
async fn nothing_is_posted_while_the_api_server_keeps_no_record() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.server.admit_by(|_, new| {
        let annotations = &mut new["metadata"]["annotations"];
        annotations
            .as_object_mut()
            .map(|all| all.remove(PENDING_OPERATION));
    });
    world.start();
    world.apply("push", &spec("push"));
    world.pass(QUARTER).await;
    assert_eq!(world.count(&Method::POST), 0, "{}", world.story.whole());
    assert!(
        condition(&world).contains("webhook"),
        "{}",
        world.story.whole()
    );
    let versions = world.server.history().len();
    assert!(versions <= FEW, "{versions}: {}", world.story.whole());

    world.server.admit_all();
    let held = world.until(QUARTER, is_held).await;
    assert!(held, "{}", world.story.whole());
}

/// This process has not written it, and only the watch has brought it.
#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_wiped_is_put_back() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.restart().await;
    world.pass(Duration::from_mins(1)).await;
    let record = |world: &ControllerWorld| {
        let object = world.object("push").unwrap_or_default();
        object["metadata"]["annotations"][PENDING_OPERATION].clone()
    };
    let written = record(&world);
    assert!(written.is_string());
    // Whether something came of it is then not known any more, either.
    let wiped = json!({"metadata": {"annotations": null}, "status": {"closedOperation": null}});
    for _ in 0..2 {
        world.merge("push", &wiped);
        let is_back = |world: &ControllerWorld| record(world) == written;
        let is_back = world.until(Duration::from_mins(1), is_back).await;
        assert!(is_back, "{}", world.story.whole());
        world.pass(Duration::from_mins(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_record_is_refused_says_so_and_is_tried_ever_more_slowly() {
    for refusal in &REFUSALS {
        let (script, mut world) = Script::with_world();
        refuses(&script, refusal);
        world.start();
        world.apply("push", &spec("push"));
        world.pass(QUARTER).await;
        let story = || format!("{refusal:?}\n{}", world.story.whole());
        assert_eq!(world.count(&Method::POST), 0, "{}", story());
        assert_reported_seldom(&world, 0, &story());
        script.ends();
        assert!(world.until(HEALING, is_held).await, "{}", story());
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_may_not_have_its_finalizer_back_says_so() {
    for refusal in &REFUSALS {
        let (script, mut world) = Script::with_world();
        world.start();
        settle(&world, "push", &spec("push")).await;
        refuses(&script, refusal);
        let before = world.server.history().len();
        let url = "https://hooks.example.com/other";
        world.merge(
            "push",
            &json!({
                "metadata": {"finalizers": null}, "spec": {"notifyCallbackURL": url}
            }),
        );
        world.pass(QUARTER).await;
        let story = || format!("{refusal:?}\n{}", world.story.whole());
        assert_eq!(
            verdict(&world.object("push").unwrap()).0,
            "False",
            "{}",
            story()
        );
        assert_reported_seldom(&world, before, &story());
        script.ends();
        assert!(world.until(HEALING, is_held).await, "{}", story());
        assert_eq!(
            world.rows(&domain("push"))[0]
                .notify_callback_url
                .as_deref(),
            Some(url)
        );
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_may_not_be_let_go_says_so() {
    for observes in [false, true] {
        for refusal in &REFUSALS {
            let (script, mut world) = Script::with_world();
            world.start();
            settle(&world, "push", &spec("push")).await;
            refuses(&script, refusal);
            let before = world.server.history().len();
            if observes {
                world.merge("push", &json!({"spec": {"managementPolicy": "Observe"}}));
            } else {
                world.delete("push");
            }
            world.pass(QUARTER).await;
            let story = || format!("{refusal:?}, observes {observes}\n{}", world.story.whole());
            assert!(
                condition(&world).contains("take the finalizer off"),
                "{}",
                story()
            );
            assert_reported_seldom(&world, before, &story());
            script.ends();
            let is_over = |world: &ControllerWorld| {
                let finalizers = world
                    .object("push")
                    .map(|object| object["metadata"]["finalizers"].clone());
                finalizers.is_none_or(|left| left.as_array().is_none_or(Vec::is_empty))
            };
            assert!(world.until(HEALING, is_over).await, "{}", story());
            let rows = world.rows(&domain("push")).len();
            assert_eq!(rows, usize::from(observes), "{}", story());
            world.kill().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_attempt_may_have_made_is_not_forgotten_for_a_later_one_that_is_refused() {
    let (script, mut world) = Script::with_world();
    script.cloud(|call| match call.method {
        Method::POST => CloudCallFate {
            carried_out: false,
            answer: TroubledAnswer::Broken,
            ..CloudCallFate::default()
        },
        _ => CloudCallFate::default(),
    });
    world.start();
    world.apply("push", &spec("push"));
    let is_open =
        |world: &ControllerWorld| verdict(&world.object("push").unwrap()).1 == "OutcomeUnknown";
    assert!(world.until(HEALING, is_open).await);
    refuses(&script, &REFUSALS[0]);
    world.pass(QUARTER).await;
    assert!(
        condition(&world).contains("refused: "),
        "{}",
        world.story.whole()
    );
    let closed = &world.object("push").unwrap()["status"]["closedOperation"];
    assert!(closed.is_null(), "{}", world.story.whole());
    script.ends();
    assert!(
        world.until(HEALING, is_held).await,
        "{}",
        world.story.whole()
    );
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_not_sent_uses_up_no_call() {
    let (script, mut world) = Script::with_world();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    // It passes, so it is tried again every 5 s.
    script.server(move |call| {
        if call.verb != Verb::Patch {
            return CallFate::Served;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        CallFate::Refused(500, "InternalError")
    });
    world.start();
    world.apply("push", &spec("push"));
    world.pass(Duration::from_mins(3)).await;
    let tries = tries.load(Ordering::SeqCst);
    // Each of them asks, and 40 questions are what an object may ask at once.
    assert!(tries >= 30, "{tries}: {}", world.story.whole());
    script.ends();
    let soon = Duration::from_secs(10);
    assert!(world.until(soon, is_held).await, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_not_sent_uses_up_no_call() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    script.server(|call| {
        if call.verb == Verb::Get {
            CallFate::Refused(500, "InternalError")
        } else {
            CallFate::Served
        }
    });
    let url = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
    world.pass(QUARTER).await;
    assert_eq!(world.count(&Method::PUT), 0, "{}", world.story.whole());
    let history = world.server.history();
    let exhausted = history.iter().filter(|(_, _, object)| {
        ready(object)["message"]
            .to_string()
            .contains("120 in an hour")
    });
    assert_eq!(exhausted.count(), 0, "{}", world.story.whole());
    script.ends();
    let is_sent = |world: &ControllerWorld| world.count(&Method::PUT) == 1 && is_held(world);
    let soon = Duration::from_secs(10);
    assert!(world.until(soon, is_sent).await, "{}", world.story.whole());
}

/// The record is wiped during the POST, and may not be put back: that the outcome can't be written beside it is waited for by nobody.
#[tokio::test(start_paused = true)]
async fn an_outcome_whose_record_may_not_be_put_back_is_told_and_holds_up_no_edit() {
    for refusal in &REFUSALS {
        let (script, mut world) = Script::with_world();
        script.cloud(|call| CloudCallFate {
            after: Duration::from_secs(if call.method == Method::POST { 5 } else { 0 }),
            ..CloudCallFate::default()
        });
        world.start();
        world.apply("push", &spec("push"));
        let is_made = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
        assert!(world.until(HEALING, is_made).await);
        refuses(&script, refusal);
        let wiped = json!({"metadata": {"annotations": null, "finalizers": null}});
        world.merge("push", &wiped);
        // One without a cause may be a test that failed: it is tried a dozen times.
        let is_vague = matches!(refusal, CallFate::Refused(422, "Invalid"));
        world
            .pass(Duration::from_secs(if is_vague { 60 } else { 30 }))
            .await;
        let story = || format!("{refusal:?}\n{}", world.story.whole());
        let object = world.object("push").unwrap();
        let id = world.rows(&domain("push"))[0].id.clone();
        assert_eq!(object["status"]["callbackID"], id.as_str(), "{}", story());
        assert!(condition(&world).contains("refused: "), "{}", story());

        let url = "https://hooks.example.com/other";
        world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
        world.pass(Duration::from_mins(3)).await;
        let verdict = verdict(&world.object("push").unwrap());
        assert_eq!(verdict.0, "False", "{}", story());
        script.ends();
        assert!(world.until(HEALING, is_held).await, "{}", story());
        assert_eq!(world.count(&Method::POST), 1, "{}", story());
        world.kill().await;
    }
}
