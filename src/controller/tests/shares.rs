//! One namespace whose objects the API server answers slowly, beside another: the other's are served as if alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use live_simulator::RowPatch;
use serde_json::json;
use tokio::time::Instant;

use super::object::{ACCOUNT, PROJECT, domain, key, ready, spec, verdict};
use super::server::StoreKey;
use super::trouble::{CallFate, ServerCall, Troubled, Verb};
use super::world::{ControllerWorld, account};
use crate::fuzz::cases;

/// Just within the bound of a call.
const SLOW: Duration = Duration::from_secs(9);
const OBJECTS: usize = 60;
/// So many rows that a list of the project has more than one page, and is made while no create is under way.
const ROWS: usize = 150;
/// So many objects that are created at once that the whole project is listed for them.
const BATCH: usize = 40;
/// A create takes the most turns: to begin, and after its Secret, the look, the token, the POST, and before its event.
const TURNS: u32 = 6;

/// The API server takes its time for the objects of these namespaces.
struct SlowNamespaces(BTreeSet<String>);

impl Troubled for SlowNamespaces {
    fn at_server(&self, call: &ServerCall) -> CallFate {
        let is_of_object = call.verb == Verb::Get || call.verb.writes();
        if is_of_object && self.0.contains(&call.namespace) {
            CallFate::Late(SLOW)
        } else {
            CallFate::Served
        }
    }
}

fn neighbour(namespace: &str, number: usize) -> StoreKey {
    (namespace.to_owned(), format!("push-{number}"))
}

/// A world with that many workers, in which every neighbour has objects that have to be written, since their Secret is missing.
async fn beside(neighbours: &[&str], concurrency: usize, is_shared: bool) -> ControllerWorld {
    let slow = neighbours.iter().map(|&name| name.to_owned()).collect();
    let trouble: Arc<dyn Troubled> = Arc::new(SlowNamespaces(slow));
    let mut world = ControllerWorld::new(&trouble);
    world.configure(|config| config.concurrency = concurrency);
    if is_shared {
        world.apply("first", &spec("first"));
    }
    world.start();
    world.pass(Duration::from_secs(5)).await;
    for namespace in neighbours {
        for number in 0..OBJECTS {
            let name = format!("{namespace}-{number}");
            world
                .server
                .create(&neighbour(namespace, number), &spec(&name));
        }
    }
    world.pass(Duration::from_secs(1)).await;
    world
}

/// How many objects of a neighbour nobody has told anything yet.
fn untold(world: &ControllerWorld, namespace: &str) -> usize {
    let all = (0..OBJECTS).filter_map(|number| world.server.object(&neighbour(namespace, number)));
    all.filter(|object| ready(object).is_null()).count()
}

/// How long it takes until something is so.
async fn time_until(world: &ControllerWorld, is_so: impl Fn(&ControllerWorld) -> bool) -> Duration {
    let since = Instant::now();
    let limit = Duration::from_mins(30);
    assert!(world.until(limit, is_so).await, "{}", world.story.whole());
    since.elapsed()
}

/// How long a create, an edit and a delete take in another namespace, while the neighbours' objects wait.
async fn times_beside(neighbours: &[&str], concurrency: usize) -> [Duration; 3] {
    let mut world = beside(neighbours, concurrency, true).await;
    world.apply("push", &spec("push"));
    let is_ready = |world: &ControllerWorld| verdict(&world.object("push").unwrap()).0 == "True";
    let created = time_until(&world, is_ready).await;
    let url = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
    let is_edited = |world: &ControllerWorld| {
        world.rows(&domain("push"))[0]
            .notify_callback_url
            .as_deref()
            == Some(url)
            && is_ready(world)
    };
    let edited = time_until(&world, is_edited).await;
    world.delete("push");
    let deleted = time_until(&world, |world| world.server.object(&key("push")).is_none()).await;
    let times = [created, edited, deleted];
    for namespace in neighbours {
        let waiting = untold(&world, namespace);
        assert!(waiting > 0, "{namespace} was done meanwhile: {times:?}");
    }
    world.kill().await;
    times
}

#[tokio::test(start_paused = true)]
async fn beside_one_namespace_that_is_slow_nobody_waits() {
    for concurrency in [2, 4, 16] {
        let times = times_beside(&["neighbour"], concurrency).await;
        let longest = times.iter().max().unwrap();
        assert!(
            *longest <= Duration::from_secs(2),
            "{concurrency} workers: {times:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn with_one_worker_each_turn_waits_for_one_turn_of_each_other() {
    for neighbours in [&["neighbour"][..], &["neighbour", "other"]] {
        let each = SLOW * u32::try_from(neighbours.len()).unwrap() + Duration::from_secs(1);
        let times = times_beside(neighbours, 1).await;
        for time in times {
            assert!(time <= each * TURNS, "{neighbours:?}: {times:?}");
        }
    }
}

/// Somebody keeps changing the neighbour's objects, so that each write is refused and planned anew.
#[tokio::test(start_paused = true)]
async fn however_many_calls_one_makes_in_a_row_others_wait_for_one_at_a_time() {
    let mut world = beside(&["neighbour"], 1, true).await;
    let server = world.server.clone();
    let editor = tokio::spawn(async move {
        for edit in 0_u32.. {
            for number in 0..OBJECTS {
                server.edit(&neighbour("neighbour", number), |object| {
                    object["metadata"]["annotations"]["edit"] = json!(edit.to_string());
                });
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    world.pass(SLOW * 2).await;
    world.apply("push", &spec("push"));
    let created = time_until(&world, |world| {
        verdict(&world.object("push").unwrap()).0 == "True"
    });
    let created = created.await;
    let most = (SLOW + Duration::from_secs(1)) * TURNS;
    assert!(created <= most, "{created:?}");
    editor.abort();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_alone_has_all_workers() {
    const CONCURRENCY: usize = 4;
    let world = beside(&["neighbour"], CONCURRENCY, false).await;
    let rounds = u32::try_from(OBJECTS / CONCURRENCY).unwrap();
    let taken = time_until(&world, |world| untold(world, "neighbour") == 0).await;
    assert!(taken <= SLOW * rounds + Duration::from_secs(2), "{taken:?}");
}

/// Its creates are in the same project. A sweep that creates wait for waits for those under way, and they for no worker of their own.
#[tokio::test(start_paused = true)]
async fn creates_of_one_project_wait_for_no_worker_of_a_namespace_that_is_slow() {
    for (objects, pause) in cases([(OBJECTS, 11), (OBJECTS / 2, 17)], 2) {
        let slow = BTreeSet::from(["neighbour".to_owned()]);
        let trouble: Arc<dyn Troubled> = Arc::new(SlowNamespaces(slow));
        let mut world = ControllerWorld::new(&trouble);
        world.configure(|config| config.concurrency = 2);
        world.secret_in("neighbour", ACCOUNT, &account("AKFIRST"));
        for number in 0..ROWS {
            let domain = format!("other-{number}.example.com");
            let row = RowPatch::default();
            world.cloud().insert_row(PROJECT, &domain, "live", &row);
        }
        world.apply("first", &spec("first"));
        world.start();
        world.pass(Duration::from_secs(5)).await;
        for number in 0..objects {
            let name = format!("neighbour-{number}");
            world
                .server
                .create(&neighbour("neighbour", number), &spec(&name));
        }
        let mut times = Vec::new();
        for batch in 0..7 {
            world.pass(Duration::from_secs(pause)).await;
            let names: Vec<_> = (0..BATCH)
                .map(|one| format!("push-{batch}-{one}"))
                .collect();
            for name in &names {
                world.apply(name, &spec(name));
            }
            let are_ready = |world: &ControllerWorld| {
                let objects = names.iter().map(|name| world.object(name).unwrap());
                objects
                    .map(|object| verdict(&object))
                    .all(|reported| reported.0 == "True")
            };
            times.push(time_until(&world, are_ready).await);
        }
        let longest = times.iter().max().unwrap();
        assert!(*longest <= SLOW * 2, "every {pause} s: {times:?}");
        world.kill().await;
    }
}
