//! The decision for an object that is managed and not being deleted.

use jiff::{SignedDuration, Timestamp};

use super::{
    conditions,
    content::{Content, Partial},
    decide::{Look, Proof, Rest, Step, rest},
    difference,
    facts::{Access, Adoption, Desired, Facts, Key, Observed, Rival, later, shifted},
    failure::Failure,
    hold,
    ledger::{self, Outcome},
    outcome,
    place::Target,
    reason::Reason,
    record::Record,
    row::Row,
    situation::{Situation, Stage},
    unknown,
};

/// How old a look may be that a create relies on.
pub const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// The next step: gates first, then what the record and the status know, then what a look shows.
pub(super) fn decide(facts: &Facts, desired: &Desired) -> Step {
    if let Some(failure) = &facts.blind
        && is_settled(facts, desired)
    {
        match facts.access {
            Access::Unread => return Step::Access,
            Access::Usable(_) | Access::Unknown(_) => return Step::Unseen(failure.clone()),
            Access::Unusable(..) | Access::Ambiguous(_) => {}
        }
    }
    let target = match gate(facts, desired) {
        Ok(target) => target,
        Err(step) => return *step,
    };
    if let Some(step) = key_gate(facts, desired) {
        return step;
    }
    if let Some(next) = backoff(facts) {
        return until(next);
    }
    if let Some(record) = facts.open_record() {
        return unknown::decide(facts, desired, record);
    }
    match facts.id() {
        Some(id) => hold::decide(facts, desired, target, id),
        None => first(facts, desired),
    }
}

/// Where to call, if this object may call the cloud now; else the step that tells why not.
fn gate<'a>(facts: &'a Facts, desired: &Desired) -> Result<&'a Target, Box<Step>> {
    let settled = is_settled(facts, desired);
    let target = match &facts.access {
        Access::Usable(target) => target,
        Access::Unread if settled && !facts.nudged => {
            return Err(Box::new(hold::by_memory(facts, desired)));
        }
        Access::Unread => return Err(Box::new(Step::Access)),
        Access::Unusable(Reason::CredentialsMissing, _)
        | Access::Ambiguous(_)
        | Access::Unknown(_)
            if settled =>
        {
            return Err(Box::new(hold::by_memory(facts, desired)));
        }
        Access::Unusable(reason, message) => {
            return Err(Box::new(rest(unusable(*reason, message))));
        }
        Access::Ambiguous(sentence) => return Err(Box::new(ambiguous(facts, sentence))),
        Access::Unknown(failure) => return Err(Box::new(no_access(facts, failure))),
    };
    if let Some(home) = home(facts)
        && !home.same_project(target)
    {
        return Err(Box::new(rest(target_changed(&home, target))));
    }
    if let Some(rival) = &facts.rival {
        return Err(Box::new(duplicate(facts, rival)));
    }
    Ok(target)
}

/// Another object owns the place: told at once, and once more when it has lasted.
fn duplicate(facts: &Facts, rival: &Rival) -> Step {
    let young_until = conditions::young_until(facts, Reason::Duplicate);
    let next = later(facts.now, facts.settings.settle_time);
    let again = Some(young_until).filter(|until| *until > facts.now);
    Step::Rest(Rest {
        situation: Situation::duplicate(facts, rival, young_until),
        remote: None,
        again: again.or(rival.unproven.then_some(next)),
        look_again: false,
    })
}

/// What the sign key forbids, if anything.
fn key_gate(facts: &Facts, desired: &Desired) -> Option<Step> {
    match &facts.key {
        Key::Unread => Some(Step::Access),
        Key::Missing(_) if is_settled(facts, desired) => Some(hold::by_memory(facts, desired)),
        Key::Missing(problem) => Some(rest(Situation::new(
            Reason::SignKeyMissing,
            Stage::Progressing,
            problem,
        ))),
        Key::Invalid(problem) => Some(rest(Situation::new(
            Reason::SignKeyInvalid,
            Stage::Stalled,
            problem,
        ))),
        Key::Unwanted | Key::Digest(_) => None,
    }
}

/// The credentials can't be used.
pub(super) fn unusable(reason: Reason, message: &str) -> Situation {
    let stage = if reason == Reason::CredentialsMissing {
        Stage::Progressing
    } else {
        Stage::Stalled
    };
    Situation::new(reason, stage, message)
}

/// Nobody can tell the project: asked again like a rejected call.
pub(super) fn ambiguous(facts: &Facts, sentence: &str) -> Step {
    if let Some(next) = backoff(facts) {
        return until(next);
    }
    let situation = unusable(Reason::CredentialsMissing, sentence).at(outcome::next_look(facts));
    rest(if facts.object.deleting {
        situation.with_way_out(facts)
    } else {
        situation
    })
}

/// It could not be found out where to call, or as whom.
pub(super) fn no_access(facts: &Facts, failure: &Failure) -> Step {
    backoff(facts).map_or_else(|| Step::Failed(failure.clone()), until)
}

/// Nothing to do before a backoff ends.
pub(super) fn until(next: Timestamp) -> Step {
    Step::Rest(Rest {
        situation: Situation::unchanged(),
        remote: None,
        again: Some(next),
        look_again: false,
    })
}

/// The object's callback lives somewhere else than spec and credentials say.
pub(super) fn target_changed(home: &Target, target: &Target) -> Situation {
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

/// Where this object's callback is, or may be.
pub(super) fn home(facts: &Facts) -> Option<Target> {
    let recorded = facts
        .status
        .target
        .as_ref()
        .filter(|_| facts.id().is_some());
    recorded
        .map(|t| Target {
            region: t.region.clone(),
            project_id: t.project_id.clone(),
            endpoint: t.endpoint.clone(),
        })
        .or_else(|| {
            facts
                .claiming_record()
                .map(|record| (&record.target).into())
        })
}

/// When a running backoff ends, unless something changed or somebody asked. An object that never failed only told when its
/// turn in the queue comes.
pub(super) fn backoff(facts: &Facts) -> Option<Timestamp> {
    let failed = facts.status.failures.is_some_and(|failures| failures > 0);
    let next = facts.status.next_attempt_time.filter(|_| failed)?;
    let waits_for_look = facts.open_record().is_some()
        && facts
            .status
            .last_operation
            .as_ref()
            .and_then(ledger::outcome)
            == Some(Outcome::Unknown);
    let changed = facts.nudged
        || facts.unanswered().is_some()
        || facts.status.observed_generation != Some(facts.object.generation);
    let holds = !changed && !waits_for_look && !facts.queued && !hold::is_judged_anew(facts);
    (next > facts.now && holds).then_some(next)
}

/// No id and nothing open: the first create, or the next one after a rejection.
fn first(facts: &Facts, desired: &Desired) -> Step {
    if let Some(row) = ours(facts) {
        return Step::Claim(row.clone());
    }
    // What was seen in the way may have gone: a conflict is over only by a look of its own.
    let in_the_way = conditions::has_reason(&facts.status, Reason::Conflict);
    let asked = facts.unanswered().is_some() || in_the_way;
    let age = if asked { SignedDuration::ZERO } else { FRESH };
    let not_before = shifted(facts.now, -age);
    match &facts.observed {
        Observed::Unknown(failure) => Step::Failed(failure.clone()),
        seen if !seen.since(not_before) => look(not_before, Proof::Absence),
        Observed::Absent { proven: true, .. } => Step::Create,
        Observed::Present { row, .. } => foreign(facts, desired, row),
        Observed::Several { rows, .. } => several(facts, rows),
        Observed::Unasked | Observed::Absent { .. } => look(not_before, Proof::Absence),
    }
}

/// A row lies at our place that is not ours: the policy decides.
pub(super) fn foreign(facts: &Facts, desired: &Desired, row: &Row) -> Step {
    let held_elsewhere = facts.claimed_elsewhere.contains(&row.id);
    let identical = row.holds(&desired.content);
    match desired.adoption {
        _ if held_elsewhere => conflict(
            facts,
            row,
            "another RecordingCallback's status holds its id",
        ),
        Adoption::Always => Step::Adopt(row.clone()),
        Adoption::IfIdentical if identical => Step::Adopt(row.clone()),
        Adoption::IfIdentical => {
            let fields = difference::sentence(&difference::of(&row.content, &desired.content));
            conflict(
                facts,
                row,
                &format!(
                    "it differs from the spec ({fields}); adoptionPolicy: Always would take it over and change it"
                ),
            )
        }
        Adoption::Never => conflict(
            facts,
            row,
            "adoptionPolicy is Never; IfIdentical or Always would take it over",
        ),
    }
}

/// The row that is ours: the recorded id, else the oldest that an attempt made.
pub fn ours(facts: &Facts) -> Option<&Row> {
    let rows = facts.observed.rows();
    let recorded = rows
        .iter()
        .find(|row| facts.id() == Some(row.id.as_str()) && facts.is_ours(row));
    recorded.or_else(|| rows.iter().find(|row| facts.is_ours(row)))
}

/// A foreign row that may not be adopted.
fn conflict(facts: &Facts, row: &Row, why: &str) -> Step {
    stuck(
        facts,
        format!(
            "The callback {} holds this domain and app and is not ours: {why}. Delete it at the cloud, or change the policy.",
            row.id
        ),
    )
}

/// Several rows, none of which may be touched.
pub(super) fn several(facts: &Facts, rows: &[Row]) -> Step {
    const TOLD: usize = 10;
    let ids = rows.iter().map(|row| row.id.as_str()).take(TOLD);
    let ids: Vec<&str> = ids
        .chain((rows.len() > TOLD).then_some("and more"))
        .collect();
    stuck(
        facts,
        format!(
            "Several callbacks hold this domain and app: {}. Delete all but one at the cloud.",
            ids.join(", ")
        ),
    )
}

/// A conflict, looked at again like a rejection.
pub(super) fn stuck(facts: &Facts, message: String) -> Step {
    rest(Situation::new(Reason::Conflict, Stage::Stalled, message).at(outcome::next_look(facts)))
}

/// Whether the status says that the cloud holds the spec, and nothing asks to look again: no credential is needed to go on.
pub(super) fn is_settled(facts: &Facts, desired: &Desired) -> bool {
    facts.id().is_some()
        && facts.open_record().is_none()
        && is_as_sent(facts, desired)
        && hold::is_remembered(facts, desired)
        && facts.unanswered().is_none()
        && !facts.look_due
        && facts.observed == Observed::Unasked
        && !must_recheck(facts)
}

/// Whether the spec and the key, as far as it is known, are what was last sent (or seen, when nothing was sent).
pub(super) fn is_as_sent(facts: &Facts, desired: &Desired) -> bool {
    let Some(sent) = &facts.status.sent else {
        let same = facts
            .status
            .remote
            .as_ref()
            .is_some_and(|remote| Partial::from(remote).holds(&desired.content));
        return same && !desired.wants_key;
    };
    let key = match &facts.key {
        Key::Digest(digest) => sent.key_digest.as_deref() == Some(digest),
        Key::Unwanted => true,
        Key::Unread | Key::Missing(_) | Key::Invalid(_) => {
            !desired.wants_key || sent.key_digest.is_some()
        }
    };
    key && Content::from(sent).is_same(&desired.content)
}

/// Whether a closed record with several attempts still has to be looked at, and may be by now.
pub(super) fn must_recheck(facts: &Facts) -> bool {
    let several = facts.record.as_ref().is_some_and(Record::has_several) && !facts.rechecked;
    several && recheck_at(facts).is_none_or(|at| facts.now >= at)
}

/// When a closed record with several attempts may be looked at: the settle time after it was closed.
pub fn recheck_at(facts: &Facts) -> Option<Timestamp> {
    let several = facts.record.as_ref().is_some_and(Record::has_several) && !facts.rechecked;
    let closed = ledger::last_change(&facts.status).filter(|_| several)?;
    Some(later(closed, facts.settings.settle_time))
}

/// A look that begins at or after a moment.
pub(super) fn look(not_before: Timestamp, proof: Proof) -> Step {
    Step::Look(Look { not_before, proof })
}
