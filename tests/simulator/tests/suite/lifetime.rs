//! How a simulator begins and ends, what it costs, and how it does without sockets.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use jiff::SignedDuration;
use jiff::Timestamp;
use live_simulator::Cloud;
use live_simulator::Delivery;
use live_simulator::ExchangeScheme;
use live_simulator::KnownCredential;
use live_simulator::Listen;
use live_simulator::LoggedOperation;
use live_simulator::Rights;
use live_simulator::RowPatch;
use live_simulator::ScriptedFault;
use live_simulator::Simulator;
use live_simulator::SimulatorSettings;
use serde_json::json;
use tokio::time::Instant;

use crate::client::ACCESS_KEY;
use crate::client::BOUND;
use crate::client::CALLBACKS;
use crate::client::PROJECT;
use crate::client::SECRET_KEY;
use crate::client::apps;
use crate::client::body;
use crate::client::create_all;
use crate::client::start;

#[tokio::test]
async fn a_cloud_can_go_down_and_come_back_with_its_rows() {
    let (simulator, client) = start(SimulatorSettings::default());
    create_all(&client, &["live"]).await;
    let cloud = simulator.cloud();
    let listen = Listen {
        address: simulator.address(),
        ..Listen::default()
    };
    drop(simulator);
    let error = client.send("GET", CALLBACKS, None).await.unwrap_err();
    assert!(error.contains("refused"), "{error}");
    let _simulator = Simulator::serve(cloud, &listen).unwrap();
    assert_eq!(client.list("").await.json()["total"], 1);
}

#[tokio::test]
async fn a_hung_call_does_not_delay_the_end() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.fault(ScriptedFault::on(LoggedOperation::List).hang());
    let hung = tokio::spawn(async move { client.send("GET", CALLBACKS, None).await });
    let arrived = |cloud: &Cloud| !cloud.calls().is_empty();
    simulator
        .wait_for("the call", BOUND, arrived)
        .await
        .unwrap();
    let begun = Instant::now();
    drop(simulator);
    assert!(begun.elapsed() < BOUND);
    assert!(hung.await.unwrap().is_err());
}

#[tokio::test]
async fn a_thousand_rows_are_listed_whole() {
    let (simulator, client) = start(SimulatorSettings::default());
    let mut expected = Vec::new();
    for number in 0..1000 {
        let app = number.to_string();
        simulator.insert_row(PROJECT, "a.example.com", &app, &RowPatch::default());
        expected.push(app);
    }
    let mut listed = Vec::new();
    for page in 0..10 {
        let query = format!("limit=100&offset={}", page * 100);
        listed.extend(apps(&client.list(&query).await));
    }
    assert_eq!(listed, expected);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_without_sockets_lives_in_virtual_time() {
    let begun = Instant::now();
    let epoch: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    let clock = move || epoch + SignedDuration::try_from(begun.elapsed()).unwrap();
    let cloud = Cloud::with_clock(SimulatorSettings::default(), clock);
    cloud.add_credential(KnownCredential::new(ACCESS_KEY, SECRET_KEY, PROJECT));
    cloud.add_token("TESTTOKEN", Rights::full("somebody", PROJECT), BOUND * 1000);
    cloud.fault(ScriptedFault::on(LoggedOperation::Create).delay_before(Duration::from_secs(3600)));
    let create = |app: &str| {
        Request::post(CALLBACKS)
            .header("x-auth-token", "TESTTOKEN")
            .header("content-type", "application/json")
            .body(Bytes::from(body(app).to_string()))
            .unwrap()
    };

    let call = cloud.call(create("late"), ExchangeScheme::Tls);
    assert!(
        tokio::time::timeout(Duration::from_secs(15), call)
            .await
            .is_err()
    );
    assert!(cloud.rows().is_empty());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(
        cloud.rows()[0].create_time.to_string(),
        "2030-01-01T01:00:00Z"
    );

    let Delivery::Whole(answer) = cloud.call(create("soon"), ExchangeScheme::Tls).await else {
        panic!("no answer");
    };
    assert_eq!(answer.status(), 201);
    let shown: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(shown["app"], json!("soon"));
}
