//! Objects of one project that call through different addresses. Of two that lead to one cloud still only one object owns a place; whoever
//! answers at one of their own speaks for nobody who calls through another.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::object::{domain, spec, verdict};
use super::script::{Script, becomes, of_stranger};
use super::trouble::{CallFate, CloudCall, CloudCallFate, TroubledAnswer, Verb, reply};
use super::world::{ControllerWorld, account};
use crate::api::RECONCILE_REQUESTED_AT;

const HOME: &str = "https://live.cn-north-4.myhuaweicloud.com";
/// Leads to the same cloud, unless somebody says that it is his own.
const OTHER: &str = "https://live.other.myhuaweicloud.com";
const MINUTE: Duration = Duration::from_mins(1);
/// The longest pause between two looks, and a little.
const LOOKED_FOR: Duration = Duration::from_secs(12 * 60 + 20);

/// An object for the place of `push`, with a Secret of its own that has these values, too.
fn wants_the_place(world: &ControllerWorld, name: &str, values: &[(&str, &str)]) -> Value {
    let own = account("AKFIRST");
    let own = own
        .iter()
        .filter(|(key, _)| values.iter().all(|(other, _)| other != key));
    let all: Vec<_> = own.chain(values).copied().collect();
    world.secret(name, &all);
    let mut object = spec("push");
    object["credentialsSecretRef"] = json!({"name": name});
    object
}

/// What somebody answers at an address of his own, who says that whatever is to be deleted there is.
fn of_somebody(call: &CloudCall, id: &str) -> CloudCallFate {
    let mut fate = of_stranger(call, id);
    if call.method == Method::DELETE {
        fate.answer = TroubledAnswer::Reply(reply(204, ""));
    }
    fate
}

/// Somebody answers at the other address, and gives out this id.
fn other_is_strange(script: &Script, id: &str) {
    let id = id.to_owned();
    script.cloud(move |call| {
        if call.url.starts_with(OTHER) {
            of_somebody(call, &id)
        } else {
            CloudCallFate::default()
        }
    });
}

fn reason(world: &ControllerWorld, name: &str) -> String {
    world
        .object(name)
        .map_or_else(String::new, |it| verdict(&it).1)
}

async fn is_told(world: &ControllerWorld, name: &str, expected: &str, limit: Duration) {
    let told = world
        .until(limit, |world| reason(world, name) == expected)
        .await;
    assert!(told, "{name} is not {expected}\n{}", world.story.whole());
}

async fn goes(world: &ControllerWorld, name: &str) {
    world.delete(name);
    let is_gone = |world: &ControllerWorld| world.object(name).is_none();
    assert!(
        world.until(MINUTE, is_gone).await,
        "{}",
        world.story.whole()
    );
}

fn id(world: &ControllerWorld, name: &str) -> Option<String> {
    let object = world.object(name)?;
    object["status"]["callbackID"].as_str().map(str::to_owned)
}

/// Its callback is changed and deleted as ever, though somebody made and deleted one of its id at an address of his own.
#[tokio::test(start_paused = true)]
async fn what_is_deleted_through_another_address_is_deleted_there_alone() {
    for number in 0..8 {
        let (is_asked, is_older) = (number & 1 > 0, number & 2 > 0);
        let place = if number & 4 > 0 { "evil" } else { "push" };
        let (script, mut world) = Script::with_world();
        world.start();
        let mut evil = wants_the_place(&world, "evil", &[("live_endpoint", OTHER)]);
        evil["publishDomain"] = json!(domain(place));
        if is_older {
            let mut waiting = evil.clone();
            waiting["suspend"] = json!(true);
            world.apply("evil", &waiting);
            world.pass(Duration::from_secs(5)).await;
        }
        world.apply("push", &wants_the_place(&world, "push", &[]));
        becomes(&world, "True", "Available", MINUTE).await;
        world.pass(2 * MINUTE).await;
        let held = id(&world, "push").unwrap();
        other_is_strange(&script, &held);
        world.apply("evil", &evil);
        is_told(&world, "evil", "Available", 5 * MINUTE).await;
        assert_eq!(id(&world, "evil").as_ref(), Some(&held));
        becomes(&world, "True", "Available", MINUTE).await;
        goes(&world, "evil").await;
        if is_asked {
            let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
            world.merge("push", &asked);
            world.pass(MINUTE).await;
            becomes(&world, "True", "Available", MINUTE).await;
            assert_eq!(id(&world, "push"), Some(held), "{}", world.story.whole());
            assert_eq!(world.rows(&domain("push")).len(), 1);
        }
        goes(&world, "push").await;
        assert!(
            world.rows(&domain("push")).is_empty(),
            "{}",
            world.story.whole()
        );
    }
}

/// Who answers at an address of his own says what lies there, and keeps nobody else from the place for long.
#[tokio::test(start_paused = true)]
async fn a_place_that_is_taken_through_another_address_is_free() {
    let (script, mut world) = Script::with_world();
    other_is_strange(&script, "made-up");
    world.start();
    let evil = wants_the_place(&world, "evil", &[("live_endpoint", OTHER)]);
    world.apply("evil", &evil);
    is_told(&world, "evil", "Available", MINUTE).await;
    world.apply("push", &wants_the_place(&world, "push", &[]));
    becomes(&world, "True", "Available", 5 * MINUTE).await;
    assert_eq!(world.rows(&domain("push")).len(), 1);
    world.pass(LOOKED_FOR).await;
    becomes(&world, "True", "Available", MINUTE).await;
    let made = world
        .calls()
        .into_iter()
        .filter(|it| it.call.method == Method::POST && it.call.url.starts_with(HOME));
    assert_eq!(made.count(), 1, "{}", world.story.whole());
}

/// Two objects for one place are applied at once, and one of them goes at last. `is_slow`: the API server takes its time.
async fn only_one_owns(other: &[(&str, &str)], is_lost: bool) {
    let (script, mut world) = Script::with_world();
    world
        .cloud()
        .settings(|settings| settings.uniqueness = false);
    let posts = Arc::new(Mutex::new(0));
    script.cloud(move |call| {
        let mut posts = posts.lock().unwrap();
        *posts += usize::from(call.method == Method::POST);
        if is_lost && call.method == Method::POST && *posts == 1 {
            return CloudCallFate {
                after: Duration::from_secs(8),
                answer: TroubledAnswer::Broken,
                ..CloudCallFate::default()
            };
        }
        CloudCallFate::default()
    });
    script.server(|call| {
        if call.verb == Verb::PatchStatus {
            CallFate::Late(Duration::from_secs(1))
        } else {
            CallFate::Served
        }
    });
    world.start();
    world.apply("push", &wants_the_place(&world, "push", &[]));
    world.apply("other", &wants_the_place(&world, "other", other));
    let are_told = |world: &ControllerWorld| {
        let mut told = ["push", "other"].map(|name| reason(world, name));
        told.sort();
        told == ["Available", "Duplicate"]
    };
    let told = world.until(5 * MINUTE, are_told).await;
    assert!(told, "{}", world.story.whole());
    world.pass(LOOKED_FOR).await;
    assert!(are_told(&world), "{}", world.story.whole());
    assert_eq!(world.rows(&domain("push")).len(), 1);
    let (owner, duplicate) = if reason(&world, "push") == "Available" {
        ("push", "other")
    } else {
        ("other", "push")
    };
    assert_eq!(id(&world, duplicate), None);
    goes(&world, owner).await;
    is_told(&world, duplicate, "Available", LOOKED_FOR).await;
    assert_eq!(world.rows(&domain("push")).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_through_two_addresses_of_one_cloud_one_owns_the_place() {
    for is_lost in [false, true] {
        only_one_owns(&[("live_endpoint", OTHER)], is_lost).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_whose_region_is_spelled_differently_one_owns_the_place() {
    for is_lost in [false, true] {
        only_one_owns(&[("region", "cn-north4"), ("live_endpoint", HOME)], is_lost).await;
        only_one_owns(
            &[("region", "cn-north4"), ("live_endpoint", OTHER)],
            is_lost,
        )
        .await;
    }
}

/// By its look through the other address the second knows that the place is free; the first makes its callback, and goes without it.
#[tokio::test(start_paused = true)]
async fn what_was_seen_through_another_address_before_our_write_frees_no_place() {
    let (_script, mut world) = Script::with_world();
    world
        .cloud()
        .settings(|settings| settings.uniqueness = false);
    world.start();
    let mut second = wants_the_place(&world, "second", &[("live_endpoint", OTHER)]);
    let mut before = second.clone();
    before["app"] = json!("before");
    world.apply("before", &before);
    world.pass(Duration::from_secs(3)).await;
    let mut first = wants_the_place(&world, "push", &[]);
    first["deletionPolicy"] = json!("Retain");
    world.apply("push", &first);
    world.pass(Duration::from_secs(3)).await;
    second["adoptionPolicy"] = json!("IfIdentical");
    world.apply("second", &second);
    world.pass(Duration::from_secs(3)).await;
    goes(&world, "push").await;
    is_told(&world, "second", "Available", 2 * MINUTE).await;
    let rows = world.rows(&domain("push")).into_iter();
    let here = rows.filter(|row| row.app == "live").count();
    assert_eq!(here, 1, "{}", world.story.whole());
}

/// Somebody deletes the callback of one of two that call through two addresses, and both look at once.
#[tokio::test(start_paused = true)]
async fn what_is_gone_is_made_anew_by_one_of_two_through_two_addresses() {
    let (script, mut world) = Script::with_world();
    world
        .cloud()
        .settings(|settings| settings.uniqueness = false);
    script.server(|call| {
        if call.verb.writes() {
            CallFate::Late(Duration::from_secs(1))
        } else {
            CallFate::Served
        }
    });
    world.start();
    world.apply("push", &wants_the_place(&world, "push", &[]));
    becomes(&world, "True", "Available", MINUTE).await;
    world.apply(
        "other",
        &wants_the_place(&world, "other", &[("live_endpoint", OTHER)]),
    );
    is_told(&world, "other", "Duplicate", MINUTE).await;
    world.pass(3 * MINUTE).await;
    let held = id(&world, "push").unwrap();
    world.cloud().delete_row(&held);
    let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
    world.merge("push", &asked);
    world.merge("other", &asked);
    let is_back = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    assert!(
        world.until(MINUTE, is_back).await,
        "{}",
        world.story.whole()
    );
    let calls = world.calls().len();
    world.pass(Duration::from_hours(1)).await;
    let made = world.rows(&domain("push"));
    assert_eq!(made.len(), 1, "{}", world.story.whole());
    let owner = ["push", "other"].map(|name| id(&world, name).as_ref() == Some(&made[0].id));
    assert!(owner[0] != owner[1], "{}", world.story.whole());
    let mut told = ["push", "other"].map(|name| reason(&world, name));
    told.sort();
    assert_eq!(told, ["Available", "Duplicate"], "{}", world.story.whole());
    let calls = world.calls().len() - calls;
    assert!(calls < 40, "{calls}");
}
