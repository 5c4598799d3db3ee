//! What a connection does, as those see it who may end it: whether requests are under way, and since when it is idle. No I/O.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The activity of one connection.
#[derive(Debug)]
pub(super) struct Activity(watch::Sender<ActivityState>);

#[derive(Debug, Clone, Copy)]
struct ActivityState {
    under_way: usize,
    had_request: bool,
    /// When it was opened, or its last request ended.
    since: Instant,
}

/// A request that is under way; ends when this is dropped.
pub(super) struct RequestUnderWay<'a>(&'a Activity);

impl Activity {
    /// A connection that was opened now.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(ActivityState {
            under_way: 0,
            had_request: false,
            since: Instant::now(),
        }))
    }

    /// A request begins.
    pub(super) fn begin(&self) -> RequestUnderWay<'_> {
        self.0.send_modify(|state| {
            state.under_way += 1;
            state.had_request = true;
        });
        RequestUnderWay(self)
    }

    /// For how long nothing is under way; none when something is.
    pub(super) fn idle(&self) -> Option<Duration> {
        let state = self.0.borrow();
        (state.under_way == 0).then(|| state.since.elapsed())
    }

    /// Ends when nothing was under way for so long.
    pub(super) async fn idle_for(&self, limit: Duration) {
        let mut states = self.0.subscribe();
        loop {
            let ActivityState {
                under_way, since, ..
            } = *states.borrow_and_update();
            let overdue = async {
                if under_way > 0 {
                    std::future::pending::<()>().await;
                }
                sleep_until(since + limit).await;
            };
            tokio::select! {
                () = overdue => return,
                // The sender lives in `self`, so this can't fail.
                _ = states.changed() => {}
            }
        }
    }

    /// Ends with the first request, which may have begun long ago.
    pub(super) async fn first_request(&self) {
        let mut states = self.0.subscribe();
        let _ = states.wait_for(|state| state.had_request).await;
    }
}

impl Drop for RequestUnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| {
            state.under_way = state.under_way.saturating_sub(1);
            state.since = Instant::now();
        });
    }
}
