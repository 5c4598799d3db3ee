//! What a start recalls of refused credentials while one namespace has many of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::object::{NAMESPACE, key, spec};
use super::script::{Script, becomes};
use super::server::StoreKey;
use super::trouble::{CallFate, Verb};
use super::world::{ControllerWorld, account};
use crate::controller::store::{KeptObject, ObjectStore, UNPACKED};

const NEIGHBOUR: &str = "another";
const OBJECTS: usize = 60;

fn neighbour(number: usize) -> StoreKey {
    (NEIGHBOUR.to_owned(), format!("push-{number}"))
}

fn spec_with(name: &str, secret: &str) -> Value {
    let mut spec = spec(name);
    spec["credentialsSecretRef"] = json!({"name": secret});
    spec
}

/// A neighbour's objects, each of which names a Secret of its own, and how often one of these is read; each read meets this.
fn neighbours(world: &ControllerWorld, script: &Script, fate: CallFate) -> Arc<AtomicUsize> {
    for number in 0..OBJECTS {
        let object = neighbour(number);
        world
            .server
            .create(&object, &spec_with(&object.1, &object.1));
    }
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    script.server(move |call| {
        if call.verb != Verb::ReadSecret || call.namespace != NEIGHBOUR {
            return CallFate::Served;
        }
        counter.fetch_add(1, Ordering::Relaxed);
        fate.clone()
    });
    reads
}

/// Says in an object's status what an earlier process would have.
fn tell(world: &ControllerWorld, object: &StoreKey, status: &Value) {
    world
        .server
        .edit(object, |object| object["status"] = status.clone());
}

fn refused() -> Value {
    json!({"rejectedCredential": "none that there is"})
}

/// What a watch would have brought of these.
fn kept(world: &ControllerWorld, names: &[StoreKey]) -> Vec<Arc<KeptObject>> {
    let store = ObjectStore::default();
    for name in names {
        let object = serde_json::from_value(world.server.object(name).unwrap()).unwrap();
        store.apply(&Event::Apply(object), 0);
    }
    let name = |(namespace, name): &StoreKey| format!("{namespace}/{name}");
    names
        .iter()
        .map(|key| store.find(&name(key)).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_namespace_whose_secrets_are_slow_holds_up_no_start() {
    let (script, mut world) = Script::with_world();
    let reads = neighbours(&world, &script, CallFate::Late(Duration::from_secs(1)));
    for number in 0..OBJECTS {
        tell(&world, &neighbour(number), &refused());
    }
    world.apply("push", &spec("push"));
    world.start();
    becomes(&world, "True", "Available", Duration::from_secs(30)).await;
    let reads = reads.load(Ordering::Relaxed);
    assert!(reads <= 8, "{reads} of the neighbour's Secrets came first");
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_whose_secrets_hang_keeps_nothing_of_others_from_being_recalled() {
    let (script, world) = Script::with_world();
    let silent = CallFate::Silent { carried_out: false };
    let reads = neighbours(&world, &script, silent);
    let mut names: Vec<_> = (0..OBJECTS).map(neighbour).collect();
    for number in 0..3 {
        let name = format!("own-{number}");
        world.secret(&name, &account("AKFIRST"));
        world.apply(&name, &spec_with(&name, &name));
        names.push(key(&name));
    }
    for name in &names {
        tell(&world, name, &refused());
    }
    let context = world.idle();
    context
        .accounts
        .recall_refusals(&kept(&world, &names))
        .await;
    for (namespace, name) in names.iter().filter(|(namespace, _)| namespace == NAMESPACE) {
        let uid = &world
            .server
            .object(&(namespace.clone(), name.clone()))
            .unwrap()["metadata"]["uid"];
        let was_asked = context
            .memories
            .with(uid.as_str().unwrap(), |memory| memory.has_inherited);
        assert!(was_asked, "{name}");
    }
    assert_eq!(reads.load(Ordering::Relaxed), 2, "two at once");
}

#[tokio::test(start_paused = true)]
async fn of_the_settled_objects_of_one_login_one_is_asked_for() {
    let (_script, world) = Script::with_world();
    let settled = json!({
        "callbackID": "0123456789abcdef0123456789abcdef",
        "conditions": [{"type": "Ready", "status": "True", "reason": "Available", "message": "",
            "lastTransitionTime": "2026-11-25T12:00:00Z"}],
    });
    let mut names = Vec::new();
    for number in 0..OBJECTS {
        let name = format!("push-{number}");
        world.apply(&name, &spec(&name));
        tell(&world, &key(&name), &settled);
        names.push(key(&name));
    }
    let context = world.idle();
    let asked = async |objects: &[Arc<KeptObject>]| {
        let before = UNPACKED.get();
        context.accounts.recall_refusals(objects).await;
        UNPACKED.get() - before
    };
    assert_eq!(asked(&kept(&world, &names)).await, 0, "none was refused");
    tell(&world, &names[0], &refused());
    assert_eq!(asked(&kept(&world, &names)).await, 2);
}
