//! Wrong keys are held back before the cloud locks them for everybody; wrong clocks are no wrong keys.

use live_simulator::{LoggedOperation, SimulatorSettings};
use serde_json::json;

use crate::support::{
    operator::OperatorProcess,
    world::{AK, OperatorWorld, SK},
};

use LoggedOperation::{Create, List};

/// Refused signatures that the cloud has counted.
fn refused(world: &OperatorWorld) -> usize {
    let calls = world.cloud.calls();
    calls.iter().filter(|call| call.status == Some(401)).count()
}

/// Makes an object with a Secret of its own that has a wrong key.
async fn wrong(world: &OperatorWorld, name: &str) {
    let values = world.credentials_with(&format!("sk-test-example-wrong-{name}"));
    world.put_secret(name, &values).await;
    world
        .create(name, json!({ "credentialsSecretRef": { "name": name } }))
        .await;
}

/// A world with an object whose key was rejected, and its operator.
async fn rejected() -> (OperatorWorld, OperatorProcess) {
    let world = OperatorWorld::new().await;
    let values = world.credentials_with("sk-test-example-wrong");
    world.put_secret("huaweicloud", &values).await;
    let operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "CredentialsRejected").await;
    (world, operator)
}

/// Changes an object that has another credential, and waits until the cloud holds that.
async fn edit(world: &OperatorWorld, name: &str, path: &str) {
    let url = format!("https://hooks.example.com/{path}");
    world
        .patch(name, json!({ "spec": { "notifyCallbackURL": url } }))
        .await;
    world.ready(name).await;
}

#[tokio::test]
async fn many_objects_with_one_wrong_key_are_refused_twice_and_a_repair_serves_them_all() {
    let world = OperatorWorld::new().await;
    let values = world.credentials_with("sk-test-example-wrong");
    world.put_secret("huaweicloud", &values).await;
    let operator = world.operator().await;
    let names = ["one", "two", "three", "four", "five", "six", "seven"];
    for name in names {
        world.create(name, json!({})).await;
    }
    for name in names {
        let status = world.reason(name, "CredentialsRejected").await;
        assert!(status.rejected_credential.is_some());
        assert!(status.next_attempt_time.is_some());
    }
    assert!(refused(&world) <= 2, "{:?}", world.calls());

    world.put_secret("huaweicloud", &world.credentials()).await;
    for name in names {
        let status = world.ready(name).await;
        assert_eq!(status.rejected_credential, None);
    }
    assert!(refused(&world) <= 2, "{:?}", world.calls());
    assert!(!operator.output().contains("sk-test-example"));
}

#[tokio::test]
async fn many_secrets_with_one_key_are_refused_four_times_and_do_not_stop_one_that_works() {
    let world = OperatorWorld::new().await;
    let mut operator = world.operator().await;
    world.create("good", json!({})).await;
    world.ready("good").await;
    let names = ["one", "two", "three", "four", "five", "six", "seven"];
    for name in names {
        wrong(&world, name).await;
    }
    for name in names {
        world.reason(name, "CredentialsRejected").await;
    }
    assert!(refused(&world) <= 4, "{:?}", world.calls());
    edit(&world, "good", "after").await;

    operator.kill().await;
    let operator = world.operator().await;
    wrong(&world, "eight").await;
    world.reason("eight", "CredentialsRejected").await;
    assert!(
        refused(&world) <= 4,
        "a restart forgets nothing: {:?}",
        world.calls()
    );
    assert!(!operator.output().contains(SK) && !operator.output().contains(AK));
}

#[tokio::test]
async fn a_restart_does_not_try_a_rejected_key_again() {
    let (world, mut operator) = rejected().await;
    let before = refused(&world);
    operator.kill().await;

    let _operator = world.operator().await;
    world.create("other", json!({})).await;
    world.reason("other", "CredentialsRejected").await;
    assert_eq!(refused(&world), before, "{:?}", world.calls());

    world.put_secret("huaweicloud", &world.credentials()).await;
    world.ready("push").await;
    world.ready("other").await;
}

#[tokio::test]
async fn a_rejected_key_that_is_replaced_while_no_operator_runs_is_tried_by_the_next_one() {
    let (world, mut operator) = rejected().await;
    operator.kill().await;

    world.put_secret("huaweicloud", &world.credentials()).await;
    let _operator = world.operator().await;
    world.ready("push").await;
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_corrected() {
    let world = OperatorWorld::with(SimulatorSettings {
        clock_offset_s: 3600,
        ..SimulatorSettings::default()
    })
    .await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    assert_eq!(
        world.calls(),
        [(List, Some(401)), (List, Some(200)), (Create, Some(201))]
    );
}

#[tokio::test]
async fn a_date_that_is_refused_twice_is_a_clock_that_is_off() {
    let world = OperatorWorld::with(SimulatorSettings {
        clock_offset_s: 3600,
        clock_skew_s: -1,
        ..SimulatorSettings::default()
    })
    .await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let status = world.reason("push", "ClockSkew").await;
    assert_eq!(world.calls(), [(List, Some(401)), (List, Some(401))]);
    let looked = status.last_operation.unwrap().time.unwrap();
    let next = status.next_attempt_time.unwrap().duration_since(looked);
    assert!((30..=37).contains(&next.as_secs()), "{next}");
    assert_eq!(status.rejected_credential, None, "no strike");
}
