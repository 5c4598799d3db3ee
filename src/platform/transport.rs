//! Bytes to the cloud and bytes back. Says of every failure whether the request had been handed over.
//!
//! Nothing is sent twice here: no retries, no redirects, and a body that can be read only once and only before its deadline.

mod body;
mod deadline;
mod proxy;
mod trust;

use std::{error::Error, io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::timeout_at;

pub use self::deadline::Deadline;
pub use self::proxy::proxy_to;
use crate::platform::clock::Wall;

/// The largest body that is read.
const MAX_BODY: usize = 1024 * 1024;
/// How long one connection may take to come about, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than the idle limit of any gateway, so that a pooled connection is seldom a dead one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

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

/// Why there is no answer.
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
    /// Sends once and reads the whole answer, both before the deadline.
    fn send(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// HTTPS by way of reqwest. `HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE` and `SSL_CERT_DIR` apply.
pub struct HttpTransport {
    client: reqwest::Client,
    wall: Wall,
    trust_problem: Option<String>,
}

impl HttpTransport {
    /// Reads the environment's proxies and certificates. A bad one is told in the log and by the calls that it fails.
    pub fn new(wall: Wall) -> Result<Self, HttpTransportError> {
        Self::build(reqwest::Client::builder(), wall)
    }

    /// The same without any proxy, for what is on this machine or on its link.
    pub fn direct(wall: Wall) -> Result<Self, HttpTransportError> {
        Self::build(reqwest::Client::builder().no_proxy(), wall)
    }

    fn build(builder: reqwest::ClientBuilder, wall: Wall) -> Result<Self, HttpTransportError> {
        let trust = trust::Trust::from_environment();
        if let Some(problem) = &trust.problem {
            tracing::error!(%problem, "no certificate authority is trusted, calls by https will fail");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(HttpTransportError::Tls)?
            .with_root_certificates(trust.roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let client = builder
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .user_agent(concat!(
                env!("CARGO_PKG_NAME"),
                "/",
                env!("CARGO_PKG_VERSION")
            ))
            .build()
            .map_err(HttpTransportError::Client)?;
        Ok(Self {
            client,
            wall,
            trust_problem: trust.problem,
        })
    }

    async fn exchange(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> Result<Response, TransportError> {
        if deadline.has_passed(&self.wall) {
            return Err(TransportError::NotSent(body::TOO_LATE.to_owned()));
        }
        let host = authority(&request.url).to_owned();
        let bodiless = request.body.is_none();
        let receipt = body::HandOver::default();
        let mut outgoing = self
            .client
            .request(request.method, request.url)
            .headers(request.headers);
        if let Some(bytes) = request.body {
            let gate = body::OnceBody::new(bytes, deadline, self.wall.clone(), receipt.clone());
            outgoing = outgoing.body(reqwest::Body::wrap(gate));
        }
        let failed = |message: String, connecting: bool| {
            let sent = receipt.is_handed_over() || (bodiless && !connecting);
            let message = format!("{host}: {message}");
            if sent {
                TransportError::AfterHandOver(message)
            } else {
                TransportError::NotSent(message)
            }
        };
        match timeout_at(deadline.instant, outgoing.send()).await {
            Ok(Ok(response)) => read(response, deadline).await,
            Ok(Err(error)) => Err(failed(self.describe_error(&error), error.is_connect())),
            Err(_) => Err(failed("no answer before the deadline".to_owned(), false)),
        }
    }

    /// The innermost cause in words, with what to do about a certificate.
    fn describe_error(&self, error: &reqwest::Error) -> String {
        if let Some(certificate) = certificate_error(error) {
            let why = self.trust_problem.as_deref().unwrap_or(
                "if its authority is your own, name that in SSL_CERT_FILE or SSL_CERT_DIR",
            );
            return format!("the server's certificate is not accepted: {certificate}; {why}");
        }
        if error.is_timeout() && error.is_connect() {
            return "no connection within 5 s".to_owned();
        }
        innermost(error)
    }
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.exchange(request, deadline))
    }
}

/// Why no HTTP client could be made; nothing that a user sets can cause it.
#[derive(Debug, thiserror::Error)]
pub enum HttpTransportError {
    /// TLS has no usable protocol version.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The client refused its settings.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

async fn read(
    mut response: reqwest::Response,
    deadline: Deadline,
) -> Result<Response, TransportError> {
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = BytesMut::new();
    let problem = loop {
        match timeout_at(deadline.instant, response.chunk()).await {
            Ok(Ok(None)) => {
                return Ok(Response {
                    status,
                    headers,
                    body: body.freeze(),
                });
            }
            Ok(Ok(Some(chunk))) if body.len() + chunk.len() <= MAX_BODY => {
                body.extend_from_slice(&chunk);
            }
            Ok(Ok(Some(_))) => break "the answer is larger than 1 MiB".to_owned(),
            Ok(Err(error)) => break format!("the answer broke off: {}", innermost(&error)),
            Err(_) => break "the answer was not complete before the deadline".to_owned(),
        }
    };
    Err(TransportError::Unreadable {
        status,
        headers,
        message: problem,
    })
}

/// Host and port of an absolute URL.
pub(crate) fn authority(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.split('/').next().unwrap_or(after_scheme)
}

/// An error and all that is behind it. An `io::Error` hides what it wraps from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        wrapped
            .map(|inner| -> &(dyn Error + 'static) { inner })
            .or_else(|| error.source())
    })
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn certificate_error(error: &reqwest::Error) -> Option<&rustls::CertificateError> {
    causes(error).find_map(|cause| match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(certificate)) => Some(certificate),
        Some(_) | None => None,
    })
}

#[cfg(test)]
mod tests;
