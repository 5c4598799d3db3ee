//! What a process remembers of updates that it gave up. Values only.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::plan::facts::LostUpdate;
use crate::plan::facts::time::earlier;

/// The newest update of which it is not known whether it was carried out.
#[derive(Default)]
pub(in crate::controller) struct LostUpdateMemory {
    /// When this process gave it up.
    pub(super) given_up: Option<Instant>,
    /// The time in the status of the one of which a look has shown what it came to.
    pub(in crate::controller) rechecked: Option<Timestamp>,
}

impl LostUpdateMemory {
    /// The same in cloud time.
    pub(in crate::controller) fn at(&self, now: Timestamp) -> LostUpdate {
        LostUpdate {
            given_up: self.given_up.map(|at| earlier(now, at.elapsed())),
            rechecked: self.rechecked,
        }
    }
}
