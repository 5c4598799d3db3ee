//! Objects without a Secret: the operator's own credentials, where their namespace may use them.

use live_simulator::Operation;
use serde_json::json;

use crate::support::{
    operator::Operator,
    world::{AK, PROJECT, SK, World, condition},
};

/// An operator with these variables, whose own credentials these namespaces may use.
async fn operator(world: &World, namespaces: &str, variables: &[(&str, &str)]) -> Operator {
    let granted = format!("--ambient-credentials-namespaces={namespaces}");
    let flags = world.flags_with(&[&granted]);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let live = world.cloud.endpoint();
    let mut environment = vec![
        ("HUAWEICLOUD_SDK_REGION", "cn-north-4"),
        ("HUAWEICLOUD_SDK_REGION_LIVE_CN_NORTH_4", &live),
        ("HUAWEICLOUD_SDK_IAM_ENDPOINT", &live),
        ("HUAWEICLOUD_SDK_STS_ENDPOINT", &live),
    ];
    environment.extend(variables);
    let mut operator = Operator::spawn(&flags, &environment).await;
    operator.ready().await;
    operator
}

/// Creates an object that names no Secret.
async fn create(world: &World, name: &str) {
    world
        .create(name, json!({ "credentialsSecretRef": null }))
        .await;
}

/// How often the cloud was asked for something.
fn count(world: &World, operation: Operation) -> usize {
    let calls = world.cloud.calls();
    calls
        .iter()
        .filter(|call| call.operation == operation)
        .count()
}

const STATIC: [(&str, &str); 2] = [("HUAWEICLOUD_SDK_AK", AK), ("HUAWEICLOUD_SDK_SK", SK)];

#[tokio::test]
async fn keys_of_the_environment_serve_a_namespace_that_may_use_them() {
    let world = World::new().await;
    let operator = operator(&world, world.namespace.name(), &STATIC).await;
    create(&world, "push").await;
    let target = world.ready("push").await.target.unwrap();
    assert_eq!(
        (target.region.as_str(), target.project_id.as_str()),
        ("cn-north-4", PROJECT),
        "the region is the environment's, the project is looked up"
    );
    assert_eq!(count(&world, Operation::ListProjects), 1);
    assert_eq!(count(&world, Operation::Create), 1);
    assert!(!operator.output().contains(SK));
}

#[tokio::test]
async fn a_namespace_that_may_not_use_them_is_told_both_ways_out_and_nothing_is_called() {
    let world = World::new().await;
    for granted in ["", "elsewhere"] {
        let _operator = operator(&world, granted, &STATIC).await;
        create(&world, &format!("push-{}", granted.len())).await;
        let status = world
            .reason(&format!("push-{}", granted.len()), "CredentialsMissing")
            .await;
        let told = &condition(&status, "Ready").unwrap().message;
        assert!(
            told.contains("credentialsSecretRef")
                && told.contains("--ambient-credentials-namespaces")
                && told.contains(world.namespace.name()),
            "{told}"
        );
    }
    assert_eq!(world.cloud.calls().len(), 0);
}
