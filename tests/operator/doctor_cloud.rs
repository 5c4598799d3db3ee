//! What `doctor` asks the cloud, and what that costs.

use live_simulator::{KnownUser, LoggedOperation};
use serde_json::json;

use crate::support::{
    lease::leads,
    program,
    world::{OperatorWorld, PROJECT},
};

const PASSWORD: &str = "pw-test-example-3f9a";

/// A world whose Secrets `names` all hold one user.
async fn of_one_user(names: &[&str], more: &[(&str, String)]) -> OperatorWorld {
    let world = OperatorWorld::new().await;
    let user = KnownUser::new("test-domain", "operator", PASSWORD, PROJECT);
    world.cloud.add_user(user);
    let endpoint = world.cloud.endpoint();
    let mut values = vec![
        ("domain_name", "test-domain".to_owned()),
        ("username", "operator".to_owned()),
        ("password", PASSWORD.to_owned()),
        ("region", "cn-north-4".to_owned()),
        ("live_endpoint", endpoint.clone()),
        ("iam_endpoint", endpoint),
    ];
    values.extend(more.iter().cloned());
    for name in names {
        world.put_secret(name, &values).await;
        world
            .create(name, json!({ "credentialsSecretRef": { "name": name } }))
            .await;
    }
    world
}

#[tokio::test]
async fn a_user_costs_one_login_wherever_the_project_is_named() {
    for more in [&[][..], &[("project_id", PROJECT.to_owned())]] {
        let names = ["one", "two", "three"];
        let world = of_one_user(&names, more).await;
        for start in 1..=2 {
            let mut operator = world.operator().await;
            leads(&operator).await;
            for name in names {
                world.ask(name, &format!("token-{start}")).await;
                world.asked(name, &format!("token-{start}")).await;
            }
            let logins = world.count(LoggedOperation::IssueToken);
            assert_eq!(
                (logins, world.count(LoggedOperation::ListProjects)),
                (start, 0),
                "{more:?}"
            );
            operator.kill().await;
        }
        let endpoint = format!("--allowed-endpoints={}", world.cloud.endpoint());
        let said = program(&[
            "doctor",
            "-n",
            world.namespace.name(),
            &endpoint,
            "-o",
            "json",
        ])
        .await;
        assert!(said.stdout.contains("\"Cloud\""), "{said:#?}");
        let logins = world.count(LoggedOperation::IssueToken);
        assert_eq!(
            (logins, world.count(LoggedOperation::ListProjects)),
            (3, 0),
            "{more:?}: {said:#?}"
        );
    }
}
