//! Objects that go, or change, while the watch says nothing of them: what this process read or wrote of them itself is newer than what the
//! watch has brought.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use live_simulator::RowPatch;
use serde_json::json;

use super::object::{HOOKS, PROJECT, domain, key, spec};
use super::script::{Script, becomes, settle};
use super::server::WatchDelivery;
use super::trouble::{CallFate, CloudCallFate};
use super::world::{ControllerWorld, OTHER_SIGN_KEY};

/// From now on watches tell nothing of these.
fn silent_on(world: &ControllerWorld, names: &[&str]) {
    let delivery = WatchDelivery {
        silent_on: names.iter().map(|name| key(name)).collect(),
        ..WatchDelivery::default()
    };
    world.server.set_delivery(delivery);
}

/// How it comes to light that `push` has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndShown {
    /// The list lacks it.
    Missing,
    /// Another one has its name.
    Replaced,
    /// The storage is restored from a backup of before it, and the list shows that.
    Undone,
}

/// The watch falls silent at one moment of the object's create, which takes some seconds, and at another the object goes.
async fn goes_unseen(silent_at: Duration, gone_at: Duration, shown: EndShown) {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "beside", &spec("beside")).await;
    let backup = world.server.version();
    let touched = json!({"metadata": {"annotations": {"team": "media"}}});
    world.merge("beside", &touched);
    script.cloud(|_| CloudCallFate {
        after: Duration::from_secs(2),
        ..CloudCallFate::default()
    });
    world.apply("push", &spec("push"));
    world.pass(silent_at).await;
    silent_on(&world, &["push"]);
    world.pass(gone_at.saturating_sub(silent_at)).await;
    if shown == EndShown::Undone {
        world.server.go_back(backup);
    } else {
        world.take_away(&key("push"));
    }
    if shown == EndShown::Replaced {
        silent_on(&world, &[]);
        let mut other = spec("push");
        other["publishDomain"] = domain("other").into();
        world.apply("push", &other);
    } else {
        world.server.expire();
    }
    world.pass(Duration::from_mins(2)).await;
    let rows = world.rows(&domain("push"));
    assert!(
        rows.is_empty(),
        "silent after {silent_at:?}, gone after {gone_at:?}, {shown:?}\n{}",
        world.story.whole()
    );
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_made_for_an_object_and_goes_unseen_with_it_is_cleared_away() {
    for shown in [EndShown::Missing, EndShown::Replaced, EndShown::Undone] {
        for gone in 1..=6 {
            for silent in 0..gone {
                let at = |second: u64| Duration::from_millis(500 + 1_000 * second);
                Box::pin(goes_unseen(at(silent), at(gone), shown)).await;
            }
        }
    }
}

/// `push` is settled with one policy, and gets another that only a read of this process shows, made for a key that was rotated.
async fn goes_with_policy(first: &str, last: &str) -> ControllerWorld {
    let (_script, mut world) = Script::with_world();
    world.start();
    let mut keyed = spec("push");
    keyed["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
    keyed["deletionPolicy"] = json!(first);
    settle(&world, "push", &keyed).await;
    silent_on(&world, &["push"]);
    world.merge("push", &json!({"spec": {"deletionPolicy": last}}));
    world.secret(HOOKS, &[("sign", OTHER_SIGN_KEY)]);
    let is_read = |world: &ControllerWorld| {
        let row = &world.rows(&domain("push"))[0];
        let key = row.key.as_ref().map(|key| key.reveal().to_owned());
        key.as_deref() == Some(OTHER_SIGN_KEY)
    };
    let read = world.until(Duration::from_mins(3), is_read).await;
    assert!(read, "{}", world.story.whole());
    world.pass(Duration::from_secs(5)).await;
    world.take_away(&key("push"));
    world.server.expire();
    world.pass(Duration::from_mins(2)).await;
    world
}

#[tokio::test(start_paused = true)]
async fn what_goes_unseen_goes_by_the_policy_that_was_read_last() {
    for (first, last, stays) in [("Delete", "Retain", 1), ("Retain", "Delete", 0)] {
        let mut world = goes_with_policy(first, last).await;
        let rows = world.rows(&domain("push")).len();
        assert_eq!(rows, stays, "{first}, {last}\n{}", world.story.whole());
        world.kill().await;
    }
}

/// What is to be done for an object that nobody knows to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DueWork {
    Create,
    Update,
    Look,
}

/// So long a watch may say nothing.
const SILENCE: Duration = Duration::from_mins(9);
/// As often as half a minute and the poll of its Secret come round, and what came before it was noticed.
const READS: usize = 32;

#[tokio::test(start_paused = true)]
async fn what_went_unseen_is_asked_for_seldom_and_costs_no_calls() {
    for due in [DueWork::Create, DueWork::Update, DueWork::Look] {
        let (script, mut world) = Script::with_world();
        let mut keyed = spec("push");
        keyed["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
        world.start();
        match due {
            DueWork::Create => {
                script.cloud(|_| CloudCallFate {
                    after: Duration::from_secs(3),
                    ..CloudCallFate::default()
                });
                world.apply("push", &keyed);
                world.pass(Duration::from_secs(1)).await;
            }
            DueWork::Update => settle(&world, "push", &keyed).await,
            DueWork::Look => {
                let other = RowPatch {
                    notify_callback_url: Some("https://hooks.example.com/other".to_owned()),
                    ..RowPatch::default()
                };
                let cloud = world.cloud();
                cloud.insert_row(PROJECT, &domain("push"), "live", &other);
                world.apply("push", &keyed);
                becomes(&world, "False", "Conflict", Duration::from_mins(1)).await;
            }
        }
        silent_on(&world, &["push"]);
        world.take_away(&key("push"));
        world.secret(HOOKS, &[("sign", OTHER_SIGN_KEY)]);
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        script.server(move |call| {
            counted.fetch_add(usize::from(call.name == "push"), Ordering::SeqCst);
            CallFate::Served
        });
        let before = world.calls().len();
        world.pass(SILENCE).await;
        let of_object = world.calls().split_off(before).into_iter();
        let calls = of_object.filter(|made| made.call.domain == Some(domain("push")));
        let (asked, calls) = (asked.load(Ordering::SeqCst), calls.count());
        let description = format!("{due:?}: {asked} reads and writes, {calls} calls");
        println!("{description}");
        assert!(
            asked <= READS && calls <= 3,
            "{description}\n{}",
            world.story.whole()
        );
        world.kill().await;
    }
}
