//! A 404 that is of no object: what stands before the API server knows nothing for a moment, or the API server does not know the
//! resource yet. Nothing is concluded from it; and where the CRD is gone in earnest, nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;

use super::object::{domain, key, ready, spec, verdict};
use super::script::{Script, settle};
use super::server::StoredCrd;
use super::trouble::{CallFate, CloudCallFate, ServerCall, Verb};
use super::world::ControllerWorld;

/// How an answer says that it knows nothing: as a text, and as an API server does of a resource that it does not serve.
pub(super) const UNKNOWING: [&str; 2] = ["Page", "Unserved"];
/// How many of them come one after the other.
const MOST: usize = 6;
const LIMIT: Duration = Duration::from_mins(3);

/// From the first call of this kind on, so many calls that are not watches are answered with a page.
fn pages(script: &Script, from: Verb, (said, count): (&'static str, usize)) {
    let mut left = None;
    script.server(move |call: &ServerCall| {
        if call.verb == from {
            left.get_or_insert(count);
        }
        match &mut left {
            Some(left) if *left > 0 && !matches!(call.verb, Verb::List | Verb::Watch) => {
                *left -= 1;
                CallFate::Refused(404, said)
            }
            _ => CallFate::Served,
        }
    });
}

/// Each kind of them, so many times.
fn each() -> impl Iterator<Item = (&'static str, usize)> {
    let of = |said| (1..=MOST).map(move |count| (said, count));
    UNKNOWING.into_iter().flat_map(of)
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_meets_pages_leaves_neither_the_callback_nor_the_object() {
    for from in [Verb::ReadCrd, Verb::Get, Verb::Patch, Verb::PatchStatus] {
        for how in each() {
            let (script, mut world) = Script::with_world();
            world.start();
            settle(&world, "push", &spec("push")).await;
            pages(&script, from, how);
            world.delete("push");
            let is_gone = |world: &ControllerWorld| world.object("push").is_none();
            let is_gone = world.until(LIMIT, is_gone).await;
            let description = format!("{how:?} from {from:?}\n{}", world.story.whole());
            assert!(is_gone, "the object stays: {description}");
            assert!(
                world.rows(&domain("push")).is_empty(),
                "left: {description}"
            );
            world.kill().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_meets_pages_is_held_and_told() {
    for from in [Verb::ReadSecret, Verb::Patch, Verb::PatchStatus, Verb::Get] {
        for how in each() {
            let (script, mut world) = Script::with_world();
            pages(&script, from, how);
            world.start();
            world.apply("push", &spec("push"));
            let is_held = |world: &ControllerWorld| {
                let object = world.object("push").unwrap();
                let rows = world.rows(&domain("push"));
                let id = object["status"]["callbackID"].as_str();
                verdict(&object).0 == "True" && rows.len() == 1 && id == Some(rows[0].id.as_str())
            };
            let is_so = world.until(LIMIT, is_held).await;
            // A clean-up that was begun would come to its end.
            world.pass(LIMIT).await;
            let description = format!("{how:?} from {from:?}\n{}", world.story.whole());
            assert!(is_so && is_held(&world), "not held: {description}");
            assert_eq!(world.count(&Method::DELETE), 0, "{description}");
            let history = world.server.history();
            let is_believed = |message: &str| message.contains("does not exist");
            let mut reported = history
                .iter()
                .map(|(_, _, object)| ready(object)["message"].to_string());
            assert!(
                !reported.any(|message| is_believed(&message)),
                "the Secret is there: {description}"
            );
            world.kill().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_crd_goes_by_force_comes_to_its_end() {
    let (script, mut world) = Script::with_world();
    let slow = Duration::from_secs(5);
    script.cloud(move |call| CloudCallFate {
        after: if call.method == Method::POST {
            slow
        } else {
            Duration::ZERO
        },
        ..CloudCallFate::default()
    });
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    script.server(move |call: &ServerCall| {
        let is_of_it = matches!(call.verb, Verb::Get | Verb::Patch | Verb::PatchStatus);
        counted.fetch_add(usize::from(is_of_it), Ordering::SeqCst);
        CallFate::Served
    });
    world.start();
    world.apply("push", &spec("push"));
    let posted = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    assert!(world.until(LIMIT, posted).await, "{}", world.story.whole());
    world.take_away(&key("push"));
    world.server.set_crd(StoredCrd::Gone);
    world.pass(Duration::from_mins(5)).await;
    let before = asked.load(Ordering::SeqCst);
    world.pass(Duration::from_mins(50)).await;
    let later = asked.load(Ordering::SeqCst);
    assert_eq!(later, before, "{}", world.story.whole());
    assert_eq!(
        world.rows(&domain("push")).len(),
        1,
        "an uninstall leaves it"
    );
}
