//! Objects that are no more what others or their own status take them for: replaced, wiped, let go, or with an id that is not theirs.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use live_simulator::{Cloud, LoggedOperation, ScriptedFault, SimulatorSettings};
use recording_callback_operator::api::{FINALIZER, status::Status};
use serde_json::json;

use crate::{
    duplicates::{same_place, second_after},
    interference::{is_protected, wipe},
    support::{
        eventually,
        world::{LIMIT, OperatorWorld, condition},
    },
};

use LoggedOperation::{Create, Delete, List};

/// Whether the POST is still under way.
fn posting(world: &OperatorWorld) -> bool {
    let mut calls = world.cloud.calls().into_iter();
    calls.any(|call| call.operation == Create && !call.is_answered())
}

#[tokio::test]
async fn metadata_that_is_wiped_during_the_post_is_back_before_its_answer() {
    for committed in [true, false] {
        let world = OperatorWorld::new().await;
        let late = Duration::from_secs(6);
        let fault = ScriptedFault::on(Create);
        world.cloud.fault(if committed {
            fault.delay_after(late)
        } else {
            fault.delay_before(late)
        });
        let flags = ["--request-timeout=12s", "--settle-time=20s"];
        let _operator = world.operator_with(&flags).await;
        world.create("push", json!({})).await;
        let begun = |cloud: &Cloud| {
            let mut calls = cloud.calls().into_iter();
            calls.any(|call| call.operation == Create)
        };
        let wait = world.cloud.wait_for("the POST", LIMIT, begun);
        wait.await.unwrap();
        for _ in 0..2 {
            wipe(&world, "push").await;
            eventually("it is put back", LIMIT, async || {
                is_protected(&world).await.then_some(())
            })
            .await;
        }
        assert!(posting(&world), "before the POST is answered");
        world.ready("push").await;
        assert_eq!(world.calls(), [(List, Some(200)), (Create, Some(201))]);
    }
}

#[tokio::test]
async fn a_duplicate_loses_an_id_that_is_its_owners() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator_with(&["--resync-interval=1s"]).await;
    let older = world.create("push", json!({})).await;
    let id = world.ready("push").await.callback_id;
    second_after(&world, &older).await;
    world.create("second", same_place()).await;
    world.reason("second", "Duplicate").await;
    let owner = world.get("push").await.unwrap();
    let before = world.cloud.mutations().len();

    let stolen = Patch::Merge(json!({ "status": { "callbackID": id } }));
    let (callbacks, params) = (world.namespace.callbacks(), PatchParams::default());
    let written = callbacks.patch_status("second", &params, &stolen).await;
    assert_eq!(written.unwrap().status.unwrap().callback_id, id);
    let lost = |status: &Status| status.callback_id.is_none();
    let status = world.status("second", "it loses the id", lost).await;
    assert_eq!(condition(&status, "Ready").unwrap().reason, "Duplicate");
    world.delete("second").await;
    world.gone("second").await;
    assert_eq!(world.cloud.mutations().len(), before);
    assert_eq!(world.writes_since(&owner).await, 0, "nobody touches it");
    assert_eq!(world.ready("push").await.callback_id, id);
}

#[tokio::test]
async fn an_object_that_is_replaced_by_an_equal_one_under_lagging_lists_has_one_living_row() {
    for uniqueness in [true, false] {
        for (name, list_lag_ms) in [("push", 2500), ("push", 5000), ("other", 5000)] {
            let world = OperatorWorld::with(SimulatorSettings {
                uniqueness,
                list_lag_ms,
                ..SimulatorSettings::default()
            })
            .await;
            let _operator = world.operator_with(&["--resync-interval=1s"]).await;
            world.create("push", same_place()).await;
            let dead = world.ready("push").await.callback_id;
            // So that lists show it when it is gone.
            let lag = Duration::from_millis(list_lag_ms);
            let shown = |cloud: &Cloud| {
                let since = cloud.mutations()[0].at;
                cloud.now().duration_since(since).unsigned_abs() > lag
            };
            eventually("lists show it", LIMIT, async || {
                shown(&world.cloud).then_some(())
            })
            .await;
            world.delete("push").await;
            world.gone("push").await;
            world.create(name, same_place()).await;
            let id = world.ready(name).await.callback_id;
            let rows: Vec<_> = world.cloud.rows().into_iter().map(|row| row.id).collect();
            assert_ne!(id, dead, "{uniqueness} {list_lag_ms}");
            assert_eq!(rows, Vec::from_iter(id.clone()));

            // Nor is it changed by what lists show later.
            let lists = world.count(List);
            eventually("lists show the new one", LIMIT, async || {
                (world.count(List) >= lists + 8).then_some(())
            })
            .await;
            let rows: Vec<_> = world.cloud.rows().into_iter().map(|row| row.id).collect();
            assert_eq!(rows, Vec::from_iter(world.ready(name).await.callback_id));
            assert_eq!(rows, Vec::from_iter(id));
            assert_eq!((world.count(Create), world.count(Delete)), (2, 1));
        }
    }
}

#[tokio::test]
async fn an_object_that_was_let_go_says_who_holds_it_and_has_no_id() {
    for policy in ["Delete", "Retain"] {
        let world = OperatorWorld::new().await;
        let _operator = world.operator().await;
        let own = json!({ "deletionPolicy": policy });
        world.create("push", own).await;
        let first = world.ready("push").await.callback_id;
        let held = json!({ "metadata": { "finalizers": [FINALIZER, "example.com/archive"] } });
        world.patch("push", held).await;
        world.delete("push").await;

        let status = world
            .status("push", "it is let go", |status| {
                status.callback_id.is_none()
                    && condition(status, "Ready")
                        .is_some_and(|ready| ready.message.contains("example.com/archive"))
            })
            .await;
        let ready = condition(&status, "Ready").unwrap();
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str()),
            ("False", "Deleting")
        );
        assert!(condition(&status, "Reconciling").is_some());
        eventually("only the other finalizer is left", LIMIT, async || {
            let finalizers = world.get("push").await?.metadata.finalizers?;
            (finalizers == ["example.com/archive"]).then_some(())
        })
        .await;

        world.create("second", same_place()).await;
        let second = world.ready("second").await;
        let rows: Vec<_> = world.cloud.rows().into_iter().map(|row| row.id).collect();
        assert_eq!(rows, Vec::from_iter(second.callback_id.clone()));
        assert_eq!(second.callback_id == first, policy == "Retain");
        let expected = usize::from(policy == "Delete");
        assert_eq!(world.count(Delete), expected);
        assert_eq!(world.count(Create), 1 + expected);
    }
}
