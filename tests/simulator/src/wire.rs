//! A connection whose next HTTP message can be replaced by other bytes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Buf;
use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::header;
use http_body_util::Full;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// What is sent on a connection in place of everything that follows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Override(Arc<Mutex<Option<Bytes>>>);

impl Override {
    /// Sets the bytes and returns the message that they replace, which ends the connection.
    pub(crate) fn set(&self, bytes: Bytes) -> Response<Full<Bytes>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        let mut response = Response::default();
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    replacement: Override,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, replacement: Override) -> Self {
        Self {
            stream,
            replacement,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let replacement = self.replacement.clone();
        let mut replacement = replacement.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bytes) = replacement.as_mut() else {
            return Pin::new(&mut self.stream).poll_write(context, buffer);
        };
        while bytes.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
            bytes.advance(written);
        }
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
