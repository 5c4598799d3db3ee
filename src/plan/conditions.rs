//! The three conditions, as kstatus reads them: `Ready` always, `Reconciling` and `Stalled` only while True.

use jiff::Timestamp;

use super::{
    reason::Reason,
    situation::{Situation, Stage},
};
use crate::api::status::{Condition, Status};

/// The status word of Ready, if there is such a condition.
pub fn ready(status: &Status) -> Option<&Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready")
}

/// Whether Ready is True.
pub fn is_ready(status: &Status) -> bool {
    ready(status).is_some_and(|condition| condition.status == "True")
}

/// Whether Ready has this reason.
pub fn has_reason(status: &Status, reason: Reason) -> bool {
    ready(status).is_some_and(|condition| condition.reason == reason.as_str())
}

/// Puts the conditions of a situation into the status, with the generation that they speak of.
pub fn set(status: &mut Status, situation: &Situation, generation: i64, now: Timestamp) {
    status.observed_generation = Some(generation);
    if situation.stage == Stage::AsItWas {
        for condition in &mut status.conditions {
            condition.observed_generation = Some(generation);
        }
        return;
    }
    let before = std::mem::take(&mut status.conditions);
    let kept = before
        .iter()
        .find(|c| c.type_ == "Ready")
        .map_or("Unknown", |c| c.status.as_str());
    let (ready, also) = match situation.stage {
        Stage::Ready => ("True", None),
        Stage::Progressing => ("False", Some("Reconciling")),
        Stage::Stalled => ("False", Some("Stalled")),
        Stage::NotReady => ("False", None),
        Stage::Unknown => ("Unknown", None),
        Stage::UnknownProgressing => ("Unknown", Some("Reconciling")),
        Stage::Kept | Stage::AsItWas => (kept, None),
    };
    let mut conditions = vec![condition(
        &before, "Ready", ready, situation, generation, now,
    )];
    if let Some(type_) = also {
        conditions.push(condition(
            &before, type_, "True", situation, generation, now,
        ));
    }
    status.conditions = conditions;
}

/// A condition; its transition time stays while its status stays, for `Reconciling` while its reason stays too, so that it
/// tells since when an object has been waiting for the same thing.
fn condition(
    before: &[Condition],
    type_: &str,
    word: &str,
    situation: &Situation,
    generation: i64,
    now: Timestamp,
) -> Condition {
    let since = before
        .iter()
        .find(|c| c.type_ == type_ && c.status == word)
        .filter(|c| type_ != "Reconciling" || c.reason == situation.reason.as_str())
        .and_then(|c| c.last_transition_time)
        .unwrap_or(now);
    Condition {
        type_: type_.to_owned(),
        status: word.to_owned(),
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
