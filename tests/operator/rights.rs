//! The chart's rules hold what the operator needs and nothing else: with all of them it is refused nothing, without any one of them
//! it is refused just that.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::support::{
    chart::{Chart, Mode},
    eventually,
    lease::{grant, leads},
    print_line,
    right::GrantedRight,
    world::{OperatorWorld, condition},
};

/// A right that nobody needs.
fn superfluous() -> GrantedRight {
    GrantedRight::new("live.huaweicloud.com", "recordingcallbacks", "delete")
}

/// The rights are read from the chart, so a new one is checked, too. That the check would find one to be superfluous, one that is
/// shows each time; the run without it is the one with the chart's own rules.
#[tokio::test]
async fn each_right_of_the_chart_is_needed_and_none_is_missing() {
    let chart = |namespace: &str| Chart::rendered(Mode::Namespaced, namespace).with(&superfluous());
    let rights = chart("any").rights();
    print_line(&format!(
        "rights that are needed, one by one: {}",
        rights.len() - 1
    ));
    let lives = (0..rights.len()).map(async |position| {
        let mut world = OperatorWorld::new().await;
        let chart = chart(world.namespace.name()).without(position);
        world.install(&chart).await;
        life_until_refused(&world).await
    });
    for (right, refused) in rights.iter().zip(join_all(lives).await) {
        match refused {
            Some(refused) => assert_eq!(refused, *right, "without {right}, that is refused"),
            None => assert_eq!(*right, superfluous(), "nothing needs {right}"),
        }
    }
}

#[tokio::test]
async fn where_secrets_are_granted_one_by_one_the_others_stay_out_of_reach() {
    let mut world = OperatorWorld::new().await;
    let namespace = world.namespace.name().to_owned();
    let chart = Chart::rendered_with(Mode::Namespaced, &namespace, "rbac.secrets=false");
    world.install(&chart).await;
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    let status = world.reason("push", "CredentialsMissing").await;
    let message = &condition(&status, "Ready").unwrap().message;
    for word in ["huaweicloud", &namespace, "get"] {
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(world.calls(), []);

    let account =
        json!({ "kind": "ServiceAccount", "name": chart.account(), "namespace": namespace });
    let mut rule = secret().rule();
    rule["resourceNames"] = json!(["huaweicloud"]);
    grant(&world.namespace, "secret", json!([rule]), account).await;
    world.ready("push").await;
    world.put_secret("other", &world.credentials()).await;
    let other = json!({ "credentialsSecretRef": { "name": "other" } });
    world.create("other", other).await;
    world.reason("other", "CredentialsMissing").await;
    assert!(world.refused().iter().all(|right| *right == secret()));
}

/// Somebody else applies the CRD, and the operator doesn't look at it: `uninstall::roles_only` shows what that costs.
#[tokio::test]
async fn without_any_right_in_the_whole_cluster_it_lives_as_ever() {
    let mut world = OperatorWorld::new().await;
    let chart = Chart::roles_only(world.namespace.name());
    world.install(&chart).await;
    life(&world).await;
    assert_eq!(world.refused(), [], "rights that are missing");
}

fn secret() -> GrantedRight {
    GrantedRight::new("", "secrets", "get")
}

/// Plays a life until the API server refuses something, or to its end.
async fn life_until_refused(world: &OperatorWorld) -> Option<GrantedRight> {
    tokio::select! {
        refused = refusal(world) => Some(refused),
        () = life(world) => world.refused().into_iter().next(),
    }
}

/// The first right that the operators lack, once one is missed.
async fn refusal(world: &OperatorWorld) -> GrantedRight {
    let refused = async || world.refused().into_iter().next();
    eventually("a right is missed", Duration::MAX, refused).await
}

/// All that the operator does at the API server: it takes, renews and releases the Lease, reads the CRD, objects and Secrets, writes
/// finalizers, the record and the status, and tells of things for the first time and again.
async fn life(world: &OperatorWorld) {
    let mut operator = world.operator_with(&["--lease-duration=6s"]).await;
    leads(&operator).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    for suspend in [true, false] {
        world
            .patch("push", json!({ "spec": { "suspend": suspend } }))
            .await;
        let reason = if suspend { "Suspended" } else { "Available" };
        world.reason("push", reason).await;
    }
    let url = "https://hooks.example.com/other";
    world
        .patch("push", json!({ "spec": { "notifyCallbackURL": url } }))
        .await;
    world.ready("push").await;
    world.delete("push").await;
    world.gone("push").await;
    assert!(operator.terminate().await.success());
}
