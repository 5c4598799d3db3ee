//! A sign key can't be seen at the cloud: what is believed of it is only what is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use live_simulator::settings::Omitted;
use serde_json::{Value, json};

use super::object::{HOOKS, domain, ready, spec, verdict};
use super::script::{Script, becomes, settle};
use super::transitions::table::{OTHER_HOOKS, more_secrets};
use super::trouble::{CallFate, CloudCall, CloudCallFate, Peace, Troubled, TroubledAnswer, Verb};
use super::world::{ControllerWorld, OTHER_SIGN_KEY, SIGN_KEY};
use crate::api::RECONCILE_REQUESTED_AT;

const SOON: Duration = Duration::from_mins(2);

/// The answer of the first POST is lost, and no list shows anything while it hides.
#[derive(Default)]
struct Hidden {
    hides: AtomicBool,
    posts: AtomicUsize,
}

impl Troubled for Hidden {
    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        let answer = if call.method == Method::GET && self.hides.load(Ordering::SeqCst) {
            TroubledAnswer::Edited(Arc::new(|response| {
                response.body = r#"{"total":0,"callback_config":[]}"#.into();
            }))
        } else if call.method == Method::POST && self.posts.fetch_add(1, Ordering::SeqCst) == 0 {
            TroubledAnswer::Broken
        } else {
            TroubledAnswer::True
        };
        CloudCallFate {
            answer,
            ..CloudCallFate::default()
        }
    }
}

fn keyed(world: &ControllerWorld) -> Value {
    more_secrets(world);
    let mut spec = spec("push");
    spec["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
    spec
}

fn made(world: &ControllerWorld, method: &Method) -> usize {
    let calls = world.calls();
    calls.iter().filter(|it| it.call.method == *method).count()
}

/// A world whose object `push` is settled with a sign key.
async fn settled(resync: Duration) -> ControllerWorld {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.configure(|config| config.resync_interval = resync);
    let spec = keyed(&world);
    world.start();
    settle(&world, "push", &spec).await;
    world
}

#[tokio::test(start_paused = true)]
async fn which_of_several_attempts_with_different_keys_made_a_callback_is_not_guessed() {
    let hidden = Arc::new(Hidden::default());
    hidden.hides.store(true, Ordering::SeqCst);
    let trouble: Arc<dyn Troubled> = hidden.clone();
    let mut world = ControllerWorld::new(&trouble);
    world.configure(|config| config.secret_poll_interval = Duration::from_secs(5));
    let spec = keyed(&world);
    world.start();
    world.apply("push", &spec);
    world.pass(Duration::from_secs(10)).await;
    world.secret(HOOKS, &[("sign", OTHER_SIGN_KEY)]);
    let second = |world: &ControllerWorld| made(world, &Method::POST) == 2;
    assert!(world.until(SOON, second).await, "{}", world.story.whole());
    hidden.hides.store(false, Ordering::SeqCst);
    becomes(&world, "True", "Available", SOON).await;
    world.pass(SOON).await;
    let rows = world.rows(&domain("push"));
    let key = rows[0].key.as_ref().map(|key| key.reveal().to_owned());
    let story = world.story.whole();
    assert_eq!(key.as_deref(), Some(OTHER_SIGN_KEY), "{story}");
    assert_eq!((rows.len(), made(&world, &Method::PUT)), (1, 1), "{story}");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_asked_for_needs_no_sign_key() {
    let world = settled(Duration::from_mins(2)).await;
    world.no_secret(HOOKS);
    world.pass(Duration::from_mins(3)).await;
    let lists = |world: &ControllerWorld| {
        let calls = world.calls().into_iter();
        calls.filter(|made| made.call.domain.is_some()).count()
    };
    let before = lists(&world);
    let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
    world.merge("push", &asked);
    let is_answered = |world: &ControllerWorld| {
        world.object("push").unwrap()["status"]["lastHandledReconcileAt"] == "now"
    };
    assert!(world.until(SOON, is_answered).await);
    becomes(&world, "True", "Available", Duration::ZERO).await;
    assert_eq!(lists(&world) - before, 1, "{}", world.story.whole());

    let id = world.rows(&domain("push"))[0].id.clone();
    let drift = RowPatch {
        notify_callback_url: Some("https://drift.example.com/".to_owned()),
        ..RowPatch::default()
    };
    world.cloud().edit_row(&id, &drift).unwrap();
    becomes(&world, "False", "SignKeyMissing", Duration::from_mins(5)).await;
    world.secret(HOOKS, &[("sign", SIGN_KEY)]);
    becomes(&world, "True", "Available", SOON).await;
    assert_eq!(made(&world, &Method::PUT), 1, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn of_a_suspended_spec_with_another_key_nothing_is_said_before_that_is_read() {
    for (secret, expected) in [
        (OTHER_HOOKS, "Unknown"),
        ("nowhere", "Unknown"),
        ("same", "True"),
    ] {
        let world = settled(Duration::from_mins(10)).await;
        world.secret("same", &[("sign", SIGN_KEY)]);
        world.merge("push", &json!({"spec": {"suspend": true}}));
        becomes(&world, "True", "Suspended", SOON).await;
        let (calls, versions) = (world.calls().len(), world.server.history().len());
        let another = json!({"spec": {"signKeySecretRef": {"name": secret}}});
        world.merge("push", &another);
        world.pass(SOON).await;
        becomes(&world, expected, "Suspended", Duration::ZERO).await;
        for (_, _, object) in &world.server.history()[versions..] {
            let (status, _) = verdict(object);
            let reported = [expected, "stale"].contains(&status.as_str());
            assert!(reported, "{secret}: {status}\n{}", world.story.whole());
        }
        assert_eq!(world.calls().len(), calls, "{}", world.story.whole());
    }
}

#[tokio::test(start_paused = true)]
async fn that_it_is_suspended_is_told_though_its_key_can_not_be_read() {
    let (script, mut world) = Script::with_world();
    let spec = keyed(&world);
    world.start();
    world.apply("push", &spec);
    becomes(&world, "True", "Available", SOON).await;
    script.server(|call| {
        if call.verb == Verb::ReadSecret && call.name == "unreadable" {
            CallFate::Refused(500, "InternalError")
        } else {
            CallFate::Served
        }
    });
    for management in ["Manage", "Observe"] {
        let calls = world.calls().len();
        world.merge(
            "push",
            &json!({"spec": {
                "suspend": true,
                "managementPolicy": management,
                "signKeySecretRef": {"name": "unreadable"},
            }}),
        );
        becomes(&world, "Unknown", "Suspended", Duration::from_secs(2)).await;
        assert_eq!(world.calls().len(), calls, "{}", world.story.whole());
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_back_while_it_was_suspended_is_as_it_was() {
    let (_, mut world) = Script::with_world();
    let spec = keyed(&world);
    world.start();
    world.apply("push", &spec);
    becomes(&world, "True", "Available", SOON).await;
    world.merge("push", &json!({"spec": {"suspend": true}}));
    becomes(&world, "True", "Suspended", SOON).await;
    let calls = world.calls().len();
    let url = |url: &str| json!({"spec": {"notifyCallbackURL": url}});
    world.merge("push", &url("https://hooks.example.com/another"));
    becomes(&world, "Unknown", "Suspended", SOON).await;
    world.merge("push", &url(spec["notifyCallbackURL"].as_str().unwrap()));
    becomes(&world, "True", "Suspended", SOON).await;
    world.secret(HOOKS, &[("sign", OTHER_SIGN_KEY)]);
    becomes(&world, "Unknown", "Suspended", Duration::from_mins(2)).await;
    world.secret(HOOKS, &[("sign", SIGN_KEY)]);
    becomes(&world, "True", "Suspended", Duration::from_mins(2)).await;
    world.no_secret(HOOKS);
    world.pass(Duration::from_mins(2)).await;
    becomes(&world, "True", "Suspended", Duration::ZERO).await;
    world.merge("push", &json!({"spec": {"deletionPolicy": "Retain"}}));
    becomes(&world, "Unknown", "Suspended", SOON).await;
    world.secret(HOOKS, &[("sign", SIGN_KEY)]);
    becomes(&world, "True", "Suspended", Duration::from_mins(2)).await;
    assert_eq!(world.calls().len(), calls, "{}", world.story.whole());
}

/// What somebody makes of the Secret while no operator runs, or while nothing is done for the object.
fn spoil(world: &ControllerWorld) {
    world.secret(HOOKS, &[("sign", "too-short")]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_none_any_more_is_told_by_who_starts_later() {
    for suspend in [false, true] {
        let mut world = settled(Duration::from_mins(10)).await;
        if suspend {
            world.merge("push", &json!({"spec": {"suspend": true}}));
            becomes(&world, "True", "Suspended", SOON).await;
        }
        world.kill().await;
        spoil(&world);
        world.start();
        let expected = if suspend {
            ("Unknown", "Suspended")
        } else {
            ("False", "SignKeyInvalid")
        };
        becomes(&world, expected.0, expected.1, SOON).await;
        world.secret(HOOKS, &[("sign", SIGN_KEY)]);
        let healed = if suspend { "Suspended" } else { "Available" };
        becomes(&world, "True", healed, SOON).await;
        assert_eq!(made(&world, &Method::PUT), 0, "{}", world.story.whole());
    }
}

/// A suspended object reads no key by itself, and one that only looks tells of it whether it was seen to change or not.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_none_any_more_is_not_the_one_that_was_sent() {
    let mut world = settled(Duration::from_mins(10)).await;
    world.merge("push", &json!({"spec": {"suspend": true}}));
    becomes(&world, "True", "Suspended", SOON).await;
    spoil(&world);
    becomes(&world, "Unknown", "Suspended", SOON).await;
    world.secret(HOOKS, &[("sign", SIGN_KEY)]);
    becomes(&world, "True", "Suspended", SOON).await;

    let observed = json!({"spec": {"suspend": false, "managementPolicy": "Observe"}});
    world.merge("push", &observed);
    becomes(&world, "True", "ObserveOnly", SOON).await;
    world.kill().await;
    spoil(&world);
    world.start();
    becomes(&world, "False", "ObserveOnly", SOON).await;
    assert_eq!(made(&world, &Method::PUT), 0, "{}", world.story.whole());
}

/// A cloud may forget a key that an update does not name, and no row tells: where it is put back it is sent, once.
#[tokio::test(start_paused = true)]
async fn a_key_that_was_taken_away_and_put_back_is_sent_again() {
    for omitted in [Omitted::Keep, Omitted::Reset] {
        let mut world = settled(Duration::from_mins(2)).await;
        world
            .cloud()
            .settings(|settings| settings.update_omitted_key = omitted);
        let url = "https://hooks.example.com/other";
        let without = json!({"spec": {"signKeySecretRef": null, "notifyCallbackURL": url}});
        world.merge("push", &without);
        let is_sent = |count| move |world: &ControllerWorld| made(world, &Method::PUT) == count;
        assert!(world.until(SOON, is_sent(1)).await);
        becomes(&world, "True", "Available", SOON).await;
        let message = ready(&world.object("push").unwrap())["message"].to_string();
        assert!(message.contains("may stay at the cloud"), "{message}");
        world.restart().await;
        world.pass(SOON).await;

        let back = json!({"spec": {"signKeySecretRef": {"name": HOOKS, "key": "sign"}}});
        world.merge("push", &back);
        assert!(
            world.until(SOON, is_sent(2)).await,
            "{}",
            world.story.whole()
        );
        becomes(&world, "True", "Available", SOON).await;
        world.restart().await;
        world.pass(SOON).await;
        let rows = world.rows(&domain("push"));
        let key = rows[0].key.as_ref().map(|key| key.reveal().to_owned());
        assert_eq!(key.as_deref(), Some(SIGN_KEY), "{}", world.story.whole());
        assert_eq!(made(&world, &Method::PUT), 2, "{}", world.story.whole());
        world.kill().await;
    }
}

/// Nothing was sent since the key was: it is there, and is as sent where it is put back.
#[tokio::test(start_paused = true)]
async fn a_key_that_was_taken_away_and_put_back_with_nothing_sent_meanwhile_costs_nothing() {
    let world = settled(Duration::from_mins(10)).await;
    let calls = world.calls().len();
    for reference in [json!(null), json!({"name": HOOKS, "key": "sign"})] {
        world.merge("push", &json!({"spec": {"signKeySecretRef": reference}}));
        becomes(&world, "True", "Available", SOON).await;
    }
    world.pass(SOON).await;
    assert_eq!(world.calls().len(), calls, "{}", world.story.whole());
}
