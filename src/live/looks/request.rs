//! What is asked of looks, and what is told.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::plan::facts::place::Place;
use crate::plan::facts::row::Row;
use crate::plan::step::Proof;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::Lane;

/// What somebody wants to know about a place.
#[derive(Debug, Clone)]
pub struct LookRequest {
    /// Where to look.
    pub place: Place,
    /// The look must have begun then or later.
    pub not_before: Instant,
    /// What the look must be good for.
    pub proof: Proof,
    /// Who goes first, if the cloud has to be asked.
    pub lane: Lane,
    /// The namespace whose turn it takes, if the cloud has to be asked.
    pub namespace: String,
    /// What the calls beyond the first are paid from, if the cloud has to be asked.
    pub budget: CallBudget,
}

/// What was seen of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookResult {
    /// The rows at exactly this place.
    pub rows: Vec<Row>,
    /// When the look began.
    pub begun: Instant,
    /// When its first answer came, in cloud time.
    pub at: Timestamp,
    /// When the look began by the clock that dated its first answer, a moment early at most: that `Date`, less the time that the answer
    /// took. None when the answer had none.
    pub dated: Option<Timestamp>,
    /// Whether no row means that there was none.
    pub proves_absence: bool,
}
