//! Objects without a Secret: the operator's own credentials, where their namespace may use them.

use std::{collections::BTreeSet, fs};

use live_simulator::{
    LoggedOperation, Metadata, Rights, ScriptedFault, ScriptedPayload, SimulatorSettings, Workload,
};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::support::{
    eventually,
    operator::OperatorProcess,
    world::{AK, LIMIT, OperatorWorld, PROJECT, SK, condition},
};

use LoggedOperation::{
    AssumePodIdentity, AssumeWithOidc, Create, IssueFederatedToken, IssueTemporaryKey, List,
    ListProjects, Update,
};

const ID_TOKEN: &str = "test-identity-token";
const POD_TOKEN: &str = "test-pod-token";

/// An operator with these variables, whose own credentials these namespaces may use.
async fn operator(
    world: &OperatorWorld,
    namespaces: &str,
    variables: &[(&str, &str)],
) -> OperatorProcess {
    let granted = format!("--ambient-credentials-namespaces={namespaces}");
    let flags = world.flags_with(&[&granted]);
    let live = world.cloud.endpoint();
    let mut environment = vec![
        ("HUAWEICLOUD_SDK_REGION", "cn-north-4"),
        ("HUAWEICLOUD_SDK_REGION_LIVE_CN_NORTH_4", &live),
        ("HUAWEICLOUD_SDK_IAM_ENDPOINT", &live),
        ("HUAWEICLOUD_SDK_STS_ENDPOINT", &live),
    ];
    environment.extend(variables);
    let mut operator = OperatorProcess::spawn(&flags, &environment).await;
    operator.ready().await;
    operator
}

/// Creates an object that names no Secret.
async fn create(world: &OperatorWorld, name: &str) {
    world
        .create(name, json!({ "credentialsSecretRef": null }))
        .await;
}

const STATIC: [(&str, &str); 2] = [("HUAWEICLOUD_SDK_AK", AK), ("HUAWEICLOUD_SDK_SK", SK)];

#[tokio::test]
async fn keys_of_the_environment_serve_a_namespace_that_may_use_them() {
    let world = OperatorWorld::new().await;
    let operator = operator(&world, world.namespace.name(), &STATIC).await;
    create(&world, "push").await;
    let target = world.ready("push").await.target.unwrap();
    assert_eq!(
        (target.region.as_str(), target.project_id.as_str()),
        ("cn-north-4", PROJECT),
        "the region is the environment's, the project is looked up"
    );
    assert_eq!(world.count(ListProjects), 1);
    assert_eq!(world.count(Create), 1);
    assert!(!operator.output().contains(SK));
}

#[tokio::test]
async fn a_namespace_that_may_not_use_them_is_told_both_ways_out_and_nothing_is_called() {
    let world = OperatorWorld::new().await;
    for granted in ["", "elsewhere"] {
        let _operator = operator(&world, granted, &STATIC).await;
        create(&world, &format!("push-{}", granted.len())).await;
        let status = world
            .reason(&format!("push-{}", granted.len()), "CredentialsMissing")
            .await;
        let message = &condition(&status, "Ready").unwrap().message;
        assert!(
            message.contains("credentialsSecretRef")
                && message.contains("--ambient-credentials-namespaces")
                && message.contains(world.namespace.name()),
            "{message}"
        );
    }
    assert_eq!(world.cloud.calls().len(), 0);
}

/// Lets the operator obtain keys of the cloud, and gives it a file that holds a token.
fn employ(world: &OperatorWorld, token: &str) -> NamedTempFile {
    world.cloud.set_workload(Workload {
        rights: Rights::full("workload", PROJECT),
        idp_id: Some("test-idp".to_owned()),
        id_token: Some(ID_TOKEN.to_owned()),
        pod_token: Some(POD_TOKEN.to_owned()),
        metadata: Metadata::NoAgency,
    });
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, token).unwrap();
    file
}

/// An operator with a pod identity whose token is in this file.
async fn pod(world: &OperatorWorld, file: &str, more: &[(&str, &str)]) -> OperatorProcess {
    let agent = format!("{}/pod-identity/credentials", world.cloud.endpoint());
    let mut variables = vec![
        ("HC_CONTAINER_CREDENTIALS_FULL_URI", agent.as_str()),
        ("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", file),
    ];
    variables.extend(more);
    operator(world, "*", &variables).await
}

#[tokio::test]
async fn an_identity_token_of_the_cluster_buys_keys() {
    let sts = [
        (
            "HUAWEICLOUD_OIDC_PROVIDER_URN",
            "iam::test:oidcProvider:cce",
        ),
        ("HUAWEICLOUD_OIDC_AGENCY_URN", "iam::test:agency:live"),
    ];
    for (variables, file_in, calls) in [
        (
            &sts[..],
            "HUAWEICLOUD_OIDC_TOKEN_FILE",
            &[AssumeWithOidc][..],
        ),
        (
            &[("HUAWEICLOUD_SDK_IDP_ID", "test-idp")],
            "HUAWEICLOUD_SDK_ID_TOKEN_FILE",
            &[IssueFederatedToken, IssueTemporaryKey],
        ),
    ] {
        let world = OperatorWorld::new().await;
        let file = employ(&world, ID_TOKEN);
        let mut variables = variables.to_vec();
        variables.push((file_in, file.path().to_str().unwrap()));
        let operator = operator(&world, "*", &variables).await;
        for name in ["one", "two", "three"] {
            create(&world, name).await;
        }
        for name in ["one", "two", "three"] {
            world.ready(name).await;
        }
        for call in calls {
            assert_eq!(world.count(*call), 1, "{call:?}");
        }
        assert_eq!(world.count(Create), 3);
        assert!(!operator.output().contains(ID_TOKEN));
    }
}

#[tokio::test]
async fn a_temporary_key_is_renewed_early_and_nothing_else_happens() {
    let world = OperatorWorld::with(SimulatorSettings {
        key_lifetime_s: Some(12),
        ..SimulatorSettings::default()
    })
    .await;
    let file = employ(&world, POD_TOKEN);
    let _operator = pod(&world, file.path().to_str().unwrap(), &[]).await;
    create(&world, "one").await;
    create(&world, "two").await;
    let first = world.ready("one").await;
    world.ready("two").await;
    assert_eq!(world.count(AssumePodIdentity), 1);

    let mut looks = 0;
    let keys = || -> BTreeSet<_> {
        let calls = world.cloud.calls().into_iter();
        let live = calls.filter(|call| call.operation.is_live());
        live.map(|call| call.credential).collect()
    };
    // Those who ask while it is renewed have the old one still.
    eventually("the key is renewed and used", LIMIT, async || {
        looks += 1;
        world.asked("one", &format!("one-{looks}")).await;
        world.asked("two", &format!("two-{looks}")).await;
        (keys().len() > 1).then_some(())
    })
    .await;
    let last = world.ready("one").await;
    assert_eq!(last.target, first.target);
    assert_eq!(last.callback_id, first.callback_id);
    let failed: Vec<_> = world
        .calls()
        .into_iter()
        .filter(|(_, status)| status.is_none_or(|status| status >= 400))
        .collect();
    assert_eq!(failed, [], "it is renewed before it ends");
    assert_eq!(keys().len(), 2, "{:?}", keys());
    assert_eq!(world.count(AssumePodIdentity), 2, "one call for all");
    assert_eq!(world.count(ListProjects), 1, "the project stays known");
    assert_eq!(world.count(Create), 2);
    assert_eq!(world.cloud.mutations().len(), 2, "nothing but the creates");
}

#[tokio::test]
async fn a_key_that_the_cloud_refuses_is_replaced_and_the_call_made_once_more() {
    let world = OperatorWorld::new().await;
    let file = employ(&world, POD_TOKEN);
    let _operator = pod(&world, file.path().to_str().unwrap(), &[]).await;
    create(&world, "push").await;
    world.ready("push").await;
    let before = world.calls().len();
    let refusal = json!({ "error_code": "APIG.0301", "error_msg": "verify aksk signature fail" });
    let refused = ScriptedFault::on(Update).reply(401, ScriptedPayload::Json(refusal));
    world.cloud.fault(refused);
    let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
    world.patch("push", url).await;
    world.ready("push").await;
    assert_eq!(
        world.calls()[before..],
        [(Update, Some(401)), (Update, Some(200))]
    );
    assert_eq!(world.count(AssumePodIdentity), 2);
}

#[tokio::test]
async fn what_is_missing_is_told_with_the_way_out() {
    let world = OperatorWorld::new().await;
    employ(&world, POD_TOKEN);
    let _operator = pod(&world, "/does/not/exist", &[]).await;
    create(&world, "push").await;
    let status = world.reason("push", "CredentialsMissing").await;
    let message = &condition(&status, "Ready").unwrap().message;
    for part in [
        "OIDC by STS",
        "OIDC by IAM",
        "environment variables: HUAWEICLOUD_SDK_AK",
        "CCE pod identity: the file /does/not/exist",
        "credentialsSecretRef",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert!(status.next_attempt_time.is_some());
    assert_eq!(world.cloud.calls().len(), 0);
}

#[tokio::test]
async fn what_is_on_this_machine_is_reached_without_a_proxy() {
    let world = OperatorWorld::new().await;
    let file = employ(&world, POD_TOKEN);
    let dead = [("HTTP_PROXY", "http://127.0.0.1:1")];
    let _operator = pod(&world, file.path().to_str().unwrap(), &dead).await;
    create(&world, "push").await;
    world.reason("push", "CloudUnavailable").await;
    assert_eq!(world.count(AssumePodIdentity), 1);
    assert_eq!(
        world.cloud.calls().len(),
        1,
        "the cloud is behind the proxy"
    );
}

#[tokio::test]
async fn keys_that_are_refused_again_and_again_are_not_asked_for_for_ever() {
    let world = OperatorWorld::new().await;
    let file = employ(&world, POD_TOKEN);
    let refusal = json!({ "error_code": "APIG.0301", "error_msg": "verify aksk signature fail" });
    let refused = ScriptedFault::on(List).always();
    world
        .cloud
        .fault(refused.reply(401, ScriptedPayload::Json(refusal)));
    let _operator = pod(&world, file.path().to_str().unwrap(), &[]).await;
    // One after the other: those that come at once share a look and its refusal.
    for (name, lists) in [("one", 2), ("two", 4), ("three", 4), ("four", 4)] {
        create(&world, name).await;
        world.reason(name, "CredentialsRejected").await;
        assert_eq!(
            world.count(List),
            lists,
            "{name}: two refusals, each with one more try by another key"
        );
    }
    assert_eq!(world.count(AssumePodIdentity), 3);
}

#[tokio::test]
async fn nothing_is_asked_for_before_an_object_needs_it() {
    let world = OperatorWorld::new().await;
    let file = employ(&world, POD_TOKEN);
    let file = file.path().to_str().unwrap();
    let mut first = pod(&world, file, &[]).await;
    create(&world, "settled").await;
    world.ready("settled").await;
    first.kill().await;
    let before = world.cloud.calls().len();
    let _second = pod(&world, file, &[]).await;
    // What has a Secret is served in the same round.
    world.create("other", json!({})).await;
    world.ready("other").await;
    let calls = world.cloud.calls();
    let asked: Vec<LoggedOperation> = calls[before..].iter().map(|call| call.operation).collect();
    assert_eq!(asked, [List, Create], "the settled one costs nothing");
}
