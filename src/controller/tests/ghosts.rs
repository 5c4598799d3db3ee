//! Objects that went unseen, and objects that are not seen yet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::object::{ACCOUNT, NAMESPACE, domain, key, ready, spec, verdict};
use super::script::{Script, becomes, settle};
use super::server::{StoreKey, WatchDelivery};
use super::trouble::{CallFate, Verb};
use super::world::{ControllerWorld, account};
use crate::config::names::Namespaces;

/// Another namespace that is served.
const ELSEWHERE: &str = "elsewhere";

fn with_two_namespaces() -> (Arc<Script>, ControllerWorld) {
    let (script, mut world) = Script::with_world();
    world.configure(|config| {
        config.namespaces = Namespaces(vec![NAMESPACE.to_owned(), ELSEWHERE.to_owned()]);
    });
    (script, world)
}

/// `push` is settled, and `again` wants the same place; then the operator is killed.
async fn with_a_duplicate(world: &mut ControllerWorld) {
    world.start();
    settle(world, "push", &spec("push")).await;
    world.apply("again", &spec("push"));
    let is_reported = |world: &ControllerWorld| {
        let ready_condition = ready(&world.object("again").unwrap());
        ready_condition["reason"] == "Duplicate"
            && ready_condition["message"]
                .to_string()
                .contains("media/push")
    };
    assert!(world.until(Duration::from_secs(30), is_reported).await);
    world.pass(Duration::from_mins(1)).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_end_was_not_told_holds_nothing_from_its_namesake() {
    let (_script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    let silent_on = |keys: &[StoreKey]| WatchDelivery {
        silent_on: keys.iter().cloned().collect::<BTreeSet<_>>(),
        ..WatchDelivery::default()
    };
    world.server.set_delivery(silent_on(&[key("push")]));
    let wiped = json!({"metadata": {"annotations": null, "finalizers": null}});
    world.merge("push", &wiped);
    world.delete("push");
    assert!(world.object("push").is_none());
    world.server.set_delivery(silent_on(&[]));
    settle(&world, "push", &spec("push")).await;
    world.pass(Duration::from_mins(5)).await;
    let rows = world.rows(&domain("push"));
    assert_eq!(rows.len(), 1, "{}", world.story.whole());
    let object = world.object("push").unwrap();
    assert_eq!(object["status"]["callbackID"], rows[0].id.as_str());
    assert_eq!(verdict(&object).0, "True", "{}", world.story.whole());
}

/// The owner of a place is in a namespace whose first list takes long after a restart.
#[tokio::test(start_paused = true)]
async fn a_duplicate_takes_nothing_over_before_all_namespaces_are_listed() {
    let (script, mut world) = with_two_namespaces();
    let name = |name: &str| (ELSEWHERE.to_owned(), name.to_owned());
    world.secret_in(ELSEWHERE, ACCOUNT, &account("AKFIRST"));
    world.start();
    world.server.create(&name("owner"), &spec("push"));
    world.pass(Duration::from_secs(10)).await;
    let mut other = spec("push");
    other["adoptionPolicy"] = json!("Always");
    other["deletionPolicy"] = json!("Delete");
    other["notifyCallbackURL"] = json!("https://hooks.example.com/other");
    world.apply("push", &other);
    world.apply("again", &other);
    let reason = |world: &ControllerWorld, name| verdict(&world.object(name).unwrap()).1;
    let is_reported = |world: &ControllerWorld| {
        ["push", "again"]
            .iter()
            .all(|name| reason(world, name) == "Duplicate")
    };
    let reported = world.until(Duration::from_secs(30), is_reported).await;
    assert!(reported, "{}", world.story.whole());
    world.pass(Duration::from_mins(1)).await;

    world.kill().await;
    script.server(|call| {
        let is_late = call.verb == Verb::List && call.namespace == ELSEWHERE;
        let late = CallFate::Late(Duration::from_mins(5));
        if is_late { late } else { CallFate::Served }
    });
    world.start();
    settle(&world, "beside", &spec("beside")).await;
    assert!(is_reported(&world), "{}", world.story.whole());
    // Nor does one that is new, whatever its policy: the row may be that of an object that is not known yet.
    world.apply("fresh", &other);
    let waits = |world: &ControllerWorld| reason(world, "fresh") == "Creating";
    assert!(world.until(Duration::from_secs(10), waits).await);
    // One that goes leaves the owner's callback alone.
    world.delete("push");
    let is_gone = |world: &ControllerWorld| world.object("push").is_none();
    assert!(world.until(Duration::from_secs(5), is_gone).await);
    world.pass(Duration::from_mins(5)).await;
    for name in ["again", "fresh"] {
        assert_eq!(reason(&world, name), "Duplicate", "{}", world.story.whole());
    }
    let changes = world.calls().into_iter();
    let changes = changes.filter(|made| made.call.domain == Some(domain("push")));
    let changes = changes.filter(|made| made.call.method != Method::GET);
    assert_eq!(changes.count(), 1, "{}", world.story.whole());

    // One that stays takes the place over when the owner goes.
    world.server.delete(&name("owner"));
    let is_ready = |world: &ControllerWorld| {
        let objects = ["again", "fresh"].map(|name| world.object(name).unwrap());
        let ready = objects.iter().filter(|object| verdict(object).0 == "True");
        ready.count() == 1
    };
    let ready = world.until(Duration::from_mins(1), is_ready).await;
    assert!(ready, "{}", world.story.whole());
}

/// A namespace that is refused for ever is one that we are not to see: who waits for an owner there waits for 10 minutes.
#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_refused_for_ever_holds_up_no_duplicate_for_ever() {
    let (script, mut world) = with_two_namespaces();
    with_a_duplicate(&mut world).await;
    let reason = |world: &ControllerWorld| verdict(&world.object("again").unwrap()).1;
    let is_reported = |world: &ControllerWorld| reason(world) == "Duplicate";
    script.server(|call| {
        let is_refused = call.verb == Verb::List && call.namespace == ELSEWHERE;
        let refusal = CallFate::Refused(403, "Forbidden");
        if is_refused {
            refusal
        } else {
            CallFate::Served
        }
    });
    world.start();
    settle(&world, "beside", &spec("beside")).await;
    world.delete("push");
    world.pass(Duration::from_mins(5)).await;
    assert!(is_reported(&world), "{}", world.story.whole());
    let is_ready = |world: &ControllerWorld| verdict(&world.object("again").unwrap()).0 == "True";
    let ready = world.until(Duration::from_mins(10), is_ready).await;
    assert!(ready, "{}", world.story.whole());
}

/// A Duplicate whose owner went while another namespace is silent is not told of an owner that is gone.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_list_says_so() {
    let (script, mut world) = with_two_namespaces();
    with_a_duplicate(&mut world).await;
    let message =
        |world: &ControllerWorld| ready(&world.object("again").unwrap())["message"].clone();
    let names_owner = |world: &ControllerWorld| message(world).to_string().contains("media/push");
    script.server(|call| {
        let is_broken = call.verb == Verb::List && call.namespace == ELSEWHERE;
        let broken = CallFate::Refused(500, "InternalError");
        if is_broken { broken } else { CallFate::Served }
    });
    world.start();
    settle(&world, "beside", &spec("beside")).await;
    world.delete("push");
    let says_so = |world: &ControllerWorld| message(world).to_string().contains("not listed yet");
    let is_reported = world.until(Duration::from_mins(1), says_so).await;
    assert!(
        is_reported && !names_owner(&world),
        "{}",
        world.story.whole()
    );
    script.ends();
    let is_ready = |world: &ControllerWorld| verdict(&world.object("again").unwrap()).0 == "True";
    let ready = world.until(Duration::from_mins(2), is_ready).await;
    assert!(ready, "{}", world.story.whole());
}

/// A list shows for a while what the process before this one deleted: what was taken over for that is made anew when it has caught up, and
/// not only by the next sweep.
#[tokio::test(start_paused = true)]
async fn what_another_process_deleted_is_not_taken_over_for_long() {
    let (_script, mut world) = Script::with_world();
    world.configure(|config| config.resync_interval = Duration::from_hours(24));
    world.start();
    settle(&world, "push", &spec("push")).await;
    let cloud = world.cloud();
    cloud.settings(|settings| settings.list_lag_ms = 20_000);
    world.delete("push");
    let is_gone = |world: &ControllerWorld| world.object("push").is_none();
    assert!(world.until(Duration::from_secs(10), is_gone).await);
    world.restart().await;
    let mut alike = spec("push");
    alike["adoptionPolicy"] = json!("IfIdentical");
    world.apply("push", &alike);
    let is_made = |world: &ControllerWorld| world.rows(&domain("push")).len() == 1;
    let made = world.until(Duration::from_mins(1), is_made).await;
    assert!(made, "{}", world.story.whole());
    becomes(&world, "True", "Available", Duration::from_mins(1)).await;
    let object = world.object("push").unwrap();
    let rows = world.rows(&domain("push"));
    assert_eq!(object["status"]["callbackID"], rows[0].id.as_str());
    assert_eq!(object["status"]["adopted"], false);
    let calls = world.calls().len();
    world.pass(Duration::from_hours(1)).await;
    assert_eq!(world.calls().len(), calls, "{}", world.story.whole());
}
