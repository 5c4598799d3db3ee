//! What is settled costs next to nothing: of an object at rest nothing is unpacked but by sweeps, however often others look.

use std::sync::Arc;
use std::time::Duration;

use super::object::{key, spec, verdict};
use super::trouble::{Peace, Troubled};
use super::world::ControllerWorld;
use crate::controller::store::UNPACKED;

const MANY: usize = 100;
const MINUTE: Duration = Duration::from_mins(1);
/// How often it is looked in a minute whose turn it is to be swept: one object of each account is unpacked for that.
const LOOKS: usize = 6;

/// How many objects were unpacked in a while.
async fn unpacked_in(world: &ControllerWorld, minutes: usize) -> usize {
    let before = UNPACKED.get();
    world.pass(MINUTE * u32::try_from(minutes).unwrap()).await;
    UNPACKED.get() - before
}

async fn settled() -> ControllerWorld {
    let trouble: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&trouble);
    let names: Vec<String> = (0..MANY).map(|number| format!("push-{number}")).collect();
    for name in &names {
        world.server.create(&key(name), &spec(name));
    }
    world.start();
    let are_ready = |world: &ControllerWorld| {
        let is_ready = |object| verdict(&object).0 == "True";
        names
            .iter()
            .all(|name| world.object(name).is_some_and(is_ready))
    };
    assert!(world.until(2 * MINUTE, are_ready).await, "not ready");
    world.pass(2 * MINUTE).await;
    world
}

#[tokio::test(start_paused = true)]
async fn the_poll_of_a_secret_unpacks_no_object_that_holds_what_it_held() {
    let mut world = settled().await;
    // Two sweeps, in each of which an object is unpacked twice.
    let unpacked = unpacked_in(&world, 20).await;
    assert!(unpacked <= 4 * MANY + 20 * LOOKS, "{unpacked}");
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn before_the_first_sweep_no_object_is_unpacked_again_and_again() {
    let mut world = settled().await;
    // The first sweep comes after a part of it that is longer than this test.
    world.configure(|config| config.resync_interval = Duration::from_hours(1));
    world.restart().await;
    let begun = unpacked_in(&world, 2).await;
    assert!(begun <= 6 * MANY, "{begun}");
    let unpacked = unpacked_in(&world, 7).await;
    assert!(unpacked <= 7 * LOOKS, "{unpacked}");
    world.kill().await;
}
