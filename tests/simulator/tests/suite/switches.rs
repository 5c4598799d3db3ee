//! Every undocumented behaviour is a switch, and every switch does what it says.

use live_simulator::LoggedCause;
use live_simulator::RowPatch;
use live_simulator::SimulatorSettings;
use live_simulator::settings::AbsentUrl;
use live_simulator::settings::Contract;
use live_simulator::settings::Duplicate;
use live_simulator::settings::ListOrder;
use live_simulator::settings::MissingFields;
use live_simulator::settings::Omitted;
use live_simulator::settings::UnknownDomainList;
use live_simulator::settings::UpdateMoves;
use serde_json::Value;
use serde_json::json;

use crate::client::PROJECT;
use crate::client::apps;
use crate::client::body;
use crate::client::body_with;
use crate::client::create_all;
use crate::client::start;

#[tokio::test]
async fn rows_may_be_dated_by_a_clock_of_their_own() {
    let (simulator, client) = start(SimulatorSettings {
        rows_clock_offset_s: -3600,
        ..SimulatorSettings::default()
    });
    create_all(&client, &["live"]).await;
    let behind = simulator
        .now()
        .duration_since(simulator.rows()[0].create_time);
    assert!((3600..3700).contains(&behind.as_secs()), "{behind}");
}

#[tokio::test]
async fn one_place_holds_one_callback() {
    let (simulator, client) = start(SimulatorSettings::default());
    create_all(&client, &["live", "*"]).await;
    let duplicate = client.create(&body("live")).await;
    assert_eq!(
        (duplicate.status, duplicate.code().as_str()),
        (400, "LIVE.103011018")
    );
    let upper = body_with("live", &json!({"publish_domain": "PUSH.example.com"}));
    assert_eq!(client.create(&upper).await.code(), "LIVE.103011018");
    simulator.settings(|settings| settings.duplicate = Duplicate::Conflict);
    assert_eq!(client.create(&body("live")).await.status, 409);
    simulator.settings(|settings| settings.uniqueness = false);
    assert_eq!(client.create(&body("live")).await.status, 201);
    assert_eq!(simulator.rows().len(), 3);
}

#[tokio::test]
async fn the_original_contract_returns_headers_only() {
    let settings = SimulatorSettings {
        contract: Contract::Original,
        ..SimulatorSettings::default()
    };
    let (simulator, client) = start(settings);
    let created = client.create(&body("live")).await;
    assert_eq!((created.status, created.bytes.len()), (201, 0));
    assert!(!created.header("x-request-id").is_empty());
    let id = simulator.rows()[0].id.clone();
    let updated = client.update(&id, &body("live")).await;
    assert_eq!((updated.status, updated.bytes.len()), (200, 0));
    assert_eq!(client.list("").await.json()["total"], 1);
}

#[tokio::test]
async fn every_open_question_is_a_switch() {
    let (simulator, client) = start(SimulatorSettings::default());
    let id = create_all(&client, &["live"]).await.remove(0);
    let missing = "e2fe84def7e476651034ec4b9e92bc30";

    // Ids that do not exist.
    for (answer, code) in [
        (client.get(missing).await, "LIVE.100011001"),
        (
            client.update(missing, &body("live")).await,
            "LIVE.103011019",
        ),
        (client.delete(missing).await, "LIVE.103011019"),
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (404, code));
    }
    simulator
        .settings(|settings| settings.missing_delete = MissingFields::new(400, "LIVE.100011001"));
    let answer = client.delete(missing).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "LIVE.100011001")
    );

    // An update that names another place.
    let answer = client.update(&id, &body("other")).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "LIVE.100011001")
    );
    simulator.settings(|settings| settings.update_moves = UpdateMoves::Ignore);
    assert_eq!(
        client.update(&id, &body("other")).await.json()["app"],
        "live"
    );
    simulator.settings(|settings| settings.update_moves = UpdateMoves::Move);
    assert_eq!(
        client.update(&id, &body("other")).await.json()["app"],
        "other"
    );

    // An update that leaves fields out.
    let sparse = json!({"publish_domain": "push.example.com", "app": "other"});
    simulator.settings(|settings| settings.update_omitted = Omitted::Keep);
    let kept = client.update(&id, &sparse).await.json();
    assert_eq!(
        kept["notify_callback_url"],
        "https://hooks.example.com/record"
    );
    assert_eq!(
        kept["notify_event_subscription"].as_array().unwrap().len(),
        2
    );
    simulator.settings(|settings| settings.update_omitted = Omitted::Reset);
    let reset = client.update(&id, &sparse).await.json();
    assert_eq!(
        reset["notify_event_subscription"],
        json!(["RECORD_FILE_COMPLETE"])
    );
    assert!(simulator.rows()[0].key.is_some());
    simulator.settings(|settings| settings.update_omitted_key = Omitted::Reset);
    client.update(&id, &sparse).await;
    assert!(simulator.rows()[0].key.is_none());

    // How rows are shown.
    for (switch, shown) in [
        (AbsentUrl::Omitted, None),
        (AbsentUrl::Null, Some(Value::Null)),
        (AbsentUrl::Empty, Some(json!(""))),
    ] {
        simulator.settings(|settings| settings.absent_url = switch);
        assert_eq!(
            client
                .get(&id)
                .await
                .json()
                .get("notify_callback_url")
                .cloned(),
            shown
        );
    }
    simulator.settings(|settings| settings.write_times = true);
    let updated = client.update(&id, &body("other")).await.json();
    assert_eq!(
        updated["update_time"],
        simulator.rows()[0].update_time.to_string()
    );
    simulator.settings(|settings| settings.reverse_events = true);
    let events = client.get(&id).await.json()["notify_event_subscription"].clone();
    assert_eq!(
        events,
        json!(["RECORD_FILE_COMPLETE", "RECORD_NEW_FILE_START"])
    );

    // Domains that are not there.
    simulator.settings(|settings| settings.unknown_domain_list = UnknownDomainList::Reject);
    assert_eq!(
        client.list("publish_domain=none.example.com").await.code(),
        "LIVE.100011001"
    );
    assert_eq!(
        client.list("publish_domain=push.example.com").await.status,
        200
    );
    simulator.settings(|settings| settings.known_domains = Some(["a.example.com".into()].into()));
    assert_eq!(client.create(&body("new")).await.code(), "LIVE.100011001");
    assert_eq!(
        client.list("publish_domain=a.example.com").await.status,
        200
    );
}

#[tokio::test]
async fn lists_have_the_order_that_is_asked_for() {
    let (simulator, client) = start(SimulatorSettings::default());
    let ids = create_all(&client, &["a", "b", "c", "d", "e", "f"]).await;
    assert_eq!(apps(&client.list("").await), ["a", "b", "c", "d", "e", "f"]);
    simulator.settings(|settings| settings.list_order = ListOrder::Newest);
    assert_eq!(apps(&client.list("").await), ["f", "e", "d", "c", "b", "a"]);
    simulator.settings(|settings| settings.list_order = ListOrder::Id);
    let mut sorted = ids.clone();
    sorted.sort();
    let list = client.list("").await.json();
    let listed: Vec<_> = list["callback_config"].as_array().unwrap().iter().collect();
    assert!(listed.iter().zip(&sorted).all(|(row, id)| row["id"] == *id));
    simulator.settings(|settings| settings.list_order = ListOrder::Unstable);
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..10 {
        orders.insert(apps(&client.list("").await));
    }
    assert!(orders.len() > 1);
}

#[tokio::test]
async fn lists_may_lag_while_reads_by_id_do_not() {
    let (simulator, client) = start(SimulatorSettings::default());
    let old = create_all(&client, &["old"]).await.remove(0);
    simulator.settings(|settings| settings.list_lag_ms = 3_600_000);
    let id = create_all(&client, &["new"]).await.remove(0);
    assert!(
        apps(&client.list("").await).is_empty(),
        "an hour ago there was nothing"
    );
    assert_eq!(client.get(&id).await.status, 200);
    assert_eq!(client.create(&body("new")).await.code(), "LIVE.103011018");
    simulator.settings(|settings| settings.list_lag_ms = 0);
    assert_eq!(apps(&client.list("").await), ["old", "new"]);
    client.delete(&old).await;
    assert_eq!(apps(&client.list("").await), ["new"]);
}

#[tokio::test]
async fn somebody_else_can_change_rows() {
    let (simulator, client) = start(SimulatorSettings::default());
    let id = create_all(&client, &["live"]).await.remove(0);
    let patch = RowPatch {
        notify_callback_url: Some("http://other.example.com/".to_owned()),
        notify_event_subscription: Some(vec!["RECORD_START".to_owned()]),
        update_time: Some("2030-01-01T00:00:00Z".parse().unwrap()),
        ..RowPatch::default()
    };
    simulator.edit_row(&id, &patch).unwrap();
    let read = client.get(&id).await.json();
    assert_eq!(read["notify_callback_url"], "http://other.example.com/");
    assert_eq!(read["notify_event_subscription"], json!(["RECORD_START"]));
    assert_eq!(read["update_time"], "2030-01-01T00:00:00Z");
    simulator.insert_row(PROJECT, "push.example.com", "live", &RowPatch::default());
    assert_eq!(
        simulator.rows().len(),
        2,
        "uniqueness does not bind somebody else"
    );
    simulator.wipe();
    assert_eq!(client.list("").await.json()["total"], 0);
    assert_eq!(
        simulator.mutations().last().unwrap().cause,
        LoggedCause::OutOfBand
    );
    assert_eq!(simulator.counters().mutations, 1);
    assert!(simulator.edit_row(&id, &patch).is_none());
}
