//! Bytes to the cloud and bytes back: what that is for who calls, and the one way there is. Says of every failure whether the request
//! had been handed over.

mod answer;
mod body;
mod body_room;
mod connector;
mod deadline;
mod failure;
mod http_transport;
mod kept_alive;
mod no_proxy;
mod probe;
mod proxy;
mod single;
mod slots;
mod trust;
mod tunnel;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

pub use self::deadline::Deadline;
pub use self::http_transport::{HttpTransport, HttpTransportError};
pub use self::probe::{Prober, Reached, Unreached};
pub use self::proxy::{BadVariable, NO_PROXY, PROXY_VARIABLES, Proxies};
pub use self::slots::CallSlot;
pub use self::trust::certificate_problem;

/// The largest body that is read.
const MAX_BODY: usize = 1024 * 1024;
/// What a connection may hold of an answer that nobody has taken yet: more than a head with the longest token of IAM.
const MAX_BUFFER: usize = 96 * 1024;
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// A request, complete with all its headers.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: Method,
    /// Absolute, with its query.
    pub url: String,
    /// May hold secrets, so a request has no `Debug`.
    pub headers: HeaderMap,
    /// `None` for requests without a body.
    pub body: Option<Bytes>,
}

/// An answer of whatever status, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// At most 1 MiB.
    pub body: Bytes,
}

/// Why there is no answer, with the cause as part of a sentence.
#[derive(Debug, Clone)]
pub enum TransportError {
    /// The request did not happen: no byte of its body left.
    NotSent(String),
    /// The request was handed to a connection, then something failed: it may have happened.
    AfterHandOver(String),
    /// An answer began but can't be read to its end.
    Unreadable {
        /// HTTP status.
        status: StatusCode,
        /// All headers.
        headers: HeaderMap,
        /// What is wrong with the body.
        message: String,
        /// It was let go for others' bodies.
        had_no_room: bool,
    },
}

/// The headers of a reply that had any, even if its body can't be read.
pub fn reply_headers(reply: &Result<Response, TransportError>) -> Option<&HeaderMap> {
    match reply {
        Ok(Response { headers, .. }) | Err(TransportError::Unreadable { headers, .. }) => {
            Some(headers)
        }
        Err(TransportError::NotSent(_) | TransportError::AfterHandOver(_)) => None,
    }
}

/// Sends requests. The one seam between this program and the network of the cloud.
pub trait Transport: Send + Sync {
    /// Waits, until then at most, for leave to have one more call under way to where this URL leads; none when there was no room by then.
    /// Where descriptors cost nothing there is always room.
    fn slot<'a>(&'a self, _url: &'a str, _until: Instant) -> BoxFuture<'a, Option<CallSlot>> {
        Box::pin(std::future::ready(Some(CallSlot::default())))
    }

    /// Sends once, follows no redirect, and reads the whole answer, all before the deadline. An answer of any status is one: an error says
    /// how far the request came.
    fn send(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// Host and port of an absolute URL.
pub(crate) fn authority(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.split('/').next().unwrap_or(after_scheme)
}

#[cfg(test)]
mod tests;
