//! Work that goes on when nobody waits for it any more.

use std::panic::resume_unwind;

/// Runs to its end, even where the one who waits for it gives up: an answer that was asked for is then there for the next one, who asks
/// for it no second time. A panic is one of who waits.
pub(in crate::platform) fn run_to_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send {
    let task = tokio::spawn(work);
    async move {
        match task.await {
            Ok(value) => value,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime ends, and with it who waits.
                Err(_) => std::future::pending().await,
            },
        }
    }
}
