//! The client against a scripted transport: what it sends, when it sends again, whom it tells.

mod again;
mod believed;
mod fuzz;
mod permits;
mod simulated;
mod stage;
mod turns;

use http::{StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

use self::stage::{ClientStage, DATE, answer, noon, refusal};
use super::*;
use crate::live::answer::{Answer, Page};
use crate::live::sign_key::SignKey;
use crate::plan::facts::content::{Content, EventSet};
use crate::plan::facts::place::Place;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::platform::account::Account;
use crate::platform::quota::Token;
use crate::platform::transport::{Deadline, TransportError};
use crate::terms::failure::{Class, Failure};

const ROW: &str = r#"{"id":"id-1","publish_domain":"push.example.com","app":"live"}"#;
const AK: [(&str, &str); 2] = [
    ("ak", "TESTAK0123456789"),
    ("sk", "test-secret-key-0123456789"),
];
const TOKEN: [(&str, &str); 1] = [("token", "test-token")];
const USER: [(&str, &str); 3] = [
    ("username", "user"),
    ("password", "test-password"),
    ("domain_name", "domain"),
];

fn place() -> Place {
    Place::new("push.example.com", "live")
}

fn content() -> Content {
    Content {
        url: Some("https://hooks.example.com/record".to_owned()),
        events: EventSet::from(vec!["RECORD_FILE_COMPLETE".to_owned()]),
        sign_type: "HMACSHA256".to_owned(),
    }
}

/// Leave to POST what `content` says.
fn permit(token: Token, account: &Account, deadline: Deadline) -> CreatePermit {
    let attempt = Attempt::new(
        "attempt".to_owned(),
        Timestamp::UNIX_EPOCH,
        &content(),
        None,
    );
    let record = Record::new("uid", &account.target, attempt);
    let written = record.written_in(&serde_json::json!(record).to_string());
    CreatePermit::new(written.unwrap(), token, deadline)
}

async fn create(stage: &ClientStage, account: &Account) -> Result<Answer<Option<Row>>, Failure> {
    let (place, content) = (place(), content());
    let payload = Payload {
        place: &place,
        content: &content,
        key: None,
    };
    stage
        .client
        .create(stage.create_permit().await, account, payload)
        .await
}

async fn list(stage: &ClientStage, account: &Account) -> Result<Answer<Page>, Failure> {
    stage
        .client
        .list(
            stage.token().await,
            account,
            Some("push.example.com"),
            0,
            100,
        )
        .await
}

#[tokio::test(start_paused = true)]
async fn every_operation_has_its_method_and_address() {
    let stage = ClientStage::new(&AK);
    let base = "https://live.example.com/v1/project/record/callbacks";
    let (place, content) = (place(), content());
    let payload = Payload {
        place: &place,
        content: &content,
        key: None,
    };

    stage.reply(answer(201, ROW));
    create(&stage, &stage.account).await.unwrap();
    stage.reply(answer(200, r#"{"id":"id+1"}"#));
    let token = stage.token().await;
    stage
        .client
        .update(token, &stage.account, "id+1", payload, stage.deadline())
        .await
        .unwrap();
    stage.reply(answer(204, ""));
    let token = stage.token().await;
    stage
        .client
        .delete(token, &stage.account, "id-1", stage.deadline())
        .await
        .unwrap();
    stage.reply(answer(200, ROW));
    stage
        .client
        .get(stage.token().await, &stage.account, "id-1")
        .await
        .unwrap();
    stage.reply(answer(200, r#"{"total":0,"callback_config":[]}"#));
    list(&stage, &stage.account).await.unwrap();

    let sent: Vec<_> = stage
        .sent()
        .iter()
        .map(|sent| format!("{} {}", sent.method, sent.url))
        .collect();
    assert_eq!(
        sent,
        [
            format!("POST {base}"),
            format!("PUT {base}/id%2B1"),
            format!("DELETE {base}/id-1"),
            format!("GET {base}/id-1"),
            format!("GET {base}?limit=100&offset=0&publish_domain=push.example.com"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_is_signed_with_the_time_of_the_cloud() {
    let stage = ClientStage::new(&AK);
    stage.reply(answer(201, ROW));
    create(&stage, &stage.account).await.unwrap();
    let sent = stage.sent().remove(0);
    assert_eq!(sent.headers["x-sdk-date"], "20261125T120000Z");
    assert_eq!(sent.headers["x-project-id"], "project");
    assert_eq!(sent.headers["content-type"], "application/json");
    let authorization = sent.headers["authorization"].to_str().unwrap();
    assert!(
        authorization.starts_with(
            "SDK-HMAC-SHA256 Access=TESTAK0123456789, SignedHeaders=content-type;host;x-project-id;x-sdk-date, Signature="
        ),
        "{authorization}"
    );
    assert!(sent.headers.values().all(http::HeaderValue::is_sensitive));
}

#[tokio::test(start_paused = true)]
async fn answers_carry_status_request_id_and_cloud_time() {
    let stage = ClientStage::new(&TOKEN);
    let mut reply = answer(201, ROW);
    reply
        .headers
        .insert("X-Request-Id", "request-1".parse().unwrap());
    reply.headers.insert(
        header::DATE,
        "Wed, 25 Nov 2026 12:00:30 GMT".parse().unwrap(),
    );
    stage.reply(reply);
    let answer = create(&stage, &stage.account).await.unwrap();
    assert_eq!(answer.value.unwrap().id, "id-1");
    assert_eq!(
        (answer.http_status, answer.request_id.as_deref()),
        (201, Some("request-1"))
    );
    let shown = noon() + Duration::from_secs(30);
    assert_eq!((answer.at, answer.date), (shown, Some(shown)));
    assert_eq!(stage.sent()[0].headers["x-auth-token"], "test-token");
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_fine_for_a_change_and_none_for_a_look() {
    let stage = ClientStage::new(&TOKEN);
    stage.reply(answer(201, ""));
    assert_eq!(create(&stage, &stage.account).await.unwrap().value, None);
    for body in ["", "<html>", r#"{"total":1}"#] {
        stage.reply(answer(200, body));
        let failure = list(&stage, &stage.account).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.http_status),
            (Class::Protocol, Some(200)),
            "{body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_token_could_not_be_made_was_not_sent() {
    let cases: [(stage::StageReply, Class); 7] = [
        (refusal(500, "IAM.0006", None).into(), Class::NotSent),
        (refusal(503, "IAM.0062", None).into(), Class::Credential),
        (
            TransportError::AfterHandOver("reset".to_owned()).into(),
            Class::NotSent,
        ),
        (answer(201, "{}").into(), Class::NotSent),
        (refusal(401, "IAM.0062", None).into(), Class::Credential),
        (refusal(429, "IAM.0012", None).into(), Class::Throttled),
        (refusal(409, "IAM.0005", None).into(), Class::Rejected),
    ];
    for (reply, class) in cases {
        let stage = ClientStage::new(&USER);
        stage.reply(reply);
        let failure = create(&stage, &stage.account).await.unwrap_err();
        assert_eq!(failure.class, class, "{failure:?}");
        assert!(!failure.may_have_changed() && failure.message.starts_with("IAM: "));
        assert_eq!(stage.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_over_is_told_apart() {
    let stage = ClientStage::new(&TOKEN);
    for (error, class) in [
        (TransportError::NotSent("dns".to_owned()), Class::NotSent),
        (
            TransportError::AfterHandOver("reset".to_owned()),
            Class::CloudDown,
        ),
    ] {
        stage.reply(error);
        let failure = create(&stage, &stage.account).await.unwrap_err();
        assert_eq!((failure.class, failure.http_status), (class, None));
    }
}

#[tokio::test(start_paused = true)]
async fn an_echo_of_secrets_is_not_shown() {
    let stage = ClientStage::new(&AK);
    stage.echo(401, |sent| {
        let authorization = sent.headers["authorization"].to_str().unwrap();
        let body = String::from_utf8(sent.body.clone().unwrap().to_vec()).unwrap();
        json!({"error_code": "APIG.0301", "error_msg": format!("bad: {authorization} {body}")})
            .to_string()
    });
    let key = SignKey::parse(b"0123456789abcdef0123456789abcdef").unwrap();
    let (place, content) = (place(), content());
    let payload = Payload {
        place: &place,
        content: &content,
        key: Some(&key),
    };
    let permit = stage.create_permit().await;
    let result = stage.client.create(permit, &stage.account, payload).await;
    let message = result.unwrap_err().message;
    assert!(message.starts_with("bad: [redacted] {"), "{message}");
    assert!(!message.contains("0123456789"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_changes_the_address_is_refused() {
    let stage = ClientStage::new(&TOKEN);
    for id in ["", "a/b", ".", "..", "a b"] {
        let token = stage.token().await;
        let failure = stage
            .client
            .get(token, &stage.account, id)
            .await
            .unwrap_err();
        assert_eq!(failure.class, Class::Rejected, "{id}");
    }
    assert!(stage.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_meter_hears_of_every_call() {
    let stage = ClientStage::new(&AK);
    stage.reply(refusal(
        401,
        "APIGW.0303",
        Some("Wed, 25 Nov 2026 12:20:00 GMT"),
    ));
    stage.reply(refusal(400, "LIVE.made-up", None));
    create(&stage, &stage.account).await.unwrap_err();
    stage.reply(TransportError::NotSent("dns".to_owned()));
    create(&stage, &stage.account).await.unwrap_err();
    stage.reply(answer(StatusCode::CREATED.as_u16(), ROW));
    create(&stage, &stage.account).await.unwrap();
    assert_eq!(
        *stage.metered.lock().unwrap(),
        [
            (Operation::Create, Some(401), Some("APIG.0303")),
            (Operation::Create, Some(400), Some("other")),
            (Operation::Create, None, None),
            (Operation::Create, Some(201), None),
        ]
    );
}
