//! Objects that are taken away by force while their POST is out, by the hundred: what is left of them is cleared away, in bounds, and
//! nobody else waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::Instant;

use super::object::{ACCOUNT, domain, key, spec, verdict};
use super::script::Script;
use super::server::StoreKey;
use super::trouble::{CallFate, CloudCall, CloudCallFate, Troubled, TroubledAnswer, Verb, reply};
use super::world::{ControllerWorld, account};
use crate::fuzz::is_full;

const NEIGHBOUR: &str = "neighbour";
const FEW: usize = 150;
const MANY: usize = 300;
/// So many of one namespace are cleared away at once.
const AT_ONCE: usize = 50;
/// As often as 2 s doubling to 10 min come round in half an hour.
const TRIES: usize = 12;
/// How long the cloud takes to refuse one.
const DELETE_TAKES: Duration = Duration::from_secs(1);
const HALF_AN_HOUR: Duration = Duration::from_mins(30);

/// A cloud that answers creates late, and none of the neighbour's deletes.
struct Stubborn(AtomicBool);

impl Troubled for Stubborn {
    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        let of_neighbour = |domain: &String| domain.starts_with(NEIGHBOUR);
        let is_down =
            self.0.load(Ordering::SeqCst) && call.domain.as_ref().is_some_and(of_neighbour);
        match call.method {
            Method::POST => CloudCallFate {
                after: Duration::from_secs(8),
                ..CloudCallFate::default()
            },
            Method::DELETE if is_down => CloudCallFate {
                carried_out: false,
                after: DELETE_TAKES,
                answer: TroubledAnswer::Reply(reply(503, "")),
                ..CloudCallFate::default()
            },
            _ => CloudCallFate::default(),
        }
    }
}

/// Takes each object away while the answer to its POST is on the way.
async fn take_away_once_made(world: &ControllerWorld, objects: Vec<StoreKey>) {
    let end = Instant::now() + HALF_AN_HOUR;
    let mut there: BTreeMap<String, StoreKey> = objects
        .into_iter()
        .map(|object| (domain(&object.1), object))
        .collect();
    while !there.is_empty() {
        assert!(Instant::now() < end, "{}", world.story.whole());
        for row in world.cloud().rows() {
            if let Some(object) = there.remove(&row.publish_domain) {
                world.take_away(&object);
            }
        }
        world.pass(Duration::from_secs(1)).await;
    }
}

/// How many callbacks of the neighbour the cloud has.
fn left(world: &ControllerWorld) -> usize {
    let rows = world.cloud().rows().into_iter();
    rows.filter(|row| row.publish_domain.starts_with(NEIGHBOUR))
        .count()
}

#[tokio::test(start_paused = true)]
async fn clean_ups_by_the_hundred_are_bounded_and_hold_up_nobody() {
    let many = if is_full() { MANY } else { FEW };
    let stubborn = Arc::new(Stubborn(AtomicBool::new(true)));
    let trouble: Arc<dyn Troubled> = stubborn.clone();
    let mut world = ControllerWorld::new(&trouble);
    world.configure(|config| config.requests_per_minute = 6000);
    world.cloud().settings(|settings| {
        settings.calls_per_minute = None;
        settings.calls_per_minute_per_operation = None;
    });
    world.secret_in(NEIGHBOUR, ACCOUNT, &account("AKFIRST"));
    let names = (0..many).map(|number| format!("{NEIGHBOUR}-{number}"));
    let objects: Vec<StoreKey> = names.map(|name| (NEIGHBOUR.to_owned(), name)).collect();
    for object in &objects {
        world.server.create(object, &spec(&object.1));
    }
    world.start();
    take_away_once_made(&world, objects).await;

    // Nobody else waits for that, for a clean-up neither.
    world.pass(Duration::from_mins(1)).await;
    world.apply("push", &spec("push"));
    let is_ready = |world: &ControllerWorld| verdict(&world.object("push").unwrap()).0 == "True";
    let limit = Duration::from_secs(12);
    assert!(
        world.until(limit, is_ready).await,
        "{}",
        world.story.whole()
    );
    world.apply("other", &spec("other"));
    let is_made = |world: &ControllerWorld| !world.rows(&domain("other")).is_empty();
    assert!(world.until(limit, is_made).await, "{}", world.story.whole());
    world.take_away(&key("other"));
    let is_cleared = |world: &ControllerWorld| world.rows(&domain("other")).is_empty();
    assert!(
        world.until(limit, is_cleared).await,
        "{}",
        world.story.whole()
    );

    world.pass(HALF_AN_HOUR).await;
    let of_neighbour =
        |call: &CloudCall| call.method == Method::DELETE && call.domain != Some(domain("other"));
    let deletes = world.calls().into_iter();
    let deletes: Vec<_> = deletes.filter(|made| of_neighbour(&made.call)).collect();
    // All have their tries, in turn.
    let tried: BTreeSet<_> = deletes
        .iter()
        .filter_map(|made| made.call.id.as_ref())
        .collect();
    assert_eq!(tried.len(), many);
    // In the order of time; each is under way for as long.
    let begun: Vec<Duration> = deletes.iter().map(|made| made.at).collect();
    let under_way = |number: usize| {
        let over = begun.partition_point(|at| *at + DELETE_TAKES <= begun[number]);
        begun.partition_point(|at| *at <= begun[number]) - over
    };
    assert!(begun.is_sorted());
    let at_once = (0..begun.len()).map(under_way).max();
    assert!(at_once <= Some(AT_ONCE), "{at_once:?} are tried at once");
    assert!(deletes.len() <= many * TRIES, "{} tries", deletes.len());
    assert_eq!(left(&world), many);

    stubborn.0.store(false, Ordering::SeqCst);
    world.pass(HALF_AN_HOUR / 2).await;
    assert_eq!(left(&world), 0, "{}", world.story.whole());
    assert!(is_ready(&world));
    world.kill().await;
}

/// What it says when it goes counts, not what it said when it was posted; nor does it matter whether the watch brings one after the other,
/// or what it was when its outcome could not be written.
#[tokio::test(start_paused = true)]
async fn what_is_taken_away_during_its_create_goes_by_its_newest_policy() {
    let cases = [
        ("Delete", json!({"deletionPolicy": "Retain"})),
        ("Retain", json!({"deletionPolicy": "Delete"})),
        ("Delete", json!({"suspend": true})),
    ];
    for ((policy, change), is_refused) in cases.iter().flat_map(|it| [(it, false), (it, true)]) {
        for pause in [0, 1] {
            let (script, mut world) = Script::with_world();
            let answered = if is_refused { 0 } else { 8 };
            script.cloud(move |call| CloudCallFate {
                after: Duration::from_secs(if call.method == Method::POST {
                    answered
                } else {
                    0
                }),
                ..CloudCallFate::default()
            });
            if is_refused {
                script.server(|call| {
                    if call.verb == Verb::PatchStatus {
                        CallFate::Refused(500, "InternalError")
                    } else {
                        CallFate::Served
                    }
                });
            }
            world.start();
            let mut spec = spec("push");
            spec["deletionPolicy"] = json!(policy);
            world.apply("push", &spec);
            let is_made = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
            assert!(world.until(HALF_AN_HOUR, is_made).await);
            world.merge("push", &json!({"spec": change}));
            world.pass(Duration::from_secs(pause)).await;
            world.take_away(&key("push"));
            world.pass(Duration::from_mins(1)).await;
            script.ends();
            world.pass(Duration::from_mins(5)).await;
            let stays = change["deletionPolicy"] != "Delete";
            let rows = world.rows(&domain("push")).len();
            let story = world.story.whole();
            assert_eq!(rows, usize::from(stays), "{policy}, then {change}: {story}");
            world.kill().await;
        }
    }
}

/// The API server has taken the outcome and not said so yet: the watch told of the end while somebody still posted.
#[tokio::test(start_paused = true)]
async fn what_is_taken_away_before_the_write_of_its_outcome_is_answered_is_cleared_away() {
    for policy in ["Delete", "Retain"] {
        let (script, mut world) = Script::with_world();
        script.server(|call| {
            if call.verb == Verb::PatchStatus {
                CallFate::Slow(Duration::from_secs(3))
            } else {
                CallFate::Served
            }
        });
        world.start();
        let mut spec = spec("push");
        spec["deletionPolicy"] = json!(policy);
        world.apply("push", &spec);
        let is_told = |world: &ControllerWorld| {
            let object = world.object("push").unwrap();
            object["status"]["callbackID"].is_string()
        };
        assert!(world.until(HALF_AN_HOUR, is_told).await);
        world.take_away(&key("push"));
        world.pass(Duration::from_mins(1)).await;
        let (rows, story) = (world.rows(&domain("push")).len(), world.story.whole());
        assert_eq!(rows, usize::from(policy == "Retain"), "{policy}: {story}");
        world.kill().await;
    }
}

/// The answers to two creates are lost: that of an object which is taken away by force, which came to nothing, and that of its namesake,
/// which did. Either may have made the callback, and each looks for its own, at any time: whoever takes it first, the namesake ends with
/// one that is there.
#[tokio::test(start_paused = true)]
async fn a_clean_up_deletes_no_callback_that_a_namesake_claims_meanwhile() {
    for pause in 0..20 {
        let (script, mut world) = Script::with_world();
        let cloud = world.cloud();
        cloud.settings(|settings| settings.uniqueness = false);
        world.start();
        let mut posts = 0;
        script.cloud(move |call| {
            posts += usize::from(call.method == Method::POST);
            let mut fate = CloudCallFate::default();
            match call.method {
                Method::POST if posts <= 2 => {
                    fate.carried_out = posts == 2;
                    fate.answer = TroubledAnswer::Broken;
                }
                Method::DELETE => fate.before = Duration::from_secs(5),
                _ => {}
            }
            fate
        });
        world.apply("push", &spec("push"));
        let is_posted = |world: &ControllerWorld| world.count(&Method::POST) == 1;
        assert!(world.until(HALF_AN_HOUR, is_posted).await);
        world.take_away(&key("push"));
        world.pass(Duration::from_millis(500 * pause)).await;
        world.apply("push", &spec("push"));
        world.pass(Duration::from_mins(3)).await;
        let (rows, object) = (world.rows(&domain("push")), world.object("push").unwrap());
        let held = [&object["status"]["callbackID"]];
        let is_right = verdict(&object).0 == "True" && rows.iter().map(|row| &row.id).eq(held);
        assert!(is_right, "{pause}: {rows:?}\n{}", world.story.whole());
        // Nor was it ever Ready of one that was deleted before.
        let history = world.server.history();
        let mut told = history.iter().filter(|(.., it)| verdict(it).0 == "True");
        let is_true = told.all(|(.., it)| it["status"]["callbackID"] == *held[0]);
        assert!(is_true, "{pause}: {rows:?}\n{}", world.story.whole());
        world.kill().await;
    }
}

/// The reconcile that makes the callback ends by a panic, and the object is taken away by force before or after that.
#[tokio::test(start_paused = true)]
async fn what_is_taken_away_around_a_panic_in_its_create_is_cleared_away() {
    for seconds in [5, 15] {
        let (script, mut world) = Script::with_world();
        world.start();
        script.cloud(|call| {
            let mut fate = CloudCallFate::default();
            if call.method == Method::POST {
                fate.after = Duration::from_secs(10);
                fate.answer = TroubledAnswer::Edited(Arc::new(|_| panic!("a mistake")));
            }
            fate
        });
        world.apply("push", &spec("push"));
        world.pass(Duration::from_secs(seconds)).await;
        assert_eq!(world.rows(&domain("push")).len(), 1);
        world.take_away(&key("push"));
        world.pass(Duration::from_mins(2)).await;
        let is_cleared = world.rows(&domain("push")).is_empty();
        assert!(is_cleared, "{seconds}\n{}", world.story.whole());
        world.kill().await;
    }
}
