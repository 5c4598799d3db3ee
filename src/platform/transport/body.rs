//! A request body that is read at most once and not after its deadline. It knows whether it was read.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::platform::clock::WallClock;
use crate::platform::transport::deadline::Deadline;

/// What is said of a request whose deadline came before its turn.
pub(super) const TOO_LATE: &str = "the deadline passed before the request could be handed over";

/// Whether a request was handed over.
#[derive(Debug, Clone, Default)]
pub(super) struct HandOver(Arc<AtomicBool>);

impl HandOver {
    /// It is handed over now.
    pub(super) fn hand_over(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the connection took the bytes.
    pub(super) fn is_handed_over(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The body. The connection reads it when it is ready to write, which is the last moment at which a request can be held back.
pub(super) struct OnceBody {
    bytes: Option<Bytes>,
    length: u64,
    deadline: Deadline,
    wall: WallClock,
    receipt: HandOver,
}

impl OnceBody {
    pub(super) fn new(
        bytes: Bytes,
        deadline: Deadline,
        wall: WallClock,
        receipt: HandOver,
    ) -> Self {
        let length = bytes.len() as u64;
        Self {
            bytes: Some(bytes),
            length,
            deadline,
            wall,
            receipt,
        }
    }
}

impl Body for OnceBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(None);
        };
        if self.deadline.has_passed(&self.wall) {
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, TOO_LATE))));
        }
        self.receipt.hand_over();
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    /// Never before the first read, else the connection would skip it.
    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(if self.bytes.is_some() { self.length } else { 0 })
    }
}
