//! From an answer of the Live API to a `Failure`: what every service of the cloud says (`platform::failures`), and what only Live says.
//!
//! Pure. Gone is decided first, then the error code, then the HTTP status. The text of a message decides nothing: it is not stable.

use http::StatusCode;
use jiff::Timestamp;

use crate::live::codes;
use crate::platform::failures::{self, AnswerRules};
use crate::platform::redact::Redactor;
use crate::platform::transport::{Response, TransportError};
use crate::terms::failure::{Failure, Operation};

const NOT_FOUND: &str = "LIVE.103011019";

/// What Live's answers mean.
const RULES: AnswerRules = AnswerRules {
    class_of: |code| codes::find(code)?.class,
    is_gone,
};

/// A 2xx that names no error, or the failure that the reply is. `now` is cloud time.
pub fn classify_reply(
    operation: Operation,
    reply: Result<Response, TransportError>,
    secrets: &Redactor,
    now: Timestamp,
) -> Result<Response, Failure> {
    failures::classify_reply(&RULES, operation, reply, secrets, now)
}

/// A 404 may also come from a wrong address (`APIG.0101`) or a proxy: only a code of Live says that a callback is gone.
fn is_gone(operation: Operation, status: StatusCode, code: Option<&str>) -> bool {
    let by_id = match operation {
        Operation::Update | Operation::Delete | Operation::Get => true,
        Operation::Create | Operation::List => false,
    };
    let Some(code) = code.filter(|_| by_id) else {
        return false;
    };
    code == NOT_FOUND || (status == StatusCode::NOT_FOUND && code.starts_with("LIVE."))
}

#[cfg(test)]
mod tests;
