//! The decision for an object that only looks: what managing it would do.

use super::{
    conditions, difference,
    facts::{Access, Adoption, Desired, Facts, Observed},
    gate::{ambiguous, elsewhere, no_access, target_changed, unusable},
    reason::Reason,
    row::Row,
    situation::{Situation, Stage},
    step::{Proof, Rest, Step, look, rest},
};
use crate::api::status::PlanStatus;

/// The next step. Never one that changes the cloud.
pub(super) fn decide(facts: &Facts, desired: &Desired) -> Step {
    let told = facts.status.plan.is_some()
        && facts.status.observed_generation == Some(facts.object.generation)
        && conditions::has_reason(&facts.status, Reason::ObserveOnly)
        && facts.unanswered().is_none()
        && !facts.nudged;
    if told && facts.observed == Observed::Unasked {
        return match &facts.blind {
            Some(failure) if conditions::is_ready(&facts.status) => Step::Unseen(failure.clone()),
            _ => rest(Situation::unchanged()),
        };
    }
    let target = match &facts.access {
        Access::Unread => return Step::Access,
        Access::Unusable(reason, message) => return rest(unusable(*reason, message)),
        Access::Ambiguous(sentence) => return ambiguous(facts, sentence),
        Access::Unknown(failure) => return no_access(facts, failure),
        Access::Usable(target) => target,
    };
    if let Some(home) = elsewhere(facts, target) {
        return rest(target_changed(&home, target));
    }
    match &facts.observed {
        // What a sweep lacks may be there all the same.
        Observed::Unasked | Observed::Absent { proven: false, .. } => {
            look(facts.now, Proof::Absence)
        }
        Observed::Unknown(failure) => Step::Failed(failure.clone()),
        Observed::Absent { .. } | Observed::Present { .. } | Observed::Several { .. } => {
            let row = seen(facts);
            let (plan, message) = compare(facts, desired, row);
            let holds = row.is_some_and(|row| row.says(&desired.content));
            let stage = if holds { Stage::Ready } else { Stage::NotReady };
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
            Step::Rest(Rest {
                situation,
                remote: row.cloned(),
                again: None,
                look_again: false,
            })
        }
    }
}

/// The row that the object is about: the recorded id, else the oldest at the place.
fn seen(facts: &Facts) -> Option<&Row> {
    let rows = facts.observed.rows();
    rows.iter()
        .find(|row| facts.id() == Some(row.id.as_str()))
        .or_else(|| rows.first())
}

/// What managing would do, for the status. Needs a look that was answered.
pub fn plan(facts: &Facts, desired: &Desired) -> PlanStatus {
    compare(facts, desired, seen(facts)).0
}

/// What managing would do, and why.
fn compare(facts: &Facts, desired: &Desired, row: Option<&Row>) -> (PlanStatus, String) {
    let Some(row) = row else {
        let plan = if facts.rival.is_some() {
            action("None", Vec::new())
        } else {
            action("Create", difference::from_nothing(&desired.content))
        };
        return (
            plan,
            "The cloud holds no callback for this domain and app.".to_owned(),
        );
    };
    let changes = difference::of(&row.told(), &desired.content);
    let told = if changes.is_empty() {
        format!("The callback {} says what the spec says.", row.id)
    } else {
        format!(
            "The callback {} differs ({}).",
            row.id,
            difference::sentence(&changes)
        )
    };
    let rows = facts.observed.rows();
    let owner = facts.rival.as_ref();
    let held_elsewhere = facts.claimed_elsewhere.contains(&row.id);
    let may_adopt = match desired.adoption {
        _ if owner.is_some() || held_elsewhere || rows.len() > 1 => false,
        Adoption::Always => true,
        Adoption::IfIdentical => changes.is_empty(),
        Adoption::Never => false,
    };
    let ours = facts.is_ours(row);
    let word = if ours && !changes.is_empty() && owner.is_none() {
        "Update"
    } else if !ours && may_adopt {
        "Adopt"
    } else {
        "None"
    };
    let told = match owner {
        Some(owner) => format!("{told} RecordingCallback {} owns it.", owner.name),
        None => told,
    };
    (action(word, changes), told)
}

fn action(action: &str, changes: Vec<crate::api::status::ChangeStatus>) -> PlanStatus {
    PlanStatus {
        action: action.to_owned(),
        changes,
    }
}
