//! HTTP/1.1 and TLS to the cloud, by the environment's proxies and certificates.
//!
//! Nothing is sent twice here: no retries, no redirects, and a body that can be read only once and only before its deadline.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::answer::{BodyProblem, whole};
use super::body_room::{BodyRoom, BodyShare};
use super::connector::Connector;
use super::deadline::Deadline;
use super::kept_alive::{self, KeptAlive};
use super::proxy::{Proxies, Proxy};
use super::slots::{CallSlot, CallSlots};
use super::trust::{Found, Source, Trust};
use super::{
    MAX_BUFFER, Request, Response, Transport, TransportError, USER_AGENT, authority, body,
    connector, failure, single, tunnel,
};
use crate::lock::lock;
use crate::platform::clock::WallClock;

/// How old what was read of the certificates' files may be when a call is made.
pub(super) const TRUST_AGE: Duration = Duration::from_secs(10);

pub(super) type Outgoing = Either<body::OnceBody, Empty<Bytes>>;

/// Both ways to send: over pooled connections, and over one of its own.
#[derive(Clone)]
struct HttpClient {
    pooled: Client<Connector, Outgoing>,
    connector: Connector,
}

/// HTTP/1.1 and TLS. `HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE` and `SSL_CERT_DIR` apply.
pub struct HttpTransport {
    wall: WallClock,
    proxies: Arc<Proxies>,
    sources: Vec<Source>,
    trust_age: Duration,
    trusting: Mutex<Trusting>,
    slots: Arc<CallSlots>,
    bodies: Arc<BodyRoom>,
    kept_alive: Mutex<KeptAlive>,
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
    pub fn new(wall: WallClock) -> Result<Self, HttpTransportError> {
        let proxies = Proxies::from_environment();
        for problem in proxies.unusable() {
            tracing::error!(%problem, "calls to the cloud will fail");
        }
        let void = proxies.ineffective().into_iter();
        for problem in void.chain(proxies.void_exceptions()) {
            tracing::warn!(%problem, "a variable of the environment has no effect");
        }
        let made = Self::build(proxies, Source::of_environment(), TRUST_AGE, wall)?;
        let trusting = lock(&made.trusting);
        if trusting.trust.problem.is_some() {
            trusting.trust.log_problem();
        }
        drop(trusting);
        Ok(made)
    }

    /// The same without any proxy, for what is on this machine or on its link.
    pub fn direct(wall: WallClock) -> Result<Self, HttpTransportError> {
        Self::build(Proxies::none(), Source::of_environment(), TRUST_AGE, wall)
    }

    pub(super) fn build(
        proxies: Proxies,
        sources: Vec<Source>,
        trust_age: Duration,
        wall: WallClock,
    ) -> Result<Self, HttpTransportError> {
        let proxies = Arc::new(proxies);
        let mut trust = Trust::default();
        trust.renew(sources.iter().map(Source::read).collect());
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
            slots: Arc::new(CallSlots::new()),
            bodies: BodyRoom::new(),
            kept_alive: Mutex::default(),
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
            trusting.trust.log_problem();
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
        let client = self.client(deadline).await;
        if deadline.has_passed(&self.wall) {
            return Err(TransportError::NotSent(body::TOO_LATE.to_owned()));
        }
        let host = authority(&request.url).to_owned();
        let with_host = |message: &str| format!("{host}: {message}");
        let Ok(uri) = request.url.parse::<Uri>() else {
            return Err(TransportError::NotSent(with_host("this is not a URL")));
        };
        let proxy = self.asked_proxy(&uri);
        // Who only asks may ask late.
        let is_bare_change = request.body.is_none() && request.method != Method::GET;
        let asks = request.body.is_none() && !is_bare_change;
        let receipt = body::HandOver::default();
        let mut outgoing = self.outgoing(request, uri, deadline, receipt.clone());
        if let Some(authorization) = proxy.and_then(|proxy| proxy.authorization.clone()) {
            let headers = outgoing.headers_mut();
            headers.insert(header::PROXY_AUTHORIZATION, authorization);
        }
        let failed = |message: &str, connecting: bool| {
            let sent = receipt.is_handed_over() || (asks && !connecting);
            if sent {
                TransportError::AfterHandOver(with_host(message))
            } else {
                TransportError::NotSent(with_host(message))
            }
        };
        let is_kept = self.is_kept_alive(&host);
        let sending = async {
            if is_bare_change || !is_kept {
                let clocks = (deadline, &self.wall);
                single::send(client.connector, outgoing, clocks, &receipt).await
            } else {
                Ok(client.pooled.request(outgoing).await?)
            }
        };
        match timeout_at(deadline.instant, sending).await {
            Ok(Ok(response)) => match proxy {
                Some(proxy) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    Err(TransportError::NotSent(with_host(&refused(
                        proxy,
                        response.status(),
                    ))))
                }
                Some(_) | None => read(response, &self.bodies.enter(&host), deadline).await,
            },
            Ok(Err(error)) => {
                let untrusted = lock(&self.trusting).trust.problem.clone();
                let words = failure::describe(error.as_ref(), untrusted.as_deref());
                let connecting = match error.downcast_ref::<legacy::Error>() {
                    Some(pooled) => pooled.is_connect(),
                    None => !receipt.is_handed_over(),
                };
                Err(failed(&words, connecting))
            }
            Err(_) => Err(failed("no answer before the deadline", false)),
        }
    }

    fn is_kept_alive(&self, host: &str) -> bool {
        lock(&self.kept_alive).admits(host, Instant::now())
    }

    fn outgoing(
        &self,
        request: Request,
        uri: Uri,
        deadline: Deadline,
        receipt: body::HandOver,
    ) -> http::Request<Outgoing> {
        let content = match request.body {
            Some(bytes) => Either::Left(body::OnceBody::new(
                bytes,
                deadline,
                self.wall.clone(),
                receipt,
            )),
            None => Either::Right(Empty::new()),
        };
        let mut outgoing = http::Request::new(content);
        *outgoing.method_mut() = request.method;
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = request.headers;
        let headers = outgoing.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        outgoing
    }

    /// The proxy that is asked to pass a request on, which it can read: one without TLS. Others only see a tunnel.
    fn asked_proxy(&self, uri: &Uri) -> Option<&Proxy> {
        let is_plain = uri.scheme() == Some(&http::uri::Scheme::HTTP);
        is_plain
            .then(|| self.proxies.to(uri).ok().flatten())
            .flatten()
    }
}

/// What a proxy that passes requests on answered for itself.
fn refused(proxy: &Proxy, status: StatusCode) -> String {
    let refusal = tunnel::TunnelError::Refused { status };
    failure::describe(&connector::by(proxy, refusal), None)
}

fn client(trust: &Trust, proxies: &Arc<Proxies>) -> Result<HttpClient, HttpTransportError> {
    let mut tls = tls_config(trust)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = Connector::new(Arc::new(tls), Arc::clone(proxies));
    let pooled = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(kept_alive::IDLE_TIMEOUT)
        .pool_max_idle_per_host(kept_alive::TO_ONE_HOST)
        .pool_timer(TokioTimer::new())
        .http1_max_buf_size(MAX_BUFFER)
        .retry_canceled_requests(false)
        .build(connector.clone());
    Ok(HttpClient { pooled, connector })
}

pub(super) fn tls_config(trust: &Trust) -> Result<rustls::ClientConfig, HttpTransportError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(HttpTransportError)?;
    Ok(config
        .with_root_certificates(trust.roots())
        .with_no_client_auth())
}

impl Transport for HttpTransport {
    fn slot<'a>(&'a self, url: &'a str, until: Instant) -> BoxFuture<'a, Option<CallSlot>> {
        let slot = self.slots.take(authority(url));
        Box::pin(async move { timeout_at(until, slot).await.ok() })
    }

    fn send(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let (host, begun) = (authority(&request.url).to_owned(), Instant::now());
            let reply = self.exchange(request, deadline).await;
            self.slots.note(&host, begun.elapsed());
            // Its connection has been idle since now, not since the call began.
            self.is_kept_alive(&host);
            reply
        })
    }
}

/// Why no HTTP client could be made: TLS has no usable protocol version. Nothing that a user sets can cause it.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS")]
pub struct HttpTransportError(#[source] rustls::Error);

async fn read(
    response: http::Response<Incoming>,
    share: &BodyShare,
    deadline: Deadline,
) -> Result<Response, TransportError> {
    let (parts, incoming) = response.into_parts();
    let (status, headers) = (parts.status, parts.headers);
    let read = timeout_at(deadline.instant, whole(incoming, share)).await;
    let had_no_room = matches!(read, Ok(Err(BodyProblem::GaveWay)));
    let message = match read {
        Ok(Ok(body)) => {
            return Ok(Response {
                status,
                headers,
                body,
            });
        }
        Ok(Err(BodyProblem::TooLarge)) => "the answer is larger than 1 MiB".to_owned(),
        Ok(Err(BodyProblem::GaveWay)) => {
            "the answer was let go unread, since so many large ones came at once that there was no room for all".to_owned()
        }
        Ok(Err(BodyProblem::Broken(error))) => {
            let cause = failure::innermost(&error);
            format!("the answer broke off: {cause}")
        }
        Err(_) => "the answer was not complete before the deadline".to_owned(),
    };
    Err(TransportError::Unreadable {
        status,
        headers,
        message,
        had_no_room,
    })
}
