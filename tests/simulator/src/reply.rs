//! The answer of a service before faults: status, headers, JSON body, and what it did.

use bytes::Bytes;
use serde_json::Value;

use crate::refusal::Refusal;

/// A call that a service has answered.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    pub(crate) error_code: Option<String>,
    /// The row that was read or changed.
    pub(crate) row_id: Option<String>,
    /// Whether a row was changed.
    pub(crate) committed: bool,
}

impl Done {
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
    pub(crate) fn refused(refusal: &Refusal, request_id: &str) -> Self {
        Self::new(refusal.status, Some(refusal.body(request_id)))
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
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
