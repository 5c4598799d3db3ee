//! How a connection to the cloud comes about: TCP, the tunnel of a proxy where there is one, TLS. Sends no request.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower::{Service, ServiceExt as _};

use super::proxy::{Proxies, Proxy};
use super::tunnel;

/// How long one connection may take to come about, tunnel and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that is gone is noticed within a minute, also by a gateway that forgets silent connections.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Bytes both ways, over whatever they go.
trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

type Stream = Box<dyn Bytes>;

/// Where on the way no connection came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// Neither yes nor no in time.
    #[error("no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut,
    /// On the way by a proxy.
    #[error("by the proxy {proxy}")]
    By {
        /// Where it is, and which variable names it.
        proxy: String,
        /// What failed there.
        #[source]
        cause: Cause,
    },
    /// The proxy itself was not reached.
    #[error("the proxy can't be reached")]
    ProxyUnreached(#[source] Cause),
}

/// Makes connections, by the proxies of the environment and to whom the certificates' authorities vouch for.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: TlsConnector,
    proxies: Arc<Proxies>,
}

impl Connector {
    pub(super) fn new(tls: Arc<rustls::ClientConfig>, proxies: Arc<Proxies>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared by all addresses of a name, so that one that is dead leaves time for the others.
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        Self {
            tcp,
            tls: TlsConnector::from(tls),
            proxies,
        }
    }

    /// A connection to where a request goes.
    pub(super) async fn connect(self, target: Uri) -> Result<Established, Cause> {
        let proxy = self.proxies.to(&target)?;
        let connecting = timeout(CONNECT_TIMEOUT, self.establish(&target, proxy));
        let established = connecting
            .await
            .unwrap_or_else(|_| Err(ConnectError::TimedOut.into()));
        established.map_err(|cause| match proxy {
            Some(proxy) => by(proxy, cause).into(),
            None => cause,
        })
    }

    async fn establish(&self, target: &Uri, proxy: Option<&Proxy>) -> Result<Established, Cause> {
        let Some(proxy) = proxy else {
            return Ok(Established::new(self.dial(target).await?));
        };
        let reached = self.dial(&proxy.uri).await;
        let mut hop = reached.map_err(ConnectError::ProxyUnreached)?;
        if !is_tls(target) {
            return Ok(Established {
                io: TokioIo::new(hop),
                asks_proxy: true,
            });
        }
        tunnel::open(&mut hop, target, proxy.authorization.as_ref()).await?;
        Ok(Established::new(self.encrypt(target, hop).await?))
    }

    /// The next hop, encrypted where its scheme says so.
    async fn dial(&self, hop: &Uri) -> Result<Stream, Cause> {
        let tcp = self.tcp.clone().oneshot(hop.clone()).await?.into_inner();
        if is_tls(hop) {
            self.encrypt(hop, Box::new(tcp)).await
        } else {
            Ok(Box::new(tcp))
        }
    }

    async fn encrypt(&self, peer: &Uri, plain: Stream) -> Result<Stream, Cause> {
        let host = peer.host().unwrap_or_default();
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
        Ok(Box::new(self.tls.connect(name, plain).await?))
    }
}

/// What failed, with the proxy on whose way it did.
pub(super) fn by(proxy: &Proxy, cause: impl Into<Cause>) -> ConnectError {
    ConnectError::By {
        proxy: proxy.to_string(),
        cause: cause.into(),
    }
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

impl Service<Uri> for Connector {
    type Response = Established;
    type Error = Cause;
    type Future = BoxFuture<'static, Result<Established, Cause>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        Box::pin(self.clone().connect(target))
    }
}

/// A connection that can take requests.
pub(super) struct Established {
    io: TokioIo<Stream>,
    asks_proxy: bool,
}

impl Established {
    fn new(stream: Stream) -> Self {
        Self {
            io: TokioIo::new(stream),
            asks_proxy: false,
        }
    }

    /// Whether a proxy at the other end passes requests on, and so needs whole URLs.
    pub(super) fn asks_proxy(&self) -> bool {
        self.asks_proxy
    }
}

impl Connection for Established {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.asks_proxy)
    }
}

impl Read for Established {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Established {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
