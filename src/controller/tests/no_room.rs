//! The calls of others take all the room that there is for calls: what a sweep was to find is found as soon as there is room again.

use std::time::Duration;

use live_simulator::RowPatch;

use super::object::{domain, spec};
use super::script::{Script, settle};
use super::world::ControllerWorld;

#[tokio::test(start_paused = true)]
async fn a_sweep_that_had_no_room_waits_for_no_interval() {
    let (_script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    let id = world.rows(&domain("push")).remove(0).id;
    let url = "https://hooks.example.com/other";
    let other = RowPatch {
        notify_callback_url: Some(url.to_owned()),
        ..RowPatch::default()
    };
    world.cloud().edit_row(&id, &other);
    let (before, interval) = (world.calls().len(), world.config().resync_interval);
    world.road.fill(true);
    world.pass(interval * 13 / 10).await;
    assert_eq!(world.calls().len(), before, "none has a slot");
    world.road.fill(false);
    let is_repaired = |world: &ControllerWorld| {
        let row = world.cloud().row(&id).unwrap();
        row.notify_callback_url.as_deref() != Some(url)
    };
    let repaired = world.until(Duration::from_mins(1), is_repaired).await;
    assert!(repaired, "{}", world.story.whole());
    assert!(world.calls().len() <= before + 4);
    world.kill().await;
}
