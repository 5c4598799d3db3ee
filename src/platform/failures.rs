//! From an unsuccessful answer to a `Failure`: what it means, in words that may be shown.
//!
//! Pure. What a service has rules of its own for is decided first, then the error code, then the HTTP status. The text of a message
//! decides nothing: it is not stable.

mod error_body;

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use self::error_body::{ErrorBody, FoundErrors};
use crate::platform::clock::{date, parse_http_date};
use crate::platform::codes;
use crate::platform::redact::{MAX_NAME, MAX_TEXT, Redactor};
use crate::platform::transport::{Response, TransportError};
use crate::terms::failure::{Class, Failure, Operation};

/// A longer `Retry-After` is not believed.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(10);
/// A date that is further off explains a refused signature. The cloud allows 15 minutes.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a service knows of its own answers.
pub struct AnswerRules {
    /// What a code means where the HTTP status does not decide.
    pub class_of: fn(&str) -> Option<Class>,
    /// Whether what was asked for by its id does not exist.
    pub is_gone: fn(Operation, StatusCode, Option<&str>) -> bool,
}

/// Of services that have no rules of their own, such as IAM.
pub const PLATFORM_RULES: AnswerRules = AnswerRules {
    class_of: |code| codes::find(code)?.class,
    is_gone: |_, _, _| false,
};

/// How a body can be read.
enum BodyShape {
    Empty,
    Json(ErrorBody),
    /// HTML, truncated or not UTF-8: whoever wrote it, it was not this API.
    Foreign,
}

/// A 2xx that names no error, or the failure that the reply is. `now` is cloud time.
pub fn classify_reply(
    rules: &AnswerRules,
    operation: Operation,
    reply: Result<Response, TransportError>,
    secrets: &Redactor,
    now: Timestamp,
) -> Result<Response, Failure> {
    let response = reply.map_err(|error| failure_without_answer(operation, error, secrets))?;
    if response.status.is_success() && !names_error(&response.body) {
        return Ok(response);
    }
    Err(failure_of_answer(rules, operation, &response, secrets, now))
}

/// The failure that such an answer is. `now` is what `Retry-After` dates are measured against.
pub fn failure_of_answer(
    rules: &AnswerRules,
    operation: Operation,
    response: &Response,
    secrets: &Redactor,
    now: Timestamp,
) -> Failure {
    let shape = shape(&response.body);
    let class = class(rules, operation, response.status, &shape);
    let body = match shape {
        BodyShape::Json(body) => body,
        BodyShape::Empty | BodyShape::Foreign => ErrorBody::default(),
    };
    let words = match (&body.message, &body.detail) {
        (Some(message), Some(detail)) => format!("{message}: {detail}"),
        (Some(text), None) | (None, Some(text)) => text.clone(),
        (None, None) if response.body.trim_ascii().is_empty() => {
            format!("HTTP {} without a message", response.status.as_u16())
        }
        (None, None) => String::from_utf8_lossy(&response.body).into_owned(),
    };
    Failure {
        operation,
        class,
        http_status: Some(response.status.as_u16()),
        code: body.code.map(|code| secrets.clean(&code, MAX_NAME)),
        message: secrets.clean(&words, MAX_TEXT),
        request_id: request_id(&response.headers, secrets)
            .or_else(|| body.request_id.map(|id| secrets.clean(&id, MAX_NAME))),
        retry_after: retry_after(&response.headers, now),
        had_no_room: false,
        before_sending: false,
    }
}

/// The failure of a call that brought no answer, or none that could be read to its end.
pub fn failure_without_answer(
    operation: Operation,
    error: TransportError,
    secrets: &Redactor,
) -> Failure {
    let failure =
        |class, message: &str| Failure::new(operation, class, secrets.clean(message, MAX_TEXT));
    match error {
        TransportError::NotSent(message) => failure(Class::NotSent, &message),
        TransportError::AfterHandOver(message) => failure(Class::CloudDown, &message),
        TransportError::Unreadable {
            status,
            headers,
            message,
            had_no_room,
        } => Failure {
            http_status: Some(status.as_u16()),
            request_id: request_id(&headers, secrets),
            had_no_room,
            ..failure(Class::Protocol, &message)
        },
    }
}

/// The failure of a 2xx whose body is not what this operation answers.
pub fn failure_of_unreadable(
    operation: Operation,
    response: &Response,
    problem: &str,
    secrets: &Redactor,
) -> Failure {
    let message = secrets.clean(problem, MAX_TEXT);
    Failure {
        http_status: Some(response.status.as_u16()),
        request_id: request_id(&response.headers, secrets),
        ..Failure::new(operation, Class::Protocol, message)
    }
}

/// The failure of a request that could not be made.
pub fn failure_before_sending(operation: Operation, class: Class, problem: &str) -> Failure {
    Failure {
        before_sending: true,
        ..Failure::new(operation, class, format!("not sent: {problem}"))
    }
}

/// The failure of a request whose turn did not come, since as many others are under way as may be.
pub fn failure_without_slot(operation: Operation) -> Failure {
    let problem = "as many calls are under way as may be, and too few of them were answered for this one to have its turn in time";
    Failure {
        had_no_room: true,
        ..failure_before_sending(operation, Class::NotSent, problem)
    }
}

/// Whether a refused signature is explained by its date: the cloud's own, of the same answer, is too far off.
pub fn is_skewed(failure: &Failure, signed: Timestamp, date: Timestamp) -> bool {
    failure.class == Class::Credential
        && failure.http_status == Some(StatusCode::UNAUTHORIZED.as_u16())
        && date.duration_since(signed).abs() > SKEW
}

/// The id by which the cloud finds a call in its logs.
pub fn request_id(headers: &HeaderMap, secrets: &Redactor) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get("x-request-id")?.as_bytes()).into_owned();
    Some(secrets.clean(&text, MAX_NAME)).filter(|id| !id.is_empty())
}

fn class(
    rules: &AnswerRules,
    operation: Operation,
    status: StatusCode,
    shape: &BodyShape,
) -> Class {
    let code = match shape {
        BodyShape::Json(body) => body.code.as_deref(),
        BodyShape::Empty | BodyShape::Foreign => None,
    };
    // Done, and an error: whoever says both can't be believed that nothing happened, nor that something is gone.
    if status.is_success() {
        return Class::Protocol;
    }
    if (rules.is_gone)(operation, status, code) {
        return Class::Gone;
    }
    match code.and_then(rules.class_of) {
        // A code of its own says where the refusal came from; whether something may have happened, the status.
        Some(Class::Throttled | Class::Overloaded) if status.is_server_error() => Class::Overloaded,
        Some(Class::Throttled | Class::Overloaded) => Class::Throttled,
        // Not by id: something else, such as the ingest domain, does not exist.
        Some(Class::Gone) => Class::Rejected,
        Some(class) => class,
        None => by_status(status, shape),
    }
}

fn by_status(status: StatusCode, shape: &BodyShape) -> Class {
    if matches!(shape, BodyShape::Foreign) {
        return Class::Protocol;
    }
    match status.as_u16() {
        401 => Class::Credential,
        403 => Class::Permission,
        408 | 500..=599 => Class::CloudDown,
        409 => Class::Exists,
        429 => Class::Throttled,
        300..=499 => Class::Rejected,
        _ => Class::Protocol,
    }
}

fn shape(bytes: &[u8]) -> BodyShape {
    if bytes.trim_ascii().is_empty() {
        return BodyShape::Empty;
    }
    match FoundErrors::read(bytes) {
        Some(found) => BodyShape::Json(found.into_body().unwrap_or_default()),
        None => BodyShape::Foreign,
    }
}

/// Whether a body has the code of an error.
fn names_error(body: &[u8]) -> bool {
    FoundErrors::read(body).is_some_and(|found| found.names_error)
}

/// How long the cloud asks to wait, in seconds or up to a date by the clock that dated the answer. No other place judges it.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let reference = date(headers).unwrap_or(now);
        Duration::try_from(parse_http_date(text)?.duration_since(reference)).ok()?
    };
    (wait <= MAX_RETRY_AFTER && !wait.is_zero()).then_some(wait)
}
