//! Who leads and sees nothing: that is told, since the others only wait.

use std::time::Duration;

use super::object::spec;
use super::script::{Script, becomes};
use super::trouble::{CallFate, Verb};
use super::world::ControllerWorld;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn a_leader_that_may_not_list_is_stuck_until_it_may() {
    let (script, mut world) = Script::with_world();
    script.server(|call| {
        if matches!(call.verb, Verb::List | Verb::Watch) {
            CallFate::Refused(403, "forbidden")
        } else {
            CallFate::Served
        }
    });
    world.apply("push", &spec("push"));
    world.start();
    for _ in 0..20 {
        world.pass(MINUTE).await;
        assert_eq!(world.figure("leader_stuck"), "1");
    }
    script.ends();
    becomes(&world, "True", "Available", MINUTE).await;
    let sees = |world: &ControllerWorld| world.figure("leader_stuck") == "0";
    assert!(world.until(Duration::from_secs(5), sees).await);
    world.kill().await;
}
