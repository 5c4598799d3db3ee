//! Answers that nobody would give: any status, header and body, and what repeats the secrets of the request.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::super::stage::StageReply;
use crate::fuzz::{json as any_json, moment, text};
use crate::platform::sign::percent_encode;
use crate::platform::transport::{Response, TransportError};
use crate::terms::failure::Operation;

/// The id that is asked for.
pub(super) const ID: &str = "e2fe84def7e476651034ec4b9e92bc30";
/// The sign key that is sent.
pub(super) const KEY: &str = "Key0123456789abcdef0123456789abcdef";
/// Characters that stand for a secret of the request: as it is, its first half, percent-encoded.
const MARKS: [char; 3] = ['\u{e100}', '\u{e200}', '\u{e300}'];
const NAMES: &[&str] = &[
    "error_code",
    "error_msg",
    "error_detail",
    "errorCode",
    "errorMsg",
    "code",
    "message",
    "request_id",
    "id",
    "publish_domain",
    "app",
    "notify_callback_url",
    "notify_event_subscription",
    "sign_type",
    "key",
    "create_time",
    "update_time",
    "total",
    "callback_config",
];
const CODES: &[&str] = &[
    "LIVE.100011001",
    "LIVE.103011019",
    "LIVE.103011018",
    "LIVE.100011007",
    "LIVE.103011021",
    "APIG.0301",
    "APIG.0308",
    "APIGW.0101",
    "LIVE.199999999",
    "",
];

#[derive(Debug, Clone)]
pub(super) enum FuzzBody {
    Bytes(Vec<u8>),
    Text(String),
    Json(Value),
    Spaces(usize),
}

#[derive(Debug, Clone)]
pub(super) struct FuzzAnswer {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(super) body: FuzzBody,
    /// Only so much of the body arrives.
    cut: Option<Index>,
    /// The transport says that the rest never came.
    pub(super) broken: bool,
}

#[derive(Debug, Clone)]
pub(super) struct FuzzCase {
    pub(super) operation: Operation,
    pub(super) pairs: Vec<(&'static str, String)>,
    pub(super) answered: FuzzAnswer,
}

/// A text that may repeat secrets of the request.
fn echo() -> impl Strategy<Value = String> {
    let mark = (any::<Index>(), 0..6_u32).prop_map(|(mark, which)| {
        char::from_u32(u32::from(*mark.get(&MARKS)) + which).map(String::from)
    });
    let piece = prop_oneof![text().prop_map(Some), mark];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.into_iter().flatten().collect())
}

fn refusal() -> impl Strategy<Value = Value> {
    let code = any::<Index>().prop_map(|index| *index.get(CODES));
    (code, echo(), prop::option::of(echo()), any::<bool>()).prop_map(
        |(code, message, detail, nested)| {
            let body = json!({"error_code": code, "error_msg": message, "error_detail": detail,
                "request_id": message});
            if nested {
                json!({"error": [body]})
            } else {
                body
            }
        },
    )
}

fn row() -> impl Strategy<Value = Value> {
    let id = prop_oneof![4 => Just(ID.to_owned()), 1 => "[a-z0-9]{1,300}", 1 => echo()];
    let events = prop_oneof![
        3 => prop::collection::vec(echo(), 0..5),
        1 => (0..5_000_usize).prop_map(|n| (0..n).map(|n| format!("EVENT_{n}")).collect()),
    ];
    let domain = prop_oneof![4 => Just("Push.example.com".to_owned()), 1 => echo()];
    let app = prop_oneof![4 => Just("live".to_owned()), 1 => echo()];
    (id, domain, app, echo(), events, echo(), moment()).prop_map(
        |(id, domain, app, url, events, sign_type, time)| {
            json!({"id": id, "publish_domain": domain, "app": app, "notify_callback_url": url,
                "notify_event_subscription": events, "sign_type": sign_type,
                "create_time": time, "update_time": time})
        },
    )
}

fn page() -> impl Strategy<Value = Value> {
    (0..6_u64, prop::collection::vec(row(), 0..5))
        .prop_map(|(total, rows)| json!({"total": total, "callback_config": rows}))
}

fn body() -> impl Strategy<Value = FuzzBody> {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..200).prop_map(FuzzBody::Bytes),
        2 => echo().prop_map(FuzzBody::Text),
        1 => echo().prop_map(|text| FuzzBody::Text(format!("<html><body>{text}</body></html>"))),
        1 => (0..5_000_usize).prop_map(move |depth| FuzzBody::Text(deep(depth))),
        1 => (0..2_000_000_usize).prop_map(FuzzBody::Spaces),
        4 => refusal().prop_map(FuzzBody::Json),
        4 => row().prop_map(FuzzBody::Json),
        2 => page().prop_map(FuzzBody::Json),
        3 => any_json(NAMES).prop_map(FuzzBody::Json),
    ]
}

fn answered() -> impl Strategy<Value = FuzzAnswer> {
    let status = prop_oneof![
        3 => 200..206_u16, 3 => 400..430_u16, 2 => 500..505_u16, 1 => 300..309_u16, 1 => 100..1000_u16,
    ];
    let header = prop_oneof![
        ("[0-9]{1,25}|-?[0-9]{1,3}(\\.5)?").prop_map(|text| ("retry-after", text)),
        moment().prop_map(|text| ("retry-after", text)),
        Just(("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT".to_owned())),
        Just(("date", "Wed, 25 Nov 2026 13:00:00 GMT".to_owned())),
        Just(("date", "Thu, 30 Dec 9999 22:00:00 GMT".to_owned())),
        Just(("date", "Sat, 01 Jan 0000 00:00:00 GMT".to_owned())),
        text().prop_map(|text| ("date", text)),
        echo().prop_map(|text| ("x-request-id", text)),
        echo().prop_map(|text| ("x-subject-token", text)),
        echo().prop_map(|text| ("content-type", text)),
    ];
    (
        status,
        prop::collection::vec(header, 0..4),
        body(),
        prop::option::weighted(0.2, any::<Index>()),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(status, headers, body, cut, broken)| FuzzAnswer {
            status,
            headers,
            body,
            cut,
            broken,
        })
}

fn pairs() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let secret = || "[!-~]{16,60}";
    prop_oneof![
        (secret(), secret()).prop_map(|(ak, sk)| vec![("ak", ak), ("sk", sk)]),
        (secret(), secret(), secret()).prop_map(|(ak, sk, token)| vec![
            ("ak", ak),
            ("sk", sk),
            ("security_token", token)
        ]),
        secret().prop_map(|token| vec![("token", token)]),
        secret().prop_map(|password| vec![
            ("username", "user".to_owned()),
            ("password", password),
            ("domain_name", "domain".to_owned())
        ]),
    ]
}

pub(super) fn case() -> impl Strategy<Value = FuzzCase> {
    let operation = prop_oneof![
        2 => Just(Operation::Create),
        1 => Just(Operation::Update),
        2 => Just(Operation::Delete),
        1 => Just(Operation::Get),
        1 => Just(Operation::List),
    ];
    (operation, pairs(), answered()).prop_map(|(operation, pairs, answered)| FuzzCase {
        operation,
        pairs,
        answered,
    })
}

/// The text with secrets in place of their marks, each written as this has it.
fn filled(text: &str, secrets: &[String], write: impl Fn(&str) -> String) -> String {
    text.chars().fold(String::new(), |mut text, letter| {
        let found = MARKS.iter().enumerate().find_map(|(form, mark)| {
            let which = u32::from(letter).checked_sub(u32::from(*mark))?;
            (which < 0x100).then_some((form, which as usize % secrets.len()))
        });
        match found {
            None => text.push(letter),
            Some((0, which)) => text.push_str(&write(&secrets[which])),
            Some((1, which)) => {
                let half = secrets[which].chars().count() / 2;
                let half: String = secrets[which].chars().take(half).collect();
                text.push_str(&write(&half));
            }
            Some((_, which)) => text.push_str(&percent_encode(&secrets[which])),
        }
        text
    })
}

fn in_json(text: &str) -> String {
    let quoted = json!(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl FuzzAnswer {
    /// The body that arrives.
    pub(super) fn body(&self, secrets: &[String]) -> Vec<u8> {
        let mut body = match &self.body {
            FuzzBody::Bytes(bytes) => bytes.clone(),
            FuzzBody::Text(text) => filled(text, secrets, str::to_owned).into_bytes(),
            FuzzBody::Json(value) => filled(&value.to_string(), secrets, in_json).into_bytes(),
            FuzzBody::Spaces(number) => vec![b' '; *number],
        };
        if let Some(cut) = &self.cut {
            body.truncate(cut.index(body.len() + 1));
        }
        body
    }

    pub(super) fn reply(&self, secrets: &[String]) -> StageReply {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let value = filled(value, secrets, str::to_owned);
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        let status = StatusCode::from_u16(self.status).unwrap();
        if self.broken {
            let message = "the answer broke off".to_owned();
            return TransportError::Unreadable {
                status,
                headers,
                message,
                had_no_room: false,
            }
            .into();
        }
        Response {
            status,
            headers,
            body: Bytes::from(self.body(secrets)),
        }
        .into()
    }
}
