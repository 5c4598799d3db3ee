//! A tunnel through a proxy, by CONNECT. Says of every refusal what the proxy answered: it is not the cloud's answer.

use std::io;

use http::{HeaderValue, StatusCode, Uri};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest head of an answer that is read.
const MAX_HEAD: usize = 16 * 1024;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    /// The proxy said no.
    #[error("the proxy refused with {status}, the cloud was not asked{}", advice(*status))]
    Refused {
        /// What it answered.
        status: StatusCode,
    },
    /// The connection ended first.
    #[error("the proxy hung up without an answer")]
    HungUp,
    /// Whatever this is.
    #[error("what answers there is no HTTP proxy")]
    NoProxy,
    /// The connection broke.
    #[error("the connection to the proxy broke")]
    Broken(#[from] io::Error),
}

fn advice(status: StatusCode) -> &'static str {
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        ": it wants a user and a password, or others than those in its URL"
    } else {
        ""
    }
}

/// Asks the proxy at the other end of `stream` for a tunnel to `target`. Any 2xx is one.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    target: &Uri,
    authorization: Option<&HeaderValue>,
) -> Result<(), TunnelError> {
    let host = target.host().unwrap_or_default();
    let port = target.port_u16().unwrap_or(443);
    let mut request = format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {}\r\n",
        super::USER_AGENT
    )
    .into_bytes();
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;
    let status = answer(stream).await?;
    if status.is_success() {
        Ok(())
    } else {
        Err(TunnelError::Refused { status })
    }
}

/// The status of the proxy's answer. Not a byte behind its head is read: that is the other end of the tunnel.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Result<StatusCode, TunnelError> {
    let mut head = Vec::new();
    while !head.ends_with(END_OF_HEAD) {
        if head.len() == MAX_HEAD {
            return Err(TunnelError::NoProxy);
        }
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && head.is_empty() => {
                return Err(TunnelError::HungUp);
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(TunnelError::NoProxy);
            }
            Err(error) => return Err(error.into()),
        }
    }
    status(&head).ok_or(TunnelError::NoProxy)
}

fn status(head: &[u8]) -> Option<StatusCode> {
    let line = head.strip_prefix(b"HTTP/1.")?;
    let mut words = line.split(u8::is_ascii_whitespace);
    let _minor_version = words.next()?;
    StatusCode::from_bytes(words.next()?).ok()
}
