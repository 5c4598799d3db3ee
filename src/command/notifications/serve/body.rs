//! The body of a request, read to its end within bounds of size, time and memory of all bodies together.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::connections::PATIENCE;

/// A notification has about a kilobyte.
pub(super) const LARGEST: usize = 1024 * 1024;
/// So much of a body that is too large is read all the same: who is still sending would not see the answer.
const DRAINED: usize = 8 * LARGEST;
/// What all bodies together may hold.
const MEMORY: usize = 64 * LARGEST;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Over 1 MiB.
    TooLarge,
    /// Not complete in 10 s.
    TooSlow,
    /// The connection broke off.
    BrokenOff,
    /// Others hold the memory.
    NoMemory,
}

/// The memory for bodies.
pub(super) struct BodyReader(Semaphore);

impl BodyReader {
    /// All of it is free.
    pub(super) fn new() -> Self {
        Self(Semaphore::new(MEMORY))
    }

    /// Reads a body. What is declared to be far too large, or waits to be asked for, is not read at all.
    pub(super) async fn read<B: Body<Data = Bytes>>(
        &self,
        body: B,
        is_asked_for: bool,
    ) -> Result<Vec<u8>, BodyError> {
        let declared = body.size_hint().lower();
        let largest = if is_asked_for { LARGEST } else { DRAINED };
        if declared > largest as u64 {
            return Err(BodyError::TooLarge);
        }
        self.read_within(body, PATIENCE).await
    }

    async fn read_within<B: Body<Data = Bytes>>(
        &self,
        body: B,
        limit: Duration,
    ) -> Result<Vec<u8>, BodyError> {
        let reading = async {
            let mut body = std::pin::pin!(body);
            let (mut read, mut length) = (Vec::new(), 0_usize);
            // Nothing is held while nothing has been read.
            let mut held = self
                .0
                .try_acquire_many(0)
                .map_err(|_| BodyError::NoMemory)?;
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| BodyError::BrokenOff)?;
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                length += data.len();
                if length > DRAINED {
                    return Err(BodyError::TooLarge);
                }
                if length <= LARGEST {
                    let more = u32::try_from(data.len()).unwrap_or(u32::MAX);
                    let more = self.0.try_acquire_many(more);
                    held.merge(more.map_err(|_| BodyError::NoMemory)?);
                    read.extend_from_slice(&data);
                } else {
                    read = Vec::new();
                }
            }
            if length > LARGEST {
                Err(BodyError::TooLarge)
            } else {
                Ok(read)
            }
        };
        timeout(limit, reading)
            .await
            .unwrap_or(Err(BodyError::TooSlow))
    }
}
