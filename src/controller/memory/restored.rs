//! How often finalizer and record had to be put back. Another controller that takes them off each time is answered ever more slowly: else
//! the API server would be written to as fast as that controller writes.

use std::time::Duration;

use tokio::time::Instant;

use crate::plan::step::backoff;

/// So often they are put back at once: people and `GitOps` tools replace metadata now and then.
const AT_ONCE: u32 = 3;
/// First and longest pause after that.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(2));
/// After so long it is not the same quarrel any more.
const CALM: Duration = Duration::from_mins(10);

/// How often in a row, and when last.
#[derive(Debug, Clone, Copy)]
pub(in crate::controller) struct RestoredMemory {
    times: u32,
    last: Instant,
}

impl RestoredMemory {
    /// They are put back now.
    pub(in crate::controller) fn again(former: Option<Self>) -> Self {
        let former = former.filter(|former| former.last.elapsed() < CALM);
        let times = former.map_or(1, |former| former.times.saturating_add(1));
        let last = Instant::now();
        Self { times, last }
    }

    /// How long they are left off, should somebody have taken them off again.
    pub(in crate::controller) fn pause(self) -> Duration {
        let Some(times) = self.times.checked_sub(AT_ONCE).filter(|times| *times > 0) else {
            return Duration::ZERO;
        };
        let (first, longest) = PAUSES;
        let pause = backoff::doubled(first, times).min(longest);
        pause.saturating_sub(self.last.elapsed())
    }
}
