//! The decision for an object whose callback is known by id: keep the cloud equal to the spec. Pure; it never creates before a look and
//! a GET by id have shown that the callback is gone.

use jiff::Timestamp;

use crate::plan::facts::observed::FRESH;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::facts::sent_key::SentKey;
use crate::plan::facts::time::{later, shifted};
use crate::plan::facts::{Desired, Facts, GetResult, Observed, conditions, difference};
use crate::plan::ownership::rows::OtherRows;
use crate::plan::step::drift::{
    RowDrift, changed_after, detect, is_known, is_untouched, look_counts_at, may_be_late,
};
use crate::plan::step::foreign::{decide_foreign, report_several};
use crate::plan::step::held::{SpecHeld, is_as_sent};
use crate::plan::step::preconditions::{former_endpoint, target_changed_address};
use crate::plan::step::second::delete_second;
use crate::plan::step::settled::{is_remembered, must_recheck, next_recheck};
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Proof, Requeue, Step, contention, look, requeue};
use crate::terms::target::Target;

/// The next step.
pub(in crate::plan) fn decide(facts: &Facts, desired: &Desired, target: &Target, id: &str) -> Step {
    let moved = former_endpoint(facts, target).is_some();
    match &facts.observed {
        Observed::Unknown(failure) => Step::ReportFailure(failure.clone()),
        Observed::Unasked if must_look(facts, desired) || moved => look(facts.now, Proof::Presence),
        Observed::Unasked => match SpecHeld::as_sent(facts, desired) {
            Some(held) => decide_by_status(facts, desired, held),
            None => Step::Update {
                id: id.to_owned(),
                drift: None,
            },
        },
        Observed::Absent { .. } | Observed::Present { .. } | Observed::Several { .. } => {
            let get_result = match &facts.get_result {
                GetResult::Row(row) => Some(row),
                GetResult::Unasked | GetResult::Unknown(_) | GetResult::Gone => None,
            };
            let mut listed = facts.observed.rows().iter();
            let listed = listed.find(|row| row.id == id);
            match listed.or(get_result) {
                // The cloud said that it is gone, and shows it: whatever is true, trying again at once leads nowhere.
                Some(_) if facts.not_found.is_some() => fail_after_gone_answer(facts),
                Some(row) => decide_by_row(facts, desired, row),
                None => decide_missing(facts, desired, target),
            }
        }
    }
}

/// A change was answered as if the callback were gone, and the list shows it: a failure like any other.
fn fail_after_gone_answer(facts: &Facts) -> Step {
    let failure = facts.not_found.clone();
    failure.map_or_else(|| requeue(Situation::unchanged()), Step::ReportFailure)
}

/// Whether the status alone can't tell how things are.
fn must_look(facts: &Facts, desired: &Desired) -> bool {
    let unsure = !is_remembered(facts, desired) && is_as_sent(facts, desired);
    let asked = facts.unanswered().is_some() || facts.look_due;
    // Other rows at the place come before an update: they were seen when the row was claimed, or at the last look.
    let beside_others = matches!(
        conditions::ready_reason(&facts.status),
        Some(Reason::Creating | Reason::Conflict)
    );
    // Ready is not said of a spec before the account that it names was asked.
    let unheard_of = facts.is_new_generation() && !facts.account_has_seen;
    let unheard_of = unheard_of && is_as_sent(facts, desired);
    asked
        || unheard_of
        || facts.not_found.is_some()
        || must_recheck(facts)
        || unsure
        || beside_others
}

/// Settled, by what the status remembers: nothing to ask, nothing to tell that was not told.
pub(in crate::plan) fn decide_by_status(facts: &Facts, desired: &Desired, held: SpecHeld) -> Step {
    let situation = if conditions::has_reason(&facts.status, Reason::Normalized) {
        Situation::unchanged()
    } else {
        available(facts, desired, held)
    };
    Step::Requeue(Requeue::new(situation).until(next_recheck(facts)))
}

/// The recorded row was seen.
fn decide_by_row(facts: &Facts, desired: &Desired, row: &Row) -> Step {
    // Other rows at the same place: provably ours they go, else a human must know.
    match facts.rows_beside(row) {
        OtherRows::None => {}
        OtherRows::Ours(other) => return delete_second(facts, &other.id),
        OtherRows::Foreign => return report_several(facts, facts.observed.rows()),
    }
    let known = is_known(facts, row);
    let news = Some(row).filter(|_| !known);
    let counts_at = look_counts_at(facts);
    match detect(facts, desired, row) {
        RowDrift::Unsent => Step::Update {
            id: row.id.clone(),
            drift: None,
        },
        RowDrift::Held(held) => settled(facts, available(facts, desired, held), news),
        RowDrift::Normalized(held) if known || facts.observed.since(counts_at) => {
            settled(facts, normalized(row, desired, held), news)
        }
        RowDrift::Normalized(_) => look_again_at(facts, counts_at),
        RowDrift::Different => decide_drifted(facts, desired, row),
    }
}

/// Somebody else changed the row. It counts once our own last write can't be what is seen.
fn decide_drifted(facts: &Facts, desired: &Desired, row: &Row) -> Step {
    let counts_at = look_counts_at(facts);
    let fields = difference::describe(&difference::between(&row.reported(), &desired.content));
    let is_own = may_be_late(facts, row);
    // No look tells more of a key.
    let counts = changed_after(facts, row) || is_own && fields.is_empty();
    if !facts.observed.since(counts_at) && !counts {
        return look_again_at(facts, counts_at);
    }
    if is_own {
        return Step::Update {
            id: row.id.clone(),
            drift: None,
        };
    }
    if let Some(next) = contention::backoff_until(facts) {
        // The row is not recorded: what is recorded counts as what the cloud made of our own write.
        let situation = contention::contended(&row.id).at(next);
        return Step::Requeue(Requeue::new(situation).until(next));
    }
    let drift = if is_untouched(facts, row) {
        let kept = if fields.is_empty() {
            "its key"
        } else {
            &fields
        };
        format!("the update before was answered as done, and changed nothing: {kept}")
    } else if fields.is_empty() {
        "its update_time is later than our last write, so its key may have changed".to_owned()
    } else {
        fields
    };
    Step::Update {
        id: row.id.clone(),
        drift: Some(drift),
    }
}

/// The recorded row was not in the list.
fn decide_missing(facts: &Facts, desired: &Desired, target: &Target) -> Step {
    let moved = former_endpoint(facts, target).is_some();
    let counts_at = look_counts_at(facts);
    if !facts.observed.since(counts_at) || !facts.observed.tells_all() {
        let step = look_again_at(facts, counts_at);
        return with_updating_reported(facts, desired, moved, step);
    }
    match (&facts.get_result, &facts.observed) {
        (GetResult::Unasked, _) => Step::GetById,
        (GetResult::Unknown(failure), _) => Step::ReportFailure(failure.clone()),
        (GetResult::Row(row), _) => decide_by_row(facts, desired, row),
        // Nobody knows that this address leads to where the callback is.
        (GetResult::Gone, _) if moved => requeue(target_changed_address(facts, target)),
        (GetResult::Gone, seen) => match (facts.own_row(), seen) {
            // An earlier attempt came to something after all.
            (Some(row), _) => Step::Claim(row.clone()),
            (None, Observed::Present { row, .. }) => decide_foreign(facts, desired, row),
            (None, Observed::Several { rows, .. }) => report_several(facts, rows),
            (None, _) if !facts.observed.since(shifted(facts.now, -FRESH)) => {
                look(facts.now, Proof::Absence)
            }
            (None, _) => Step::Create,
        },
    }
}

/// The step, with a status that does not say Ready of a generation that was never sent, or whose account has not shown the callback yet.
fn with_updating_reported(facts: &Facts, desired: &Desired, moved: bool, step: Step) -> Step {
    let is_untold = facts.is_new_generation() && (moved || !is_as_sent(facts, desired));
    if is_untold {
        step.telling(looked_for_again(Reason::Updating))
    } else {
        step
    }
}

/// What a list lacked that was read too soon.
pub(in crate::plan) fn looked_for_again(reason: Reason) -> Situation {
    let message = "The recorded callback was not in the list, which was read too soon after the last write to count: it is looked for again.";
    Situation::new(reason, Stage::Progressing, message)
}

/// A look came too soon after our own write: look again when it counts.
pub(in crate::plan) fn look_again_at(facts: &Facts, moment: Timestamp) -> Step {
    if facts.now >= moment {
        return look(facts.now, Proof::Absence);
    }
    // However a clock stands: once the settle time is over here, it is worth a look.
    let latest = later(facts.now, facts.settings.settle_time);
    Step::Requeue(Requeue {
        with_look: true,
        ..Requeue::new(Situation::unchanged()).until(moment.min(latest))
    })
}

/// The cloud holds the spec.
pub(in crate::plan) fn available(facts: &Facts, desired: &Desired, held: SpecHeld) -> Situation {
    let mut message = "The cloud holds this spec.".to_owned();
    if desired.content.url.is_none() {
        message.push_str(" No notifyCallbackURL is given, so nobody is notified.");
    }
    let keeps_key = SentKey::of(facts.status.sent.as_ref()) != SentKey::Never;
    if keeps_key && !desired.wants_key {
        message.push_str(
            " The sign key that was sent before may stay at the cloud: no call is known to clear one, and none shows it. To be rid of it for sure, delete this object and create it anew.",
        );
    }
    Situation::new(Reason::Available, Stage::Ready(held), message)
}

/// The row is ours, and what else lies at its place has to be judged before the object can be ready.
pub(in crate::plan) fn beside_others(row: &Row) -> Situation {
    Situation::new(
        Reason::Creating,
        Stage::Progressing,
        format!(
            "The callback {} is ours; another one lies at the same place, and whose that is comes next.",
            row.id
        ),
    )
}

/// The cloud keeps other values than we sent.
pub(in crate::plan) fn normalized(row: &Row, desired: &Desired, held: SpecHeld) -> Situation {
    let mut fields = difference::describe(&difference::between(&row.reported(), &desired.content));
    if row.place != desired.place {
        let place = format!("place: {} at the cloud, {} here", row.place, desired.place);
        fields = if fields.is_empty() {
            place
        } else {
            format!("{place}; {fields}")
        };
    }
    Situation::new(
        Reason::Normalized,
        Stage::Ready(held),
        format!(
            "The cloud accepted this spec and keeps it in other words ({fields}). That is not repaired."
        ),
    )
}

/// Settled, by what was seen, unless something else keeps rewriting it.
fn settled(facts: &Facts, situation: Situation, remote: Option<&Row>) -> Step {
    let again = next_recheck(facts)
        .into_iter()
        .chain(contention::end(facts));
    let situation = contention::unless_contended(facts, situation);
    let rest = Requeue::new(situation).with_row(remote);
    Step::Requeue(rest.until(again.min()))
}
