//! HTTPS with a certificate from files. A renewed one counts for the connections that come then.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::command::notifications::watched::{FileContent, Say, WatchedFiles};

/// Certificate and key.
pub(super) struct TlsFiles(WatchedFiles<ServerConfig>);

impl TlsFiles {
    /// Reads both; they have to belong together. Says when they change.
    pub(super) fn read(certificate: &Path, key: &Path, say: Say) -> anyhow::Result<Self> {
        let paths: [PathBuf; 2] = [certificate.to_owned(), key.to_owned()];
        Ok(Self(WatchedFiles::read(&paths, parse, say)?))
    }

    /// Makes the handshake of a connection that comes now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.current())
    }
}

fn parse(files: &[FileContent]) -> anyhow::Result<ServerConfig> {
    let [certificate, key] = files else {
        return Err(anyhow!("certificate and key are one file each"));
    };
    let name = certificate.path.display();
    let chain = CertificateDer::pem_slice_iter(&certificate.bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| anyhow!("{name} is not PEM: {error}"))?;
    if chain.is_empty() {
        return Err(anyhow!("{name} has no certificate in PEM"));
    }
    // What the parser says may show a part of the key.
    let key_name = key.path.display();
    let key = PrivateKeyDer::from_pem_slice(&key.bytes)
        .map_err(|_| anyhow!("{key_name} has no private key in PEM"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("cannot set up TLS")?;
    let mut config = config
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("{name} and {key_name} do not go together"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
