//! Until when a request may be handed over. A value and its comparison with a clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::platform::clock::WallClock;

/// The moment after which a request may not be handed over nor its answer be waited for, on both clocks: the monotonic
/// one stands still while a machine sleeps, the wall clock may be set. What gives the right to send may end earlier than the wait.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// On the monotonic clock.
    pub instant: Instant,
    /// On the local wall clock.
    pub wall: Timestamp,
    /// The last moment to hand it over, on the monotonic clock; never after `instant`.
    pub hand_over: Instant,
}

impl Deadline {
    /// So long from now.
    pub fn after(wall: &WallClock, timeout: Duration) -> Self {
        let now = wall();
        let instant = Instant::now() + timeout;
        Self {
            instant,
            wall: now.saturating_add(timeout).unwrap_or(now),
            hand_over: instant,
        }
    }

    /// The same, with a right to hand over that ends then, if it ends.
    #[must_use]
    pub fn with_right_until(mut self, end: Option<Instant>) -> Self {
        self.hand_over = end.map_or(self.hand_over, |end| end.min(self.hand_over));
        self
    }

    /// Whether it is too late to hand the request over, by either clock.
    pub fn has_passed(&self, wall: &WallClock) -> bool {
        Instant::now() >= self.hand_over || wall() >= self.wall
    }
}
