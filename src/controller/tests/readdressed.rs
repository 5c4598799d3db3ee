//! Credentials that name another address of the project: one that leads to the same cloud is followed, and one that leads to another makes
//! nobody forget what lies at the first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::object::{ACCOUNT, domain, key, ready, spec};
use super::script::{Script, becomes, of_stranger, settle};
use super::trouble::{CallFate, CloudCall, CloudCallFate, TroubledAnswer, Verb, reply};
use super::world::{ControllerWorld, account};
use crate::api::RECONCILE_REQUESTED_AT;

const HOME: &str = "https://live.cn-north-4.myhuaweicloud.com";
/// Leads to the same cloud, unless somebody says that it is another.
const OTHER: &str = "https://live.other.myhuaweicloud.com";
/// What is made there has this id.
const ASTRAY: &str = "astray";
/// A Secret is read once a minute.
const NOTICED: Duration = Duration::from_secs(70);
/// The longest pause between two looks, and a little.
const LOOKED_FOR: Duration = Duration::from_secs(12 * 60 + 20);

/// A Secret names this address.
fn name(world: &ControllerWorld, secret: &str, endpoint: &str) {
    let named = [("live_endpoint", endpoint)];
    let values = [account("AKFIRST").as_slice(), named.as_slice()].concat();
    world.secret(secret, &values);
}

/// The credentials name this address.
fn lead_to(world: &ControllerWorld, endpoint: &str) {
    name(world, ACCOUNT, endpoint);
}

fn goes_to(call: &CloudCall, endpoint: &str) -> bool {
    call.url.starts_with(endpoint)
}

/// At the other address is another cloud.
fn other_is_strange(script: &Script) {
    script.cloud(|call| {
        if goes_to(call, OTHER) {
            of_stranger(call, ASTRAY)
        } else {
            CloudCallFate::default()
        }
    });
}

/// A create is carried out and its answer lost, and nothing can be looked at through that address.
async fn create_in_the_dark(script: &Script, world: &mut ControllerWorld, is_strange: bool) {
    let mut was_posted = false;
    script.cloud(move |call| {
        let is_create = call.method == Method::POST;
        let is_dark = !goes_to(call, OTHER) && (was_posted || is_create);
        was_posted |= is_create;
        match goes_to(call, OTHER) {
            true if is_strange => of_stranger(call, ASTRAY),
            _ if is_dark => CloudCallFate {
                carried_out: is_create,
                answer: TroubledAnswer::Broken,
                ..CloudCallFate::default()
            },
            _ => CloudCallFate::default(),
        }
    });
    world.start();
    world.apply("push", &spec("push"));
    let is_made = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    assert!(world.until(NOTICED, is_made).await);
}

/// The changes that were sent to the other address.
fn changes_astray(world: &ControllerWorld) -> usize {
    let calls = world.calls().into_iter();
    let changes = calls.filter(|made| made.call.method != Method::GET);
    changes.filter(|made| goes_to(&made.call, OTHER)).count()
}

fn message(world: &ControllerWorld) -> String {
    ready(&world.object("push").unwrap())["message"].to_string()
}

fn endpoint(world: &ControllerWorld) -> String {
    let object = world.object("push").unwrap();
    let endpoint = object["status"]["target"]["endpoint"].as_str();
    endpoint.unwrap_or_default().to_owned()
}

async fn goes(world: &ControllerWorld, limit: Duration) {
    let is_gone = |world: &ControllerWorld| world.object("push").is_none();
    assert!(world.until(limit, is_gone).await, "{}", world.story.whole());
    assert!(world.rows(&domain("push")).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_followed_though_its_first_list_lags() {
    for is_deleted in [false, true] {
        let (script, mut world) = Script::with_world();
        world.start();
        world.apply("push", &spec("push"));
        becomes(&world, "True", "Available", NOTICED).await;
        let lagging = CloudCallFate {
            answer: TroubledAnswer::Reply(reply(200, r#"{"total": 0, "callback_config": []}"#)),
            ..CloudCallFate::default()
        };
        let mut looks = 0;
        script.cloud(move |_| {
            looks += 1;
            if looks == 1 {
                lagging.clone()
            } else {
                CloudCallFate::default()
            }
        });
        name(&world, "alias", OTHER);
        let change = json!({"spec": {"credentialsSecretRef": {"name": "alias"}}});
        world.merge("push", &change);
        if is_deleted {
            world.delete("push");
            goes(&world, Duration::from_secs(40)).await;
            continue;
        }
        world.pass(Duration::from_secs(10)).await;
        becomes(&world, "True", "Available", Duration::from_secs(30)).await;
        assert_eq!(endpoint(&world), OTHER, "{}", world.story.whole());
        assert_eq!(world.count(&Method::POST), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_found_through_another_address_is_looked_for_until_it_is() {
    for is_deleted in [false, true] {
        let (script, mut world) = Script::with_world();
        world.start();
        settle(&world, "push", &spec("push")).await;
        other_is_strange(&script);
        lead_to(&world, OTHER);
        becomes(&world, "False", "TargetChanged", NOTICED).await;
        let told = message(&world);
        assert!(told.contains(HOME) && told.contains(OTHER), "{told}");
        if is_deleted {
            world.delete("push");
        }
        let before = world.calls().len();
        world.pass(Duration::from_hours(1)).await;
        let calls = world.calls().len() - before;
        assert!((8..=50).contains(&calls), "{calls}");
        assert_eq!(changes_astray(&world), 0, "{}", world.story.whole());
        script.ends();
        if is_deleted {
            let told = message(&world);
            assert!(told.contains("deletionPolicy"), "{told}");
            goes(&world, LOOKED_FOR).await;
        } else {
            becomes(&world, "True", "Available", LOOKED_FOR).await;
            assert_eq!(endpoint(&world), OTHER);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_of_unknown_outcome_is_not_given_up_through_another_address() {
    for is_deleted in [false, true] {
        let (script, mut world) = Script::with_world();
        create_in_the_dark(&script, &mut world, true).await;
        lead_to(&world, OTHER);
        if is_deleted {
            world.pass(NOTICED).await;
            world.delete("push");
        }
        becomes(&world, "False", "TargetChanged", Duration::from_mins(4)).await;
        world.pass(Duration::from_hours(1)).await;
        let told = message(&world);
        assert!(told.contains(HOME) && told.contains(OTHER), "{told}");
        assert_eq!(told.contains("deletionPolicy"), is_deleted, "{told}");
        assert_eq!(changes_astray(&world), 0, "{}", world.story.whole());
        // The former address is given back, and works again.
        script.ends();
        lead_to(&world, HOME);
        if is_deleted {
            goes(&world, LOOKED_FOR).await;
        } else {
            becomes(&world, "True", "Available", LOOKED_FOR).await;
            assert_eq!(world.rows(&domain("push")).len(), 1);
        }
        assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_create_made_is_claimed_through_an_alias() {
    for is_deleted in [false, true] {
        let (script, mut world) = Script::with_world();
        create_in_the_dark(&script, &mut world, false).await;
        lead_to(&world, OTHER);
        if is_deleted {
            world.delete("push");
            goes(&world, Duration::from_mins(4)).await;
            continue;
        }
        becomes(&world, "True", "Available", Duration::from_mins(4)).await;
        assert_eq!(endpoint(&world), OTHER, "{}", world.story.whole());
        assert_eq!(world.rows(&domain("push")).len(), 1);
        assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
    }
}

/// Where nothing gets through, or no create was handed over, nothing can lie.
#[tokio::test(start_paused = true)]
async fn who_never_got_through_is_made_where_the_credentials_lead_now() {
    for all in [false, true] {
        let (script, mut world) = Script::with_world();
        script.cloud(move |call| CloudCallFate {
            answer: if goes_to(call, HOME) && (all || call.method == Method::POST) {
                TroubledAnswer::NotSent
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        });
        world.start();
        world.apply("push", &spec("push"));
        becomes(&world, "False", "CloudUnavailable", NOTICED).await;
        lead_to(&world, OTHER);
        becomes(&world, "True", "Available", Duration::from_mins(5)).await;
        assert_eq!(world.rows(&domain("push")).len(), 1);
    }
}

/// What a sweep showed through the former address can't be written down until the credentials name another.
#[tokio::test(start_paused = true)]
async fn what_was_seen_through_one_address_says_nothing_of_another() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    script.cloud(|_| CloudCallFate {
        carried_out: false,
        answer: TroubledAnswer::Broken,
        ..CloudCallFate::default()
    });
    let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
    world.merge("push", &asked);
    world.pass(Duration::from_secs(30)).await;
    let status = &world.object("push").unwrap()["status"];
    assert_eq!(status["lastOperation"]["outcome"], "Failed");
    other_is_strange(&script);
    script.server(|call| {
        if call.verb == Verb::PatchStatus {
            CallFate::Refused(403, "Forbidden")
        } else {
            CallFate::Served
        }
    });
    world.pass(LOOKED_FOR).await;
    lead_to(&world, OTHER);
    world.pass(NOTICED).await;
    script.server(|_| CallFate::Served);
    becomes(&world, "False", "TargetChanged", LOOKED_FOR).await;
    world.pass(Duration::from_hours(1)).await;
    assert_eq!(endpoint(&world), HOME, "{}", world.story.whole());
    assert_eq!(changes_astray(&world), 0, "{}", world.story.whole());
}

/// It goes by force while the answer to its create is out, and its credentials lead elsewhere by then.
#[tokio::test(start_paused = true)]
async fn what_is_left_is_cleared_away_where_it_was_made() {
    let (script, mut world) = Script::with_world();
    script.cloud(|call| match call.method {
        _ if goes_to(call, OTHER) => of_stranger(call, ASTRAY),
        Method::POST => CloudCallFate {
            after: Duration::from_secs(8),
            answer: TroubledAnswer::Broken,
            ..CloudCallFate::default()
        },
        _ => CloudCallFate::default(),
    });
    world.start();
    world.apply("push", &spec("push"));
    let is_made = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    assert!(world.until(NOTICED, is_made).await);
    lead_to(&world, OTHER);
    world.take_away(&key("push"));
    world.pass(Duration::from_mins(5)).await;
    assert!(world.rows(&domain("push")).is_empty());
}

/// A create of which nobody knows what it came to is told when its object is let go, however that comes.
#[tokio::test(start_paused = true)]
async fn a_create_of_unknown_outcome_is_told_when_its_object_is_let_go() {
    for is_known in [false, true] {
        let (script, mut world) = Script::with_world();
        let told = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&told);
        script.server(move |call| {
            let is_event = call.verb == Verb::Publish;
            counted.fetch_add(usize::from(is_event), Ordering::SeqCst);
            CallFate::Served
        });
        create_in_the_dark(&script, &mut world, true).await;
        if is_known {
            script.cloud(|_| CloudCallFate::default());
            becomes(&world, "True", "Available", LOOKED_FOR).await;
        }
        let retain = json!({"spec": {"deletionPolicy": "Retain"}});
        world.merge("push", &retain);
        world.pass(Duration::from_secs(30)).await;
        let before = told.load(Ordering::SeqCst);
        world.delete("push");
        let is_gone = |world: &ControllerWorld| world.object("push").is_none();
        assert!(world.until(NOTICED, is_gone).await);
        world.pass(Duration::from_secs(5)).await;
        // Once: of what it left, or may have left.
        assert_eq!(told.load(Ordering::SeqCst) - before, 1, "known: {is_known}");
    }
}

/// A record of several attempts names the address that they went through. What is made anew through another, which was followed, is of that.
#[tokio::test(start_paused = true)]
async fn what_was_followed_is_made_anew_where_it_was() {
    let (script, mut world) = Script::with_world();
    let lose_creates = |count: usize| {
        let mut posts = 0;
        script.cloud(move |call| {
            posts += usize::from(call.method == Method::POST);
            if call.method != Method::POST || posts > count {
                return CloudCallFate::default();
            }
            CloudCallFate {
                carried_out: false,
                answer: TroubledAnswer::Broken,
                ..CloudCallFate::default()
            }
        });
    };
    lose_creates(1);
    world.start();
    world.apply("push", &spec("push"));
    becomes(&world, "True", "Available", LOOKED_FOR).await;
    assert_eq!(world.count(&Method::POST), 2, "{}", world.story.whole());
    world.pass(NOTICED).await;
    lead_to(&world, OTHER);
    let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
    world.pass(NOTICED).await;
    world.merge("push", &asked);
    let is_followed = |world: &ControllerWorld| endpoint(world) == OTHER;
    assert!(world.until(NOTICED, is_followed).await);
    lose_creates(1);
    let id = world.rows(&domain("push"))[0].id.clone();
    world.cloud().delete_row(&id);
    let is_back = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    let is_back = world.until(2 * LOOKED_FOR, is_back).await;
    assert!(is_back, "{}", world.story.whole());
    becomes(&world, "True", "Available", NOTICED).await;
    assert_eq!(world.count(&Method::POST), 4, "{}", world.story.whole());
    assert_eq!(endpoint(&world), OTHER);
}

/// Nothing wakes an object whose Secret came to name another address while no operator ran; what is missing later must not be looked for at
/// the former one.
#[tokio::test(start_paused = true)]
async fn an_alias_that_came_while_no_operator_ran_is_followed() {
    let (_script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.kill().await;
    lead_to(&world, OTHER);
    world.start();
    let is_followed = |world: &ControllerWorld| endpoint(world) == OTHER;
    let is_followed = world.until(LOOKED_FOR, is_followed).await;
    assert!(is_followed, "{}", world.story.whole());
    let id = world.rows(&domain("push"))[0].id.clone();
    world.cloud().delete_row(&id);
    let is_back = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    let is_back = world.until(LOOKED_FOR, is_back).await;
    assert!(is_back, "{}", world.story.whole());
    assert_eq!(changes_astray(&world), 1, "the create");
}
