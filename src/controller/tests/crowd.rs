//! Thousands of objects of one namespace and one of another, in one account: that one is created, edited, deleted and swept as if alone,
//! but for the turns that it shares.
//!
//! `CROWD` says how many they are, beside `TEST_EXTENT`.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::json;

use super::cloud::Made;
use super::object::{ACCOUNT, PROJECT, domain, key, spec, verdict};
use super::trouble::{Peace, Troubled};
use super::world::{ControllerWorld, account};
use crate::fuzz::extent;

const NEIGHBOUR: &str = "neighbour";
const FEW_CROWD: usize = 250;
const USUAL_CROWD: usize = 500;
/// Two for what has just left or gets the next token, and two for the turns that go to the others.
const FEW: usize = 4;

fn ready(world: &ControllerWorld) -> bool {
    let object = world.object("push");
    object.is_some_and(|object| verdict(&object).0 == "True")
}

/// Waits until something is so; how many calls were made before the first one with this method for `push`.
async fn calls_before(
    world: &ControllerWorld,
    method: &Method,
    is_so: impl Fn(&ControllerWorld) -> bool,
) -> usize {
    let before = world.calls().len();
    let is_so = world.until(Duration::from_mins(1), is_so).await;
    assert!(is_so, "{method}: {}", world.story.whole());
    let calls = world.calls().split_off(before);
    let own = domain("push");
    let is_own = |call: &super::trouble::CloudCall| {
        call.method == *method && call.domain.as_deref() == Some(own.as_str())
    };
    calls.iter().position(|made| is_own(&made.call)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_beside_a_crowd_of_another_namespace_is_served_as_if_alone() {
    let crowd = extent("CROWD", FEW_CROWD, USUAL_CROWD);
    // A list of all.
    let pages = crowd / 100 + 1;
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.secret_in(NEIGHBOUR, ACCOUNT, &account("AKFIRST"));
    for number in 0..crowd {
        let name = format!("crowd-{number}");
        let object = (NEIGHBOUR.to_owned(), name.clone());
        world.server.create(&object, &spec(&name));
    }
    world.start();
    world.pass(Duration::from_secs(20)).await;

    world.apply("push", &spec("push"));
    let created = calls_before(&world, &Method::POST, ready).await;
    let url = "https://hooks.example.com/other";
    let edit = json!({"spec": {"notifyCallbackURL": url}});
    world.merge("push", &edit);
    let edited = calls_before(&world, &Method::PUT, ready).await;
    world.delete("push");
    let is_gone = |world: &ControllerWorld| world.server.object(&key("push")).is_none();
    let deleted = calls_before(&world, &Method::DELETE, is_gone).await;
    let description =
        format!("calls before the POST: {created}, the PUT: {edited}, the DELETE: {deleted}");
    println!("{description}");
    let made = world.cloud().rows().len();
    assert!(made < crowd / 2, "{made} of the crowd are done");
    assert!(
        created <= pages + FEW && edited <= FEW && deleted <= FEW,
        "{description}"
    );

    // All are served in the end, each by one call.
    world.apply("push", &spec("push"));
    let quota = usize::try_from(world.config().requests_per_minute).unwrap();
    let minutes = u32::try_from(crowd / quota + 2).unwrap();
    world.pass(Duration::from_mins(1) * minutes).await;
    assert!(ready(&world), "{}", world.story.whole());
    assert_eq!(world.cloud().rows().len(), crowd + 1);
    assert_eq!(world.count(&Method::POST), crowd + 2);
    let lists = world.count(&Method::GET);
    assert!(lists <= crowd / 10, "{lists} lists");

    // What somebody changes is found by the sweep that is due.
    world.pass(Duration::from_mins(1)).await;
    let id = world.rows(&domain("push"))[0].id.clone();
    let other = RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    };
    world.cloud().edit_row(&id, &other);
    let (resync, since) = (world.config().resync_interval, world.calls().len());
    let is_repaired = |world: &ControllerWorld| {
        world
            .cloud()
            .row(&id)
            .unwrap()
            .notify_callback_url
            .as_deref()
            != Some(url)
    };
    assert!(world.until(resync * 13 / 10, is_repaired).await);
    let calls = world.calls().split_off(since);
    assert!(calls.len() <= 2 * pages + 2, "{} calls", calls.len());
    world.kill().await;
}

/// A project that nobody has is an account of its own, which is swept too; all are due at once after a start.
#[tokio::test(start_paused = true)]
async fn its_sweep_does_not_wait_for_those_of_accounts_that_another_namespace_made_up() {
    const MADE_UP: usize = 60;
    // Two are saved up.
    const PER_MINUTE: u32 = 54;
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.configure(|config| config.requests_per_minute = PER_MINUTE);
    world.secret_in(NEIGHBOUR, ACCOUNT, &account("AKFIRST"));
    for number in 0..MADE_UP {
        let name = format!("made-up-{number}");
        let mut spec = spec(&name);
        spec["managementPolicy"] = json!("Observe");
        spec["projectID"] = json!(format!("p-{number}"));
        world.server.create(&(NEIGHBOUR.to_owned(), name), &spec);
    }
    world.apply("push", &spec("push"));
    world.start();
    let own = format!("/{PROJECT}/");
    let (resync, mut before) = (world.config().resync_interval, Vec::new());
    for restarts in [false, true] {
        if restarts {
            world.restart().await;
        }
        let since = world.calls().len();
        let place = |world: &ControllerWorld| {
            let mut calls = world.calls().split_off(since);
            calls.retain(|made| made.call.method == Method::GET && made.call.domain.is_none());
            let own = |made: &Made| made.call.url.contains(&own);
            calls.iter().position(own)
        };
        let is_swept = |world: &ControllerWorld| place(world).is_some();
        assert!(world.until(resync * 2, is_swept).await);
        before.extend(place(&world));
    }
    assert!(before.iter().all(|sweeps| *sweeps <= FEW + 2), "{before:?}");
    world.kill().await;
}
