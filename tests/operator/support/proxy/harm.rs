//! What can befall a call to the API server. No I/O.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Response, StatusCode, header, request::Parts};
use serde_json::json;

/// A kind of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HarmedCalls {
    /// All but watches, events and the Lease.
    Any,
    /// A read of one object.
    Read,
    /// A list of objects.
    List,
    /// The beginning of a watch.
    Watch,
    /// A write of finalizer and record.
    Metadata,
    /// A write of the status.
    Status,
    /// A read of a Secret.
    Secret,
    /// A read of the CRD.
    Definition,
    /// An event.
    Event,
    /// A read or write of the Lease.
    Lease,
}

impl HarmedCalls {
    /// Which kind a call is.
    pub(super) fn of(parts: &Parts) -> Self {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
        if path.contains("/leases") {
            Self::Lease
        } else if path.contains("/secrets/") {
            Self::Secret
        } else if path.contains("/customresourcedefinitions") {
            Self::Definition
        } else if path.contains("/events") {
            Self::Event
        } else if path.ends_with("/status") {
            Self::Status
        } else if parts.method != Method::GET {
            Self::Metadata
        } else if query.contains("watch=true") {
            Self::Watch
        } else if path.ends_with("/recordingcallbacks") {
            Self::List
        } else {
            Self::Read
        }
    }
}

/// What befalls the next calls of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Harm {
    calls: HarmedCalls,
    /// The namespace whose calls it befalls; all where there is none.
    namespace: Option<String>,
    /// How many calls it befalls still.
    pub(super) times: usize,
    /// How long the call waits before it is passed on.
    pub(super) delay: Duration,
    /// Whether it is passed on.
    pub(super) commit: bool,
    pub(super) answer: HarmedAnswer,
}

/// What the caller gets.
#[derive(Clone, Debug)]
pub(crate) enum HarmedAnswer {
    /// The API server's answer.
    Genuine,
    /// Another answer.
    Instead(HarmedReply),
    /// The connection ends.
    Close,
    /// Nothing, and the connection stays open.
    Hang,
    /// The head of the API server's answer and nothing more; the connection stays open.
    Mute,
}

/// An answer that the API server did not give.
#[derive(Clone, Debug)]
pub(crate) struct HarmedReply {
    code: StatusCode,
    retry_after: Option<u32>,
    content_type: &'static str,
    body: String,
}

impl Harm {
    /// Befalls the next call of this kind, and does nothing yet.
    pub(crate) fn to(calls: HarmedCalls) -> Self {
        Self {
            calls,
            namespace: None,
            times: 1,
            delay: Duration::ZERO,
            commit: true,
            answer: HarmedAnswer::Genuine,
        }
    }

    /// Befalls calls of this namespace alone.
    pub(crate) fn within(self, namespace: &str) -> Self {
        Self {
            namespace: Some(namespace.to_owned()),
            ..self
        }
    }

    /// Befalls so many calls.
    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// The call comes late.
    pub(crate) fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The call is not carried out, and the caller gets this.
    pub(crate) fn before(self, answer: HarmedAnswer) -> Self {
        Self {
            commit: false,
            answer,
            ..self
        }
    }

    /// The call is carried out, and the caller gets this.
    pub(crate) fn after(self, answer: HarmedAnswer) -> Self {
        Self {
            commit: true,
            answer,
            ..self
        }
    }

    pub(super) fn concerns(&self, calls: HarmedCalls, path: &str) -> bool {
        let mut words = path.split('/');
        let inside = |namespace: &String| words.any(|word| word == namespace);
        if !self.namespace.as_ref().is_none_or(inside) {
            return false;
        }
        let aside = matches!(
            calls,
            HarmedCalls::Watch | HarmedCalls::Event | HarmedCalls::Lease
        );
        self.calls == calls || (self.calls == HarmedCalls::Any && !aside)
    }
}

impl HarmedAnswer {
    /// An error as the API server tells it.
    pub(crate) fn error(code: u16, reason: &str) -> Self {
        Self::Instead(HarmedReply {
            code: StatusCode::from_u16(code).unwrap(),
            retry_after: (code == 429).then_some(1),
            content_type: "application/json",
            body: status(code, reason),
        })
    }

    /// A page of many lines, as what stands before an API server writes it.
    pub(crate) fn page(code: u16) -> Self {
        let lines: Vec<String> = (0..40).map(|n| format!("<p>line {n}</p>\r\n")).collect();
        Self::Instead(HarmedReply {
            code: StatusCode::from_u16(code).unwrap(),
            retry_after: None,
            content_type: "text/html",
            body: format!("<html>\n{}</html>\n", lines.concat()),
        })
    }
}

impl HarmedReply {
    pub(super) fn response(self) -> Response<Body> {
        let mut builder = Response::builder()
            .status(self.code)
            .header(header::CONTENT_TYPE, self.content_type);
        if let Some(seconds) = self.retry_after {
            builder = builder.header(header::RETRY_AFTER, seconds);
        }
        builder.body(Body::from(self.body)).unwrap()
    }
}

/// The API server's own form of an error; its message has many lines.
pub(crate) fn status(code: u16, reason: &str) -> String {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("{reason}:\n  a first line\n  and a second one"),
        "reason": reason, "code": code,
    })
    .to_string()
}
