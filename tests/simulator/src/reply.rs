//! The answer of a service before faults: status, headers, JSON body, and what it did.

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;

use crate::cloud::Now;
use crate::faults::ScriptedReply;
use crate::refusal::CloudRefusal;

/// A call that a service has answered.
#[derive(Clone, Debug)]
pub(crate) struct DoneReply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) error_code: Option<String>,
    /// The row that was read or changed.
    pub(crate) row_id: Option<String>,
    /// Whether a row was changed.
    pub(crate) committed: bool,
}

impl DoneReply {
    /// An answer with this body, or without one.
    pub(crate) fn new(status: u16, body: Option<Value>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            error_code: body.as_ref().and_then(error_code),
            body: body
                .map(|body| Bytes::from(body.to_string()))
                .unwrap_or_default(),
            row_id: None,
            committed: false,
        }
    }

    /// An answer whose body is plain text.
    pub(crate) fn text(status: u16, body: String) -> Self {
        Self {
            body: Bytes::from(body),
            ..Self::new(status, None)
        }
    }

    /// The answer that a refusal is.
    pub(crate) fn refused(refusal: &CloudRefusal, request_id: &str) -> Self {
        Self::new(refusal.status, Some(refusal.body(request_id)))
    }

    /// The answer of a fault.
    pub(crate) fn scripted(reply: ScriptedReply) -> Self {
        let body = reply.body.bytes();
        let json = serde_json::from_slice(&body).ok();
        Self {
            status: reply.status,
            headers: reply.headers.into_iter().collect(),
            error_code: json.as_ref().and_then(error_code),
            body,
            row_id: None,
            committed: false,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn row(self, id: String) -> Self {
        Self {
            row_id: Some(id),
            ..self
        }
    }

    pub(crate) fn committed(self) -> Self {
        Self {
            committed: true,
            ..self
        }
    }

    /// The HTTP message: with the date and the request id, unless a header of the answer has the same
    /// name. A header with an empty value is left out.
    pub(crate) fn into_response(self, request_id: &str, now: Now) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now.cloud);
        set(&mut headers, "date", &date.unwrap_or_default());
        set(&mut headers, "x-request-id", request_id);
        if !self.body.is_empty() {
            set(&mut headers, "content-type", "application/json");
        }
        for (name, value) in &self.headers {
            set(&mut headers, name, value);
        }
        let mut response = Response::new(self.body);
        *response.headers_mut() = headers;
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if value.is_empty() {
        headers.remove(name);
    } else if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
    {
        headers.insert(name, value);
    }
}

/// The error code in a body of any of the documented shapes.
pub(crate) fn error_code(body: &Value) -> Option<String> {
    let code = ["/error_code", "/error/error_code", "/error/code"]
        .iter()
        .find_map(|path| body.pointer(path))?;
    Some(
        code.as_str()
            .map_or_else(|| code.to_string(), str::to_owned),
    )
}
