//! The three conditions, as kstatus reads them: `Ready` always, `Reconciling` and `Stalled` only while True. Their words, and what a
//! stored status says by them; how they are written is in `outcome::conditions`. Pure.

use jiff::Timestamp;

use crate::api::status::{Condition, Status};
use crate::plan::facts::Facts;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::later;

/// The conditions that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionKind {
    /// The cloud holds the spec.
    Ready,
    /// The operator works on it, or waits.
    Reconciling,
    /// It takes a person, or a long time.
    Stalled,
}

impl ConditionKind {
    /// The word: a condition's `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
        }
    }
}

/// What a condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It is so.
    True,
    /// It is not.
    False,
    /// Nobody knows.
    Unknown,
}

impl ConditionStatus {
    const ALL: [Self; 3] = [Self::True, Self::False, Self::Unknown];

    /// The word: a condition's `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    /// The truth of a word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|truth| truth.as_str() == word)
    }
}

/// What a condition says, if its word is one.
pub fn condition_status(condition: &Condition) -> Option<ConditionStatus> {
    ConditionStatus::parse(&condition.status)
}

/// The condition Ready, if there is one.
pub fn ready(status: &Status) -> Option<&Condition> {
    of_kind(&status.conditions, ConditionKind::Ready)
}

/// What Ready says.
pub fn ready_status(status: &Status) -> Option<ConditionStatus> {
    ready(status).and_then(condition_status)
}

/// Why Ready says it.
pub fn ready_reason(status: &Status) -> Option<Reason> {
    ready(status).and_then(|condition| Reason::parse(&condition.reason))
}

/// Whether Ready is True.
pub fn is_ready(status: &Status) -> bool {
    ready_status(status) == Some(ConditionStatus::True)
}

/// Whether Ready has this reason.
pub fn has_reason(status: &Status, reason: Reason) -> bool {
    ready_reason(status) == Some(reason)
}

/// Until when a reason is new: the settle time after Ready took it. It is over where the object is stalled for it already.
pub fn young_until(facts: &Facts, reason: Reason) -> Timestamp {
    let since = |kind| {
        let found = of_kind(&facts.status.conditions, kind);
        found
            .filter(|condition| condition.reason == reason.as_str())?
            .last_transition_time
    };
    match (
        since(ConditionKind::Ready),
        since(ConditionKind::Reconciling),
    ) {
        (None, _) => later(facts.now, facts.settings.settle_time),
        (Some(_), Some(since)) => later(since, facts.settings.settle_time),
        (Some(since), None) => since,
    }
}

/// The condition of a kind, if there is one.
pub(in crate::plan) fn of_kind(
    conditions: &[Condition],
    kind: ConditionKind,
) -> Option<&Condition> {
    conditions.iter().find(|c| c.type_ == kind.as_str())
}
