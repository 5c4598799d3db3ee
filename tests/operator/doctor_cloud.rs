//! What `doctor` asks the cloud, and what that costs.

use live_simulator::{KnownCredential, KnownUser, LoggedOperation, RecordRule};
use serde_json::{Value, json};

use crate::support::{
    lease::leads,
    program,
    world::{AK, OperatorWorld, PROJECT, SK},
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

/// The findings of a check, and whether none failed at all.
pub(crate) async fn findings(
    world: &OperatorWorld,
    check: &str,
    more: &[&str],
) -> (Vec<(String, String)>, bool) {
    let endpoint = format!("--allowed-endpoints={}", world.cloud.endpoint());
    let mut all = vec![
        "doctor",
        "-n",
        world.namespace.name(),
        &endpoint,
        "-o",
        "json",
    ];
    all.extend(more);
    let said = program(&all).await;
    let output: Value = serde_json::from_str(&said.stdout).unwrap();
    let output = output["items"].as_array().unwrap().iter();
    let of_check = output.filter(|finding| finding["check"] == check);
    let found = of_check.map(|finding| {
        let result = finding["result"].as_str().unwrap().to_owned();
        (result, finding.to_string())
    });
    (found.collect(), said.succeeded)
}

/// The only finding of a check, if that ended so and says all of this.
pub(crate) async fn finds(
    world: &OperatorWorld,
    check: &str,
    more: &[&str],
    result: &str,
    words: &[&str],
) {
    let (found, succeeded) = findings(world, check, more).await;
    let is_found = found.len() == 1 && found[0].0 == result;
    assert!(
        is_found && words.iter().all(|word| found[0].1.contains(word)),
        "{words:?}: {found:#?}"
    );
    assert_eq!(succeeded, result != "Failed", "{found:#?}");
}

#[tokio::test]
async fn whether_a_callback_can_ever_fire_is_told_by_the_record_rules() {
    let world = OperatorWorld::new().await;
    world.create("push", json!({ "app": "live" })).await;
    let domain = "push.example.com";
    let object = format!("{}/push ({domain} live", world.namespace.name());
    let none = ["1 of 1 object can never fire", &object];
    finds(&world, "Record rules", &[], "Warning", &none).await;

    world
        .cloud
        .add_rule(RecordRule::of("other-project", domain, "live"));
    world
        .cloud
        .add_rule(RecordRule::of(PROJECT, "other.example.com", "live"));
    world.cloud.add_rule(RecordRule::of(PROJECT, domain, "vod"));
    let others = [&*object, "there are rules for vod"];
    finds(&world, "Record rules", &[], "Warning", &others).await;

    let of_a_stream = RecordRule {
        stream: "one".to_owned(),
        ..RecordRule::of(PROJECT, domain, "live")
    };
    world.cloud.add_rule(of_a_stream);
    let some = ["the streams of 1 object are recorded, of 1 only those that rules name"];
    finds(&world, "Record rules", &[], "Ok", &some).await;

    world.cloud.add_rule(RecordRule::of(PROJECT, domain, "*"));
    let (found, _) = findings(&world, "Record rules", &[]).await;
    assert!(
        found[0].0 == "Ok" && !found[0].1.contains("only"),
        "{found:#?}"
    );
    let asked = world.count(LoggedOperation::ListRules);
    let (found, _) = findings(&world, "Record rules", &["--offline"]).await;
    assert_eq!(
        (found.len(), world.count(LoggedOperation::ListRules)),
        (0, asked)
    );

    let key = KnownCredential::new(AK, SK, PROJECT).deny(LoggedOperation::ListRules);
    world.cloud.add_credential(key);
    let denied = ["not known", "LIVE.100011003", "live:record:listRules"];
    finds(&world, "Record rules", &[], "Unknown", &denied).await;
    let operator = world.operator().await;
    world.ready("push").await;
    drop(operator);
    let calls = world.cloud.calls();
    let by_operator = calls
        .iter()
        .rev()
        .take_while(|call| call.operation != LoggedOperation::ListRules);
    assert!(by_operator.count() > 0, "and no reconcile asks for them");
}
