//! Nobody waits without a word, nor for ever, nor for what another account does.

use std::time::Duration;

use http::{HeaderValue, Method, header};
use live_simulator::KnownCredential;
use live_simulator::settings::Contract;
use serde_json::json;

use super::object::{ACCOUNT, PROJECT, domain, ready, spec, verdict};
use super::script::{Script, becomes, settle};
use super::trouble::{CallFate, CloudCallFate, TroubledAnswer, Verb, reply};
use super::world::{ControllerWorld, account};
use crate::api::RECONCILE_REQUESTED_AT;

const SOON: Duration = Duration::from_secs(30);

fn asks(world: &ControllerWorld, name: &str, token: &str) {
    let asked = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: token}}});
    world.merge(name, &asked);
}

/// The cloud made it without a name, and then throttled the account: what is known is told, and an edit is seen.
#[tokio::test(start_paused = true)]
async fn a_create_without_an_id_waits_for_no_throttled_look() {
    let (script, mut world) = Script::with_world();
    world
        .cloud()
        .settings(|settings| settings.contract = Contract::Original);
    world.start();
    settle(&world, "beside", &spec("beside")).await;
    script.cloud(|call| {
        let is_post = call.method == Method::POST;
        let of_beside = call.domain == Some(domain("beside"));
        let mut throttled = reply(429, r#"{"error_code":"APIG.0308","error_msg":"throttled"}"#);
        let minutes = HeaderValue::from_static("600");
        throttled.headers.insert(header::RETRY_AFTER, minutes);
        CloudCallFate {
            after: Duration::from_secs(if is_post { 2 } else { 0 }),
            answer: if of_beside {
                TroubledAnswer::Reply(throttled)
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
    world.apply("push", &spec("push"));
    let posted = |world: &ControllerWorld| {
        let calls = world.calls();
        calls.iter().any(|made| {
            made.call.method == Method::POST && made.call.domain == Some(domain("push"))
        })
    };
    assert!(world.until(SOON, posted).await, "{}", world.story.whole());
    asks(&world, "beside", "now");
    world.pass(Duration::from_secs(15)).await;
    let verdict_of_push = verdict(&world.object("push").unwrap());
    assert_eq!(verdict_of_push.0, "False", "{}", world.story.whole());
    world.merge("push", &json!({"spec": {"suspend": true}}));
    becomes(&world, "Unknown", "Suspended", Duration::from_secs(15)).await;
}

/// However wrong the local clock is, a credential that was refused is tried again when its time has come.
#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_tried_again_though_the_local_clock_is_behind() {
    let (_script, mut world) = Script::with_world();
    // Somebody else calls all the while.
    world.configure(|config| config.resync_interval = Duration::from_secs(4));
    world
        .cloud()
        .settings(|settings| settings.clock_offset_s = 120);
    let other = account("AKFIRST").map(|(name, value)| match name {
        "ak" => (name, "AKTHIRD"),
        "sk" => (name, "AKTHIRD-secret"),
        _ => (name, value),
    });
    world.secret("other", &other);
    world.start();
    settle(&world, "beside", &spec("beside")).await;
    let mut spec = spec("push");
    spec["credentialsSecretRef"]["name"] = json!("other");
    world.apply("push", &spec);
    becomes(&world, "False", "CredentialsRejected", SOON).await;
    world.pass(Duration::from_mins(12)).await;
    let known = KnownCredential::new("AKTHIRD", "AKTHIRD-secret", PROJECT);
    world.cloud().add_credential(known);
    becomes(&world, "True", "Available", Duration::from_mins(7)).await;
}

/// A Secret that the API server can't give, for whatever cause, is told of; and it holds up no delete that has what it needs.
#[tokio::test(start_paused = true)]
async fn a_secret_that_cannot_be_read_is_told_and_holds_up_no_delete() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "settled", &spec("settled")).await;
    script.server(|call| {
        let is_read = call.verb == Verb::ReadSecret && call.name == ACCOUNT;
        let refusal = CallFate::Refused(500, "InternalError");
        if is_read { refusal } else { CallFate::Served }
    });
    world.pass(Duration::from_mins(2)).await;
    world.apply("push", &spec("push"));
    becomes(
        &world,
        "False",
        "CredentialsMissing",
        Duration::from_secs(15),
    )
    .await;
    let message = ready(&world.object("push").unwrap())["message"].to_string();
    assert!(message.contains(ACCOUNT), "{message}");
    let settled = verdict(&world.object("settled").unwrap());
    assert_eq!(settled.0, "True", "{}", world.story.whole());
    world.delete("settled");
    let is_gone = |world: &ControllerWorld| world.object("settled").is_none();
    assert!(world.until(SOON, is_gone).await, "{}", world.story.whole());
    assert!(world.rows(&domain("settled")).is_empty());
    script.ends();
    becomes(&world, "True", "Available", Duration::from_mins(2)).await;
}

/// A write of ours makes void what any account of the project has seen of the place.
#[tokio::test(start_paused = true)]
async fn what_another_account_saw_before_our_write_frees_no_place() {
    let (_script, mut world) = Script::with_world();
    world
        .cloud()
        .settings(|settings| settings.uniqueness = false);
    world.secret("other", &account("AKSECOND"));
    let by_other = |app: &str| {
        let mut spec = spec("push");
        spec["app"] = json!(app);
        spec["credentialsSecretRef"]["name"] = json!("other");
        spec
    };
    world.start();
    // By its look the other account knows that the place is free.
    world.apply("before", &by_other("b"));
    world.pass(Duration::from_secs(3)).await;
    let mut kept = spec("push");
    kept["deletionPolicy"] = json!("Retain");
    world.apply("first", &kept);
    world.pass(Duration::from_secs(3)).await;
    world.apply("second", &by_other("live"));
    world.pass(Duration::from_secs(3)).await;
    world.delete("first");
    world.pass(Duration::from_secs(30)).await;
    let rows = world.rows(&domain("push"));
    let here = rows.iter().filter(|row| row.app == "live").count();
    assert_eq!(here, 1, "{}", world.story.whole());
    let second = verdict(&world.object("second").unwrap());
    assert_eq!(second.0, "True", "{}", world.story.whole());
}
