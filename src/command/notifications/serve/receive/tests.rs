//! What a receiver answers to requests of all kinds, in virtual time.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::Value;

use super::super::body::LARGEST;
use super::super::lines::lines;
use super::*;
use crate::config::notifications::{SignTypeArg, SignatureArgs};

const NOTIFICATION: &str =
    r#"{"event_type":"RECORD_OVER","publish_domain":"push.example.com","app":"live"}"#;

fn receiver(key_file: Vec<PathBuf>, domain: &[&str]) -> Receiver {
    let args = SignatureArgs {
        key_file,
        sign_type: SignTypeArg::HmacSha256,
        domain: domain.iter().map(|&domain| domain.to_owned()).collect(),
        app: Vec::new(),
    };
    Receiver {
        expected: Expected::read(&args, Arc::new(|_| {})).unwrap(),
        objects: None,
        deliveries: None,
        format: ReceiptFormat::Line,
        printed: lines(std::io::sink()).unwrap().0,
        messages: Arc::new(lines(std::io::sink()).unwrap().0),
        seen: Arc::default(),
        bodies: BodyReader::new(),
    }
}

fn post(body: &[u8]) -> Request<Full<Bytes>> {
    Request::post("/").body(Full::from(body.to_vec())).unwrap()
}

/// Status, head and result of an answer.
async fn said<B: Body<Data = Bytes>>(receiver: &Receiver, request: Request<B>) -> (u16, String) {
    let (head, body) = receiver.respond(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let result = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let result = result["result"].as_str().unwrap_or_default().to_owned();
    assert_eq!(head.headers[CONTENT_TYPE], "application/json");
    (head.status.as_u16(), result)
}

#[tokio::test]
async fn each_method_and_body_has_its_answer() {
    let receiver = receiver(Vec::new(), &["push.example.com"]);
    let method = |method: &str| {
        let request = Request::builder().method(method);
        request.body(Full::<Bytes>::default()).unwrap()
    };
    let got = said(&receiver, method("GET")).await;
    assert_eq!((got.0, got.1.contains("POST")), (200, true));
    assert_eq!(said(&receiver, method("HEAD")).await, (200, String::new()));
    let head = receiver.respond(method("HEAD")).await;
    let got = receiver.respond(method("GET")).await;
    assert_eq!(
        head.headers()[CONTENT_LENGTH],
        got.body().size_hint().lower().to_string()
    );
    for other in ["PUT", "DELETE", "OPTIONS"] {
        let refused = receiver.respond(method(other)).await;
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()[ALLOW]),
            (405, &HeaderValue::from_static("GET, HEAD, POST"))
        );
    }
    let spaces =
        |length: usize| format!("{NOTIFICATION}{}", " ".repeat(length - NOTIFICATION.len()));
    for (body, status) in [
        (NOTIFICATION.to_owned(), 200),
        (spaces(LARGEST), 200),
        (spaces(LARGEST + 1), 413),
        (spaces(9 * LARGEST), 413),
        ("[]".to_owned(), 400),
        (NOTIFICATION.replace("push", "other"), 403),
        (NOTIFICATION.replace("RECORD_OVER", "RECORD_OVERpush"), 403),
    ] {
        let (answered, _) = said(&receiver, post(body.as_bytes())).await;
        assert_eq!(answered, status, "{}", &body[..40.min(body.len())]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_cut_off_and_one_that_is_too_large_is_heard_out() {
    let receiver = receiver(Vec::new(), &[]);
    let slow = stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let request = Request::post("/").body(StreamBody::new(slow)).unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(said(&receiver, request).await.0, 408);
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    let chunks = std::iter::repeat_n(Bytes::from(vec![b' '; 4096]), 300);
    let chunks = chunks.map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)));
    let request = Request::post("/")
        .body(StreamBody::new(stream::iter(chunks)))
        .unwrap();
    let refused = receiver.respond(request).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()[CONNECTION]),
        (413, &HeaderValue::from_static("close"))
    );
    let mut http2 = post(&vec![b' '; LARGEST + 1]);
    *http2.version_mut() = Version::HTTP_2;
    let refused = receiver.respond(http2).await;
    assert_eq!(
        (refused.status().as_u16(), refused.headers().get(CONNECTION)),
        (413, None)
    );
}

#[tokio::test]
async fn bodies_share_a_bounded_memory() {
    let receiver = receiver(Vec::new(), &[]);
    let half = || {
        let part = Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b' '; LARGEST])));
        let parts = stream::StreamExt::chain(stream::iter([part]), stream::pending());
        Request::post("/").body(StreamBody::new(parts)).unwrap()
    };
    let mut held = Vec::new();
    for _ in 0..64 {
        let mut response = Box::pin(receiver.respond(half()));
        assert!(futures::FutureExt::now_or_never(&mut response).is_none());
        held.push(response);
    }
    assert_eq!(said(&receiver, post(NOTIFICATION.as_bytes())).await.0, 503);
    held.pop();
    assert_eq!(said(&receiver, post(NOTIFICATION.as_bytes())).await.0, 200);
}
