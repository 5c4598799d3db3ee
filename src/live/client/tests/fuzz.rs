//! Answers that nobody would give, to each of the five operations: never a panic, never a secret, always a class that fits.

mod answers;

use std::sync::Mutex;

use http::StatusCode;
use proptest::prelude::*;
use serde_json::Value;

use self::answers::{FuzzAnswer, FuzzBody, FuzzCase, ID, KEY, case};
use super::{
    super::*,
    content, permit, place,
    stage::{ClientStage, issued},
};
use crate::fuzz::{assert_presentable, config};
use crate::live::answer::Answer;
use crate::live::sign_key::SignKey;
use crate::live::wire;
use crate::plan::facts::row::Row;
use crate::platform::redact::MAX_TEXT;
use crate::platform::transport::Request;
use crate::terms::failure::{Class, Failure};

/// The longest value of a row that is taken over.
const MAX_VALUE: usize = 4096;

/// What must not be shown of a request.
fn secrets(pairs: &[(&'static str, String)], sent: &Request) -> Vec<String> {
    let mut secrets: Vec<String> = pairs
        .iter()
        .filter(|(name, _)| !["username", "domain_name"].contains(name))
        .map(|(_, value)| value.clone())
        .collect();
    let body = sent.body.as_deref().map(String::from_utf8_lossy);
    if body.is_some_and(|body| body.contains(KEY)) {
        secrets.push(KEY.to_owned());
    }
    for name in ["authorization", "x-auth-token"] {
        let value = sent.headers.get(name).map(|value| value.to_str().unwrap());
        secrets.extend(value.map(str::to_owned));
        let signature = value.and_then(|value| value.split_once("Signature="));
        secrets.extend(signature.map(|(_, signature)| signature.to_owned()));
    }
    secrets
}

/// What a call brought: rows, or nothing that has any.
type ReportedCall = Result<Answer<Vec<Row>>, Failure>;

fn reported<T>(
    result: Result<Answer<T>, Failure>,
    rows: impl FnOnce(T) -> Vec<Row>,
) -> ReportedCall {
    result.map(|answer| Answer {
        value: rows(answer.value),
        http_status: answer.http_status,
        request_id: answer.request_id,
        at: answer.at,
        date: answer.date,
    })
}

async fn call(stage: &ClientStage, operation: Operation) -> ReportedCall {
    let (place, content) = (place(), content());
    let key = SignKey::parse(KEY.as_bytes()).unwrap();
    let payload = Payload {
        place: &place,
        content: &content,
        key: Some(&key),
    };
    let (client, account) = (&stage.client, &stage.account);
    let (token, deadline) = (stage.token().await, stage.deadline());
    match operation {
        Operation::Create => reported(
            client
                .create(permit(token, account, deadline), account, payload)
                .await,
            Vec::from_iter,
        ),
        Operation::Update => reported(
            client.update(token, account, ID, payload, deadline).await,
            Vec::from_iter,
        ),
        Operation::Delete => reported(client.delete(token, account, ID, deadline).await, |()| {
            Vec::new()
        }),
        Operation::Get => reported(client.get(token, account, ID).await, |row| vec![row]),
        Operation::List => reported(
            client
                .list(token, account, Some("push.example.com"), 0, 100)
                .await,
            |page| page.rows,
        ),
    }
}

/// A case that was played.
struct Played {
    reported: ReportedCall,
    /// What must not be shown.
    secrets: Vec<String>,
    /// The last body that was answered.
    body: Vec<u8>,
}

fn play(case: &FuzzCase) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let pairs: Vec<_> = case.pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let stage = ClientStage::new(&pairs);
        if pairs[0].0 == "username" {
            stage.reply(issued("token-that-iam-made-for-us"));
        }
        // A call may be made once more, and IAM be asked for another token.
        let last = Arc::<Mutex<Vec<u8>>>::default();
        for _ in 0..3 {
            let (case, last) = (case.clone(), Arc::clone(&last));
            stage.answer_to(move |sent| {
                let secrets = secrets(&case.pairs, sent);
                *last.lock().unwrap() = case.answered.body(&secrets);
                case.answered.reply(&secrets)
            });
        }
        let reported = call(&stage, case.operation).await;
        let sent = stage.sent();
        let secrets = sent.iter().flat_map(|sent| secrets(&case.pairs, sent));
        let body = last.lock().unwrap().clone();
        Played {
            reported,
            secrets: secrets.collect(),
            body,
        }
    })
}

fn check_failure(case: &FuzzCase, failure: &Failure, secrets: &[String]) {
    let FuzzAnswer { status, body, .. } = &case.answered;
    let iam = failure.message.starts_with("IAM: ");
    assert_presentable(&failure.message, MAX_TEXT + "IAM: ".len(), secrets);
    for name in [&failure.code, &failure.request_id].into_iter().flatten() {
        assert_presentable(name, 128, secrets);
    }
    let wait = failure.retry_after.unwrap_or(Duration::from_secs(1));
    assert!(!wait.is_zero() && wait <= Duration::from_mins(10));
    if iam {
        assert!(!failure.class.may_have_happened(), "{failure:?}");
        return;
    }
    assert_eq!(failure.http_status, Some(*status));
    let by_id = !matches!(case.operation, Operation::Create | Operation::List);
    assert!(by_id || failure.class != Class::Gone, "{failure:?}");
    assert_ne!(failure.class, Class::NotSent);
    let foreign = matches!(body, FuzzBody::Text(text) if text.starts_with('<'));
    match (*status, failure.code.is_some()) {
        _ if case.answered.broken || foreign => assert_eq!(failure.class, Class::Protocol),
        (200..300, _) | (100..200 | 600..1000, false) => {
            assert_eq!(failure.class, Class::Protocol);
        }
        (500..600, true) => assert_ne!(failure.class, Class::Throttled),
        // What can't be told from here is whether the body is JSON.
        _ if failure.class == Class::Protocol => {}
        (300..=399, false) => assert_eq!(failure.class, Class::Rejected),
        (401, false) => assert!(matches!(
            failure.class,
            Class::Credential | Class::ClockSkew
        )),
        (408 | 500..600, false) => assert_eq!(failure.class, Class::CloudDown),
        (429, false) => assert_eq!(failure.class, Class::Throttled),
        _ => {}
    }
}

/// Whether this body names an error: in the first two spellings by the code alone.
fn names_error(value: &Value) -> bool {
    let filled = |value: Option<&Value>| {
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
        value.is_some_and(|value| value.is_number() || text(value))
    };
    match value {
        Value::Object(members) => {
            let has = |name: &str| filled(members.get(name));
            has("error_code")
                || has("errorCode")
                || (has("code") && has("message"))
                || members.values().any(names_error)
        }
        Value::Array(items) => items.iter().any(names_error),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a delete may be believed that was answered so.
fn ends_a_delete(status: u16, body: &[u8]) -> bool {
    let value = serde_json::from_slice::<Value>(body);
    match value {
        Ok(value) if names_error(&value) => false,
        _ if status == 204 || body.trim_ascii().is_empty() => true,
        Ok(value) => value.is_object(),
        Err(_) => false,
    }
}

fn check_answer(case: &FuzzCase, answer: &Answer<Vec<Row>>, body: &[u8], secrets: &[String]) {
    if case.operation == Operation::Delete {
        let text = String::from_utf8_lossy(body);
        assert!(ends_a_delete(answer.http_status, body), "{text}");
    }
    assert!(StatusCode::from_u16(answer.http_status).is_ok_and(|status| status.is_success()));
    if let Some(id) = &answer.request_id {
        assert_presentable(id, 128, secrets);
    }
    for row in &answer.value {
        assert_presentable(&row.id, 128, secrets);
        assert!(wire::is_id(&row.id), "{}", row.id);
        match case.operation {
            Operation::Create => {
                assert_presentable(row.place.domain(), MAX_VALUE, secrets);
                assert_presentable(row.place.app(), 128, secrets);
            }
            Operation::Update | Operation::Get => assert_eq!(row.id, ID),
            Operation::Delete | Operation::List => {}
        }
        let events = row.content.events.iter().flatten();
        assert!(events.clone().count() <= 64);
        let url = row.content.url.as_ref().map(|url| url.shown().to_owned());
        for text in url.iter().chain(&row.content.sign_type).chain(events) {
            assert_presentable(text, MAX_VALUE, secrets);
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn any_answer_becomes_rows_or_a_failure_that_may_be_shown(case in case()) {
        let Played { reported, secrets, body } = play(&case);
        match reported {
            Ok(answer) => check_answer(&case, &answer, &body, &secrets),
            Err(failure) => check_failure(&case, &failure, &secrets),
        }
    }
}
