//! What keeps an object from calling the cloud: no way in, another target than its callback's, a backoff that runs. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::plan::facts::conditions::ConditionStatus;
use crate::plan::facts::operation_log::Outcome;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::later;
use crate::plan::facts::{Facts, conditions, operation_log};
use crate::plan::step::backoff::{self as pauses, next_look};
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Requeue, Step, requeue, requeue_at};
use crate::terms::failure::{Class, Failure, Operation};
use crate::terms::target::Target;

/// When it is asked again whether all objects are known.
const LISTED_SOON: Duration = Duration::from_secs(30);

/// The credentials can't be used.
pub(in crate::plan) fn unusable(reason: Reason, message: &str) -> Situation {
    let stage = if reason == Reason::CredentialsMissing {
        Stage::Progressing
    } else {
        Stage::Stalled
    };
    Situation::new(reason, stage, message)
}

/// Nobody can tell the project: asked again like a rejected call.
pub(in crate::plan) fn requeue_ambiguous(facts: &Facts, sentence: &str) -> Step {
    if let Some(next) = backoff(facts) {
        return requeue_at(next);
    }
    requeue(missing(facts, sentence).at(next_look(facts)))
}

/// Credentials that are not there, with the way to let go of what is being deleted.
fn missing(facts: &Facts, sentence: &str) -> Situation {
    let situation = unusable(Reason::CredentialsMissing, sentence);
    if facts.object.deleting {
        situation.with_release_hint(facts)
    } else {
        situation
    }
}

/// The API server does not say what is in the Secrets of these names.
pub fn unread_secrets(facts: &Facts, names: &[String], problem: &str) -> Requeue {
    let message = format!(
        "What the Secrets hold that the spec names ({}) is not known, and asked again every few seconds: {problem}",
        names.join(", ")
    );
    Requeue::new(missing(facts, &message))
}

/// It could not be found out where to call, or as whom.
pub(in crate::plan) fn requeue_without_access(facts: &Facts, failure: &Failure) -> Step {
    backoff(facts).map_or_else(|| Step::ReportFailure(failure.clone()), requeue_at)
}

/// Where this object's callback is, or may be.
pub fn recorded_target(facts: &Facts) -> Option<Target> {
    let recorded = facts
        .status
        .target
        .as_ref()
        .filter(|_| facts.id().is_some());
    recorded
        .map(Target::from)
        .or_else(|| attempted_target(facts))
}

/// Where creates went that may have made something.
fn attempted_target(facts: &Facts) -> Option<Target> {
    let record = facts.claiming_record();
    record.map(|record| record.target.clone())
}

/// Where the object's callback is, or may be, if that is not the project of this target: what is recorded counts, and the record
/// of a create whose outcome is not known.
pub(in crate::plan) fn other_target(facts: &Facts, target: &Target) -> Option<Target> {
    recorded_target(facts)
        .into_iter()
        .chain(attempted_target(facts))
        .find(|home| !home.same_project(target))
}

/// Whether creates that may have made something went to another project than the one where the callback is.
pub(in crate::plan) fn is_attempted_elsewhere(facts: &Facts) -> bool {
    recorded_target(facts).is_some_and(|home| other_target(facts, &home).is_some())
}

/// The object's callback lives somewhere else than spec and credentials say.
pub(in crate::plan) fn target_changed(home: &Target, target: &Target) -> Situation {
    Situation::new(
        Reason::TargetChanged,
        Stage::Stalled,
        format!(
            "The callback was made in region {}, project {}; spec and credentials now name region {}, project {}. \
             Nothing is called. Give back the former credentials, or delete the object with them and create it anew.",
            home.region, home.project_id, target.region, target.project_id
        ),
    )
}

/// The address through which the callback was made, or through which a create went that may have made something, if the credentials now
/// name another of the same project. Whether both lead to one cloud is not known before something of ours is found through the new one.
pub(in crate::plan) fn former_endpoint<'a>(facts: &'a Facts, target: &Target) -> Option<&'a str> {
    let home = facts.status.target.as_ref();
    let home = home.filter(|_| facts.id().is_some());
    // What a closed record has to do with a callback was known when that was found through the address that its status names.
    let attempted = match facts.status.callback_id {
        Some(_) => facts.open_record(),
        None => facts.claiming_record(),
    };
    let home = home.map(|home| home.endpoint.as_str());
    let attempted = attempted.map(|record| record.target.endpoint.as_str());
    let mut endpoints = home.into_iter().chain(attempted);
    endpoints.find(|endpoint| *endpoint != target.endpoint)
}

/// The same project has another address now, and what is ours is not found there. It is looked for again like a conflict: the address may
/// come to lead to it.
pub(in crate::plan) fn target_changed_address(facts: &Facts, target: &Target) -> Situation {
    let former = former_endpoint(facts, target).unwrap_or_default();
    let (what, remedy) = if facts.id().is_some() {
        (
            "the recorded callback is not found there",
            "Give back the former endpoint, or delete the object with it and create it anew.",
        )
    } else {
        (
            "what a create may have made through the former one is not found there",
            "Give back the former endpoint: through it is found out what came of the create. Where it is gone for good, delete the object and create it anew.",
        )
    };
    let remedy = if facts.object.deleting {
        "Give back the former endpoint."
    } else {
        remedy
    };
    let message = format!(
        "The credentials now name the endpoint {} instead of {former}, and {what}. Nothing is changed, and it is looked for again. {remedy}",
        target.endpoint
    );
    Situation::new(Reason::TargetChanged, Stage::Stalled, message).at(next_look(facts))
}

/// Whose the place is can't be told before the objects of every namespace that is served are known: an owner may be among them.
pub(in crate::plan) fn wait_for_lists(facts: &Facts, reason: Reason) -> Step {
    let message = "Another RecordingCallback may own this domain and app: the objects of a namespace that the operator serves are not listed yet. \
                   Its log and /readyz name that namespace.";
    let situation = Situation::new(reason, Stage::Progressing, message);
    Step::Requeue(Requeue::new(situation).until(later(facts.now, LISTED_SOON)))
}

/// When a running backoff ends, unless something changed or somebody asked. An object that never failed only told when its
/// turn in the queue comes.
pub(in crate::plan) fn backoff(facts: &Facts) -> Option<Timestamp> {
    let failed = facts.status.failures.is_some_and(|failures| failures > 0);
    let next = facts.next_attempt.filter(|_| failed)?;
    let waits_for_look = facts.open_record().is_some()
        && facts
            .status
            .last_operation
            .as_ref()
            .is_some_and(operation_log::is_unknown_create);
    // What a change was answered with that a look has to judge is not put off either.
    let changed = facts.is_urged() || facts.not_found.is_some();
    let holds = !changed && !waits_for_look && !facts.queued && !is_judged_anew(facts);
    (next > facts.now && holds).then_some(next)
}

/// When a change whose outcome is not known may be made again, looks or not.
pub(in crate::plan) fn backoff_of_change(facts: &Facts) -> Option<Timestamp> {
    let hurry = facts.is_urged();
    let failed = facts.failures() > 0 && !hurry;
    facts
        .next_attempt
        .filter(|next| failed && *next > facts.now)
}

/// When a create is made again that the cloud refused because of a callback which no look shows. The look for it was made at once.
pub(in crate::plan) fn backoff_of_hidden(facts: &Facts) -> Option<Timestamp> {
    let hurry = facts.is_urged();
    let newest = facts.status.last_operation.as_ref().filter(|_| !hurry)?;
    let is_refused = operation_log::operation(newest) == Some(Operation::Create)
        && operation_log::outcome(newest) == Some(Outcome::Rejected)
        && conditions::has_reason(&facts.status, Reason::Conflict);
    let refused = newest.time.filter(|at| is_refused && *at <= facts.now)?;
    let next = later(refused, pauses::first(Class::Exists, &facts.object.uid));
    (next > facts.now).then_some(next)
}

/// Whether a sweep showed, unasked, what becomes of a state that waits for nothing but that: then its own time does not hold.
fn is_judged_anew(facts: &Facts) -> bool {
    let contended = conditions::has_reason(&facts.status, Reason::Contended);
    let unknown = conditions::ready_status(&facts.status) == Some(ConditionStatus::Unknown);
    facts.observed.begun().is_some() && (contended || unknown)
}
