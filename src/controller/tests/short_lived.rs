//! Processes that end before the interval of a sweep is over, one after the other: what changed at the cloud is found all the same.

use super::object::{domain, spec};
use super::script::{Script, settle};

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_found_though_no_process_lives_for_an_interval() {
    let (_script, mut world) = Script::with_world();
    world.start();
    settle(&world, "push", &spec("push")).await;
    let lost = world.rows(&domain("push")).remove(0).id;
    world.cloud().delete_row(&lost);
    let interval = world.config().resync_interval;
    for _ in 0..12 {
        world.restart().await;
        world.pass(interval * 3 / 4).await;
        if !world.rows(&domain("push")).is_empty() {
            return;
        }
    }
    panic!("never\n{}", world.story.whole());
}
