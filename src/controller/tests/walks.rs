//! The walks over all objects that one task makes beside everything else: what they cost, and that the others of it have their turns.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use kube::runtime::watcher;
use serde_json::json;
use tokio::time::timeout;

use super::object::{ACCOUNT, NAMESPACE, PROJECT, spec};
use super::script::Script;
use super::world::{ControllerWorld, account};
use crate::api::RecordingCallback;
use crate::cluster::secret::LONGEST;
use crate::controller::context::Context;
use crate::controller::store::{ObjectStore, UNPACKED};
use crate::controller::{gauges, secret_poll, sweep};
use crate::platform::keys::DIGESTS;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// No sweep is due before a part of it has passed.
const INTERVAL: Duration = Duration::from_hours(1);

/// An object that only looks, in this project.
fn object(number: usize, project: &str) -> RecordingCallback {
    let name = format!("push-{number}");
    let mut spec = spec(&name);
    spec["projectID"] = json!(project);
    spec["managementPolicy"] = json!("Observe");
    serde_json::from_value(json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": {
            "namespace": NAMESPACE,
            "name": name,
            "uid": format!("uid of {name}"),
            "generation": 1,
            "resourceVersion": "1",
        },
        "spec": spec,
    }))
    .unwrap()
}

/// These objects, as a watch has brought them.
fn stored(context: &Context, objects: impl Iterator<Item = RecordingCallback>) -> [ObjectStore; 1] {
    let store = ObjectStore::default();
    for object in objects {
        context.index_object(&object);
        store.apply(&watcher::Event::Apply(object), 0);
    }
    [store]
}

/// So many objects, each with a project of its own.
fn apart(objects: usize) -> impl Iterator<Item = RecordingCallback> {
    (0..objects).map(|number| object(number, &format!("p-{number}")))
}

/// How many digests are computed in a minute.
async fn digests(work: impl Future<Output = ()>) -> usize {
    let before = DIGESTS.get();
    let _ = timeout(MINUTE, work).await;
    DIGESTS.get() - before
}

/// A world with one long token, and who reads it.
fn with_long_token() -> (ControllerWorld, Context) {
    let (_script, world) = Script::with_world();
    let token = "t".repeat(LONGEST);
    world.secret(ACCOUNT, &[("token", &token), ("region", "cn-north-4")]);
    let context = world.idle();
    (world, context)
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_many_objects_name_is_made_a_login_once() {
    const OBJECTS: usize = 50;
    let (world, context) = with_long_token();
    let stores = stored(&context, apart(OBJECTS));
    for (number, object) in apart(OBJECTS).enumerate() {
        let read = context.accounts.read(&object, true).await.unwrap();
        if number % 2 == 0 {
            let known = context.accounts.identify(&object, read.login).await;
            let uid = format!("uid of push-{number}");
            context
                .memories
                .with(&uid, |memory| memory.account = known.account);
        }
    }
    // A read that begins later, and finds the same.
    world.pass(SECOND).await;
    let again = context.accounts.refresh(&object(0, "p-0"), true).await;
    assert!(again.is_ok());
    let rounds = digests(sweep::run(&context, &stores, INTERVAL)).await;
    assert_eq!(rounds, 0, "whose turn it is says what was read before");
}

/// How often the others of its task have a turn in the first second of some work.
async fn turns(work: impl Future<Output = ()>) -> usize {
    let (mut work, mut turns) = (pin!(work), 0);
    let counted = poll_fn(|context| {
        turns += 1;
        work.as_mut().poll(context)
    });
    let _ = timeout(SECOND, counted).await;
    turns
}

#[tokio::test(start_paused = true)]
async fn others_have_their_turns_while_it_is_looked_through_thousands_of_objects() {
    const OBJECTS: usize = 10_000;
    let (_world, context) = with_long_token();
    let stores = stored(&context, apart(OBJECTS));
    let gauges = turns(gauges::run(&context, &stores)).await;
    assert!(gauges >= OBJECTS / 200, "gauges: {gauges}");
    let sweeps = turns(sweep::run(&context, &stores, INTERVAL)).await;
    // It is looked through three times.
    assert!(sweeps >= OBJECTS / 50, "sweeps: {sweeps}");
}

/// How many objects are unpacked in a minute of some work, and how many at most before others of its task have a turn.
async fn unpacked(work: impl Future<Output = ()>) -> (usize, usize) {
    let (mut work, mut most, begun) = (pin!(work), 0, UNPACKED.get());
    let counted = poll_fn(|context| {
        let before = UNPACKED.get();
        let polled = work.as_mut().poll(context);
        most = most.max(UNPACKED.get() - before);
        polled
    });
    let _ = timeout(MINUTE, counted).await;
    (UNPACKED.get() - begun, most)
}

#[tokio::test(start_paused = true)]
async fn others_have_their_turns_while_thousands_are_compared_or_woken() {
    const OBJECTS: usize = 2_000;
    const A_TURN: usize = 200;
    let (_script, world) = Script::with_world();
    world.secret(ACCOUNT, &account("AKFIRST"));
    let context = world.idle();
    let objects = (0..OBJECTS).map(|number| object(number, PROJECT));
    let stores = stored(&context, objects);
    let digests = DIGESTS.get();
    let (all, most) = unpacked(secret_poll::run(&context, &stores)).await;
    assert!(all >= OBJECTS && most <= A_TURN, "woken: {most} of {all}");
    let digests = DIGESTS.get() - digests;
    assert!(digests <= 5, "{digests} of one Secret");
    let swept = sweep::run(&context, &stores, Duration::from_secs(20));
    let (all, most) = unpacked(swept).await;
    assert!(
        all >= OBJECTS * 2 && most <= A_TURN,
        "swept: {most} of {all}"
    );
}
