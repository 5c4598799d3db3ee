//! What `doctor` asks the cloud, and what that costs.

use live_simulator::{
    KnownCredential, KnownUser, Listen, LoggedOperation, RecordRule, Simulator, SimulatorSettings,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{
    chart::{Chart, Mode},
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
async fn findings(
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
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    let told = told["items"].as_array().unwrap().iter();
    let of_check = told.filter(|finding| finding["check"] == check);
    let found = of_check.map(|finding| {
        let result = finding["result"].as_str().unwrap().to_owned();
        (result, finding.to_string())
    });
    (found.collect(), said.succeeded)
}

/// The only finding of a check, if that ended so and says all of this.
async fn finds(world: &OperatorWorld, check: &str, more: &[&str], result: &str, words: &[&str]) {
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

/// A world with a chart's Deployment.
async fn deployed() -> (OperatorWorld, Chart) {
    let mut world = OperatorWorld::new().await;
    let chart = Chart::rendered(Mode::Namespaced, world.namespace.name());
    world.install(&chart).await;
    chart.deploy().await;
    (world, chart)
}

fn args(deployment: &mut Value) -> &mut Vec<Value> {
    let args = &mut deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    args.as_array_mut().unwrap()
}

/// Makes it one of another release, with a Lease of its own.
fn another_release(deployment: &mut Value) {
    deployment["metadata"]["name"] = json!("second-operator");
    deployment["metadata"]["labels"]["app.kubernetes.io/instance"] = json!("second");
    // A release with other names than the usual ones is found by the operator's own label.
    deployment["metadata"]["labels"]["app.kubernetes.io/name"] = json!("renamed");
    let lease = args(deployment)
        .iter_mut()
        .find(|arg| arg.as_str().unwrap().starts_with("--lease-name"));
    *lease.unwrap() = json!("--lease-name=second-operator");
}

#[tokio::test]
async fn two_operators_that_serve_the_same_objects_are_a_failure_and_others_are_told_apart() {
    let (world, chart) = deployed().await;
    chart.deploy_changed(another_release).await;
    let (found, succeeded) = findings(&world, "Operator", &["--offline"]).await;
    let failed: Vec<_> = found
        .iter()
        .filter(|(result, _)| result == "Failed")
        .collect();
    assert!(
        !succeeded && found.len() == 3 && failed.len() == 1,
        "{found:#?}"
    );
    for words in ["second-operator", "both serve the same namespaces"] {
        assert!(failed[0].1.contains(words), "{failed:#?}");
    }
    // One is meant, by its release.
    let (found, _) = findings(&world, "Operator", &["--offline", "--release", "second"]).await;
    assert!(
        found.len() == 1 && found[0].1.contains("second-operator"),
        "{found:#?}"
    );
    let none = ["no operator of this release", "second (", "release ("];
    finds(
        &world,
        "Operator",
        &["--offline", "--release", "third"],
        "Failed",
        &none,
    )
    .await;

    // With labels of their own, it hangs on the objects; another container may stand before the operator's.
    let of_labels = |label: &'static str| {
        move |deployment: &mut Value| {
            another_release(deployment);
            args(deployment).push(json!(format!("--label-selector={label}")));
            let containers = &mut deployment["spec"]["template"]["spec"]["containers"];
            let sidecar = json!({ "name": "mesh", "image": "mesh", "args": ["proxy"] });
            containers.as_array_mut().unwrap().insert(0, sidecar);
        }
    };
    chart.deploy_changed(of_labels("team=a")).await;
    let (found, _) = findings(&world, "Operator", &["--offline"]).await;
    assert!(
        found.iter().all(|(result, _)| result == "Warning"),
        "no replicas, and no more: {found:#?}"
    );
    world.create("push", json!({})).await;
    let label = json!({ "metadata": { "labels": { "team": "a" } } });
    world.patch("push", label).await;
    let (found, _) = findings(&world, "Operator", &["--offline"]).await;
    let shared = format!(
        "both serve 1 object together, {}/push",
        world.namespace.name()
    );
    assert!(
        found
            .iter()
            .any(|(result, told)| result == "Failed" && told.contains(&shared)),
        "{found:#?}"
    );
}

#[tokio::test]
async fn what_operators_call_in_other_ways_is_not_guessed() {
    let (world, chart) = deployed().await;
    chart
        .deploy_changed(|deployment| {
            another_release(deployment);
            args(deployment).push(json!("--label-selector=team=a"));
            args(deployment).push(json!("--ambient-credentials-namespaces=*"));
        })
        .await;
    world.create("push", json!({})).await;
    let (found, _) = findings(&world, "Cloud", &[]).await;
    let asks = ["--release release", "--release second"];
    assert!(
        found.len() == 1 && asks.iter().all(|words| found[0].1.contains(words)),
        "{found:#?}"
    );
    assert_eq!(world.calls(), []);
    let (found, _) = findings(&world, "Cloud", &["--release", "release"]).await;
    assert!(found[0].0 == "Ok", "{found:#?}");
}

#[tokio::test]
async fn a_proxy_variable_of_the_deployment_is_told_by_its_name() {
    let (world, chart) = deployed().await;
    let with = |variables: Value| {
        move |deployment: &mut Value| {
            let env = &mut deployment["spec"]["template"]["spec"]["containers"][0]["env"];
            env.as_array_mut()
                .unwrap()
                .extend(variables.as_array().unwrap().iter().cloned());
        }
    };
    assert_eq!(findings(&world, "Proxy", &["--offline"]).await.0, []);
    let bad = json!([{ "name": "HTTPS_PROXY", "value": "socks5://user:hunter22@p" }]);
    chart.deploy_changed(with(bad)).await;
    let words = ["HTTPS_PROXY can't be used", "socks5"];
    finds(&world, "Proxy", &["--offline"], "Failed", &words).await;
    let (found, _) = findings(&world, "Proxy", &["--offline"]).await;
    assert!(!found[0].1.contains("hunter22"), "{found:#?}");
    let secret = json!([{ "name": "HTTPS_PROXY", "value": null,
        "valueFrom": { "secretKeyRef": { "name": "proxy", "key": "url" } } }]);
    chart.deploy_changed(with(secret)).await;
    let (found, _) = findings(&world, "Proxy", &["--offline"]).await;
    assert!(
        found[0].0 == "Unknown" && found[0].1.contains("HTTPS_PROXY comes from"),
        "{found:#?}"
    );
}

#[tokio::test]
async fn where_callbacks_go_is_tried_when_it_is_asked_for() {
    let world = OperatorWorld::new().await;
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (plain, gone) = (plain.local_addr().unwrap(), closed.local_addr().unwrap());
    drop(closed);
    let cloud = Simulator::start_on(
        &Listen {
            tls: true,
            ..Listen::default()
        },
        SimulatorSettings::default(),
    )
    .unwrap();
    let urls = [
        ("plain", format!("http://{plain}/a")),
        ("again", format!("http://{plain}/b")),
        ("gone", format!("https://{gone}/")),
        ("nameless", "https://hooks.invalid/".to_owned()),
        ("tls", format!("{}/x", cloud.endpoint())),
    ];
    for (name, url) in &urls {
        world
            .create(name, json!({ "notifyCallbackURL": url }))
            .await;
    }
    assert_eq!(findings(&world, "URL", &["--offline"]).await.0, []);
    let (found, succeeded) = findings(&world, "URL", &["--offline", "--check-urls"]).await;
    assert!(
        succeeded && found.len() == 4,
        "a hint is no failure, and a host is tried once: {found:#?}"
    );
    let told = |subject: &str, result: &str, words: &str| {
        let is = |(is, told): &&(String, String)| {
            is == result && told.contains(subject) && told.contains(words)
        };
        assert!(
            found.iter().any(|finding| is(&finding)),
            "{subject} {words}: {found:#?}"
        );
    };
    told(
        &plain.to_string(),
        "Ok",
        "2 objects notify there without TLS",
    );
    told(&gone.to_string(), "Warning", "no connection to");
    told("hooks.invalid", "Warning", "does not resolve");
    told(&cloud.endpoint(), "Warning", "certificate is not accepted");
    assert!(
        found.iter().all(|(_, told)| told.contains("seen from ")),
        "{found:#?}"
    );
    assert_eq!(world.calls(), []);
}
