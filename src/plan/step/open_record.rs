//! The decision while it is not known whether the newest create happened: nothing is posted until a look can tell. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::Record;
use crate::plan::facts::time::{later, shifted};
use crate::plan::facts::{Desired, Facts, GetResult, Observed, conditions, operation_log};
use crate::plan::ownership::rows::OtherRows;
use crate::plan::step::foreign::{decide_foreign, report_several};
use crate::plan::step::preconditions::{
    backoff_of_change, former_endpoint, target_changed_address,
};
use crate::plan::step::second::delete_second;
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Proof, Requeue, Step, look, requeue};
use crate::terms::target::Target;

/// When an outcome that is told as unknown is looked at first, from the attempt on.
pub const FIRST_LOOK: Duration = Duration::from_secs(1);

/// The outcome of a POST is not known: look, claim what is ours, and create anew only when nothing can come any more.
pub(in crate::plan) fn decide(
    facts: &Facts,
    desired: &Desired,
    target: &Target,
    record: &Record,
) -> Step {
    let settled_at = facts.settled_at(record);
    let enough = |begun: Timestamp| begun >= settled_at;
    if let Some(step) = decide_own(facts, settled_at) {
        return step;
    }
    if let Some(step) = ask_for_recorded(facts).filter(|_| facts.observed.since(settled_at)) {
        return step;
    }
    match &facts.observed {
        Observed::Unasked => match first_look(facts, record) {
            Some(again) => wait(facts, settled_at, again),
            None => look(facts.now, Proof::Absence),
        },
        Observed::Unknown(failure) => Step::ReportFailure(failure.clone()),
        // That nothing of it is here says nothing of where the create went.
        seen if seen.since(settled_at)
            && seen.tells_all()
            && former_endpoint(facts, target).is_some() =>
        {
            requeue(target_changed_address(facts, target))
        }
        Observed::Absent {
            begun,
            proven: true,
        } if enough(*begun) => match backoff_of_change(facts) {
            Some(next) => wait(facts, next, next),
            None => Step::Create,
        },
        Observed::Present { begun, row } if enough(*begun) => decide_foreign(facts, desired, row),
        Observed::Several { begun, rows } if enough(*begun) => report_several(facts, rows),
        seen if facts.now >= settled_at && seen.begun() < Some(settled_at) => {
            look(settled_at, Proof::Absence)
        }
        Observed::Absent { .. } | Observed::Present { .. } | Observed::Several { .. } => {
            wait(facts, settled_at, next_look_for(facts, record, settled_at))
        }
    }
}

/// What becomes of a row that is ours, as soon as that is known.
fn decide_own(facts: &Facts, settled_at: Timestamp) -> Option<Step> {
    let row = facts.own_row()?;
    if !facts.is_recorded(row) {
        return Some(Step::Claim(row.clone()));
    }
    if let OtherRows::Ours(other) = facts.rows_beside(row) {
        // Once the record is closed nobody knows any more whose it was.
        return Some(delete_second(facts, &other.id));
    }
    // A recorded callback that was thought gone says nothing of the create, however alike they are: what that made may still come to lie
    // beside it.
    let is_known = facts.observed.since(settled_at);
    is_known.then(|| Step::Claim(row.clone()))
}

/// The recorded callback, where no list shows it, is asked for by its id before anything else takes its place.
fn ask_for_recorded(facts: &Facts) -> Option<Step> {
    let proves = !matches!(facts.observed, Observed::Absent { proven: false, .. });
    facts.id().filter(|_| proves)?;
    match &facts.get_result {
        GetResult::Unasked => Some(Step::GetById),
        GetResult::Unknown(failure) => Some(Step::ReportFailure(failure.clone())),
        GetResult::Row(row) => Some(Step::Claim(row.clone())),
        GetResult::Gone => None,
    }
}

/// When to look first, if that is still to come and nobody asks: what has only just been told as unknown would not show yet.
fn first_look(facts: &Facts, record: &Record) -> Option<Timestamp> {
    let waits = is_reported(facts) && facts.unanswered().is_none();
    let first = later(facts.attempted_at(record), FIRST_LOOK);
    (waits && facts.now < first).then_some(first)
}

/// When to look again for what the newest attempt may still make: after 1, 2, 4, 8... s, and once the settle time is over at the latest. A
/// millisecond more than that, to which the times of a status and of a timer are kept: who comes back just before that moment can decide
/// nothing.
pub(in crate::plan) fn next_look_for(
    facts: &Facts,
    record: &Record,
    settled_at: Timestamp,
) -> Timestamp {
    let settled = later(settled_at, Duration::from_millis(1));
    let waited = facts.now.duration_since(facts.attempted_at(record));
    let (least, most) = (SignedDuration::from_secs(1), SignedDuration::from_mins(2));
    shifted(facts.now, waited.clamp(least, most)).min(settled)
}

fn wait(facts: &Facts, settled_at: Timestamp, again: Timestamp) -> Step {
    let situation = waits_for_settling(facts, settled_at);
    Step::Requeue(Requeue::new(situation).until(again))
}

/// What is told while an outcome is not known. The failure that led there stays told, with its code and request id.
fn waits_for_settling(facts: &Facts, settled_at: Timestamp) -> Situation {
    let newest = facts.status.last_operation.as_ref();
    let failed = newest.is_some_and(operation_log::is_unknown_create);
    if failed && is_reported(facts) {
        return Situation::unchanged();
    }
    let message = "It is not known whether the newest create happened: the cloud is being asked, and only when nothing shows after the settle time is it created anew.";
    Situation::new(Reason::OutcomeUnknown, Stage::Progressing, message).at(settled_at)
}

/// Whether the status says so already.
fn is_reported(facts: &Facts) -> bool {
    matches!(
        conditions::ready_reason(&facts.status),
        Some(Reason::OutcomeUnknown | Reason::RateLimited)
    )
}
