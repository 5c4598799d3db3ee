//! Writes the conditions of a situation into a status. Pure.

use jiff::Timestamp;

use crate::api::status::{Condition, Status};
use crate::plan::facts::conditions::{ConditionKind, ConditionStatus, condition_status, of_kind};
use crate::plan::step::situation::{Situation, Stage};

/// Puts the conditions of a situation into the status, with the generation that they speak of.
pub(super) fn set_conditions(
    status: &mut Status,
    situation: &Situation,
    generation: i64,
    now: Timestamp,
) {
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
        Stage::Ready(_) => (ConditionStatus::True, None),
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

/// Times in conditions have whole seconds, as everywhere in Kubernetes.
fn second_begun(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
