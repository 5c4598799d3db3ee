//! What `doctor` finds around the operator: others beside it, variables about proxies and certificates, where callbacks go.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use live_simulator::{Listen, Simulator, SimulatorSettings};
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};

use crate::doctor_cloud::{findings, finds};
use crate::support::{
    chart::{Chart, Mode},
    kubeconfig, program,
    world::OperatorWorld,
};

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
    // One of which no pod is to run does nothing: neither is it a rival, nor is its Lease to be held.
    let stopped = |deployment: &mut Value| {
        another_release(deployment);
        deployment["spec"]["replicas"] = json!(0);
    };
    chart.deploy_changed(stopped).await;
    let (found, _) = findings(&world, "Operator", &["--offline"]).await;
    let is_warning = |(result, _): &(String, String)| result == "Warning";
    assert!(
        found.len() == 2 && found.iter().all(is_warning),
        "{found:#?}"
    );
    let (found, _) = findings(&world, "Lease", &["--offline"]).await;
    assert!(
        found.len() == 1 && !found[0].1.contains("second-operator"),
        "{found:#?}"
    );
    chart.deploy_changed(another_release).await;
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
            .any(|(result, detail)| result == "Failed" && detail.contains(&shared)),
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

/// Gives the container these variables, too.
fn with(variables: Value) -> impl FnOnce(&mut Value) {
    move |deployment| {
        let env = &mut deployment["spec"]["template"]["spec"]["containers"][0]["env"];
        env.as_array_mut()
            .unwrap()
            .extend(variables.as_array().unwrap().iter().cloned());
    }
}

#[tokio::test]
async fn what_an_operator_is_told_by_variables_counts_as_what_its_flags_say() {
    let (world, chart) = deployed().await;
    let set = |deployment: &mut Value| {
        args(deployment).retain(|arg| !arg.as_str().unwrap().starts_with("--lease-name"));
        with(json!([{ "name": "LEASE_NAME", "value": "of-a-variable" }]))(deployment);
    };
    chart.deploy_changed(set).await;
    let words = ["of-a-variable", "no such Lease"];
    finds(&world, "Lease", &["--offline"], "Failed", &words).await;
}

#[tokio::test]
async fn what_an_operator_is_told_by_config_maps_secrets_and_references_counts_too() {
    let (world, chart) = deployed().await;
    let maps: Api<ConfigMap> = Api::namespaced(world.namespace.client(), world.namespace.name());
    let settings = json!({ "metadata": { "name": "settings" }, "data": {
        "OF_MAP": "map", "RESYNC_INTERVAL": "20m", "NO_PROXY": "myhuaweicloud.com" } });
    let settings = serde_json::from_value(settings).unwrap();
    maps.create(&PostParams::default(), &settings)
        .await
        .unwrap();
    let values = [
        ("password", "hunter22".to_owned()),
        ("LABEL_SELECTOR", "hidden=hunter22".to_owned()),
    ];
    world.put_secret("proxy", &values).await;
    let set = |deployment: &mut Value| {
        args(deployment).retain(|arg| !arg.as_str().unwrap().starts_with("--lease-name"));
        args(deployment).push(json!("--lease-name=of-$(WHAT)"));
        with(json!([
            { "name": "WHAT", "value": "a-$(OF_MAP)" },
            { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "proxy", "key": "password" } } },
            { "name": "HTTPS_PROXY", "value": "socks5://user:$(PASSWORD)@p" },
            { "name": "SETTLE_TIME", "valueFrom": { "configMapKeyRef": { "name": "gone", "key": "x" } } },
        ]))(deployment);
        deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([
            { "configMapRef": { "name": "settings" } },
            { "secretRef": { "name": "proxy" } },
        ]);
    };
    chart.deploy_changed(set).await;
    let words = ["of-a-map", "no such Lease"];
    finds(&world, "Lease", &["--offline"], "Failed", &words).await;
    let words = ["HTTPS_PROXY can't be used", "of the Secret proxy"];
    finds(&world, "Proxy", &["--offline"], "Failed", &words).await;
    let (found, _) = findings(&world, "Operator", &["--offline"]).await;
    for words in [
        "--settle-time (there is no ConfigMap gone)",
        "--label-selector (it is of the Secret proxy, and not shown)",
    ] {
        let is_found = found.iter().any(|(result, detail)| {
            result == "Unknown" && detail.contains(words) && !detail.contains("resync")
        });
        assert!(is_found, "{words}: {found:#?}");
    }
    let offline = ["doctor", "--offline", "-n", world.namespace.name()];
    let said = format!("{:?}", program(&offline).await);
    assert!(!said.contains("hunter22"), "{said}");
}

#[tokio::test]
async fn a_proxy_variable_of_the_deployment_is_told_by_its_name() {
    let (world, chart) = deployed().await;
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
        found[0].0 == "Unknown"
            && found[0]
                .1
                .contains("HTTPS_PROXY (there is no Secret proxy)"),
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
    let assert_finding = |subject: &str, result: &str, words: &str| {
        let is = |(is, detail): &&(String, String)| {
            is == result && detail.contains(subject) && detail.contains(words)
        };
        assert!(
            found.iter().any(|finding| is(&finding)),
            "{subject} {words}: {found:#?}"
        );
    };
    assert_finding(
        &plain.to_string(),
        "Ok",
        "2 objects notify there without TLS",
    );
    assert_finding(&gone.to_string(), "Warning", "no connection to");
    assert_finding("hooks.invalid", "Warning", "does not resolve");
    assert_finding(&cloud.endpoint(), "Warning", "certificate is not accepted");
    assert!(
        found
            .iter()
            .all(|(_, detail)| detail.contains("seen from ")),
        "{found:#?}"
    );
    assert_eq!(world.calls(), []);
}

#[tokio::test]
async fn variables_of_the_machine_are_told_by_their_names() {
    let world = OperatorWorld::new().await;
    let doctor = async |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recording-callback-operator"));
        command.args(["doctor", "--offline", "-n", world.namespace.name()]);
        command.env("KUBECONFIG", kubeconfig());
        let output = command.envs(variables.iter().copied()).output().await;
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let bad = [
        ("HTTPS_PROXY", "socks5://user:hunter22@p"),
        ("SSL_CERT_FILE", "/does/not/exist"),
    ];
    let output = doctor(&bad).await;
    for words in [
        "HTTPS_PROXY can't be used",
        "SSL_CERT_FILE names /does/not/exist",
    ] {
        assert!(output.contains(words), "{output}");
    }
    assert!(!output.contains("hunter22"), "{output}");
    let output = doctor(&[("HTTPS_PROXY", "http://127.0.0.1:1")]).await;
    assert!(
        output.contains("would reach") && output.contains("HTTPS_PROXY"),
        "{output}"
    );
    assert!(
        output.contains("API server") && output.contains("v1.3"),
        "it is reached all the same: {output}"
    );
}
