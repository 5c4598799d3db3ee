//! Every shape of body and every way to a class.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};

use super::*;
use crate::platform::failures::failure_without_answer;
use crate::terms::failure::Class;

fn failure_of_answer(
    operation: Operation,
    response: &Response,
    secrets: &Redactor,
    now: Timestamp,
) -> Failure {
    failures::failure_of_answer(&RULES, operation, response, secrets, now)
}

fn response(status: u16, body: impl Into<Bytes>) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    Response {
        status,
        headers: HeaderMap::new(),
        body: body.into(),
    }
}

fn now() -> Timestamp {
    "2026-11-25T02:00:00Z".parse().unwrap()
}

fn failure(operation: Operation, status: u16, body: impl Into<Bytes>) -> Failure {
    failure_of_answer(operation, &response(status, body), &Redactor::new(), now())
}

fn coded(operation: Operation, status: u16, code: &str) -> Class {
    let body = serde_json::json!({"error_code": code, "error_msg": "text"});
    failure(operation, status, body.to_string()).class
}

#[test]
fn the_code_decides_before_the_status() {
    for (status, code, class) in [
        (400, "LIVE.100011001", Class::Rejected),
        (403, "LIVE.103011016", Class::Rejected),
        (400, "LIVE.103011018", Class::Exists),
        (400, "LIVE.100011006", Class::Maintenance),
        (400, "LIVE.100011008", Class::Maintenance),
        (400, "LIVE.103011021", Class::CloudDown),
        (500, "LIVE.100011005", Class::CloudDown),
        (500, "LIVE.100011007", Class::Overloaded),
        (429, "LIVE.100011007", Class::Throttled),
        (429, "APIG.0308", Class::Throttled),
        (503, "APIG.0308", Class::Overloaded),
        (401, "LIVE.100011002", Class::Credential),
        (401, "LIVE.100011003", Class::Permission),
        (401, "LIVE.100011015", Class::Permission),
        (401, "LIVE.100011014", Class::Account),
        (400, "LIVE.100011013", Class::Account),
        (401, "APIG.0301", Class::Credential),
        (401, "APIGW.0301", Class::Credential),
        (403, "APIG.0302", Class::Permission),
        (404, "APIG.0101", Class::Rejected),
        (400, "APIG.0201", Class::Rejected),
        (413, "APIG.0201", Class::Rejected),
        (502, "APIG.0201", Class::CloudDown),
    ] {
        assert_eq!(
            coded(Operation::Create, status, code),
            class,
            "{status} {code}"
        );
    }
}

#[test]
fn the_status_decides_for_unknown_codes_and_without_one() {
    for (status, class) in [
        (302, Class::Rejected),
        (400, Class::Rejected),
        (401, Class::Credential),
        (403, Class::Permission),
        (404, Class::Rejected),
        (405, Class::Rejected),
        (408, Class::CloudDown),
        (409, Class::Exists),
        (418, Class::Rejected),
        (429, Class::Throttled),
        (500, Class::CloudDown),
        (503, Class::CloudDown),
        (599, Class::CloudDown),
    ] {
        assert_eq!(
            coded(Operation::Create, status, "LIVE.999999999"),
            class,
            "{status}"
        );
        assert_eq!(
            failure(Operation::Create, status, "").class,
            class,
            "{status} without a body"
        );
        assert_eq!(
            failure(Operation::Create, status, "{}").class,
            class,
            "{status} with an empty object"
        );
    }
}

#[test]
fn gone_needs_a_code_of_live_and_an_operation_by_id() {
    for operation in [Operation::Get, Operation::Update, Operation::Delete] {
        for (status, code, gone) in [
            (404, "LIVE.100011001", true),
            (404, "LIVE.103011019", true),
            (400, "LIVE.103011019", true),
            (500, "LIVE.103011019", true),
            (404, "LIVE.999999999", true),
            (404, "APIG.0101", false),
            (404, "APIGW.0101", false),
            (404, "LIVELY.1", false),
            (400, "LIVE.100011001", false),
        ] {
            let is_gone = coded(operation, status, code) == Class::Gone;
            assert_eq!(is_gone, gone, "{} {status} {code}", operation.as_str());
        }
        assert_ne!(failure(operation, 404, "").class, Class::Gone);
        assert_ne!(failure(operation, 404, "<html>").class, Class::Gone);
    }
    for operation in [Operation::Create, Operation::List] {
        assert_eq!(coded(operation, 400, "LIVE.103011019"), Class::Rejected);
        assert_eq!(coded(operation, 404, "LIVE.100011001"), Class::Rejected);
    }
}

#[test]
fn every_spelling_of_a_body_is_read() {
    for (body, code, message) in [
        (
            r#"{"error_code":"LIVE.1","error_msg":"a"}"#,
            Some("LIVE.1"),
            "a",
        ),
        (
            r#"{"error_code":"LIVE.1","error_msg":"a","error_detail":"b"}"#,
            Some("LIVE.1"),
            "a: b",
        ),
        (
            r#"{"error_code":"LIVE.1","error_msg":"","error_detail":"b"}"#,
            Some("LIVE.1"),
            "b",
        ),
        (
            r#"{"errorCode":"LIVE.2","errorMsg":"a"}"#,
            Some("LIVE.2"),
            "a",
        ),
        (r#"{"code":"IAM.3","message":"a"}"#, Some("IAM.3"), "a"),
        (
            r#"{"error":{"code":401,"message":"wrong","title":"Unauthorized"}}"#,
            Some("401"),
            "wrong",
        ),
        (
            r#"{"error":{"error_code":"IAM.9","error_msg":"no"}}"#,
            Some("IAM.9"),
            "no",
        ),
        (
            r#"{"code":7,"error":{"error_code":"IAM.2","error_msg":"no"}}"#,
            Some("IAM.2"),
            "no",
        ),
        (
            r#"[{"error_code":"LIVE.4","error_msg":"a"}]"#,
            Some("LIVE.4"),
            "a",
        ),
        (
            r#"{"error_code":"LIVE.5"}"#,
            Some("LIVE.5"),
            r#"{"error_code":"LIVE.5"}"#,
        ),
        (
            r#"{"errcode":"1","errmsg":"a"}"#,
            None,
            r#"{"errcode":"1","errmsg":"a"}"#,
        ),
        ("", None, "HTTP 400 without a message"),
        (" \n", None, "HTTP 400 without a message"),
        ("null", None, "null"),
    ] {
        let failure = failure(Operation::Create, 400, body);
        assert_eq!(
            (failure.code.as_deref(), failure.message.as_str()),
            (code, message),
            "{body}"
        );
        assert_eq!(failure.class, Class::Rejected, "{body}");
    }
}

#[test]
fn a_body_of_somebody_else_is_a_protocol_error_whatever_the_status() {
    for body in [
        &b"<html><h1>Blocked</h1></html>"[..],
        b"{\"error_code\":\"LIVE.1000",
        b"\xff\xfe{}",
    ] {
        for status in [302, 400, 401, 403, 404, 405, 408, 409, 429, 502] {
            let failure = failure(Operation::Delete, status, Bytes::from_static(body));
            assert_eq!(failure.class, Class::Protocol, "{status}");
            assert!(!failure.message.is_empty());
        }
    }
}

#[test]
fn a_success_that_names_an_error_is_none() {
    let judged = |operation, body: &'static str| {
        classify_reply(operation, Ok(response(200, body)), &Redactor::new(), now())
    };
    for body in [
        r#"{"error_code":"LIVE.100011001","error_msg":"Request Illegal"}"#,
        r#"{"error_code":"LIVE.103011019"}"#,
        r#"{"errorCode":"APIG.0301","id":"1"}"#,
        r#"{"code":"LIVE.100011005","message":"no"}"#,
        r#"{"error":{"code":401,"message":"no"}}"#,
        r#"[{"error_code":"LIVE.1"}]"#,
    ] {
        for operation in [Operation::Create, Operation::Delete, Operation::List] {
            let failure = judged(operation, body).unwrap_err();
            assert_eq!(failure.class, Class::Protocol, "{body}");
            assert!(failure.code.is_some());
        }
    }
    for body in [
        "",
        "{}",
        r#"{"error_code":null}"#,
        r#"{"error_code":""}"#,
        r#"{"code":"1"}"#,
        r#"{"id":"1","message":"done"}"#,
    ] {
        assert!(judged(Operation::Delete, body).is_ok(), "{body}");
    }
}

#[test]
fn texts_are_cut_at_512_characters_and_never_inside_one() {
    let body = serde_json::json!({"error_code": "LIVE.1", "error_msg": "录".repeat(600)});
    let failure = failure(Operation::Create, 400, body.to_string());
    assert_eq!(failure.message, "录".repeat(512));
}

#[test]
fn an_echoed_secret_is_not_shown() {
    let mut secrets = Redactor::new();
    secrets.hide("0123456789abcdef0123456789abcdef");
    let body = r#"{"error_code":"APIG.0301","error_msg":"canonicalRequest: key 0123456789abcdef0123456789abcdef",
        "request_id":"r-0123456789abcdef0123456789abcdef"}"#;
    let failure = failure_of_answer(Operation::Create, &response(401, body), &secrets, now());
    assert_eq!(failure.message, "canonicalRequest: key [redacted]");
    assert_eq!(failure.request_id.as_deref(), Some("r-[redacted]"));
}

#[test]
fn the_request_id_of_the_header_comes_first() {
    let mut response = response(
        400,
        r#"{"error_code":"LIVE.1","error_msg":"a","request_id":"body"}"#,
    );
    let read = |response: &Response| {
        failure_of_answer(Operation::Get, response, &Redactor::new(), now())
            .request_id
            .unwrap()
    };
    assert_eq!(read(&response), "body");
    response
        .headers
        .insert("X-Request-Id", "header".parse().unwrap());
    assert_eq!(read(&response), "header");
}

#[test]
fn a_sane_retry_after_is_believed() {
    for (text, wait) in [
        ("7", Some(7)),
        (" 600 ", Some(600)),
        ("601", None),
        ("0", None),
        ("-1", None),
        ("soon", None),
        ("99999999999999999999", None),
        ("Wed, 25 Nov 2026 02:00:30 GMT", Some(30)),
        ("Wed, 25 Nov 2026 01:59:30 GMT", None),
        ("Wed, 25 Nov 2026 03:00:00 GMT", None),
    ] {
        let mut response = response(429, "");
        response
            .headers
            .insert(header::RETRY_AFTER, text.parse().unwrap());
        let failure = failure_of_answer(Operation::List, &response, &Redactor::new(), now());
        assert_eq!(failure.retry_after, wait.map(Duration::from_secs), "{text}");
    }
}

#[test]
fn a_date_to_retry_after_is_measured_against_the_answer_itself() {
    let mut response = response(503, "");
    response.headers.insert(
        header::DATE,
        "Wed, 25 Nov 2026 08:00:00 GMT".parse().unwrap(),
    );
    response.headers.insert(
        header::RETRY_AFTER,
        "Wed, 25 Nov 2026 08:00:05 GMT".parse().unwrap(),
    );
    let failure = failure_of_answer(Operation::List, &response, &Redactor::new(), now());
    assert_eq!(failure.retry_after, Some(Duration::from_secs(5)));
}

#[test]
fn without_an_answer_the_hand_over_decides() {
    let failure_of = |error| {
        let failure = failure_without_answer(Operation::Create, error, &Redactor::new());
        (
            failure.class,
            failure.http_status,
            failure.class.may_have_happened(),
        )
    };
    assert_eq!(
        failure_of(TransportError::NotSent("dns".to_owned())),
        (Class::NotSent, None, false)
    );
    assert_eq!(
        failure_of(TransportError::AfterHandOver("reset".to_owned())),
        (Class::CloudDown, None, true)
    );
    let unreadable = TransportError::Unreadable {
        status: StatusCode::CREATED,
        headers: HeaderMap::new(),
        message: "broke off".to_owned(),
        had_no_room: false,
    };
    assert_eq!(failure_of(unreadable), (Class::Protocol, Some(201), true));
}
