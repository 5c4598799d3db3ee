//! The life of one process of the operator. What a process that ended still has under way gets no further.

use tokio::sync::watch;

/// Shared by all ways out of a process.
#[derive(Clone)]
pub(super) struct Life(watch::Sender<bool>);

impl Life {
    /// A process that runs.
    pub(super) fn begin() -> Self {
        Self(watch::Sender::new(true))
    }

    /// The process ends here and now.
    pub(super) fn end(&self) {
        self.0.send_replace(false);
    }

    pub(super) fn is_over(&self) -> bool {
        !*self.0.borrow()
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) {
        let _ = self.0.subscribe().wait_for(|lives| !lives).await;
    }

    /// Stands still where the process ended.
    pub(super) async fn or_nothing(&self) {
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }
}
