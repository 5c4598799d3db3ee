//! Rotations of a sign key, whatever comes between them and their reconcile.

use std::sync::Arc;

use serde_json::json;

use super::{A, B, C, edit, holds, key, put_keys};
use crate::support::{
    operator::OperatorProcess,
    proxy::{ApiProxy, Harm, HarmedAnswer, HarmedCalls},
    trap::{Blow, Moment, Point, Side, Trap},
    world::OperatorWorld,
};

use live_simulator::LoggedOperation::Update;

const D: &str = "TestSignKeyNotASecret0000000000000D";

/// Waits until the Secret `hooks` was read anew, which another object tells that needs a key of it.
async fn read_anew(world: &OperatorWorld, sign: &str) {
    world.create("reader", key("hooks", "later")).await;
    world.reason("reader", "SignKeyMissing").await;
    let values = [("sign", sign.to_owned()), ("later", D.to_owned())];
    world.put_secret("hooks", &values).await;
    world.ready("reader").await;
}

/// The steps are those of one object's life, in this order.
#[tokio::test]
async fn a_rotation_is_sent_whatever_comes_between_it_and_its_reconcile() {
    let world = OperatorWorld::new().await;
    let trap = Trap::before(&world.cloud);
    let proxy = ApiProxy::start(Arc::clone(&trap)).await;
    put_keys(&world, A, D).await;
    let mut operator = OperatorProcess::start_at(proxy.url(), &world.flags()).await;
    world.create("push", key("hooks", "sign")).await;
    world.ready("push").await;

    // It is rotated during a suspension.
    edit(&world, json!({ "suspend": true })).await;
    world.reason("push", "Suspended").await;
    put_keys(&world, B, D).await;
    edit(&world, json!({ "suspend": false })).await;
    assert_eq!(holds(&world, B).await, 1);
    world.ready("push").await;

    // The read of the object that follows a rotation fails.
    let error = HarmedAnswer::error(500, "InternalError");
    proxy.harm(Harm::to(HarmedCalls::Read).before(error));
    put_keys(&world, C, D).await;
    assert_eq!(holds(&world, C).await, 2);
    world.ready("push").await;
    assert_eq!(proxy.harmed(), 1);

    // Another key is named, and the process dies before it can tell that it sent it. Then it is the former value again.
    let put = Point {
        side: Side::Cloud,
        number: 1,
        moment: Moment::After,
    };
    trap.set(put, Blow::Kill, operator.process(), &world.cloud);
    edit(&world, key("hooks", "other")).await;
    operator.ended().await;
    assert_eq!(holds(&world, D).await, 3);
    let object = world.get("push").await.unwrap();
    assert_ne!(
        object.status.unwrap().observed_generation,
        object.metadata.generation
    );
    trap.count();
    put_keys(&world, C, C).await;
    let _operator = OperatorProcess::start_at(proxy.url(), &world.flags()).await;
    assert_eq!(holds(&world, C).await, 4);
    world.ready("push").await;
    assert_eq!(world.count(Update), 4);
}

#[tokio::test]
async fn a_key_that_is_rotated_under_observe_is_sent_once_when_it_is_managed_again() {
    let world = OperatorWorld::new().await;
    put_keys(&world, A, B).await;
    let _operator = world.operator().await;
    world.create("push", key("hooks", "sign")).await;
    world.ready("push").await;
    edit(&world, json!({ "managementPolicy": "Observe" })).await;
    world.reason("push", "ObserveOnly").await;
    put_keys(&world, B, B).await;
    read_anew(&world, B).await;
    assert_eq!(world.count(Update), 0);
    world.delete("reader").await;
    world.gone("reader").await;

    edit(&world, json!({ "managementPolicy": "Manage" })).await;
    assert_eq!(holds(&world, B).await, 1);
    world.ready("push").await;
    assert_eq!(world.count(Update), 1);
}

#[tokio::test]
async fn a_key_that_is_rotated_while_the_operator_may_only_look_is_sent_once_when_it_may_change() {
    let world = OperatorWorld::new().await;
    put_keys(&world, A, B).await;
    let mut operator = world.operator().await;
    world.create("push", key("hooks", "sign")).await;
    world.ready("push").await;
    operator.kill().await;
    let mut operator = world.operator_with(&["--read-only"]).await;
    world.reason("push", "ObserveOnly").await;
    put_keys(&world, B, B).await;
    operator.kill().await;
    let _operator = world.operator().await;
    assert_eq!(holds(&world, B).await, 1);
    world.ready("push").await;
    assert_eq!(world.count(Update), 1);
}
