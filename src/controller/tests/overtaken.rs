//! What befalls an object while a change of its callback is under way.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::object::{ACCOUNT, domain, key, spec, verdict};
use super::script::{Script, settle};
use super::server::{StoredCrd, WatchDelivery};
use super::trouble::{CallFate, CloudCallFate, TroubledAnswer, Verb, reply};
use super::world::{ControllerWorld, user};
use crate::api::RECONCILE_REQUESTED_AT;

const OTHER: &str = "https://hooks.example.com/other";

fn edit(world: &ControllerWorld, url: &Value) {
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
}

fn push(world: &ControllerWorld) -> Value {
    world.object("push").unwrap()
}

/// The URL that the cloud holds.
fn held(world: &ControllerWorld) -> Value {
    json!(world.rows(&domain("push"))[0].notify_callback_url)
}

#[tokio::test(start_paused = true)]
async fn a_lost_change_is_told_although_the_spec_is_edited_meanwhile() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    let mut puts = 0;
    script.cloud(move |call| {
        puts += usize::from(call.method == Method::PUT);
        let is_lost = call.method == Method::PUT && puts == 1;
        CloudCallFate {
            answer: if is_lost {
                TroubledAnswer::Silent
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
    let former = push(&world)["spec"]["notifyCallbackURL"].clone();
    edit(&world, &json!(OTHER));
    world.pass(Duration::from_secs(3)).await;
    edit(&world, &former);
    for _ in 0..90 {
        world.pass(Duration::from_secs(1)).await;
        let is_ready = verdict(&push(&world)).0 == "True";
        let is_held = held(&world) == former;
        assert!(is_held || !is_ready, "{}", world.story.whole());
    }
    assert_eq!(verdict(&push(&world)).0, "True", "{}", world.story.whole());
    let reported = push(&world)["status"]["operations"].clone();
    let is_lost =
        |reported: &Value| reported["type"] == "Update" && reported["outcome"] == "Unknown";
    assert!(
        reported.as_array().unwrap().iter().any(is_lost),
        "{reported}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_keeps_its_backoff_whatever_of_the_object_is_written_meanwhile() {
    for touched in [
        json!({"metadata": {"annotations": {"team": "media"}}}),
        json!({"status": {"deletionPolicy": "by somebody else"}}),
        json!({"status": {"failures": 7}}),
    ] {
        let (script, mut world) = Script::with_world();
        world.start();
        settle(&world, "push", &spec("push")).await;
        script.cloud(|call| match call.method {
            Method::PUT => CloudCallFate {
                carried_out: false,
                after: Duration::from_secs(2),
                answer: TroubledAnswer::Reply(reply(
                    400,
                    r#"{"error_code":"LIVE.100011001","error_msg":"Request Illegal"}"#,
                )),
                ..CloudCallFate::default()
            },
            _ => CloudCallFate::default(),
        });
        edit(&world, &json!(OTHER));
        world.pass(Duration::from_secs(1)).await;
        world.merge("push", &touched);
        world.pass(Duration::from_secs(5)).await;
        assert_eq!(world.count(&Method::PUT), 1, "{}", world.story.whole());
        let status = push(&world)["status"].clone();
        let before = touched["status"]["failures"].as_i64().unwrap_or_default();
        assert_eq!(status["failures"], before + 1, "{status}");
        assert_eq!(verdict(&push(&world)).1, "RequestRejected", "{status}");
        world.pass(Duration::from_mins(13)).await;
        assert!(world.count(&Method::PUT) > 1, "{}", world.story.whole());
    }
}

/// The token of a user is refused, and the next is long in coming.
#[tokio::test(start_paused = true)]
async fn a_change_that_waits_for_a_login_is_not_sent_when_the_lease_is_over() {
    let (script, mut world) = Script::with_world();
    world.secret(ACCOUNT, &user());
    world.led_for(Duration::from_mins(1));
    world.start();
    settle(&world, "push", &spec("push")).await;
    let former = held(&world);
    let left = Duration::from_secs(55).saturating_sub(world.story.age());
    world.pass(left).await;
    let mut puts = 0;
    script.cloud(move |call| {
        puts += usize::from(call.method == Method::PUT);
        match call.method {
            _ if call.is_login => CloudCallFate {
                after: Duration::from_secs(10),
                ..CloudCallFate::default()
            },
            Method::PUT if puts == 1 => CloudCallFate {
                carried_out: false,
                answer: TroubledAnswer::Reply(reply(
                    401,
                    r#"{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information"}"#,
                )),
                ..CloudCallFate::default()
            },
            _ => CloudCallFate::default(),
        }
    });
    edit(&world, &json!(OTHER));
    world.pass(Duration::from_secs(20)).await;
    assert_eq!(held(&world), former, "{}", world.story.whole());
    let reported = push(&world)["status"]["operations"][0].clone();
    let reported = (&reported["type"], &reported["outcome"]);
    let not_sent = (&json!("Update"), &json!("Failed"));
    assert_eq!(reported, not_sent, "{}", world.story.whole());
}

/// The API server takes its time for what comes right before a change, and nobody renews the Lease meanwhile.
#[tokio::test(start_paused = true)]
async fn no_change_is_sent_when_the_lease_ends_right_before_it() {
    // Of the definition the second read is the one that comes last.
    for (method, slow, number) in [
        (Method::POST, Verb::Patch, 1),
        (Method::PUT, Verb::Get, 1),
        (Method::DELETE, Verb::Get, 1),
        (Method::DELETE, Verb::ReadCrd, 2),
    ] {
        let (script, mut world) = Script::with_world();
        world.led_for(Duration::from_mins(1));
        world.start();
        settle(&world, "push", &spec("push")).await;
        let left = Duration::from_secs(55).saturating_sub(world.story.age());
        world.pass(left).await;
        let before = world.cloud().mutations().len();
        let mut calls = 0;
        script.server(move |call| {
            calls += usize::from(call.verb == slow);
            if call.verb == slow && calls == number {
                CallFate::Late(Duration::from_secs(8))
            } else {
                CallFate::Served
            }
        });
        match method {
            Method::POST => world.apply("other", &spec("other")),
            Method::PUT => edit(&world, &json!(OTHER)),
            _ => world.delete("push"),
        }
        world.pass(Duration::from_mins(3)).await;
        let changes = world.cloud().mutations().len() - before;
        let reported = format!("{method} {slow:?}\n{}", world.story.whole());
        assert_eq!(changes, 0, "{reported}");
        assert!(world.story.whole().contains("Late"), "{reported}");
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_never_answered_holds_up_no_uninstall() {
    for method in [Method::PUT, Method::DELETE] {
        let (script, mut world) = Script::with_world();
        world.start();
        settle(&world, "push", &spec("push")).await;
        settle(&world, "beside", &spec("beside")).await;
        let hung = method.clone();
        script.cloud(move |call| CloudCallFate {
            carried_out: call.method != hung,
            answer: if call.method == hung {
                TroubledAnswer::Silent
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        });
        if method == Method::PUT {
            edit(&world, &json!(OTHER));
        } else {
            world.delete("push");
        }
        world.pass(Duration::from_secs(1)).await;
        assert_eq!(world.count(&method), 1, "{}", world.story.whole());
        world.server.set_crd(StoredCrd::Terminating);
        world.delete("beside");
        world.delete("push");
        let is_gone = |world: &ControllerWorld| world.object("push").is_none();
        let gone = world.until(Duration::from_secs(10), is_gone).await;
        assert!(gone, "{}", world.story.whole());
        assert_eq!(
            world.rows(&domain("push")).len(),
            1,
            "{}",
            world.story.whole()
        );
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_asked_for_right_after_a_lost_create_is_made_before_it_is_answered() {
    let (script, mut world) = Script::with_world();
    script.cloud(|call| CloudCallFate {
        carried_out: call.method != Method::POST,
        answer: if call.method == Method::POST {
            TroubledAnswer::Broken
        } else {
            TroubledAnswer::True
        },
        ..CloudCallFate::default()
    });
    world.start();
    world.apply("push", &spec("push"));
    let is_reported = |world: &ControllerWorld| verdict(&push(world)).1 == "OutcomeUnknown";
    assert!(world.until(Duration::from_secs(5), is_reported).await);
    let looks = world.count(&Method::GET);
    let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
    world.merge("push", &asked);
    world.pass(Duration::from_millis(200)).await;
    let handled = &push(&world)["status"]["lastHandledReconcileAt"];
    assert_eq!(*handled, "now", "{}", world.story.whole());
    let made = world.count(&Method::GET) - looks;
    assert!(made > 0, "{}", world.story.whole());
}

/// Our own read shows that somebody wiped the record before the watch tells of it: what was posted is not forgotten.
#[tokio::test(start_paused = true)]
async fn a_record_that_our_own_read_shows_to_be_gone_still_counts() {
    let (script, mut world) = Script::with_world();
    world
        .cloud()
        .settings(|settings| settings.list_lag_ms = 20_000);
    world.start();
    script.cloud(|call| CloudCallFate {
        answer: if call.method == Method::POST {
            TroubledAnswer::Broken
        } else {
            TroubledAnswer::True
        },
        ..CloudCallFate::default()
    });
    world.apply("push", &spec("push"));
    world.pass(Duration::from_secs(3)).await;
    assert_eq!(verdict(&push(&world)).1, "OutcomeUnknown");
    // The watch has brought the record, and falls silent. The next look fails, which is to be told on a version that is old.
    world.server.set_delivery(WatchDelivery {
        silent_on: std::iter::once(key("push")).collect(),
        ..WatchDelivery::default()
    });
    let wiped = json!({"metadata": {"annotations": null, "finalizers": null}});
    world.merge("push", &wiped);
    script.cloud(|_| CloudCallFate {
        carried_out: false,
        answer: TroubledAnswer::Reply(reply(500, "")),
        ..CloudCallFate::default()
    });
    world.pass(Duration::from_secs(4)).await;
    script.ends();
    world.pass(Duration::from_mins(3)).await;
    let rows = world.rows(&domain("push"));
    assert_eq!(rows.len(), 1, "{}", world.story.whole());
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
}
