//! Who is let in, and what the others are told.

use std::time::Duration;

use jiff::SignedDuration;
use live_simulator::Cloud;
use live_simulator::CloudRefusal;
use live_simulator::KnownCredential;
use live_simulator::LoggedOperation;
use live_simulator::Rights;
use live_simulator::ScriptedFault;
use live_simulator::SimulatorSettings;
use live_simulator::settings::PlainHttp;

use crate::client::ACCESS_KEY;
use crate::client::BOUND;
use crate::client::CALLBACKS;
use crate::client::ClientAnswer;
use crate::client::PROJECT;
use crate::client::SECRET_KEY;
use crate::client::SuiteClient;
use crate::client::body;
use crate::client::start;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn refused(answer: &ClientAnswer, status: u16, code: &str, text: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code));
    let message = answer.json()["error_msg"].as_str().unwrap().to_owned();
    assert!(message.contains(text), "{message}");
}

async fn with_headers(client: &SuiteClient, headers: &[(&str, &str)]) -> ClientAnswer {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    client
        .send_raw("GET", CALLBACKS, &headers, "".into())
        .await
        .unwrap()
}

#[tokio::test]
async fn credentials_that_are_not_accepted() {
    let (simulator, client) = start(SimulatorSettings::default());
    refused(
        &with_headers(&client, &[]).await,
        401,
        "APIG.0301",
        "x-auth-token not found",
    );
    let basic = with_headers(&client, &[("authorization", "Basic dGVzdDp0ZXN0")]).await;
    refused(&basic, 401, "APIG.0301", "unknown signing algorithm");
    let unknown = SuiteClient {
        access_key: "AKOTHER".to_owned(),
        ..client.clone()
    };
    refused(
        &unknown.list("").await,
        401,
        "APIG.0301",
        "Get secretKey failed,ak:AKOTHER",
    );
    let wrong = client.clone().with_secret_key("SKOTHER");
    refused(
        &wrong.list("").await,
        401,
        "APIG.0301",
        "verify aksk signature fail,canonicalRequest:",
    );
    let surplus = client.clone().with_header("x-security-token", "TESTTOKEN");
    refused(&surplus.list("").await, 401, "APIG.0301", "security token");
    simulator.remove_credential(ACCESS_KEY);
    refused(
        &client.list("").await,
        401,
        "APIG.0301",
        "Get secretKey failed",
    );
    assert_eq!(
        simulator
            .calls()
            .iter()
            .filter(|call| call.credential.is_some())
            .count(),
        0
    );
}

#[tokio::test]
async fn a_signature_covers_body_and_target() {
    let (_simulator, client) = start(SimulatorSettings::default());
    let date = crate::client::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let sent: Vec<(String, String)> = [
        ("content-type", "application/json"),
        ("host", client.address.as_str()),
        ("x-sdk-date", date.as_str()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let text = body("live").to_string();
    let mut signed = sent.clone();
    let authorization = client.authorization("POST", CALLBACKS, &sent, &text);
    signed.push(("authorization".to_owned(), authorization));

    let tampered = text.replace("live", "evil");
    let answer = client
        .send_raw("POST", CALLBACKS, &signed, tampered.into())
        .await
        .unwrap();
    refused(&answer, 401, "APIG.0301", "verify aksk signature fail");
    let target = format!("{CALLBACKS}?limit=1");
    let answer = client
        .send_raw("GET", &target, &signed, text.clone().into())
        .await
        .unwrap();
    refused(&answer, 401, "APIG.0301", "verify aksk signature fail");
    let answer = client
        .send_raw("POST", CALLBACKS, &signed, text.into())
        .await
        .unwrap();
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn dates_may_be_fifteen_minutes_off() {
    let (simulator, client) = start(SimulatorSettings::default());
    let ahead = |minutes| SuiteClient {
        ahead: SignedDuration::from_mins(minutes),
        ..client.clone()
    };
    for minutes in [-14, 14] {
        assert_eq!(ahead(minutes).list("").await.status, 200, "{minutes}");
    }
    for minutes in [-16, 16] {
        refused(
            &ahead(minutes).list("").await,
            401,
            "APIG.0303",
            "signature expired",
        );
    }
    simulator.settings(|settings| settings.clock_offset_s = 3600);
    let answer = client.list("").await;
    refused(&answer, 401, "APIG.0303", "signature expired");
    let date = jiff::fmt::rfc2822::parse(answer.header("date"))
        .unwrap()
        .timestamp();
    let offset = date.duration_since(crate::client::now()).as_secs();
    assert!(
        (3590..=3610).contains(&offset),
        "the Date header shows the offset: {offset}"
    );
    assert_eq!(ahead(60).list("").await.status, 200);
    ahead(60).create(&body("live")).await;
    let row = &simulator.rows()[0];
    assert!(
        row.create_time > crate::client::now(),
        "times are the cloud's"
    );
}

#[tokio::test]
async fn six_failures_lock_an_access_key() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.add_credential(KnownCredential::new("AKOTHER", "SKOTHER", PROJECT));
    let other = SuiteClient {
        access_key: "AKOTHER".to_owned(),
        secret_key: "SKOTHER".to_owned(),
        ..client.clone()
    };
    let wrong = client.clone().with_secret_key("SKWRONG");
    for _ in 0..5 {
        refused(
            &wrong.list("").await,
            401,
            "APIG.0301",
            "verify aksk signature fail",
        );
    }
    assert_eq!(
        client.list("").await.status,
        200,
        "five are forgiven, and a success clears them"
    );
    for _ in 0..6 {
        refused(
            &wrong.list("").await,
            401,
            "APIG.0301",
            "verify aksk signature fail",
        );
    }
    let limit = "AK access failed to reach the limit,forbidden";
    refused(&wrong.list("").await, 401, "APIG.0301", limit);
    refused(&client.list("").await, 401, "APIG.0301", limit);
    assert_eq!(other.list("").await.status, 200);
    simulator.reset();
    assert_eq!(client.list("").await.status, 200);
    simulator.settings(|settings| settings.lock_out = false);
    for _ in 0..9 {
        wrong.list("").await;
    }
    assert_eq!(client.list("").await.status, 200);
}

#[tokio::test]
async fn temporary_keys_need_their_token() {
    let (simulator, client) = start(SimulatorSettings::default());
    let temporary =
        KnownCredential::new(ACCESS_KEY, SECRET_KEY, PROJECT).security_token("TESTTOKEN");
    simulator.add_credential(temporary.clone());
    refused(&client.list("").await, 401, "APIG.0301", "security token");
    let other = client.clone().with_header("x-security-token", "OTHERTOKEN");
    refused(&other.list("").await, 401, "APIG.0301", "security token");
    let right = client.clone().with_header("x-security-token", "TESTTOKEN");
    assert_eq!(right.list("").await.status, 200);
    let expires_at = Some(simulator.now());
    simulator.add_credential(KnownCredential {
        expires_at,
        ..temporary
    });
    refused(&right.list("").await, 401, "APIG.0301", "expired");
}

#[tokio::test]
async fn tokens_serve_in_place_of_signatures() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.add_token("TESTTOKEN", Rights::full("somebody", PROJECT), DAY);
    simulator.add_token("EXPIRED", Rights::full("somebody", PROJECT), Duration::ZERO);
    let no_project = Rights {
        projects: Vec::new(),
        ..Rights::full("somebody", PROJECT)
    };
    simulator.add_token("DOMAIN", no_project, DAY);

    assert_eq!(
        with_headers(&client, &[("x-auth-token", "TESTTOKEN")])
            .await
            .status,
        200
    );
    let label = simulator.calls()[0].credential.clone().unwrap();
    assert!(
        label.starts_with("token:") && !label.contains("TESTTOKEN"),
        "{label}"
    );
    let wrong = with_headers(&client, &[("x-auth-token", "WRONG")]).await;
    refused(&wrong, 401, "APIG.0301", "decrypt token fail");
    let expired = with_headers(&client, &[("x-auth-token", "EXPIRED")]).await;
    refused(&expired, 401, "APIG.0307", "The token must be updated.");
    let domain = with_headers(&client, &[("x-auth-token", "DOMAIN")]).await;
    refused(&domain, 404, "APIG.0101", "does not exist");
    simulator.revoke_tokens();
    let revoked = with_headers(&client, &[("x-auth-token", "TESTTOKEN")]).await;
    refused(&revoked, 401, "APIG.0301", "decrypt token fail");
}

#[tokio::test]
async fn rights_are_checked_for_each_operation() {
    let (simulator, client) = start(SimulatorSettings::default());
    let full = KnownCredential::new(ACCESS_KEY, SECRET_KEY, PROJECT);
    simulator.add_credential(full.clone().deny(LoggedOperation::Create));
    let denied = client.create(&body("live")).await;
    refused(&denied, 401, "LIVE.100011003", "No permission");
    assert_eq!(denied.json()["error_detail"], "live:record:createCallback");
    assert_eq!(client.list("").await.status, 200);

    simulator.add_credential(full.clone().refused_with(CloudRefusal::account_frozen()));
    refused(&client.list("").await, 401, "LIVE.100011014", "frozen");

    simulator.add_credential(full);
    let other = client
        .clone()
        .with_header("x-project-id", "ffffffffffffffffffffffffffffffff");
    refused(
        &other.list("").await,
        401,
        "LIVE.100011015",
        "Project ID verification failed",
    );
    let right = client.clone().with_header("x-project-id", PROJECT);
    assert_eq!(right.list("").await.status, 200);
}

#[tokio::test]
async fn projects_are_kept_apart() {
    let (simulator, client) = start(SimulatorSettings::default());
    let second = "fedcba9876543210fedcba9876543210";
    let both = KnownCredential::new(ACCESS_KEY, SECRET_KEY, PROJECT).project(second, "cn-east-3");
    simulator.add_credential(both);
    let id = client.create(&body("live")).await.id();
    let elsewhere = format!("/v1/{second}/record/callbacks");
    for (method, body) in [
        ("GET", None),
        ("PUT", Some(&body("live"))),
        ("DELETE", None),
    ] {
        let target = format!("{elsewhere}/{id}");
        let answer = client.send(method, &target, body).await.unwrap();
        assert_eq!(answer.status, 404, "{method}");
    }
    let answer = client
        .send("POST", &elsewhere, Some(&body("live")))
        .await
        .unwrap();
    assert_eq!(
        answer.status, 201,
        "a place of another project is another place"
    );
    assert_eq!(client.list("").await.json()["total"], 1);
}

#[tokio::test]
async fn calls_are_counted_for_each_user() {
    let settings = SimulatorSettings {
        calls_per_minute: Some(3),
        ..SimulatorSettings::default()
    };
    let (simulator, client) = start(settings);
    simulator.add_credential(KnownCredential::new("AKSAME", "SKSAME", PROJECT).user(ACCESS_KEY));
    simulator.add_credential(KnownCredential::new("AKOTHER", "SKOTHER", PROJECT));
    let of = |access_key: &str, secret_key: &str| SuiteClient {
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
        ..client.clone()
    };
    for _ in 0..3 {
        assert_eq!(client.list("").await.status, 200);
    }
    let text = "policy user over ratelimit,limit:3,time:1 minute";
    refused(&client.create(&body("live")).await, 429, "APIG.0308", text);
    refused(
        &of("AKSAME", "SKSAME").list("").await,
        429,
        "APIG.0308",
        text,
    );
    assert_eq!(of("AKOTHER", "SKOTHER").list("").await.status, 200);
    simulator.settings(|settings| settings.calls_per_minute = None);
    assert_eq!(client.list("").await.status, 200);
    assert_eq!(simulator.counters().by_status[&429], 2);
    assert_eq!(simulator.counters().by_error_code["APIG.0308"], 2);
    assert_eq!(simulator.counters().busiest_minute, 7);
}

#[tokio::test]
async fn too_many_calls_at_once_are_a_500() {
    let settings = SimulatorSettings {
        concurrent_calls: Some(1),
        ..SimulatorSettings::default()
    };
    let (simulator, client) = start(settings);
    assert_eq!(client.list("").await.status, 200);
    simulator.fault(ScriptedFault::on(LoggedOperation::Create).delay_before(DAY));
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.create(&body("live")).await }
    });
    let delayed = |cloud: &Cloud| cloud.calls().iter().any(|call| call.fault.is_some());
    simulator
        .wait_for("the slow call", BOUND, delayed)
        .await
        .unwrap();
    refused(&client.list("").await, 500, "LIVE.100011007", "concurrent");
    slow.abort();
}

#[tokio::test]
async fn plain_http_may_be_refused() {
    let settings = SimulatorSettings {
        plain_http: PlainHttp::Refuse,
        ..SimulatorSettings::default()
    };
    let (_simulator, client) = start(settings);
    refused(&client.list("").await, 400, "LIVE.100011004", "HTTPS");
}
