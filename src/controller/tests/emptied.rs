//! Many callbacks are removed at the cloud: each is found and repaired as if alone, and made again once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::{Value, json};

use super::object::{ACCOUNT, domain, spec, verdict};
use super::script::{Script, settle};
use super::trouble::{CloudCallFate, Peace, Troubled, TroubledAnswer};
use super::world::{ControllerWorld, account};
use crate::api::RECONCILE_REQUESTED_AT;
use crate::platform::transport::Response;

const NEIGHBOUR: &str = "neighbour";
const MANY: usize = 150;

/// How many callbacks were asked for by id.
fn asked(world: &ControllerWorld) -> usize {
    let calls = world.calls().into_iter();
    let by_id = calls.filter(|made| made.call.method == Method::GET && made.call.id.is_some());
    by_id.count()
}

/// How many lists of the project there were.
fn lists(world: &ControllerWorld) -> usize {
    let calls = world.calls().into_iter();
    let lists = calls.filter(|made| {
        let call = &made.call;
        call.method == Method::GET && call.id.is_none() && call.domain.is_none()
    });
    lists.count()
}

/// Until something is so: how many were asked for by id.
async fn asked_until(world: &ControllerWorld, is_so: impl Fn(&ControllerWorld) -> bool) -> usize {
    let is_so = world.until(Duration::from_mins(30), is_so).await;
    assert!(is_so, "{}", world.story.whole());
    asked(world)
}

#[tokio::test(start_paused = true)]
async fn what_one_lost_waits_for_a_few_of_the_many_that_another_lost() {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    world.secret_in(NEIGHBOUR, ACCOUNT, &account("AKFIRST"));
    for number in 0..MANY {
        let name = format!("lost-{number}");
        let object = (NEIGHBOUR.to_owned(), name.clone());
        world.server.create(&object, &spec(&name));
    }
    world.start();
    settle(&world, "push", &spec("push")).await;
    settle(&world, "drifts", &spec("drifts")).await;
    let is_made = |world: &ControllerWorld| world.cloud().rows().len() == MANY + 2;
    assert_eq!(asked_until(&world, is_made).await, 0);
    world.pass(Duration::from_mins(2)).await;

    let drifts = world.rows(&domain("drifts")).remove(0).id;
    for row in world.cloud().rows() {
        if row.id != drifts {
            world.cloud().delete_row(&row.id);
        }
    }
    let before = lists(&world);
    asked_until(&world, |world| asked(world) > 0).await;
    let url = "https://hooks.example.com/other";
    let other = RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    };
    world.cloud().edit_row(&drifts, &other);
    let is_back = |world: &ControllerWorld| !world.rows(&domain("push")).is_empty();
    let back = asked_until(&world, is_back).await;
    let is_repaired = |world: &ControllerWorld| {
        let row = world.cloud().row(&drifts).unwrap();
        row.notify_callback_url.as_deref() != Some(url)
    };
    let repaired = asked_until(&world, is_repaired).await;
    let all = asked_until(&world, is_made).await;
    let lists = lists(&world) - before;
    let description = format!(
        "asked for: {back} until one is back, {repaired} until the other is right, {all} in all; {lists} lists"
    );
    println!("{description}");
    assert!(back <= 60 && repaired <= 120, "{description}");
    assert_eq!(all, MANY + 1, "{description}");
    assert!(lists <= 60, "{description}");
    world.kill().await;
}

/// The list without the rows of a domain.
fn hide(response: &mut Response, domain: &str) {
    let mut list: Value = serde_json::from_slice(&response.body).unwrap();
    let rows = list["callback_config"].as_array().unwrap().iter();
    let rows: Vec<_> = rows
        .filter(|row| row["publish_domain"] != domain)
        .cloned()
        .collect();
    list["total"] = json!(rows.len());
    list["callback_config"] = json!(rows);
    response.body = list.to_string().into();
}

/// A sweep lacks several, and asks for one after the other, for a while. Meanwhile somebody has one of them looked for, be it before or after
/// it was asked for: it is made again, and what the sweep hears of the former id is that it is gone.
async fn made_again_during_a_sweep(is_asked: bool) {
    let (script, mut world) = Script::with_world();
    let cloud = world.cloud();
    cloud.settings(|settings| settings.uniqueness = false);
    world.start();
    let names = ["a", "b", "c", "d"];
    for name in names {
        settle(&world, name, &spec(name)).await;
    }
    let chosen: Arc<OnceLock<&str>> = Arc::default();
    let known = Arc::clone(&chosen);
    script.cloud(move |call| {
        let own = known.get().map(|name| domain(name));
        let mut fate = CloudCallFate::default();
        if call.method == Method::GET && call.id.is_some() && call.domain != own {
            fate.after = Duration::from_secs(14);
        }
        if let Some(own) = own.filter(|_| call.id.is_none() && call.domain.is_none()) {
            let hidden = move |response: &mut Response| hide(response, &own);
            fate.answer = TroubledAnswer::Edited(Arc::new(hidden));
        }
        fate
    });
    for row in world.cloud().rows() {
        world.cloud().delete_row(&row.id);
    }
    let before = asked(&world);
    asked_until(&world, |world| asked(world) > before).await;
    let first = world.calls().pop().unwrap().call.domain;
    let is_chosen = |name: &&&str| (Some(domain(name)) == first) == is_asked;
    let name = *names.iter().find(is_chosen).unwrap();
    chosen.set(name).unwrap();
    let request = json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: "now"}}});
    world.merge(name, &request);
    world.pass(Duration::from_mins(2)).await;
    let own = world.calls().into_iter().filter(|made| {
        let by_id = made.call.method == Method::GET && made.call.id.is_some();
        let is_own = made.call.domain == Some(domain(name));
        is_own && (by_id || made.call.method == Method::POST)
    });
    let (posts, gets): (Vec<_>, Vec<_>) = own.partition(|made| made.call.method == Method::POST);
    let whole = world.story.whole();
    assert_eq!(
        (posts.len(), world.rows(&domain(name)).len()),
        (2, 1),
        "{whole}"
    );
    // Before it was made again; and where it was its turn already, then, and for the one made since, which the list lacks.
    assert_eq!(gets.len(), if is_asked { 3 } else { 1 }, "{whole}");
    let all_ready = |world: &ControllerWorld| {
        let mut objects = names.iter().map(|name| world.object(name).unwrap());
        objects.all(|object| verdict(&object).0 == "True")
    };
    assert!(all_ready(&world), "{}", world.story.whole());
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_sweep_hears_of_a_former_id_does_not_count_for_the_one_made_since() {
    for is_asked in [false, true] {
        made_again_during_a_sweep(is_asked).await;
    }
}
