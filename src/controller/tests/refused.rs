//! A credential that was refused before, by this process or an earlier one, or another of its key.

use std::time::Duration;

use serde_json::json;

use super::object::{ACCOUNT, spec, verdict};
use super::script::{Script, becomes, settle};
use super::trouble::{CallFate, Verb};
use super::world::{ControllerWorld, account};

/// Whoever reads the Secret first: the start, the poll, or the object when it is decided on.
#[tokio::test(start_paused = true)]
async fn one_that_was_replaced_while_no_operator_ran_is_tried_by_the_next_one() {
    for fails in 0..5 {
        let (script, mut world) = Script::with_world();
        let right = account("AKFIRST");
        let wrong = right.map(|(name, value)| (name, if name == "sk" { "wrong" } else { value }));
        world.secret(ACCOUNT, &wrong);
        world.start();
        world.apply("push", &spec("push"));
        let soon = Duration::from_secs(30);
        becomes(&world, "False", "CredentialsRejected", soon).await;
        world.kill().await;
        world.secret(ACCOUNT, &right);
        let mut left = fails;
        script.server(move |call| {
            if call.verb != Verb::ReadSecret || left == 0 {
                return CallFate::Served;
            }
            left -= 1;
            CallFate::Refused(500, "InternalError")
        });
        world.start();
        becomes(&world, "True", "Available", soon).await;
    }
}

/// Between two sweeps nothing may be called with it for long.
#[tokio::test(start_paused = true)]
async fn a_pair_that_has_worked_and_rests_is_not_stopped_by_wrong_ones_of_its_key() {
    let (_script, mut world) = Script::with_world();
    world.configure(|config| config.resync_interval = Duration::from_hours(24));
    world.start();
    settle(&world, "push", &spec("push")).await;
    world.pass(Duration::from_hours(3)).await;
    let soon = Duration::from_secs(30);
    for number in 0..4 {
        let (name, secret_key) = (format!("wrong-{number}"), format!("wrong-secret-{number}"));
        let wrong = account("AKFIRST").map(|(key, value)| match key {
            "sk" => (key, secret_key.as_str()),
            _ => (key, value),
        });
        world.secret(&name, &wrong);
        let mut object = spec(&name);
        object["credentialsSecretRef"]["name"] = json!(name);
        world.apply(&name, &object);
        let is_refused = |world: &ControllerWorld| {
            verdict(&world.object(&name).unwrap()).1 == "CredentialsRejected"
        };
        assert!(
            world.until(soon, is_refused).await,
            "{}",
            world.story.whole()
        );
    }
    let url = "https://hooks.example.com/other";
    world.merge("push", &json!({"spec": {"notifyCallbackURL": url}}));
    becomes(&world, "True", "Available", soon).await;
}
