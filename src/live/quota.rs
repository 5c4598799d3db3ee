//! The quota of one cloud identity. A call to the cloud takes a `Token` by value, so none can be made without one.

use std::time::Duration;

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Deletes, updates, requested looks, looks after an unknown outcome.
    Urgent,
    /// Creates and their looks.
    Create,
    /// Retries and sweeps.
    Background,
}

/// The right to make one call. Dropped unspent it goes back.
#[derive(Debug)]
pub struct Token {}

impl Token {
    /// The call is handed over now.
    pub fn spend(self) -> Spent {
        Spent {}
    }
}

/// A call under way; tells the quota how it was answered.
#[derive(Debug)]
pub struct Spent {}

impl Spent {
    /// The cloud throttled: the whole account slows down.
    pub fn throttled(self, _retry_after: Option<Duration>) {}

    /// The cloud did not throttle.
    pub fn accepted(self) {}
}
