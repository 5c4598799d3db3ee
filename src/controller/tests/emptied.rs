//! A domain of many callbacks of one namespace is emptied at the cloud: what another namespace of the same account has lost, and what was
//! changed of it, is found and repaired as if alone.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;

use super::object::{ACCOUNT, domain, spec};
use super::script::settle;
use super::trouble::{Peace, Troubled};
use super::world::{ControllerWorld, account};

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
