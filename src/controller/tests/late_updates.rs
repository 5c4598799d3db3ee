//! Updates that are given up, and that the cloud carries out later than that of the next edit. What they bring is our own doing: it is put
//! right when their settle time is over, by one look and one update, and nobody is blamed for it.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use live_simulator::settings::Contract;
use serde_json::json;

use super::object::{HOOKS, domain, spec, verdict};
use super::script::{Script, settle};
use super::trouble::CloudCallFate;
use super::world::ControllerWorld;
use crate::api::RECONCILE_REQUESTED_AT;

/// So long after it was sent an update is given up, and a little.
const GIVEN_UP: Duration = Duration::from_secs(16);
/// So long after it was sent it is carried out.
const LATE: Duration = Duration::from_secs(25);
/// The settle time, and a little.
const SETTLED: Duration = Duration::from_secs(32);
/// Two sweeps, and a little.
const SWEPT: Duration = Duration::from_mins(25);
const NEXT: &str = "https://hooks.example.com/next";

/// What becomes of the process.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ProcessFate {
    GoesOn,
    /// It ends before the late update is carried out, and another begins at once.
    Restarts,
    /// The same, and the other one begins long after it was.
    StaysAway,
}

fn url(world: &ControllerWorld) -> String {
    let rows = world.rows(&domain("push"));
    rows[0].notify_callback_url.clone().unwrap_or_default()
}

fn edit(world: &ControllerWorld, url: &str) {
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
}

/// The next update is carried out late, and given up before.
fn delay_updates(script: &Arc<Script>) {
    script.cloud(|call| CloudCallFate {
        before: if call.method == Method::PUT {
            LATE
        } else {
            Duration::ZERO
        },
        ..CloudCallFate::default()
    });
}

/// How often this object was looked at.
fn looks(world: &ControllerWorld) -> usize {
    let calls = world.calls().into_iter();
    calls
        .filter(|made| made.call.method == Method::GET && made.call.domain.is_some())
        .count()
}

fn is_ready(world: &ControllerWorld) -> bool {
    verdict(&world.object("push").unwrap()).0 == "True"
}

/// Edits to these are given up one after the other, and the next one is answered.
async fn overtaken(lost: &[&str], fate: ProcessFate, contract: Contract) {
    let (script, mut world) = Script::with_world();
    let story = |world: &ControllerWorld| format!("{lost:?} {fate:?}\n{}", world.story.whole());
    world
        .cloud()
        .settings(|settings| settings.contract = contract);
    world.start();
    settle(&world, "push", &spec("push")).await;
    delay_updates(&script);
    for lost in lost {
        edit(&world, lost);
        world.pass(GIVEN_UP).await;
    }
    script.ends();
    edit(&world, NEXT);
    assert!(world.until(Duration::from_secs(3), is_ready).await);
    assert_eq!(url(&world), NEXT, "{}", story(&world));
    let before = looks(&world);
    if fate != ProcessFate::GoesOn {
        world.kill().await;
    }
    if fate == ProcessFate::Restarts {
        world.start();
    }
    world.pass(LATE.saturating_sub(GIVEN_UP)).await;
    assert_eq!(url(&world), lost[lost.len() - 1], "{}", story(&world));
    world
        .pass(SETTLED.saturating_sub(LATE.saturating_sub(GIVEN_UP)))
        .await;
    if fate == ProcessFate::StaysAway {
        world.pass(Duration::from_mins(2)).await;
        world.start();
        world.pass(Duration::from_secs(5)).await;
    }
    assert_eq!(url(&world), NEXT, "{}", story(&world));
    assert!(is_ready(&world), "{}", story(&world));
    assert_eq!(
        world.count(&Method::PUT),
        lost.len() + 2,
        "{}",
        story(&world)
    );
    assert_eq!(looks(&world), before + 1, "{}", story(&world));
    world.pass(SWEPT).await;
    assert_eq!(
        world.count(&Method::PUT),
        lost.len() + 2,
        "{}",
        story(&world)
    );
    assert!(is_ready(&world), "{}", story(&world));
    blames_nobody(&world);
    world.kill().await;
}

fn blames_nobody(world: &ControllerWorld) {
    let repaired = world.samples("drift_repaired_total");
    assert_eq!(repaired.len(), 1);
    assert!(
        repaired[0].ends_with(" 0"),
        "{repaired:?}\n{}",
        world.story.whole()
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_update_brings_late_is_put_right_by_one_and_nobody_is_blamed() {
    let (first, second) = (
        "https://hooks.example.com/first",
        "https://hooks.example.com/second",
    );
    for fate in [
        ProcessFate::GoesOn,
        ProcessFate::Restarts,
        ProcessFate::StaysAway,
    ] {
        overtaken(&[first], fate, Contract::Modern).await;
        overtaken(&[first, second], fate, Contract::Modern).await;
    }
    overtaken(&[first], ProcessFate::GoesOn, Contract::Original).await;
}

/// An update that is given up, made again, and carried out twice.
#[tokio::test(start_paused = true)]
async fn an_update_that_is_made_again_is_looked_at_once_and_its_key_sent_once_more() {
    for keyed in [false, true] {
        let (script, mut world) = Script::with_world();
        world.start();
        let mut spec = spec("push");
        if keyed {
            spec["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
        }
        settle(&world, "push", &spec).await;
        delay_updates(&script);
        edit(&world, NEXT);
        world.pass(GIVEN_UP).await;
        script.ends();
        assert!(world.until(Duration::from_secs(5), is_ready).await);
        let before = looks(&world);
        world.pass(SETTLED).await;
        let puts = 2 + usize::from(keyed);
        assert_eq!(looks(&world), before + 1, "{keyed} {}", world.story.whole());
        assert_eq!(
            world.count(&Method::PUT),
            puts,
            "{keyed} {}",
            world.story.whole()
        );
        world.pass(SWEPT).await;
        assert_eq!(
            world.count(&Method::PUT),
            puts,
            "{keyed} {}",
            world.story.whole()
        );
        assert!(is_ready(&world), "{}", world.story.whole());
        blames_nobody(&world);
        world.kill().await;
    }
}

/// Who only looks tells what an update brings late, too.
#[tokio::test(start_paused = true)]
async fn who_only_looks_tells_what_an_update_brings_late() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    delay_updates(&script);
    edit(&world, "https://hooks.example.com/first");
    world.pass(GIVEN_UP).await;
    script.ends();
    edit(&world, NEXT);
    assert!(world.until(Duration::from_secs(3), is_ready).await);
    world.merge(
        "push",
        &json!({"spec": {"managementPolicy": "Observe"}, "metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}}),
    );
    world.pass(Duration::from_secs(2)).await;
    assert!(is_ready(&world), "{}", world.story.whole());
    world.pass(SETTLED).await;
    assert!(!is_ready(&world), "{}", world.story.whole());
}
