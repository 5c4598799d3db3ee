//! Looks that fail: what they change in the status, and that settled objects stay as they were.

use std::mem;

use live_simulator::{LoggedOperation, ScriptedFault, Simulator, SimulatorSettings};
use recording_callback_operator::api::status::Status;
use serde_json::json;

use crate::errors::{has, refusal, short};
use crate::support::{
    eventually, versions,
    world::{LIMIT, OperatorWorld, condition},
};

use LoggedOperation::{Create, List, Update};

#[tokio::test]
async fn a_cloud_that_does_not_listen_is_waited_for_and_settled_objects_stay_ready() {
    let mut world = OperatorWorld::new().await;
    let operator = world.operator_with(&["--resync-interval=1s"]).await;
    world.create("settled", json!({})).await;
    world.ready("settled").await;
    let settled = world.get("settled").await.unwrap();

    let listen = live_simulator::Listen {
        address: world.cloud.address(),
        ..live_simulator::Listen::default()
    };
    let cloud = world.cloud.cloud();
    drop(mem::replace(
        &mut world.cloud,
        Simulator::start(SimulatorSettings::default()).unwrap(),
    ));
    world.create("late", json!({})).await;
    let status = world.reason("late", "CloudUnavailable").await;
    assert_eq!(
        short(&status.last_operation.clone().unwrap()),
        ("List", "Failed", None)
    );
    assert!(has(&status, "Reconciling") && status.operations.is_empty());
    eventually("sweeps fail, too", LIMIT, async || {
        (operator.output().matches("a sweep failed").count() >= 4).then_some(())
    })
    .await;
    assert_eq!(world.writes_since(&settled).await, 0);

    world.cloud = Simulator::serve(cloud, &listen).unwrap();
    let status = world.ready("late").await;
    assert_eq!(
        short(&status.last_operation.unwrap()),
        ("Create", "Succeeded", Some(201))
    );
}

#[tokio::test]
async fn a_requested_look_that_fails_is_told_until_a_look_works() {
    for flags in [&[][..], &["--resync-interval=1s"][..]] {
        let world = OperatorWorld::new().await;
        let _operator = world.operator_with(flags).await;
        world.create("push", json!({})).await;
        world.ready("push").await;
        // Only a look at the place names the domain; a sweep works.
        let fault = ScriptedFault::on(List).publish_domain("push.example.com");
        world
            .cloud
            .fault(fault.reply(503, refusal("LIVE.100011010")));

        let before = world.get("push").await.unwrap();
        world.ask("push", "once").await;
        // With sweeps it may stay for a moment only, so every version counts.
        let is_reported = |status: &Status| {
            status.last_operation.as_ref().map(short) == Some(("List", "Failed", Some(503)))
        };
        let status = eventually("the failed look", LIMIT, async || {
            let statuses = versions::statuses(&world.namespace, &before).await;
            statuses.into_iter().find(is_reported)
        })
        .await;
        assert_eq!(status.last_handled_reconcile_at.as_deref(), Some("once"));
        assert_eq!(condition(&status, "Ready").unwrap().reason, "Available");
        assert_eq!(status.operations.len(), 1);

        if flags.is_empty() {
            world.ask("push", "twice").await;
        }
        let back = |status: &Status| {
            status.last_operation.as_ref().map(short) == Some(("Create", "Succeeded", Some(201)))
        };
        world.status("push", "the change is back", back).await;
        assert_eq!(world.count(Update), 0);
    }
}

#[tokio::test]
async fn sweeps_that_are_refused_make_ready_unknown_with_one_write_until_they_are_not() {
    let refusals = [
        (401, "LIVE.100011003", "PermissionDenied"),
        (400, "LIVE.100011001", "RequestRejected"),
    ];
    for (code, error, reason) in refusals {
        let world = OperatorWorld::new().await;
        let _operator = world.operator_with(&["--resync-interval=1s"]).await;
        world.create("push", json!({})).await;
        world.ready("push").await;
        let settled = world.get("push").await.unwrap();
        let always = ScriptedFault::on(List).always();
        world.cloud.fault(always.reply(code, refusal(error)));

        let status = world.reason("push", reason).await;
        let ready = condition(&status, "Ready").unwrap();
        assert_eq!(ready.status, "Unknown");
        assert!(has(&status, "Reconciling") && !has(&status, "Stalled"));
        let refused = world.count(List);
        assert!(refused >= 3);
        eventually("more sweeps fail", LIMIT, async || {
            (world.count(List) >= refused + 3).then_some(())
        })
        .await;
        assert_eq!(world.writes_since(&settled).await, 1);

        world.cloud.clear_faults();
        world.ready("push").await;
        assert_eq!(world.writes_since(&settled).await, 2);
    }
}

#[tokio::test]
async fn an_access_key_with_another_secret_sees_nothing_of_what_the_right_one_sees() {
    let world = OperatorWorld::new().await;
    let values = world.credentials_with("sk-test-example-of-somebody-else");
    world.put_secret("intruder", &values).await;
    let _operator = world.operator_with(&["--resync-interval=1s"]).await;
    world.create("push", json!({})).await;
    world.ready("push").await;

    let same = json!({
        "publishDomain": "push.example.com",
        "managementPolicy": "Observe",
        "credentialsSecretRef": { "name": "intruder" },
    });
    world.create("intruder", same).await;
    let status = world.reason("intruder", "CredentialsRejected").await;
    assert_eq!((status.remote, status.plan), (None, None));
    let ready = condition(&world.ready("push").await, "Ready").cloned();
    assert_eq!(ready.unwrap().reason, "Available");
}

#[tokio::test]
async fn an_account_without_settled_objects_is_not_swept() {
    let world = OperatorWorld::new().await;
    let always = ScriptedFault::on(Create).always();
    world
        .cloud
        .fault(always.reply(400, refusal("LIVE.100011001")));
    let _operator = world.operator_with(&["--resync-interval=1s"]).await;
    world.create("push", json!({})).await;
    world
        .status("push", "two rejections", |status| {
            status.failures == Some(2)
        })
        .await;
    assert_eq!(world.count(List), 1, "{:?}", world.calls());
}
