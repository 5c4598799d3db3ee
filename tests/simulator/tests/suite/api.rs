//! The five operations as documented: what is accepted, what is refused and with what, what the
//! switches change.

use live_simulator::LoggedCause;
use live_simulator::LoggedChange;
use live_simulator::LoggedOperation;
use live_simulator::RowPatch;
use live_simulator::SimulatorSettings;
use live_simulator::settings::AppFilter;
use serde_json::Value;
use serde_json::json;

use crate::client::CALLBACKS;
use crate::client::PROJECT;
use crate::client::SIGN_KEY;
use crate::client::apps;
use crate::client::body;
use crate::client::body_with;
use crate::client::start;

#[tokio::test]
async fn a_callback_lives_from_create_to_delete() {
    let (simulator, client) = start(SimulatorSettings::default());

    let created = client.create(&body("live")).await;
    assert_eq!(created.status, 201);
    let id = created.id();
    assert_eq!(id.len(), 32);
    let shown = json!({
        "id": id,
        "publish_domain": "push.example.com",
        "app": "live",
        "notify_callback_url": "https://hooks.example.com/record",
        "notify_event_subscription": ["RECORD_NEW_FILE_START", "RECORD_FILE_COMPLETE"],
        "sign_type": "HMACSHA256",
    });
    assert_eq!(created.json(), shown);
    let request_id = created.header("x-request-id").to_owned();
    let parts: Vec<&str> = request_id.splitn(3, '-').collect();
    assert_eq!(parts[0].len(), 32);
    assert!(
        parts[1].parse::<i64>().is_ok() && !parts[2].is_empty(),
        "{request_id}"
    );
    assert!(created.header("date").ends_with("GMT"));

    let read = client.get(&id).await;
    assert_eq!(read.status, 200);
    let row = &simulator.rows()[0];
    let mut with_times = shown.clone();
    with_times["create_time"] = json!(row.create_time.to_string());
    with_times["update_time"] = json!(row.update_time.to_string());
    assert_eq!(read.json(), with_times);
    assert_eq!(
        row.create_time.to_string().len(),
        "2020-03-02T08:59:45Z".len()
    );
    assert_eq!(row.key.as_ref().unwrap().reveal(), SIGN_KEY);
    assert_eq!(
        client.list("").await.json(),
        json!({"total": 1, "callback_config": [with_times]})
    );

    let changes = json!({"sign_type": "MD5", "key": null, "notify_callback_url": null});
    let updated = client.update(&id, &body_with("live", &changes)).await;
    assert_eq!(updated.status, 200);
    assert_eq!(updated.json()["sign_type"], "MD5");
    assert_eq!(updated.json().get("notify_callback_url"), None);
    assert_eq!(
        simulator.rows()[0].key.as_ref().unwrap().reveal(),
        SIGN_KEY,
        "kept"
    );

    let deleted = client.delete(&id).await;
    assert_eq!((deleted.status, deleted.bytes.len()), (204, 0));
    assert!(simulator.rows().is_empty());
    assert_eq!(client.get(&id).await.status, 404);

    let mutations = simulator.mutations();
    let story: Vec<_> = mutations.iter().map(|it| (it.change, it.cause)).collect();
    let by = LoggedCause::Call;
    let expected = [
        (LoggedChange::Created, by(1)),
        (LoggedChange::Updated, by(4)),
        (LoggedChange::Deleted, by(5)),
    ];
    assert_eq!(story, expected);
    let call = &simulator.calls()[0];
    assert_eq!(
        (call.operation, call.status, call.committed),
        (LoggedOperation::Create, Some(201), true)
    );
    assert_eq!(call.row_id.as_ref(), Some(&id));
    assert_eq!(call.request_id, request_id);
    assert_eq!(call.credential.as_deref(), Some("ak:AKTEST0123456789"));
    assert!(!format!("{:?}", simulator.calls()).contains(SIGN_KEY));
    let digest = call.body.as_ref().unwrap()["key"].as_str().unwrap();
    assert!(digest.starts_with("sha256:"), "{digest}");
}

/// Bodies that differ from a valid one, and the detail of the error.
fn refused_bodies() -> Vec<(Value, &'static str)> {
    let long = |length| "a".repeat(length);
    let url = |url: &str| json!({"notify_callback_url": url});
    let events = |events: Value| json!({"notify_event_subscription": events});
    vec![
        (json!({"publish_domain": null}), "publish_domain: required"),
        (
            json!({"publish_domain": ""}),
            "publish_domain: length must be 1 to 255, is 0",
        ),
        (
            json!({"publish_domain": long(256)}),
            "publish_domain: length must be 1 to 255, is 256",
        ),
        (
            json!({"publish_domain": "push example"}),
            "publish_domain: not a domain name",
        ),
        (
            json!({"publish_domain": 1}),
            "publish_domain: must be a string",
        ),
        (json!({"app": null}), "app: required"),
        (json!({"app": ""}), "app: length must be 1 to 128, is 0"),
        (
            json!({"app": long(129)}),
            "app: length must be 1 to 128, is 129",
        ),
        (json!({"app": "a b"}), "app: contains white space"),
        (
            url("ftp://x"),
            "notify_callback_url: must begin with http:// or https://",
        ),
        (
            url("hooks.example.com"),
            "notify_callback_url: must begin with http:// or https://",
        ),
        (url("https://"), "notify_callback_url: has no host"),
        (url("https:///path"), "notify_callback_url: has no host"),
        (
            url("https://x/?a=b"),
            "notify_callback_url: must carry no query parameters",
        ),
        (
            url("https://x/#a"),
            "notify_callback_url: must carry no query parameters",
        ),
        (
            url("https://x/a b"),
            "notify_callback_url: contains white space",
        ),
        (
            events(json!([])),
            "notify_event_subscription: must not be empty",
        ),
        (
            events(json!("RECORD_OVER")),
            "notify_event_subscription: must be an array",
        ),
        (
            events(json!([1])),
            "notify_event_subscription: must hold strings",
        ),
        (
            events(json!(["RECORD_START"])),
            "notify_event_subscription: unknown event RECORD_START",
        ),
        (
            events(json!(["RECORD_OVER", "RECORD_OVER"])),
            "notify_event_subscription: RECORD_OVER is repeated",
        ),
        (
            json!({"sign_type": "SHA1"}),
            "sign_type: must be MD5 or HMACSHA256, is SHA1",
        ),
        (
            json!({"sign_type": "md5"}),
            "sign_type: must be MD5 or HMACSHA256, is md5",
        ),
        (
            json!({"key": long(31)}),
            "key: must have at least 32 characters",
        ),
        (
            json!({"key": "_".repeat(32)}),
            "key: must consist of letters and digits",
        ),
        (
            json!({"on_demand_callback_url": "x"}),
            "on_demand_callback_url: unknown field",
        ),
    ]
}

#[tokio::test]
async fn a_create_is_checked_field_by_field() {
    let (simulator, client) = start(SimulatorSettings::default());
    for (changes, detail) in refused_bodies() {
        let answer = client.create(&body_with("live", &changes)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "LIVE.100011001"),
            "{changes}"
        );
        assert_eq!(answer.json()["error_msg"], "Request Illegal");
        assert_eq!(answer.json()["error_detail"], detail, "{changes}");
        assert!(!answer.header("x-request-id").is_empty());
    }
    for malformed in [json!([]), json!("text")] {
        assert_eq!(client.create(&malformed).await.status, 400);
    }
    assert!(simulator.rows().is_empty());

    let long = |length| "a".repeat(length);
    let accepted = [
        json!({"publish_domain": "A.example.com"}),
        json!({"publish_domain": long(255)}),
        json!({"app": "*"}),
        json!({"app": "**"}),
        json!({"app": long(128)}),
        json!({"app": "直播"}),
        json!({"app": "a", "notify_callback_url": "http://100.95.129.234:8456/record"}),
        json!({"app": "b", "notify_callback_url": ""}),
        json!({"app": "c", "notify_callback_url": null, "notify_event_subscription": null}),
        json!({"app": "d", "sign_type": null, "key": null}),
        json!({"app": "e", "key": long(200)}),
    ];
    for changes in accepted {
        let answer = client.create(&body_with("live", &changes)).await;
        assert_eq!(answer.status, 201, "{changes}: {answer:?}");
    }
    let defaults = &simulator.rows()[8];
    assert_eq!(defaults.notify_event_subscription, ["RECORD_FILE_COMPLETE"]);
    assert_eq!(simulator.rows()[9].sign_type, "HMACSHA256");
}

#[tokio::test]
async fn what_is_not_the_api_is_refused() {
    let (_simulator, client) = start(SimulatorSettings::default());
    let other = "/v1/ffffffffffffffffffffffffffffffff/record/callbacks";
    let row = format!("{CALLBACKS}/e2fe84def7e476651034ec4b9e92bc30");
    for (method, target, status, code) in [
        ("PATCH", CALLBACKS, 400, "LIVE.100011011"),
        ("PUT", CALLBACKS, 400, "LIVE.100011011"),
        ("DELETE", CALLBACKS, 400, "LIVE.100011011"),
        ("POST", row.as_str(), 400, "LIVE.100011011"),
        (
            "GET",
            "/v1/0123456789abcdef0123456789abcdef/record/callback",
            404,
            "APIG.0101",
        ),
        (
            "GET",
            "/v2/0123456789abcdef0123456789abcdef/record/callbacks",
            404,
            "APIG.0101",
        ),
        ("GET", "/", 404, "APIG.0101"),
        ("GET", other, 401, "LIVE.100011015"),
    ] {
        let answer = client.send(method, target, None).await.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{method} {target}"
        );
        assert_eq!(
            answer.json().get("request_id").is_some(),
            code.starts_with("APIG")
        );
    }
    let trailing = client
        .send_raw("GET", &format!("{CALLBACKS}/"), &[], "".into())
        .await
        .unwrap();
    assert_eq!(trailing.code(), "APIG.0101");
    for media_type in ["text/plain", "application/xml", "application/jsonp"] {
        let client = client.clone().with_header("content-type", media_type);
        let answer = client.create(&body("live")).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "LIVE.100011012"),
            "{media_type}"
        );
    }
    let charset = client
        .clone()
        .with_header("content-type", "Application/JSON;charset=UTF-8");
    assert_eq!(charset.create(&body("live")).await.status, 201);
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let (simulator, client) = start(SimulatorSettings::default());
    for number in 0..12 {
        simulator.insert_row(
            PROJECT,
            "a.example.com",
            &format!("app{number}"),
            &RowPatch::default(),
        );
    }
    simulator.insert_row(PROJECT, "a.example.com", "*", &RowPatch::default());
    simulator.insert_row(PROJECT, "b.example.com", "app1", &RowPatch::default());
    simulator.insert_row("another", "a.example.com", "app1", &RowPatch::default());

    let page = client.list("").await;
    assert_eq!(
        (page.json()["total"].clone(), apps(&page).len()),
        (json!(14), 10)
    );
    assert_eq!(
        apps(&client.list("offset=10").await),
        ["app10", "app11", "*", "app1"]
    );
    assert_eq!(apps(&client.list("limit=1&offset=13").await), ["app1"]);
    assert!(apps(&client.list("offset=4096").await).is_empty());
    let filtered = client.list("publish_domain=a.example.com&limit=100").await;
    assert_eq!(filtered.json()["total"], 13);
    let leaked = client.list("publish_domain=a.example.com&app=app1").await;
    assert_eq!(
        apps(&leaked),
        ["app1", "*"],
        "the app filter lets * through"
    );
    assert_eq!(apps(&client.list("app=%2A").await), ["*"]);
    assert!(apps(&client.list("publish_domain=c.example.com").await).is_empty());
    simulator.settings(|settings| settings.app_filter = AppFilter::Exact);
    assert_eq!(
        apps(&client.list("publish_domain=a.example.com&app=app1").await),
        ["app1"]
    );
    simulator.settings(|settings| settings.app_filter = AppFilter::Ignored);
    assert_eq!(client.list("app=app1").await.json()["total"], 14);

    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "offset=-1",
        "offset=4097",
        "publish_domain=",
        "app=",
        "marker=1",
        "limit=1&limit=2",
    ] {
        let answer = client.list(query).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "LIVE.100011001"),
            "{query}"
        );
    }
}
