//! Until when a request may be handed over.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::live::clock::Wall;

/// The moment after which a request may not be handed over nor its answer be waited for, on both clocks: the monotonic
/// one stands still while a machine sleeps, the wall clock may be set.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// On the monotonic clock.
    pub instant: Instant,
    /// On the local wall clock.
    pub wall: Timestamp,
}

impl Deadline {
    /// So long from now.
    pub fn after(wall: &Wall, timeout: Duration) -> Self {
        let now = wall();
        Self {
            instant: Instant::now() + timeout,
            wall: now.saturating_add(timeout).unwrap_or(now),
        }
    }

    /// Whether either clock is past it.
    pub fn has_passed(&self, wall: &Wall) -> bool {
        Instant::now() >= self.instant || wall() >= self.wall
    }
}
