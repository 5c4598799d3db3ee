//! `/metrics` does not grow with what users and the cloud make up: objects, namespaces, domains, error codes.

use std::collections::BTreeSet;

use kube::{Api, api::PostParams};
use live_simulator::{LoggedOperation, LoggedOperation::Create, ScriptedFault, ScriptedPayload};
use recording_callback_operator::api::RecordingCallback;
use serde_json::json;

use crate::support::{
    Namespace,
    chart::{Chart, LABEL, Mode},
    eventually,
    operator::OperatorProcess,
    world::{LIMIT, OperatorWorld},
};

const OBJECTS: usize = 10;

/// The series on the operator's page: its samples without their values.
async fn series(operator: &OperatorProcess) -> BTreeSet<String> {
    let (_, page) = operator.get("/metrics").await.unwrap();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let series = samples.filter_map(|sample| Some(sample.rsplit_once(' ')?.0.to_owned()));
    series.collect()
}

/// An object in a namespace whose first create the cloud refuses with this code.
async fn refused(world: &OperatorWorld, namespace: &Namespace, name: &str, code: &str) {
    let domain = format!("{name}.example.com");
    let refusal = ScriptedPayload::Json(json!({ "error_code": code, "error_msg": code }));
    let fault = ScriptedFault::on(Create).publish_domain(&domain).times(1);
    world.cloud.fault(fault.reply(400, refusal));
    let object: RecordingCallback = serde_json::from_value(json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": { "name": name, "labels": { LABEL: world.namespace.name() } },
        "spec": { "publishDomain": domain, "app": name, "credentialsSecretRef": { "name": "huaweicloud" } },
    }))
    .unwrap();
    let callbacks = namespace.callbacks();
    callbacks
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
}

/// Waits until the page has this sample.
async fn await_series(operator: &OperatorProcess, sample: &str) {
    eventually(sample, LIMIT, async || {
        let (_, page) = operator.get("/metrics").await?;
        page.lines().any(|line| line == sample).then_some(())
    })
    .await;
}

#[tokio::test]
async fn objects_namespaces_domains_and_unknown_codes_add_no_series() {
    let mut world = OperatorWorld::new().await;
    let chart = Chart::rendered(Mode::ClusterWide, world.namespace.name());
    world.install(&chart).await;
    let operator = world.operator_with(&["--resync-interval=3s"]).await;
    refused(&world, &world.namespace, "first", "LIVE.900000000").await;
    let available = r#"recording_callback_resources{reason="Available"} 1"#;
    await_series(&operator, available).await;
    let before = eventually("the project is swept", LIMIT, async || {
        let series = series(&operator).await;
        let compared = |series: &String| series.contains("inventory_age_seconds");
        let lists = world.cloud.counters().by_operation;
        let lists = lists.get(&LoggedOperation::List).copied();
        // The look before the create, and several sweeps: what one of them tells is told.
        (series.iter().any(compared) && lists >= Some(4)).then_some(series)
    })
    .await;

    let other = Namespace::new().await;
    let secrets: Api<k8s_openapi::api::core::v1::Secret> =
        Api::namespaced(world.namespace.client(), world.namespace.name());
    let mut secret = secrets.get("huaweicloud").await.unwrap();
    secret.metadata = kube::core::ObjectMeta {
        name: Some("huaweicloud".to_owned()),
        ..Default::default()
    };
    let secrets = Api::namespaced(other.client(), other.name());
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    for number in 0..OBJECTS {
        let namespace = if number % 2 == 0 {
            &other
        } else {
            &world.namespace
        };
        let code = format!("LIVE.9{number:08}X");
        refused(&world, namespace, &format!("push-{number}"), &code).await;
    }
    let refusals = r#"recording_callback_api_requests_total{operation="Create",http_status="400",error_code="other"}"#;
    await_series(&operator, &format!("{refusals} {}", OBJECTS + 1)).await;
    assert_eq!(series(&operator).await, before);

    refused(&world, &other, "known", "LIVE.100011001").await;
    await_series(
        &operator,
        &format!("{} 1", refusals.replace("other", "LIVE.100011001")),
    )
    .await;
    let series = series(&operator).await;
    let added: Vec<&String> = series.difference(&before).collect();
    assert_eq!(
        added.len(),
        1,
        "a code that is known has a series of its own: {added:?}"
    );
}
