//! What is done while the outcome of a create is not known, and before the first one: when to look, and what a look allows.

use std::time::Duration;

use jiff::Timestamp;

use super::given::{FactsChange, at, requeue_of, usable, with};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{CloudAccess, CrdPresence, Facts, Observed, SignKeyState, operation_log};
use crate::plan::outcome;
use crate::plan::step::decide::decide;
use crate::plan::step::open_record::next_look_for;
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Proof, Step, look};
use crate::terms::failure::Class;

/// An object without a callback.
fn without_callback() -> Facts {
    with(&usable(), &|it| {
        it.status.callback_id = None;
        it.status.sent = None;
        it.status.remote = None;
        it.status.target = None;
        it.record = None;
        it.object.has_record = true;
        it.dependency_changed = true;
    })
}

/// An object whose only create was made so many seconds ago, and whose outcome is not known.
fn opened(ago: i64) -> Facts {
    let mut facts = without_callback();
    facts.dependency_changed = false;
    let attempt = Attempt::new("newest".to_owned(), at(&facts, -ago), &content(0), None);
    facts.record = Some(Record::new("uid", &settled().2, attempt));
    facts.record_first_seen = at(&facts, -ago);
    facts
}

/// It is told.
fn tell(facts: &mut Facts) {
    let entry = operation_log::failure_entry(&failure(Class::CloudDown), facts.now, 1);
    operation_log::record_change(&mut facts.status, entry);
    Reason::OutcomeUnknown
        .as_str()
        .clone_into(&mut facts.status.conditions[0].reason);
}

fn seen(facts: &mut Facts, ago: i64, rows: Vec<Row>, proven: bool) {
    facts.observed = Observed::seen(at(facts, -ago), rows, proven);
}

pub(super) fn foreign() -> Row {
    let mut row = settled().1;
    "foreign".clone_into(&mut row.id);
    row.content.url = content(3).url.map(Into::into);
    row
}

#[test]
fn the_first_look_for_a_create_comes_a_second_after_it() {
    let look_now = |facts: &Facts| look(facts.now, Proof::Absence);
    let facts = with(&opened(0), &tell);
    let rest = requeue_of(decide(&facts));
    assert_eq!(rest.again, Some(at(&facts, 1)));
    assert_eq!(
        rest.situation.stage,
        Stage::AsItWas,
        "the failure stays told"
    );
    let untold = opened(0);
    assert_eq!(decide(&untold), look_now(&untold));
    let throttled = |it: &mut Facts| "RateLimited".clone_into(&mut it.status.conditions[0].reason);
    let rest = requeue_of(decide(&with(&opened(0), &throttled)));
    assert_eq!(
        rest.situation.reason,
        Reason::OutcomeUnknown,
        "another call failed"
    );
    assert_eq!(rest.situation.next, Some(at(&facts, 30)));
    for change in [
        (&|it: &mut Facts| it.object.requested = Some("now".to_owned())) as FactsChange<'_>,
        &|it| it.now = at(it, 1),
    ] {
        let facts = with(&facts, change);
        assert_eq!(decide(&facts), look_now(&facts));
    }
    let ahead = with(&facts, &|it| {
        it.now = at(it, -100);
        it.record_first_seen = it.now;
    });
    assert_eq!(requeue_of(decide(&ahead)).again, Some(at(&ahead, 1)));
}

#[test]
fn a_create_is_made_anew_only_after_a_look_from_the_settle_time_on() {
    let step = |ago: i64, begun: i64, proven: bool, change: FactsChange<'_>| {
        let facts = with(&opened(ago), &|it| {
            seen(it, begun, Vec::new(), proven);
            change(it);
        });
        let settled_at = at(&facts, 30 - ago);
        (decide(&facts), settled_at, facts)
    };
    assert_eq!(step(60, 30, true, &|_| {}).0, Step::Create);
    let (again, settled_at, _) = step(60, 31, true, &|_| {});
    assert_eq!(again, look(settled_at, Proof::Absence));
    let (again, settled_at, _) = step(30, 1, true, &|_| {});
    assert_eq!(again, look(settled_at, Proof::Absence));
    let (unproven, settled_at, facts) = step(60, 30, false, &|_| {});
    let rest = requeue_of(unproven);
    let settled = later(settled_at, Duration::from_millis(1));
    assert_eq!(
        (rest.situation.reason, rest.again),
        (Reason::OutcomeUnknown, Some(settled))
    );
    assert!(settled < facts.now);

    // Before that it is looked for now and then, at the latest when it is over.
    for (ago, wait) in [(1, 1), (5, 5), (14, 14)] {
        let (early, _, facts) = step(ago, 0, true, &|_| {});
        assert_eq!(requeue_of(early).again, Some(at(&facts, wait)), "{ago}");
    }
    let (early, settled_at, _) = step(20, 0, true, &|_| {});
    assert_eq!(
        requeue_of(early).again,
        Some(later(settled_at, Duration::from_millis(1)))
    );

    // A backoff holds, looks or not.
    let failed = |it: &mut Facts| {
        tell(it);
        it.status.observed_generation = Some(it.object.generation);
        it.status.failures = Some(3);
        it.next_attempt = Some(at(it, 20));
    };
    let (waits, _, facts) = step(60, 30, true, &failed);
    assert_eq!(requeue_of(waits).again, Some(at(&facts, 20)));
}

#[test]
fn what_lies_there_is_judged_once_nothing_more_can_come() {
    let reason = |begun: i64, rows: Vec<Row>| {
        let facts = with(&opened(60), &|it| seen(it, begun, rows.clone(), true));
        let step = decide(&facts);
        if matches!(step, Step::Look(_)) {
            return None;
        }
        Some(requeue_of(step).situation.reason)
    };
    let mut second = foreign();
    "second".clone_into(&mut second.id);
    for rows in [vec![foreign()], vec![foreign(), second]] {
        assert_eq!(reason(30, rows.clone()), Some(Reason::Conflict));
        assert_eq!(reason(31, rows), None);
    }
    let ours = Row {
        create_time: None,
        ..settled().1
    };
    let claimed = with(&opened(1), &|it| {
        seen(it, 0, vec![foreign(), ours.clone()], true);
    });
    assert_eq!(decide(&claimed), Step::Claim(ours.clone()));
    let down = failure(Class::CloudDown);
    let failed = with(&opened(60), &|it| {
        it.observed = Observed::Unknown(down.clone());
    });
    assert_eq!(decide(&failed), Step::ReportFailure(down));
}

#[test]
fn the_first_create_needs_a_look_of_the_last_minute() {
    let facts = without_callback();
    let step = |ago: i64, proven: bool, change: FactsChange<'_>| {
        decide(&with(&facts, &|it| {
            seen(it, ago, Vec::new(), proven);
            change(it);
        }))
    };
    let minute_ago = look(at(&facts, -60), Proof::Absence);
    assert_eq!(decide(&facts), minute_ago);
    assert_eq!(step(60, true, &|_| {}), Step::Create);
    assert_eq!(step(61, true, &|_| {}), minute_ago);
    assert_eq!(step(60, false, &|_| {}), minute_ago);
    // Whoever asks, or waits for what lies in the way to go, has a look of its own.
    let now = look(facts.now, Proof::Absence);
    let asks: [FactsChange<'_>; 2] = [&|it| it.object.requested = Some("now".to_owned()), &|it| {
        "Conflict".clone_into(&mut it.status.conditions[0].reason);
    }];
    for ask in asks {
        assert_eq!(step(1, true, ask), now);
        assert_eq!(step(0, true, ask), Step::Create);
    }
}

#[test]
fn without_a_key_nothing_is_written_and_what_has_one_is_looked_at() {
    let missing = |it: &mut Facts| {
        it.desired.as_mut().unwrap().wants_key = true;
        it.key = SignKeyState::Missing("no such Secret".to_owned());
    };
    let reason = |facts: &Facts| requeue_of(decide(facts)).situation.reason;
    assert_eq!(
        reason(&with(&without_callback(), &missing)),
        Reason::SignKeyMissing
    );
    let invalid = |it: &mut Facts| it.key = SignKeyState::Invalid("too short".to_owned());
    assert_eq!(
        reason(&with(&without_callback(), &invalid)),
        Reason::SignKeyInvalid
    );

    let keyed = with(&usable(), &|it| {
        it.dependency_changed = true;
        missing(it);
        it.status.sent.as_mut().unwrap().key_digest = Some("digest".to_owned());
    });
    assert_eq!(reason(&keyed), Reason::Available);
    let mut drifted = settled().1;
    drifted.content.url = content(3).url.map(Into::into);
    let drifted = with(&keyed, &|it| {
        it.last_write = Some(at(it, -100));
        seen(it, 0, vec![drifted.clone()], true);
    });
    assert_eq!(
        reason(&drifted),
        Reason::SignKeyMissing,
        "an update would lose it"
    );
}

#[test]
fn what_is_settled_needs_no_access_and_tells_sweeps_that_fail() {
    let facts = with(&usable(), &|it| it.dependency_changed = false);
    let step = |access: &CloudAccess, change: FactsChange<'_>| {
        decide(&with(&facts, &|it| {
            it.access = access.clone();
            change(it);
        }))
    };
    let down = failure(Class::CloudDown);
    let missing = CloudAccess::Unusable(Reason::CredentialsMissing, "gone".to_owned());
    let forbidden = CloudAccess::Unusable(Reason::EndpointNotAllowed, "no".to_owned());
    let ambiguous = CloudAccess::Ambiguous("which?".to_owned());
    let unknown = CloudAccess::Unknown(down.clone());
    let reason = |step: Step| requeue_of(step).situation.reason;
    let edited = |it: &mut Facts| it.object.generation += 1;
    for access in [&CloudAccess::Unread, &missing, &ambiguous, &unknown] {
        assert_eq!(reason(step(access, &|_| {})), Reason::Available);
    }
    assert_eq!(
        reason(step(&forbidden, &|_| {})),
        Reason::EndpointNotAllowed
    );
    assert_eq!(step(&CloudAccess::Unread, &edited), Step::ReadSecrets);
    assert_eq!(
        step(&CloudAccess::Unread, &|it| it.dependency_changed = true),
        Step::ReadSecrets
    );
    assert_eq!(reason(step(&missing, &edited)), Reason::CredentialsMissing);
    assert_eq!(
        reason(step(&ambiguous, &edited)),
        Reason::CredentialsMissing
    );
    assert_eq!(step(&unknown, &edited), Step::ReportFailure(down.clone()));

    let unseen = |it: &mut Facts| it.sweep_failure = Some(failure(Class::Permission));
    let told = Step::ReportSweepFailure(failure(Class::Permission));
    assert_eq!(step(&CloudAccess::Unread, &unseen), Step::ReadSecrets);
    assert_eq!(step(&facts.access, &unseen), told);
    assert_eq!(step(&unknown, &unseen), told);
    assert_eq!(reason(step(&ambiguous, &unseen)), Reason::Available);
    assert_eq!(
        reason(step(&forbidden, &unseen)),
        Reason::EndpointNotAllowed
    );
    let unsettled = |it: &mut Facts| {
        unseen(it);
        it.look_due = true;
    };
    assert_eq!(
        step(&facts.access, &unsettled),
        look(facts.now, Proof::Presence)
    );

    let unlisted = |it: &mut Facts| {
        it.knows_all = false;
        "Duplicate".clone_into(&mut it.status.conditions[0].reason);
    };
    assert_eq!(reason(step(&facts.access, &unlisted)), Reason::Duplicate);
    assert_eq!(
        reason(step(&facts.access, &|it| it.knows_all = false)),
        Reason::Available
    );
}

#[test]
fn a_delete_looks_once_more_when_what_a_create_made_must_show() {
    let going = |begun: i64| {
        with(&opened(60), &|it| {
            it.object.deleting = true;
            it.crd = CrdPresence::Stays;
            seen(it, begun, Vec::new(), true);
        })
    };
    assert_eq!(decide(&going(30)), Step::Release { retained: None });
    let early = going(31);
    assert_eq!(decide(&early), look(early.now, Proof::Absence));
}

/// An object whose recorded callback was thought gone: another URL was posted to its place a second ago, and nobody knows what became of it.
pub(super) fn back_again(ago: i64, rows: fn(Row) -> Vec<Row>) -> Facts {
    let (_, recorded, target) = settled();
    with(&usable(), &|it| {
        let attempt = Attempt::new("newest".to_owned(), at(it, -ago), &content(1), None);
        it.record = Some(Record::new("uid", &target, attempt));
        it.record_first_seen = at(it, -ago);
        it.object.has_record = true;
        seen(it, 0, rows(recorded.clone()), true);
    })
}

#[test]
fn a_recorded_callback_that_is_there_after_all_tells_nothing_of_the_create_beside_it() {
    let early = back_again(2, |recorded| vec![recorded]);
    let rest = requeue_of(decide(&early));
    assert_eq!(rest.situation.reason, Reason::OutcomeUnknown);

    let facts = back_again(40, |recorded| vec![recorded]);
    let (before, recorded) = (facts.status.clone(), settled().1);
    assert_eq!(decide(&facts), Step::Claim(recorded.clone()));
    let (desired, record) = (
        facts.desired.clone().unwrap(),
        facts.record.clone().unwrap(),
    );
    let status = outcome::after_claim(&facts, &desired, &record, &recorded);
    assert_eq!(status.closed_operation.as_deref(), Some("newest"));
    assert_eq!(
        (&status.callback_id, &status.sent, &status.remote),
        (&before.callback_id, &before.sent, &before.remote)
    );
}

#[test]
fn what_the_create_made_beside_a_recorded_callback_goes_while_it_is_known_whose_it_is() {
    let facts = back_again(2, |recorded| {
        let mut made = recorded.clone();
        "made".clone_into(&mut made.id);
        made.content.url = content(1).url.map(Into::into);
        made.create_time = None;
        vec![made, recorded]
    });
    assert_eq!(decide(&facts), Step::ReadCrd);
    let with_crd = |crd: CrdPresence| with(&facts, &|it| it.crd = crd.clone());
    let id = "made".to_owned();
    assert_eq!(decide(&with_crd(CrdPresence::Stays)), Step::Delete { id });
    let unknown = CrdPresence::Unknown("refused".to_owned());
    for (crd, why) in [(CrdPresence::Going, "uninstalled"), (unknown, "refused")] {
        let waits = requeue_of(decide(&with_crd(crd)));
        let Situation {
            reason, message, ..
        } = waits.situation;
        assert_eq!(reason, Reason::Updating);
        assert!(message.contains("made") && message.contains(why));
        assert_eq!(waits.again, Some(later(facts.now, Duration::from_mins(2))));
    }
}

#[test]
fn what_a_create_made_is_looked_for_as_long_after_as_was_waited() {
    let wait = |ago: i64, first_seen: i64| {
        let mut facts = opened(ago);
        facts.record_first_seen = at(&facts, -first_seen);
        let record = facts.record.clone().unwrap();
        let next = next_look_for(&facts, &record, Timestamp::MAX);
        next.duration_since(facts.now).as_secs()
    };
    for (waited, seconds) in [(0, 1), (1, 1), (2, 2), (64, 64), (120, 120), (121, 120)] {
        assert_eq!(wait(waited, 300), seconds);
        // A record from the future counts from when it was first seen.
        assert_eq!(wait(-300, waited), seconds);
    }
    for end in [Timestamp::MIN, Timestamp::MAX] {
        let mut facts = opened(0);
        (facts.now, facts.record_first_seen) = (end, end);
        let mut record = facts.record.clone().unwrap();
        record.attempts[0].at = end;
        assert!(next_look_for(&facts, &record, end) >= end);
    }
}
