//! The order to stop: from SIGTERM or SIGINT, or from within. The first asks to drain, a second ends at once.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

/// How urgently the process is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StopOrder {
    None,
    Drain,
    Now,
}

/// The order to stop, as every part of the process sees it.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<StopOrder>>);

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stop {
    /// Nobody has asked yet, and no signal will.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(StopOrder::None)))
    }

    /// Stops on SIGTERM and SIGINT.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::new();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let order = stop.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                info!(signal = name, "asked to stop");
                order.raise();
            }
        });
        Ok(stop)
    }

    /// Asks to drain.
    pub fn request(&self) {
        self.0.send_if_modified(|order| {
            let is_new = *order == StopOrder::None;
            *order = (*order).max(StopOrder::Drain);
            is_new
        });
    }

    /// Whether new work is no longer to be begun.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() >= StopOrder::Drain
    }

    /// Waits until new work is no longer to be begun.
    pub async fn requested(&self) {
        self.reached(StopOrder::Drain).await;
    }

    /// Waits until everything is to end at once.
    pub async fn forced(&self) {
        self.reached(StopOrder::Now).await;
    }

    fn raise(&self) {
        self.0.send_modify(|order| {
            *order = if *order == StopOrder::None {
                StopOrder::Drain
            } else {
                StopOrder::Now
            }
        });
    }

    async fn reached(&self, least: StopOrder) {
        // The sender lives in `self`, so this can't fail.
        let _ = self.0.subscribe().wait_for(|order| *order >= least).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn is_pending(future: impl Future<Output = ()>) -> bool {
        std::pin::pin!(future).now_or_never().is_none()
    }

    #[tokio::test]
    async fn the_first_order_drains_and_a_second_signal_ends() {
        let stop = Stop::new();
        assert!(is_pending(stop.requested()) && !stop.is_requested());
        stop.request();
        stop.request();
        assert!(!is_pending(stop.clone().requested()) && stop.is_requested());
        assert!(
            is_pending(stop.forced()),
            "asking twice from within is no signal"
        );
        stop.raise();
        assert!(!is_pending(stop.forced()));
    }
}
