//! Bytes to the cloud and bytes back. Says of every failure whether the request had been handed over.
//!
//! Nothing is sent twice here: no retries, no redirects, and a body that can be read only once and only before its deadline.

mod body;
mod connector;
mod deadline;
mod failure;
mod no_proxy;
mod proxy;
mod trust;
mod tunnel;

use std::{sync::Arc, sync::Mutex, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::header::{ACCEPT, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT as USER_AGENT_HEADER};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Either, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use self::connector::Connector;
pub use self::deadline::Deadline;
pub use self::proxy::{BadVariable, Proxies};
use self::trust::{Found, Source, Trust};
use crate::lock::lock;
use crate::platform::clock::Wall;

/// The largest body that is read.
const MAX_BODY: usize = 1024 * 1024;
/// Shorter than the idle limit of any gateway, so that a pooled connection is seldom a dead one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How old what was read of the certificates' files may be when a call is made.
const TRUST_AGE: Duration = Duration::from_secs(10);

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

type HttpClient = Client<Connector, Either<body::OnceBody, Empty<Bytes>>>;

/// HTTP/1.1 and TLS. `HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE` and `SSL_CERT_DIR` apply.
pub struct HttpTransport {
    wall: Wall,
    proxies: Arc<Proxies>,
    sources: Vec<Source>,
    trust_age: Duration,
    trusting: Mutex<Trusting>,
}

/// The client that goes by the authorities as they were last read. It is made anew when they are others, so that no connection
/// of the old ones stays.
struct Trusting {
    trust: Trust,
    client: HttpClient,
    read: Instant,
}

impl HttpTransport {
    /// Reads the environment's proxies and certificates. A bad one is told in the log and by the calls that it fails.
    pub fn new(wall: Wall) -> Result<Self, HttpTransportError> {
        let proxies = Proxies::from_environment();
        for problem in proxies.unusable() {
            tracing::error!(%problem, "calls to the cloud will fail");
        }
        for problem in proxies.ineffective() {
            tracing::warn!(%problem, "a variable of the environment has no effect");
        }
        Self::build(proxies, Source::of_environment(), TRUST_AGE, wall)
    }

    /// The same without any proxy, for what is on this machine or on its link.
    pub fn direct(wall: Wall) -> Result<Self, HttpTransportError> {
        Self::build(Proxies::none(), Source::of_environment(), TRUST_AGE, wall)
    }

    fn build(
        proxies: Proxies,
        sources: Vec<Source>,
        trust_age: Duration,
        wall: Wall,
    ) -> Result<Self, HttpTransportError> {
        let proxies = Arc::new(proxies);
        let mut trust = Trust::default();
        trust.renew(sources.iter().map(Source::read).collect());
        if let Some(problem) = &trust.problem {
            tracing::error!(%problem, "certificates are not as the environment says, calls by https may fail");
        }
        let client = client(&trust, &proxies)?;
        Ok(Self {
            wall,
            proxies,
            sources,
            trust_age,
            trusting: Mutex::new(Trusting {
                trust,
                client,
                read: Instant::now(),
            }),
        })
    }

    /// The client to call with, by certificates that are not older than they may be. Who finds them old reads them, and nobody else waits.
    async fn client(&self, deadline: Deadline) -> HttpClient {
        let is_old = {
            let mut trusting = lock(&self.trusting);
            let is_old = trusting.read.elapsed() >= self.trust_age;
            if is_old {
                trusting.read = Instant::now();
            }
            is_old
        };
        if is_old {
            let sources = self.sources.clone();
            let read = move || sources.iter().map(Source::read).collect();
            let reading = tokio::task::spawn_blocking(read);
            if let Ok(Ok(found)) = timeout_at(deadline.instant, reading).await {
                self.renew(found);
            }
        }
        lock(&self.trusting).client.clone()
    }

    fn renew(&self, found: Vec<Found>) {
        let mut trusting = lock(&self.trusting);
        let renewal = trusting.trust.renew(found);
        if renewal.is_news {
            match &trusting.trust.problem {
                Some(problem) => {
                    tracing::error!(%problem, "certificates are not as the environment says, calls by https may fail");
                }
                None => tracing::info!("certificates are again as the environment says"),
            }
        }
        if !renewal.is_other {
            return;
        }
        match client(&trusting.trust, &self.proxies) {
            Ok(client) => trusting.client = client,
            Err(error) => tracing::error!(%error, "certificates that changed can't be used"),
        }
        tracing::info!("certificate authorities were read again, for they changed");
    }

    async fn exchange(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> Result<Response, TransportError> {
        let host = authority(&request.url).to_owned();
        let not_sent = |message: &str| TransportError::NotSent(format!("{host}: {message}"));
        let client = self.client(deadline).await;
        if deadline.has_passed(&self.wall) {
            return Err(TransportError::NotSent(body::TOO_LATE.to_owned()));
        }
        let uri: Uri = request
            .url
            .parse()
            .map_err(|_| not_sent("this is not a URL"))?;
        let bodiless = request.body.is_none();
        let receipt = body::HandOver::default();
        let content = request.body.map_or_else(
            || Either::Right(Empty::new()),
            |bytes| {
                let gate = body::OnceBody::new(bytes, deadline, self.wall.clone(), receipt.clone());
                Either::Left(gate)
            },
        );
        let mut outgoing = http::Request::new(content);
        *outgoing.method_mut() = request.method;
        *outgoing.headers_mut() = request.headers;
        let headers = outgoing.headers_mut();
        headers.insert(USER_AGENT_HEADER, HeaderValue::from_static(USER_AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let proxy = self.asked_proxy(&uri);
        if let Some(authorization) = proxy.and_then(|proxy| proxy.authorization.clone()) {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        *outgoing.uri_mut() = uri;
        let failed = |message: String, connecting: bool| {
            let sent = receipt.is_handed_over() || (bodiless && !connecting);
            let message = format!("{host}: {message}");
            if sent {
                TransportError::AfterHandOver(message)
            } else {
                TransportError::NotSent(message)
            }
        };
        match timeout_at(deadline.instant, client.request(outgoing)).await {
            Ok(Ok(response)) => match proxy {
                Some(proxy) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    let status = response.status();
                    let refusal = tunnel::TunnelError::Refused { status };
                    Err(not_sent(&failure::describe(
                        &connector::by(proxy, refusal),
                        None,
                    )))
                }
                Some(_) | None => read(response, deadline).await,
            },
            Ok(Err(error)) => {
                let untrusted = lock(&self.trusting).trust.problem.clone();
                let words = failure::describe(&error, untrusted.as_deref());
                Err(failed(words, error.is_connect()))
            }
            Err(_) => Err(failed("no answer before the deadline".to_owned(), false)),
        }
    }

    /// The proxy that is asked to pass a request on, which it can read: one without TLS. Others only see a tunnel.
    fn asked_proxy(&self, uri: &Uri) -> Option<&proxy::Proxy> {
        let is_plain = uri.scheme() == Some(&http::uri::Scheme::HTTP);
        is_plain
            .then(|| self.proxies.to(uri).ok().flatten())
            .flatten()
    }
}

fn client(trust: &Trust, proxies: &Arc<Proxies>) -> Result<HttpClient, HttpTransportError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(HttpTransportError)?
        .with_root_certificates(trust.roots())
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = Connector::new(Arc::new(tls), Arc::clone(proxies));
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .retry_canceled_requests(false)
        .build(connector))
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

/// Why no HTTP client could be made: TLS has no usable protocol version. Nothing that a user sets can cause it.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS")]
pub struct HttpTransportError(#[source] rustls::Error);

async fn read(
    response: http::Response<Incoming>,
    deadline: Deadline,
) -> Result<Response, TransportError> {
    let (parts, mut incoming) = response.into_parts();
    let (status, headers) = (parts.status, parts.headers);
    let mut body = BytesMut::new();
    let problem = loop {
        match timeout_at(deadline.instant, incoming.frame()).await {
            Ok(None) => {
                return Ok(Response {
                    status,
                    headers,
                    body: body.freeze(),
                });
            }
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(chunk) if body.len() + chunk.len() <= MAX_BODY => {
                    body.extend_from_slice(&chunk);
                }
                Ok(_) => break "the answer is larger than 1 MiB".to_owned(),
                Err(_trailers) => {}
            },
            Ok(Some(Err(error))) => {
                break format!("the answer broke off: {}", failure::innermost(&error));
            }
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

#[cfg(test)]
mod tests;
