//! What goes is forgotten: what is remembered of objects, and the metrics of projects.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use live_simulator::RowPatch;
use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot::channel;
use tokio::time::timeout;

use super::object::{NAMESPACE, PROJECT, key, spec};
use super::script::{Script, settle};
use super::trouble::{CloudCallFate, Peace, Troubled, TroubledAnswer, reply};
use super::world::{ControllerWorld, account};
use crate::api::RecordingCallback;
use crate::api::status::Status;
use crate::controller::clean_up::{self, Leftovers};
use crate::controller::gauges;
use crate::controller::index_updater::IndexUpdater;
use crate::controller::leftover::Leftover;
use crate::controller::store::ObjectStore;
use crate::plan::facts::place::Place;
use crate::terms::target::Target;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(start_paused = true)]
async fn what_comes_late_of_objects_that_have_gone_is_forgotten() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let world = ControllerWorld::new(&trouble);
    let context = world.idle();
    world.apply("push", &spec("push"));
    let there: RecordingCallback = serde_json::from_value(world.object("push").unwrap()).unwrap();
    context.index_object(&there);
    let uid = there.metadata.uid.unwrap();
    context
        .memories
        .with(&uid, |memory| memory.failed_reads = 7);
    context
        .memories
        .with("cleared away", |memory| memory.clearing = true);
    for number in 0..100 {
        // The answer to the patch that let it go comes after the watch has told that it went.
        let late = format!("gone-{number}");
        context
            .memories
            .with(&late, |memory| memory.released = false);
    }
    assert_eq!(context.memories.count(), 102);
    let counted = timeout(Duration::from_secs(1), gauges::run(&context, &[])).await;
    assert!(counted.is_err(), "it never ends");
    assert_eq!(context.memories.count(), 2);
    let reads = context.memories.with(&uid, |memory| memory.failed_reads);
    assert_eq!(reads, 7);
}

#[tokio::test(start_paused = true)]
async fn places_at_which_nothing_is_under_way_are_forgotten() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let world = ControllerWorld::new(&trouble);
    let context = world.idle();
    let target = Target {
        region: "cn-north-4".to_owned(),
        project_id: PROJECT.to_owned(),
        endpoint: String::new(),
    };
    let mut held = Vec::new();
    for number in 0..100 {
        let place = Place::new(&format!("push-{number}.example.com"), "live");
        held.push(context.places.lock(&target, &place).await);
    }
    held.truncate(2);
    assert_eq!(context.places.count(), 100);
    let counted = timeout(Duration::from_secs(1), gauges::run(&context, &[])).await;
    assert!(counted.is_err(), "it never ends");
    assert_eq!(context.places.count(), 2);
}

/// It left the selector and came back before its clean-up found it there: what was remembered since is of what is served.
#[tokio::test(start_paused = true)]
async fn what_came_back_while_it_was_to_be_cleared_away_is_remembered() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let world = ControllerWorld::new(&trouble);
    let context = world.idle();
    world.apply("push", &spec("push"));
    let there: RecordingCallback = serde_json::from_value(world.object("push").unwrap()).unwrap();
    let uid = there.metadata.uid.clone().unwrap();
    for is_ours in [true, false] {
        for is_back in [true, false] {
            context.index.remove(&uid);
            if is_back {
                context.index_object(&there);
            }
            context.memories.with(&uid, |memory| memory.posting = true);
            let leftover = Leftover {
                object: Arc::new(there.clone()),
                status: Status::default(),
                record: None,
                attempt_seen: None,
                made: None,
                account: None,
                is_ours,
            };
            let (sender, leftovers) = unbounded_channel();
            sender.send(leftover).ok().unwrap();
            drop(sender);
            clean_up::run(&context, Leftovers::new(leftovers), channel().1).await;
            let is_known = context.memories.with(&uid, |memory| memory.posting);
            assert_eq!(is_known, is_back, "ours: {is_ours}");
        }
    }
}

/// The API server's storage was restored from a backup, and the watch lists by itself: nothing of newer versions counts any more.
#[tokio::test(start_paused = true)]
async fn what_a_list_shows_in_an_older_version_is_what_there_is() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let world = ControllerWorld::new(&trouble);
    let context = Arc::new(world.idle());
    let store = ObjectStore::default();
    let updater = IndexUpdater::new(Arc::clone(&context), store.clone(), true);
    world.apply("push", &spec("push"));
    let at = |version: u64, domain: &str| {
        let mut object = world.object("push").unwrap();
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        object["spec"]["publishDomain"] = json!(domain);
        serde_json::from_value::<RecordingCallback>(object).unwrap()
    };
    let list = |object: RecordingCallback| {
        let events = [Event::Init, Event::InitApply(object), Event::InitDone];
        for event in events {
            updater.apply(&event);
            store.apply(&event, 0);
        }
    };
    list(at(9000, "new.example.com"));
    let written = Arc::new(at(9001, "new.example.com"));
    let uid = written.metadata.uid.clone().unwrap();
    context
        .memories
        .with(&uid, |memory| memory.written = Some(written));
    list(at(5000, "old.example.com"));
    context.store_in(&[store]);
    let newest = context.newest(&ObjectRef::new("push").within(NAMESPACE));
    assert_eq!(newest.unwrap().spec.publish_domain, "old.example.com");
}

/// The age of the only project's inventory, in seconds.
fn age(world: &ControllerWorld) -> Option<f64> {
    let samples = world.samples("inventory_age_seconds");
    assert!(samples.len() <= 1, "{samples:?}");
    let (_, age) = samples.first()?.rsplit_once(' ')?;
    age.parse().ok()
}

fn assert_age(world: &ControllerWorld, fits: impl Fn(f64) -> bool) {
    let age = age(world);
    assert!(age.is_some_and(fits), "{age:?}");
}

#[tokio::test(start_paused = true)]
async fn a_project_in_which_nothing_is_compared_has_no_age() {
    for goes in ["deleted", "suspended"] {
        let (_script, mut world) = Script::with_world();
        world.start();
        settle(&world, "push", &spec("push")).await;
        world.pass(HOUR).await;
        assert_age(&world, |age| age < 900.0);
        assert_eq!(world.samples("unmanaged_callbacks").len(), 1);
        match goes {
            "deleted" => world.delete("push"),
            _ => world.merge("push", &json!({"spec": {"suspend": true}})),
        }
        world.pass(Duration::from_mins(1)).await;
        assert_eq!(age(&world), None, "{goes}");
        assert!(world.samples("unmanaged_callbacks").is_empty(), "{goes}");
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_project_that_is_too_large_to_be_listed_whole_is_told_as_listed() {
    let (_script, mut world) = Script::with_world();
    for number in 0..4_001 {
        let domain = format!("other-{number}.example.com");
        world
            .cloud()
            .insert_row(PROJECT, &domain, "live", &RowPatch::default());
    }
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.pass(HOUR).await;
    assert_age(&world, |age| age < 900.0);
    assert!(world.samples("unmanaged_callbacks").is_empty());
    // While its only domain can't be listed the age grows.
    world.no_secret(super::object::ACCOUNT);
    world.server.edit(&key("push"), |_| {});
    world.pass(HOUR).await;
    assert_age(&world, |age| age > 2_400.0);
}

/// Another address that the project is reached at.
const ELSEWHERE: &str = "https://live.cn-north-4.myhuaweicloud.eu";

/// Two objects of a project, each with an account of its own.
async fn two_accounts() -> (Arc<Script>, ControllerWorld) {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    let elsewhere: Vec<_> = account("AKSECOND")
        .into_iter()
        .chain([("live_endpoint", ELSEWHERE)])
        .collect();
    world.secret("elsewhere", &elsewhere);
    let mut other = spec("other");
    other["credentialsSecretRef"] = json!({"name": "elsewhere"});
    settle(&world, "other", &other).await;
    (script, world)
}

/// What an account compares no other one of the project does, and nobody remembers it but this process.
#[tokio::test(start_paused = true)]
async fn the_account_that_is_furthest_behind_is_told_after_a_restart_too() {
    let (script, mut world) = two_accounts().await;
    world.pass(HOUR).await;
    assert_age(&world, |age| age < 900.0);
    script.cloud(|call| CloudCallFate {
        answer: if call.url.contains(ELSEWHERE) {
            TroubledAnswer::Reply(reply(503, ""))
        } else {
            TroubledAnswer::True
        },
        ..CloudCallFate::default()
    });
    world.pass(3 * HOUR).await;
    assert_age(&world, |age| age > 10_000.0);
    world.restart().await;
    world.pass(3 * HOUR).await;
    assert_age(&world, |age| (10_000.0..10_900.0).contains(&age));
    script.ends();
    world.pass(HOUR / 3).await;
    assert_age(&world, |age| age < 900.0);
    world.kill().await;
}

/// Whatever another account of the project is shown.
#[tokio::test(start_paused = true)]
async fn what_one_account_sees_that_belongs_to_no_object_is_told() {
    let (script, mut world) = two_accounts().await;
    world
        .cloud()
        .insert_row(PROJECT, "stray.example.com", "live", &RowPatch::default());
    // The lists of the other one are without it.
    script.cloud(|call| CloudCallFate {
        answer: if call.url.contains(ELSEWHERE) {
            TroubledAnswer::Edited(Arc::new(|response| {
                let mut page: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
                if let Some(rows) = page["callback_config"].as_array_mut() {
                    rows.retain(|row| row["publish_domain"] != "stray.example.com");
                    page["total"] = rows.len().into();
                }
                response.body = page.to_string().into();
            }))
        } else {
            TroubledAnswer::True
        },
        ..CloudCallFate::default()
    });
    let is_told = |world: &ControllerWorld| {
        let told = world.samples("unmanaged_callbacks");
        told.iter().any(|sample| sample.ends_with(" 1"))
    };
    assert!(world.until(HOUR, is_told).await, "{}", world.story.whole());
    assert!(!world.until(HOUR, |world| !is_told(world)).await);
    world.kill().await;
}

/// It tells so itself.
#[tokio::test(start_paused = true)]
async fn an_object_whose_callback_is_in_another_project_holds_up_no_age() {
    let (_script, mut world) = two_accounts().await;
    let moved = account("AKSECOND").map(|(name, value)| match name {
        "project_id" => (name, "another-project"),
        _ => (name, value),
    });
    world.secret("elsewhere", &moved);
    world.pass(3 * HOUR).await;
    let (_, reason) = super::object::verdict(&world.object("other").unwrap());
    assert_eq!(reason, "TargetChanged");
    assert_age(&world, |age| age < 900.0);
    world.kill().await;
}
