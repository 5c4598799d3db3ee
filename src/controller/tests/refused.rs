//! A credential that an earlier process saw refused.

use std::time::Duration;

use super::object::{ACCOUNT, spec};
use super::script::{Script, becomes};
use super::trouble::{CallFate, Verb};
use super::world::account;

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
