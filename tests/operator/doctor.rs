//! `doctor`, against what it is to find: nothing, or one thing that is wrong.

use live_simulator::LoggedOperation;
use recording_callback_operator::cluster::rights::RIGHTS;
use serde_json::{Value, json};

use crate::support::{
    KubectlOutput,
    chart::{Chart, Mode},
    lease::leads,
    program,
    right::GrantedRight,
    world::OperatorWorld,
};

/// A world with a chart's Deployment, whose pod no node runs: the program runs beside it, with the flags and the account of the chart.
async fn world(change: impl FnOnce(Chart) -> Chart) -> OperatorWorld {
    let mut world = OperatorWorld::new().await;
    let chart = change(Chart::rendered(Mode::Namespaced, world.namespace.name()));
    world.install(&chart).await;
    chart.deploy().await;
    world
}

async fn doctor(world: &OperatorWorld, more: &[&str]) -> KubectlOutput {
    let endpoint = format!("--allowed-endpoints={}", world.cloud.endpoint());
    let mut all = vec!["doctor", "-n", world.namespace.name(), &endpoint];
    all.extend(more);
    program(&all).await
}

/// The findings of a check: how each ended, and all that is said of it.
async fn findings(world: &OperatorWorld, check: &str, is_well: bool) -> Vec<(String, String)> {
    let said = doctor(world, &["-o", "json"]).await;
    assert_eq!(said.succeeded, is_well, "{said:#?}");
    let output: Value = serde_json::from_str(&said.stdout).unwrap();
    let output = output["items"].as_array().unwrap().iter();
    let of_check = output.filter(|finding| finding["check"] == check);
    of_check
        .map(|finding| {
            (
                finding["result"].as_str().unwrap().to_owned(),
                finding.to_string(),
            )
        })
        .collect()
}

#[test]
fn it_asks_for_the_rights_that_the_chart_grants() {
    let granted = Chart::rendered(Mode::Namespaced, "media").rights();
    let asked: Vec<GrantedRight> = RIGHTS
        .iter()
        .flat_map(|right| {
            right
                .verbs
                .iter()
                .map(|verb| GrantedRight::new(right.group, right.resource, verb))
        })
        .collect();
    for right in &granted {
        assert!(asked.contains(right), "{right} is not asked for");
    }
    assert_eq!(granted.len(), asked.len());
}

#[tokio::test]
async fn where_all_is_well_it_says_so_with_one_call() {
    let world = world(|chart| chart).await;
    let operator = world.operator().await;
    leads(&operator).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    let before = world.calls().len();

    let said = doctor(&world, &[]).await;
    assert!(said.succeeded, "{said:#?}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = said.stdout.lines().map(words).collect();
    for (check, words) in [
        ("API server Ok", "v1.3"),
        ("CRD Ok", "recordingcallbacks.live.huaweicloud.com"),
        ("Operator Warning", "0 of 1 replicas ready"),
        ("Lease Ok", "holds and renews it"),
        ("Rights Ok", "release-recording-callback-operator"),
        ("Objects Ok", "1 in all, 1 ready"),
        ("Credentials Ok", "for 1 object"),
        (
            "Cloud Ok",
            "holds 1 callback, called directly, clock 0 s off",
        ),
        (
            "Quota Ok",
            "looking takes 1 call every 10m, of 270 a minute",
        ),
    ] {
        let has = |line: &String| line.starts_with(check) && line.contains(words);
        assert!(lines.iter().any(has), "{check} {words}: {}", said.stdout);
    }
    assert_eq!(
        world.calls()[before..],
        [(LoggedOperation::List, Some(200))]
    );
    let offline = doctor(&world, &["--offline"]).await;
    assert!(
        offline.succeeded && !offline.stdout.contains("Cloud"),
        "{offline:#?}"
    );
    assert_eq!(world.calls().len(), before + 1);
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let world = world(|chart| {
        let rights = chart.rights();
        let status =
            GrantedRight::new("live.huaweicloud.com", "recordingcallbacks/status", "patch");
        let position = rights.iter().position(|right| *right == status);
        chart.without(position.unwrap())
    })
    .await;
    let found = findings(&world, "Rights", false).await;
    let words = format!(
        "may not patch recordingcallbacks/status in {}",
        world.namespace.name()
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].0 == "Failed" && found[0].1.contains(&words),
        "{found:#?}"
    );

    let account = format!("--service-account={}/nobody", world.namespace.name());
    let said = doctor(&world, &["--offline", &account]).await;
    for words in [
        "may not get recordingcallbacks",
        "create leases",
        "get customresourcedefinitions",
    ] {
        assert!(said.stdout.contains(words), "{said:#?}");
    }
}

/// Somebody else applies the CRD, and the operator doesn't look at it.
#[tokio::test]
async fn a_right_that_an_operator_is_told_to_do_without_is_not_missing() {
    let mut world = OperatorWorld::new().await;
    let chart = Chart::roles_only(world.namespace.name());
    world.install(&chart).await;
    chart.deploy().await;
    let found = findings(&world, "Rights", false).await;
    assert!(found.len() == 1 && found[0].0 == "Ok", "{found:#?}");
}

#[tokio::test]
async fn without_an_operator_that_acts_it_says_that_nothing_is_done() {
    let world = world(|chart| chart).await;
    let mut operator = world.operator_with(&["--lease-duration=3s"]).await;
    leads(&operator).await;
    operator.kill().await;
    world.create("push", json!({})).await;
    let lease = findings(&world, "Lease", false).await;
    assert!(
        lease[0].0 == "Failed" && lease[0].1.contains("nothing is done"),
        "{lease:#?}"
    );
    let objects = findings(&world, "Objects", false).await;
    assert!(
        objects[0].1.contains("1 not seen by an operator"),
        "{objects:#?}"
    );
}

#[tokio::test]
async fn credentials_that_do_not_work_are_told_with_what_to_do() {
    let world = world(|chart| chart).await;
    let operator = world.operator().await;
    leads(&operator).await;
    let wrong = world.credentials_with("sk-test-example-wrong-000000000000000000");
    world.put_secret("wrong", &wrong).await;
    let mut elsewhere = world.credentials();
    elsewhere[4].1 = "https://live.example.com".to_owned();
    world.put_secret("elsewhere", &elsewhere).await;
    for name in ["wrong", "elsewhere", "missing"] {
        let reference = json!({ "suspend": true, "credentialsSecretRef": { "name": name } });
        world.create(name, reference).await;
        world.reason(name, "Suspended").await;
    }
    let own = json!({ "suspend": true, "credentialsSecretRef": null });
    world.create("own", own).await;
    let before = world.calls().len();

    let credentials = findings(&world, "Credentials", false).await;
    let of = |name: &str| {
        let subject = format!("{}/{name}", world.namespace.name());
        let mut of = credentials
            .iter()
            .filter(|(_, detail)| detail.contains(&subject));
        of.next().unwrap().clone()
    };
    assert_eq!(of("wrong").0, "Ok");
    let own = credentials
        .iter()
        .find(|(_, detail)| detail.contains("the operator's own"));
    assert!(own.is_some_and(
        |(result, detail)| result == "Unknown" && detail.contains("in the operator's pod")
    ));
    let (result, detail) = of("elsewhere");
    assert!(
        result == "Failed" && detail.contains("EndpointNotAllowed"),
        "{detail}"
    );
    let (result, detail) = of("missing");
    assert!(
        result == "Failed" && detail.contains("create it"),
        "{detail}"
    );
    assert_eq!(
        world.calls()[before..],
        [(LoggedOperation::List, Some(401))]
    );
    let cloud = findings(&world, "Cloud", false).await;
    assert!(
        cloud[0].0 == "Failed" && cloud[0].1.contains("CredentialsRejected"),
        "{cloud:#?}"
    );
}
