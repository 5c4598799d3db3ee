//! Credentials that come to lead to another project, which only IAM tells.

use std::time::Duration;

use live_simulator::KnownCredential;
use serde_json::json;

use super::object::{ACCOUNT, spec};
use super::script::{Script, becomes, settle};
use super::transitions::table::OTHER_PROJECT;
use super::trouble::{CloudCallFate, TroubledAnswer};
use super::world::ControllerWorld;

/// The longest pause between two sweeps, and a little.
const SWEPT: Duration = Duration::from_secs(12 * 60 + 20);

/// Writes the Secret with a key, whose project is left to IAM.
fn use_key(world: &ControllerWorld, access_key: &str) {
    let secret_key = format!("{access_key}-secret");
    let values = [
        ("ak", access_key),
        ("sk", secret_key.as_str()),
        ("region", "cn-north-4"),
    ];
    world.secret(ACCOUNT, &values);
}

fn prepare(world: &mut ControllerWorld) {
    let elsewhere = KnownCredential::new("AKELSEWHERE", "AKELSEWHERE-secret", OTHER_PROJECT);
    world.cloud().add_credential(elsewhere);
    use_key(world, "AKFIRST");
    world.start();
}

/// How many calls Live got.
fn calls(world: &ControllerWorld) -> usize {
    let calls = world.calls().into_iter();
    calls.filter(|made| !made.call.is_login).count()
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_project_is_told_after_a_restart() {
    let (_script, mut world) = Script::with_world();
    prepare(&mut world);
    settle(&world, "push", &spec("push")).await;
    world.kill().await;
    use_key(&world, "AKELSEWHERE");
    let before = calls(&world);
    world.start();
    becomes(&world, "False", "TargetChanged", SWEPT).await;
    world.pass(SWEPT).await;
    assert_eq!(calls(&world), before, "{}", world.story.whole());
    use_key(&world, "AKFIRST");
    becomes(&world, "True", "Available", Duration::from_mins(2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_project_is_told_although_iam_failed_when_it_came() {
    let (script, mut world) = Script::with_world();
    prepare(&mut world);
    settle(&world, "push", &spec("push")).await;
    let before = calls(&world);
    script.cloud(|call| CloudCallFate {
        carried_out: !call.is_login,
        answer: if call.is_login {
            TroubledAnswer::Broken
        } else {
            TroubledAnswer::True
        },
        ..CloudCallFate::default()
    });
    use_key(&world, "AKELSEWHERE");
    world.pass(Duration::from_mins(2)).await;
    script.ends();
    becomes(&world, "False", "TargetChanged", SWEPT).await;
    assert_eq!(calls(&world), before, "{}", world.story.whole());
}

#[tokio::test(start_paused = true)]
async fn one_that_only_looks_is_told_too() {
    let (_script, mut world) = Script::with_world();
    prepare(&mut world);
    settle(&world, "push", &spec("push")).await;
    let observe = json!({"spec": {"managementPolicy": "Observe"}});
    world.merge("push", &observe);
    becomes(&world, "True", "ObserveOnly", Duration::from_secs(30)).await;
    world.kill().await;
    use_key(&world, "AKELSEWHERE");
    world.start();
    becomes(&world, "False", "TargetChanged", SWEPT).await;
}
