//! What becomes of a settled object when the cloud's row changes, or nobody can look at it any more.

use std::time::Duration;

use super::world::{EffectFate, PlanWorld};
use crate::plan::facts::conditions;
use crate::plan::facts::operation_log;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{CloudAccess, Facts, GetResult, Observed, Rewrites, SignKeyState};
use crate::plan::outcome;
use crate::plan::step::decide::decide;
use crate::plan::step::{Requeue, Step};
use crate::terms::failure::{Class, Failure, Operation};

/// A settled object, long after its create, and its row.
fn settled() -> (PlanWorld, Row) {
    let mut world = PlanWorld::new();
    world.run(3600);
    let row = world.rows.first().unwrap().row.clone();
    (world, row)
}

/// The facts when a sweep shows this row.
fn swept(world: &mut PlanWorld, row: &Row) -> Facts {
    let mut facts = world.facts();
    facts.observed = Observed::seen(facts.now, vec![row.clone()], false);
    facts.access = CloudAccess::Usable(world.target());
    facts.key = SignKeyState::Unwanted;
    facts
}

/// The row with another URL.
fn saying(url: &str, row: &Row) -> Row {
    let mut row = row.clone();
    row.content.url = Some(url.to_owned().into());
    row
}

fn rewritten(row: &Row) -> Row {
    saying("https://elsewhere.example.com/", row)
}

fn rest(facts: &Facts) -> Requeue {
    let step = decide(facts);
    let Step::Requeue(rest) = step else {
        panic!("{step:?}");
    };
    rest
}

fn failure(class: Class) -> Failure {
    Failure {
        operation: Operation::List,
        class,
        http_status: Some(401),
        code: Some("LIVE.100011003".to_owned()),
        message: "no permission".to_owned(),
        request_id: None,
        retry_after: None,
        had_no_room: false,
        before_sending: false,
    }
}

#[test]
fn the_first_rewrite_is_repaired_and_the_second_within_an_hour_is_a_contest() {
    let (mut world, row) = settled();
    let mut facts = swept(&mut world, &rewritten(&row));
    assert!(matches!(
        decide(&facts),
        Step::Update { drift: Some(_), .. }
    ));

    let repaired = facts.now - Duration::from_mins(1);
    facts.rewrites = Rewrites {
        count: 1,
        repaired: Some(repaired),
    };
    let requeue = rest(&facts);
    assert_eq!(
        requeue.again,
        Some(later(repaired, Duration::from_mins(10)))
    );
    let status = outcome::after_requeue(&facts, &requeue);
    assert_eq!(conditions::ready(&status).unwrap().reason, "Contended");

    // The foreign values are never taken for what the cloud made of ours.
    facts.status = status;
    assert_eq!(outcome::after_requeue(&facts, &rest(&facts)), facts.status);
    facts.now = later(repaired, Duration::from_mins(11));
    assert!(matches!(
        decide(&facts),
        Step::Update { drift: Some(_), .. }
    ));
}

#[test]
fn a_callback_that_no_list_shows_is_gone_only_when_a_get_says_so() {
    let (mut world, row) = settled();
    let mut facts = swept(&mut world, &row);
    facts.observed = Observed::seen(facts.now, Vec::new(), true);
    assert_eq!(decide(&facts), Step::GetById);

    facts.get_result = GetResult::Unknown(failure(Class::CloudDown));
    assert!(matches!(decide(&facts), Step::ReportFailure(_)));
    facts.get_result = GetResult::Row(row);
    let status = outcome::after_requeue(&facts, &rest(&facts));
    assert_eq!(conditions::ready(&status).unwrap().reason, "Available");
    facts.get_result = GetResult::Gone;
    assert_eq!(decide(&facts), Step::Create);

    // Nor does it count what a list lacks that may be cut, or was begun before our own write can show.
    facts.get_result = GetResult::Unasked;
    facts.observed = Observed::seen(facts.now, Vec::new(), false);
    assert!(matches!(decide(&facts), Step::Look(_)));
    let early = operation_log::last_write(&facts.status).unwrap();
    facts.observed = Observed::seen(early, Vec::new(), true);
    assert!(matches!(decide(&facts), Step::Look(_)));
}

#[test]
fn a_contest_is_kept_to_after_a_restart_and_ends_an_hour_after_the_last_rewrite() {
    let (mut world, row) = settled();
    let mut facts = swept(&mut world, &rewritten(&row));
    facts.rewrites = Rewrites {
        count: 1,
        repaired: Some(facts.now),
    };
    let ours = facts.now;
    facts.last_write = Some(ours);
    facts.now = later(ours, Duration::from_mins(1));
    facts.observed = Observed::seen(facts.now, vec![rewritten(&row)], false);
    facts.status = outcome::after_requeue(&facts, &rest(&facts));

    facts.rewrites = Rewrites::default();
    assert_eq!(outcome::after_requeue(&facts, &rest(&facts)), facts.status);

    // Somebody else brings it back: that is no end of it.
    facts.now = later(ours, Duration::from_mins(5));
    facts.observed = Observed::seen(facts.now, vec![row.clone()], false);
    let kept = rest(&facts);
    facts.status = outcome::after_requeue(&facts, &kept);
    let end = later(ours, Duration::from_hours(1));
    assert_eq!(kept.again, Some(end));
    assert_eq!(
        conditions::ready(&facts.status).unwrap().reason,
        "Contended"
    );
    facts.now = end;
    facts.observed = Observed::seen(facts.now, vec![row], false);
    assert!(conditions::is_ready(&outcome::after_requeue(
        &facts,
        &rest(&facts)
    )));
}

#[test]
fn a_requested_look_and_an_edit_repair_a_contested_row_at_once() {
    let (mut world, row) = settled();
    let mut facts = swept(&mut world, &rewritten(&row));
    facts.rewrites = Rewrites {
        count: 5,
        repaired: Some(facts.now),
    };
    let mut asked = facts.clone();
    asked.object.requested = Some("now".to_owned());
    assert!(matches!(
        decide(&asked),
        Step::Update { drift: Some(_), .. }
    ));
    facts.object.generation += 1;
    assert!(matches!(
        decide(&facts),
        Step::Update { drift: Some(_), .. }
    ));
}

/// The facts after a PUT that the cloud answered with 200 and no body.
fn updated_without_answer(mut facts: Facts) -> Facts {
    let receipt = outcome::Receipt {
        http_status: Some(200),
        request_id: None,
        at: facts.now,
    };
    let desired = facts.desired.clone().unwrap();
    facts.status = outcome::after_update(&facts, &desired, None, receipt);
    facts.last_write = operation_log::last_write(&facts.status);
    facts
}

#[test]
fn a_put_that_is_answered_as_done_and_changed_nothing_is_not_believed() {
    let (mut world, row) = settled();
    let before = swept(&mut world, &rewritten(&row));
    assert!(row.update_time.is_some());
    let mut facts = updated_without_answer(before.clone());
    facts.observed = before.observed.clone();
    assert!(rest(&facts).with_look, "a list may lag");
    facts.now = later(facts.now, Duration::from_mins(2));
    facts.observed = Observed::seen(facts.now, before.observed.rows().to_vec(), false);
    let step = decide(&facts);
    let is_told = |drift: &str| drift.contains("changed nothing");
    assert!(
        matches!(&step, Step::Update { drift: Some(drift), .. } if is_told(drift)),
        "{step:?}"
    );
    // Two clocks: it may be that update's.
    let recent = Row {
        update_time: facts.last_write.map(|at| at - Duration::from_secs(50)),
        ..rewritten(&row)
    };
    facts.observed = Observed::seen(facts.now, vec![recent], false);
    assert!(matches!(decide(&facts), Step::Requeue(_)));
}

#[test]
fn a_key_that_was_sent_and_taken_by_no_row_is_sent_again() {
    let (mut world, row) = settled();
    let mut facts = swept(&mut world, &row);
    facts.key = SignKeyState::Digest("present".to_owned());
    facts.desired.as_mut().unwrap().wants_key = true;
    let mut facts = updated_without_answer(facts);
    facts.now = later(facts.now, Duration::from_mins(2));
    let seen = |update_time| Row {
        update_time,
        ..row.clone()
    };
    let written = operation_log::last_write(&facts.status);
    facts.observed = Observed::seen(facts.now, vec![seen(written)], false);
    assert!(matches!(decide(&facts), Step::Requeue(_)));
    facts.observed = Observed::seen(facts.now, vec![row.clone()], false);
    let step = decide(&facts);
    assert!(
        matches!(&step, Step::Update { drift: Some(drift), .. } if drift.contains("its key")),
        "{step:?}"
    );
}

#[test]
fn what_the_cloud_made_of_a_put_without_an_answer_is_not_drift() {
    let (mut world, row) = settled();
    let mut facts = updated_without_answer(swept(&mut world, &rewritten(&row)));
    let written = Row {
        update_time: Some(facts.now),
        ..rewritten(&row)
    };
    facts.observed = Observed::seen(facts.now, vec![written], false);
    assert!(rest(&facts).with_look, "too soon to tell");

    facts.now = later(facts.now, Duration::from_mins(2));
    facts.observed = Observed::seen(facts.now, facts.observed.rows().to_vec(), false);
    facts.status = outcome::after_requeue(&facts, &rest(&facts));
    facts.next_attempt = facts.status.next_attempt_time;
    assert_eq!(
        conditions::ready(&facts.status).unwrap().reason,
        "Normalized"
    );

    let changed = Row {
        update_time: Some(facts.now),
        ..saying("https://third.example.com/", &row)
    };
    facts.observed = Observed::seen(facts.now, vec![changed], false);
    assert!(matches!(
        decide(&facts),
        Step::Update { drift: Some(_), .. }
    ));
}

#[test]
fn sweeps_that_fail_for_the_permission_make_ready_unknown_once() {
    let (mut world, row) = settled();
    let mut facts = swept(&mut world, &row);
    facts.observed = Observed::Unasked;
    facts.sweep_failure = Some(failure(Class::Permission));
    let Step::ReportSweepFailure(failed) = decide(&facts) else {
        panic!("{:?}", decide(&facts));
    };
    facts.status = outcome::after_sweep_failure(&facts, &failed, None);
    let ready = conditions::ready(&facts.status).unwrap();
    assert_eq!(
        (ready.status.as_str(), ready.reason.as_str()),
        ("Unknown", "PermissionDenied")
    );

    // A look of its own that fails in the same way does not make it False, and a sweep that works heals it.
    facts.sweep_failure = None;
    let (after, _) = outcome::after_failure(&facts, &failed, None, facts.now);
    assert_eq!(conditions::ready(&after).unwrap().status, "Unknown");
    facts.status = after;
    facts.observed = Observed::seen(facts.now, vec![row], false);
    assert!(conditions::is_ready(&outcome::after_requeue(
        &facts,
        &rest(&facts)
    )));
}

#[test]
fn a_place_in_the_queue_is_no_backoff() {
    let mut world = PlanWorld::new();
    let mut facts = world.facts();
    facts.access = CloudAccess::Usable(world.target());
    facts.key = SignKeyState::Unwanted;
    facts.status =
        outcome::waiting::while_queued(&facts, later(facts.now, Duration::from_secs(30)));
    facts.queued = true;
    assert!(matches!(decide(&facts), Step::Look(_)));
}

#[test]
fn looks_that_are_refused_for_long_stall_like_changes() {
    let mut world = PlanWorld::new();
    let mut facts = world.facts();
    let refused = failure(Class::Rejected);
    for _ in 0..5 {
        let (status, _) = outcome::after_failure(&facts, &refused, None, facts.now);
        assert!(!status.conditions.iter().any(|c| c.type_ == "Stalled"));
        facts.status = status;
        facts.now = later(facts.now, Duration::from_mins(2));
    }
    let (status, _) = outcome::after_failure(&facts, &refused, None, facts.now);
    assert!(status.conditions.iter().any(|c| c.type_ == "Stalled"));
    let operation = status.last_operation.unwrap();
    assert_eq!(
        (operation.outcome.as_str(), operation.count),
        ("Failed", Some(6))
    );
    assert!(status.operations.is_empty(), "looks are no changes");
}

#[test]
fn what_an_update_may_have_brought_that_was_taken_back_is_written_over() {
    let (mut world, row) = settled();
    world.edit(1);
    world.fates = vec![EffectFate::Lost];
    world.run(1);
    world.edit(0);
    let mut facts = swept(&mut world, &row);
    // The row as a list shows it that may lag tells nothing.
    for observed in [Observed::Unasked, facts.observed.clone()] {
        facts.observed = observed;
        let step = decide(&facts);
        assert!(matches!(step, Step::Update { drift: None, .. }), "{step:?}");
    }
    // Nor does that of a callback that was taken over.
    facts.status.sent = None;
    let step = decide(&facts);
    assert!(matches!(step, Step::Update { drift: None, .. }), "{step:?}");
}

#[test]
fn what_a_lost_update_brings_late_is_our_own_doing() {
    let (mut world, row) = settled();
    let mut facts = swept(&mut world, &row);
    let (given_up, lost) = (facts.now, failure(Class::CloudDown));
    let lost = Failure {
        operation: Operation::Update,
        ..lost
    };
    facts.status = outcome::after_failure(&facts, &lost, None, given_up).0;
    let after = |seconds| later(given_up, Duration::from_secs(seconds));
    facts.now = after(3);
    let mut facts = updated_without_answer(facts);
    facts.now = after(40);
    let step = |facts: &Facts, update_time| {
        let row = Row {
            update_time,
            ..rewritten(&row)
        };
        let observed = Observed::seen(facts.now, vec![row], false);
        decide(&Facts {
            observed,
            ..facts.clone()
        })
    };
    // It is not the cloud's wording either, of which no answer told.
    for in_time in [Some(after(1)), Some(after(10)), Some(after(90)), None] {
        let step = step(&facts, in_time);
        assert!(matches!(step, Step::Update { drift: None, .. }), "{step:?}");
    }
    let is_blamed = |step| matches!(step, Step::Update { drift: Some(_), .. });
    assert!(is_blamed(step(&facts, Some(after(91)))));
    facts.lost_update.rechecked = Some(given_up);
    assert!(is_blamed(step(&facts, Some(after(10)))));
}
