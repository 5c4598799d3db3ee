//! Whether an address can be reached, step by step: its name, a connection, TLS, the dates of its certificates. Sends no request, and takes
//! no proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;
use x509_parser::parse_x509_certificate;

use super::failure;
use super::http_transport::{HttpTransportError, tls_config};
use super::trust::{Source, Trust};

/// How long each step may take.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// What was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The address that the name has.
    pub address: SocketAddr,
    /// With TLS: until when its certificates are valid, by the first that ends.
    pub valid_until: Option<Timestamp>,
}

/// Which step failed, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// There is no host in the URL.
    #[error("it has no host")]
    NoHost,
    /// The name has no address.
    #[error("its name does not resolve: {0}")]
    Name(String),
    /// Nobody answers there.
    #[error("no connection to {0}: {1}")]
    Connection(SocketAddr, String),
    /// It does not speak TLS, or with a certificate that is not accepted.
    #[error("TLS with {0} failed: {1}")]
    Tls(SocketAddr, String),
}

/// Tries addresses, trusting whom calls to the cloud trust. Whom these trust is read once, for all addresses: it may be hundreds of files.
pub struct Prober {
    tls: TlsConnector,
    /// What is wrong with the certificates of authorities, if anything is.
    problem: Option<String>,
}

impl Prober {
    /// Reads whom to trust by the environment and the system: files, so it blocks.
    pub fn new() -> Result<Self, HttpTransportError> {
        Self::trusting(&Source::of_environment())
    }

    pub(super) fn trusting(sources: &[Source]) -> Result<Self, HttpTransportError> {
        let mut trust = Trust::default();
        trust.renew(sources.iter().map(Source::read).collect());
        Ok(Self {
            tls: TlsConnector::from(Arc::new(tls_config(&trust)?)),
            problem: trust.problem,
        })
    }

    /// Tries to reach the host of a URL, each of its addresses until one takes a connection, for 5 s a step; TLS only of an `https` URL.
    pub async fn probe(&self, url: &Url) -> Result<Reached, Unreached> {
        let (host, port) = url
            .host_str()
            .zip(url.port_or_known_default())
            .ok_or(Unreached::NoHost)?;
        let host = host.trim_matches(['[', ']']);
        let late = || format!("no answer within {} s", STEP_LIMIT.as_secs());
        let addresses = match timeout(STEP_LIMIT, lookup_host((host, port))).await {
            Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
            Ok(Err(error)) => return Err(Unreached::Name(error.to_string())),
            Err(_) => return Err(Unreached::Name(late())),
        };
        let mut last = Unreached::Name("it has no address".to_owned());
        for address in addresses {
            let stream = match timeout(STEP_LIMIT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    last = Unreached::Connection(address, error.to_string());
                    continue;
                }
                Err(_) => {
                    last = Unreached::Connection(address, late());
                    continue;
                }
            };
            let valid_until = match url.scheme() {
                "https" => self
                    .encrypted(host, stream, late)
                    .await
                    .map_err(|why| Unreached::Tls(address, why))?,
                _ => None,
            };
            return Ok(Reached {
                address,
                valid_until,
            });
        }
        Err(last)
    }

    async fn encrypted(
        &self,
        host: &str,
        stream: TcpStream,
        late: impl FnOnce() -> String,
    ) -> Result<Option<Timestamp>, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let handshake = self.tls.connect(name, stream);
        let stream = match timeout(STEP_LIMIT, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failure::describe(&error, self.problem.as_deref())),
            Err(_) => return Err(late()),
        };
        let (_, session) = stream.get_ref();
        let shown = session.peer_certificates().unwrap_or_default();
        Ok(shown.iter().filter_map(end_of).min())
    }
}

/// Until when a certificate is valid.
fn end_of(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
