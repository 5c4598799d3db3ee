//! The decision for an object that only looks: what managing it would do. Pure; no step of it changes anything at the cloud.

use crate::api::status::{ChangeStatus, PlanStatus};
use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::facts::sent_key::SentKey;
use crate::plan::facts::{
    Adoption, CloudAccess, Desired, Facts, Observed, SignKeyState, conditions, difference,
};
use crate::plan::ownership::rows::OtherRows;
use crate::plan::step::drift::RowDrift;
use crate::plan::step::held::{SpecHeld, is_key_as_sent};
use crate::plan::step::preconditions::{
    former_endpoint, is_attempted_elsewhere, other_target, requeue_ambiguous,
    requeue_without_access, target_changed, target_changed_address, unusable,
};
use crate::plan::step::settled::{UPDATE, recheck_update_at};
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Proof, Requeue, Step, drift, look, requeue};

/// The action of a plan by which managing would change nothing.
const NONE: &str = "None";

/// The next step. Never one that changes the cloud.
pub(in crate::plan) fn decide(facts: &Facts, desired: &Desired) -> Step {
    let recheck = recheck_update_at(facts);
    let is_planned = facts.status.plan.is_some()
        && facts.status.observed_generation == Some(facts.object.generation)
        && conditions::has_reason(&facts.status, Reason::ObserveOnly)
        && facts.unanswered().is_none()
        && !facts.dependency_changed
        && recheck.is_none_or(|at| facts.now < at)
        && !is_attempted_elsewhere(facts);
    if is_planned && facts.observed == Observed::Unasked {
        return match &facts.sweep_failure {
            Some(failure) if conditions::is_ready(&facts.status) => {
                Step::ReportSweepFailure(failure.clone())
            }
            _ => {
                let rest = Requeue::new(Situation::unchanged());
                Step::Requeue(rest.until(recheck))
            }
        };
    }
    let target = match &facts.access {
        CloudAccess::Unread => return Step::ReadSecrets,
        CloudAccess::Unusable(reason, message) => return requeue(unusable(*reason, message)),
        CloudAccess::Ambiguous(sentence) => return requeue_ambiguous(facts, sentence),
        CloudAccess::Unknown(failure) => return requeue_without_access(facts, failure),
        CloudAccess::Usable(target) => target,
    };
    if let Some(home) = other_target(facts, target) {
        return requeue(target_changed(&home, target));
    }
    match &facts.observed {
        // What a sweep lacks may be there all the same.
        Observed::Unasked | Observed::Absent { proven: false, .. } => {
            look(facts.now, Proof::Absence)
        }
        Observed::Unknown(failure) => Step::ReportFailure(failure.clone()),
        Observed::Absent { .. } | Observed::Present { .. } | Observed::Several { .. } => {
            let row = observed_row(facts);
            let (plan, message) = compare(facts, desired, row);
            let held = row.and_then(|row| find_held(facts, desired, row));
            let stage = held.map_or(Stage::NotReady, Stage::Ready);
            let why = if facts.policies.observe {
                "managementPolicy is Observe"
            } else {
                "The operator runs with --read-only"
            };
            let message = format!(
                "{why}: nothing is changed at the cloud. {message} Managing it would do: {}.",
                plan.action
            );
            let situation = Situation::new(Reason::ObserveOnly, stage, message);
            let news = row.filter(|_| facts.status.sent.is_none());
            let rest = Requeue::new(situation).with_row(news);
            Step::Requeue(rest.until(recheck))
        }
    }
}

/// The row that the object is about: the recorded id, else the oldest at the place.
fn observed_row(facts: &Facts) -> Option<&Row> {
    let rows = facts.observed.rows();
    rows.iter()
        .find(|row| facts.is_recorded(row))
        .or_else(|| rows.first())
}

/// What managing would do, for the status. Needs a look that was answered.
pub fn plan_status(facts: &Facts, desired: &Desired) -> PlanStatus {
    compare(facts, desired, observed_row(facts)).0
}

/// What is changed where the callback is brought to the spec. Needs a look that was answered.
pub fn changes(facts: &Facts, desired: &Desired) -> Vec<ChangeStatus> {
    let mut changes = match observed_row(facts) {
        Some(row) => difference::between(&row.reported(), &desired.content),
        None => difference::from_nothing(&desired.content),
    };
    let sent = SentKey::of(facts.status.sent.as_ref());
    // The cloud does not show the key; what was sent is known by its digest.
    if let SignKeyState::Digest(digest) = &facts.key
        && sent != SentKey::Known(digest)
    {
        changes.push(ChangeStatus {
            field: "signKeySecretRef".to_owned(),
            from: match sent {
                SentKey::Never => None,
                SentKey::Known(_) => Some("another key".to_owned()),
                SentKey::Unknown => Some("another key, or none".to_owned()),
            },
            to: Some("the key of the Secret".to_owned()),
        });
    }
    changes
}

/// How the recorded callback stands to the spec; of another row only its values can be known.
fn detect(facts: &Facts, desired: &Desired, row: &Row) -> Option<RowDrift> {
    facts
        .is_recorded(row)
        .then(|| drift::detect(facts, desired, row))
}

/// Whether the cloud holds the spec, as far as can be seen.
fn find_held(facts: &Facts, desired: &Desired, row: &Row) -> Option<SpecHeld> {
    match detect(facts, desired, row) {
        Some(RowDrift::Held(held) | RowDrift::Normalized(held)) => Some(held),
        Some(RowDrift::Different) => None,
        // Somebody else may have brought it to a spec that was not sent; with which key, nobody can see.
        Some(RowDrift::Unsent) if !is_key_as_sent(facts, desired) => None,
        Some(RowDrift::Unsent) | None => SpecHeld::by_row(desired, row),
    }
}

/// What managing would do, and why; nothing, where it would tell what is in the way.
fn compare(facts: &Facts, desired: &Desired, row: Option<&Row>) -> (PlanStatus, String) {
    let (plan, message) = compare_rows(facts, desired, row);
    match hindrance(facts, row).filter(|_| plan.action != NONE) {
        Some(hindrance) => (action(NONE, plan.changes), format!("{message} {hindrance}")),
        None => (plan, message),
    }
}

/// What would keep managing from any change.
fn hindrance(facts: &Facts, row: Option<&Row>) -> Option<String> {
    if let SignKeyState::Missing(problem) | SignKeyState::Invalid(problem) = &facts.key {
        return Some(problem.clone());
    }
    let CloudAccess::Usable(target) = &facts.access else {
        return None;
    };
    let is_found = row.is_some_and(|row| facts.is_ours(row));
    let is_elsewhere = !is_found && former_endpoint(facts, target).is_some();
    is_elsewhere.then(|| target_changed_address(facts, target).message)
}

/// What the look and the spec come to.
fn compare_rows(facts: &Facts, desired: &Desired, row: Option<&Row>) -> (PlanStatus, String) {
    let Some(row) = row else {
        let plan = if facts.other_owner.is_some() {
            action(NONE, Vec::new())
        } else {
            action("Create", changes(facts, desired))
        };
        return (
            plan,
            "The cloud holds no callback for this domain and app.".to_owned(),
        );
    };
    let differences = difference::between(&row.reported(), &desired.content);
    let owner = facts.other_owner.as_ref();
    let held_elsewhere = facts.claimed_elsewhere.contains(&row.id);
    let may_adopt = match desired.adoption {
        _ if owner.is_some() || held_elsewhere || facts.observed.rows().len() > 1 => false,
        Adoption::Always => true,
        Adoption::IfIdentical => differences.is_empty(),
        Adoption::Never => false,
    };
    let detect = detect(facts, desired, row);
    let (ours, normalized) = (
        facts.is_ours(row),
        matches!(detect, Some(RowDrift::Normalized(_))),
    );
    let is_changed = match detect {
        Some(detect) => matches!(detect, RowDrift::Unsent | RowDrift::Different),
        None => !differences.is_empty(),
    };
    let in_conflict = facts.rows_beside(row) == OtherRows::Foreign;
    let word = if ours && is_changed && owner.is_none() && !in_conflict {
        UPDATE
    } else if !ours && may_adopt {
        "Adopt"
    } else {
        NONE
    };
    let mut message = describe_row(row, &difference::describe(&differences), normalized);
    if word == UPDATE && differences.is_empty() {
        message.push_str(
            " Another spec or sign key was sent last, or somebody else has written it since.",
        );
    }
    if let Some(owner) = owner {
        message = format!("{message} RecordingCallback {} owns it.", owner.name);
    }
    let changes = match word {
        NONE if normalized => Vec::new(),
        NONE => differences,
        _ => changes(facts, desired),
    };
    (action(word, changes), message)
}

/// How a callback is seen to differ.
fn describe_row(row: &Row, differences: &str, normalized: bool) -> String {
    if differences.is_empty() {
        format!("The callback {} says what the spec says.", row.id)
    } else if normalized {
        format!(
            "The callback {} is this spec in the cloud's own words ({differences}).",
            row.id
        )
    } else {
        format!("The callback {} differs ({differences}).", row.id)
    }
}

fn action(action: &str, changes: Vec<ChangeStatus>) -> PlanStatus {
    PlanStatus {
        action: action.to_owned(),
        changes,
    }
}
