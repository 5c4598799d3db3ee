//! What an object that was taken away by force has left, where its clean-up has to wait, where the process ends beside it, and where two
//! could leave it to each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use http::Method;
use kube::runtime::watcher::Event;

use super::lies::dated;
use super::object::{domain, key, spec};
use super::script::{Script, settle};
use super::trouble::{CallFate, CloudCallFate, Peace, Troubled, TroubledAnswer, reply};
use super::world::ControllerWorld;
use crate::api::RecordingCallback;
use crate::controller::ObjectEvent;
use crate::controller::index_updater::IndexUpdater;
use crate::controller::store::ObjectStore;
use crate::declared::parse;

const CROWD: usize = 60;
/// What work in flight has when the process is asked to stop.
const DRAIN: Duration = Duration::from_secs(8);
/// How long another thread gets to show what it does.
const PATIENCE: Duration = Duration::from_secs(5);

/// The create of `push` is answered late, by `answer`.
fn answers_late(script: &Script, answer: TroubledAnswer) {
    script.cloud(move |call| {
        let mut fate = CloudCallFate::default();
        if call.method == Method::POST && call.domain == Some(domain("push")) {
            fate.after = Duration::from_secs(3);
            fate.answer = answer.clone();
        }
        fate
    });
}

fn is_made(world: &ControllerWorld) -> bool {
    !world.rows(&domain("push")).is_empty()
}

/// Has `push` made, and takes it away by force before that is answered.
async fn is_taken_away_once_made(world: &ControllerWorld) {
    world.apply("push", &spec("push"));
    let made = world.until(Duration::from_mins(2), is_made).await;
    assert!(made, "{}", world.story.whole());
    world.take_away(&key("push"));
}

/// The quota is short, and others want it: a clean-up waits for its turn like they do, and has no object that it could tell that.
#[tokio::test(start_paused = true)]
async fn a_clean_up_waits_for_its_turn_and_writes_nothing() {
    let (script, mut world) = Script::with_world();
    world.configure(|config| config.requests_per_minute = 2);
    answers_late(&script, TroubledAnswer::Broken);
    world.start();
    is_taken_away_once_made(&world).await;
    for number in 0..CROWD {
        let name = format!("wave-{number}");
        world.apply(&name, &spec(&name));
    }
    // By then the create is answered, and whoever made it has found the object gone.
    world.pass(Duration::from_secs(5)).await;
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&writes);
    script.server(move |call| {
        let is_written = call.verb.writes() && call.name == "push";
        counted.fetch_add(usize::from(is_written), Ordering::SeqCst);
        CallFate::Served
    });
    let is_cleared = |world: &ControllerWorld| !is_made(world);
    let cleared = world.until(Duration::from_mins(3), is_cleared).await;
    assert!(cleared, "{}", world.story.whole());
    let writes = writes.load(Ordering::SeqCst);
    assert_eq!(writes, 0, "{}", world.story.whole());
}

/// Its object goes while the process drains: what the create made is deleted, be it named by the answer or first to be found.
#[tokio::test(start_paused = true)]
async fn what_is_left_while_the_process_drains_is_cleared_away_by_it() {
    for answer in [TroubledAnswer::True, TroubledAnswer::Broken] {
        let (script, mut world) = Script::with_world();
        answers_late(&script, answer);
        world.start();
        is_taken_away_once_made(&world).await;
        world.drain();
        world.pass(DRAIN).await;
        assert!(!is_made(&world), "{}", world.story.whole());
        assert!(world.has_ended(), "{}", world.story.whole());
    }
}

/// One that waits for its next try, which may be minutes off, holds nobody up.
#[tokio::test(start_paused = true)]
async fn the_process_ends_without_a_clean_up_that_failed() {
    let (script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    script.cloud(|call| {
        let mut fate = CloudCallFate::default();
        if call.method == Method::DELETE {
            fate.carried_out = false;
            fate.answer = TroubledAnswer::Reply(reply(503, ""));
        }
        fate
    });
    world.take_away(&key("push"));
    world.pass(Duration::from_mins(1)).await;
    assert!(world.count(&Method::DELETE) > 1, "{}", world.story.whole());
    world.drain();
    world.pass(Duration::from_secs(1)).await;
    assert!(world.has_ended(), "{}", world.story.whole());
    assert!(is_made(&world));
}

/// The create is carried out long after it was given up, and by then the object has gone; all answers since tell of a clock that is ahead. What
/// shows nothing in the meantime proves nothing, however late it says that it is.
#[tokio::test(start_paused = true)]
async fn what_is_made_late_is_cleared_away_whatever_the_clouds_clock_says() {
    let (script, mut world) = Script::with_world();
    let mut is_sent = false;
    script.cloud(move |call| {
        let mut fate = CloudCallFate::default();
        if call.method == Method::POST {
            is_sent = true;
            fate.before = Duration::from_secs(25);
            fate.answer = TroubledAnswer::Broken;
        } else if is_sent {
            fate.answer = TroubledAnswer::Edited(Arc::new(|response| dated(response, 50)));
        }
        fate
    });
    world.start();
    world.apply("push", &spec("push"));
    let is_given_up = |world: &ControllerWorld| {
        let object = world.object("push").unwrap();
        object["status"]["lastOperation"]["outcome"] == "Unknown"
    };
    let given_up = world.until(Duration::from_secs(20), is_given_up).await;
    assert!(given_up, "{}", world.story.whole());
    world.take_away(&key("push"));
    assert!(!is_made(&world), "{}", world.story.whole());
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.count(&Method::POST), 1, "{}", world.story.whole());
    assert_eq!(world.count(&Method::DELETE), 1, "{}", world.story.whole());
    assert!(!is_made(&world), "{}", world.story.whole());
}

/// Whoever creates says first that it does no more, and asks then whether the object is there. The other way round neither would clear away:
/// it is seen here that the index forgets the object while nobody can ask who creates.
#[tokio::test(start_paused = true)]
async fn an_object_that_goes_is_off_the_index_before_it_is_asked_who_creates() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let world = ControllerWorld::new(&trouble);
    world.apply("push", &spec("push"));
    let object: RecordingCallback = serde_json::from_value(world.object("push").unwrap()).unwrap();
    let uid = parse::uid(&object);
    let told: Vec<ObjectEvent> = vec![Event::Delete(object.clone())];
    for goes in [told, vec![Event::Init, Event::InitDone]] {
        let (context, store) = (Arc::new(world.idle()), ObjectStore::default());
        let updater = IndexUpdater::new(Arc::clone(&context), store.clone(), true);
        let apply = |events: &[ObjectEvent]| {
            for event in events {
                updater.apply(event);
                store.apply(event, 0);
            }
        };
        apply(&[
            Event::Init,
            Event::InitApply(object.clone()),
            Event::InitDone,
        ]);
        assert!(context.index.has(&uid));
        thread::scope(|scope| {
            context.memories.with(&uid, |_| {
                scope.spawn(|| apply(&goes));
                let since = std::time::Instant::now();
                while context.index.has(&uid) && since.elapsed() < PATIENCE {
                    thread::yield_now();
                }
                assert!(!context.index.has(&uid), "{goes:?}");
            });
        });
    }
}
