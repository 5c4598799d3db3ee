//! The three conditions, as kstatus reads them: `Ready` always, `Reconciling` and `Stalled` only while True.

use jiff::Timestamp;

use crate::api::status::{Condition, Status};
use crate::plan::facts::Facts;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::later;
use crate::plan::step::situation::{Situation, Stage};

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

/// Puts the conditions of a situation into the status, with the generation that they speak of.
pub fn set_conditions(status: &mut Status, situation: &Situation, generation: i64, now: Timestamp) {
    status.observed_generation = Some(generation);
    if situation.stage == Stage::AsItWas {
        for condition in &mut status.conditions {
            condition.observed_generation = Some(generation);
        }
        return;
    }
    let before = std::mem::take(&mut status.conditions);
    let kept = of_kind(&before, ConditionKind::Ready)
        .and_then(condition_status)
        .unwrap_or(ConditionStatus::Unknown);
    let (ready, also) = match situation.stage {
        Stage::Ready => (ConditionStatus::True, None),
        Stage::Progressing => (ConditionStatus::False, Some(ConditionKind::Reconciling)),
        Stage::Stalled => (ConditionStatus::False, Some(ConditionKind::Stalled)),
        Stage::NotReady => (ConditionStatus::False, None),
        Stage::Unknown => (ConditionStatus::Unknown, None),
        Stage::UnknownProgressing => (ConditionStatus::Unknown, Some(ConditionKind::Reconciling)),
        Stage::Kept | Stage::AsItWas => (kept, None),
    };
    let mut conditions = vec![condition(
        &before,
        ConditionKind::Ready,
        ready,
        situation,
        generation,
        now,
    )];
    if let Some(kind) = also {
        conditions.push(condition(
            &before,
            kind,
            ConditionStatus::True,
            situation,
            generation,
            now,
        ));
    }
    status.conditions = conditions;
}

/// A condition; its transition time stays while its status stays, for `Reconciling` while its reason stays too, so that it
/// tells since when an object has been waiting for the same thing.
fn condition(
    before: &[Condition],
    kind: ConditionKind,
    truth: ConditionStatus,
    situation: &Situation,
    generation: i64,
    now: Timestamp,
) -> Condition {
    let since = before
        .iter()
        .find(|c| c.type_ == kind.as_str() && c.status == truth.as_str())
        .filter(|c| kind != ConditionKind::Reconciling || c.reason == situation.reason.as_str())
        .and_then(|c| c.last_transition_time)
        .unwrap_or(now);
    Condition {
        type_: kind.as_str().to_owned(),
        status: truth.as_str().to_owned(),
        reason: situation.reason.as_str().to_owned(),
        message: situation.message.clone(),
        last_transition_time: Some(second_begun(since)),
        observed_generation: Some(generation),
    }
}

fn of_kind(conditions: &[Condition], kind: ConditionKind) -> Option<&Condition> {
    conditions.iter().find(|c| c.type_ == kind.as_str())
}

/// Times in conditions have whole seconds, as everywhere in Kubernetes.
fn second_begun(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
