//! What is decided from what holds now, however it came to be: another spec, another account, an answer that a look denies, an id that
//! is another's, a delete in whatever state the object is.

use std::time::Duration;

use super::world::{EffectFate, PlanWorld, process};
use crate::api::status::Status;
use crate::plan::facts::conditions;
use crate::plan::facts::operation_log;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{
    CloudAccess, CrdPresence, Facts, GetResult, Observed, OtherOwner, SignKeyState,
};
use crate::plan::outcome;
use crate::plan::outcome::release;
use crate::plan::step::backoff;
use crate::plan::step::decide::decide;
use crate::plan::step::drift;
use crate::plan::step::{Requeue, Step};
use crate::terms::failure::Class;
use crate::terms::target::Target;

/// The facts of a settled object of which nothing was read yet, and its row.
pub(super) fn settled() -> (Facts, Row, Target) {
    let mut world = PlanWorld::new();
    world.run(3600);
    let row = world.rows.first().unwrap().row.clone();
    let target = world.target();
    (world.facts(), row, target)
}

/// Another spec that wants the same of the cloud.
fn edited(mut facts: Facts) -> Facts {
    facts.object.generation += 1;
    facts
}

fn reason(status: &Status) -> &str {
    &conditions::ready(status).unwrap().reason
}

fn rested(facts: &Facts) -> (Requeue, Status) {
    let Step::Requeue(rest) = decide(facts) else {
        panic!("{:?}", decide(facts));
    };
    let status = outcome::after_requeue(facts, &rest);
    (rest, status)
}

#[test]
fn nothing_is_said_of_another_spec_before_its_credentials_and_its_key_are_read() {
    let (facts, _, target) = settled();
    assert!(matches!(decide(&facts), Step::Requeue(_)));
    let mut facts = edited(facts);
    assert_eq!(decide(&facts), Step::ReadSecrets);

    facts.access = CloudAccess::Usable(target.clone());
    facts.key = SignKeyState::Missing("no such Secret".to_owned());
    assert_eq!(reason(&rested(&facts).1), "SignKeyMissing");
    facts.key = SignKeyState::Unwanted;
    facts.access = CloudAccess::Usable(Target {
        project_id: "another".to_owned(),
        ..target
    });
    assert_eq!(reason(&rested(&facts).1), "TargetChanged");
}

#[test]
fn a_key_is_sent_anew_where_an_earlier_process_may_have_sent_another_for_this_spec() {
    let (facts, _, target) = settled();
    let mut facts = edited(facts);
    facts.access = CloudAccess::Usable(target);
    facts.desired.as_mut().unwrap().wants_key = true;
    facts.key = SignKeyState::Digest("present".to_owned());
    facts.status.sent.as_mut().unwrap().key_digest = Some("present".to_owned());
    assert!(matches!(decide(&facts), Step::Requeue(_)), "it is as sent");
    facts.key_in_doubt = true;
    assert!(matches!(decide(&facts), Step::Update { drift: None, .. }));
}

#[test]
fn an_account_that_has_not_seen_the_place_is_asked_once() {
    let (facts, row, target) = settled();
    let mut facts = edited(facts);
    facts.access = CloudAccess::Usable(target);
    facts.key = SignKeyState::Unwanted;
    assert!(matches!(decide(&facts), Step::Requeue(_)), "it has seen it");
    facts.account_has_seen = false;
    assert!(matches!(decide(&facts), Step::Look(_)));

    // A look that fails is no look, and Ready is not said of the new spec.
    let failure = process::failure(Class::CloudDown);
    let failed = crate::terms::failure::Failure {
        operation: crate::terms::failure::Operation::List,
        ..failure
    };
    let (status, _) = outcome::after_failure(&facts, &failed, None, facts.now);
    assert_eq!(reason(&status), "CloudUnavailable");
    facts.observed = Observed::seen(facts.now, vec![row], false);
    assert_eq!(reason(&rested(&facts).1), "Available");
}

#[test]
fn looks_that_fail_wait_ever_longer_and_leave_what_is_settled_as_it_was() {
    let (mut facts, _, target) = settled();
    facts.access = CloudAccess::Usable(target);
    facts.key = SignKeyState::Unwanted;
    let failure = |http_status| crate::terms::failure::Failure {
        operation: crate::terms::failure::Operation::List,
        http_status,
        ..process::failure(Class::CloudDown)
    };
    let mut least = Duration::from_secs(2);
    for http_status in [
        Some(503),
        None,
        Some(503),
        Some(500),
        None,
        None,
        None,
        None,
    ] {
        let (status, again) =
            outcome::after_failure(&facts, &failure(http_status), None, facts.now);
        assert!(again >= later(facts.now, least), "{again}");
        assert!(again <= later(facts.now, least * 6 / 5), "{again}");
        assert_eq!(status.conditions, facts.status.conditions);
        assert_eq!(status.failures, facts.status.failures);
        least = (least * 2).min(Duration::from_mins(2));
        (facts.status, facts.now) = (status, again);
    }
    let status =
        outcome::waiting::while_exhausted(&facts, later(facts.now, Duration::from_mins(1)));
    assert_eq!(status, facts.status);
    // A change that fails is another story.
    let change = process::failure(Class::CloudDown);
    let (status, _) = outcome::after_failure(&facts, &change, None, facts.now);
    assert_eq!(status.failures, Some(1));
}

#[test]
fn who_calls_for_nothing_that_could_fail_forgets_its_failures() {
    let (mut facts, _, target) = settled();
    facts.access = CloudAccess::Usable(target);
    facts.key = SignKeyState::Unwanted;
    facts.status.failures = Some(7);
    let mut suspended = facts.clone();
    suspended.policies.suspend = true;
    assert_eq!(rested(&suspended).1.failures, Some(0));
    let mut observed = facts.clone();
    observed.policies.observe = true;
    observed.object.finalizer = false;
    observed.observed = Observed::seen(facts.now, Vec::new(), true);
    let (_, status) = rested(&observed);
    assert_eq!((reason(&status), status.failures), ("ObserveOnly", Some(0)));
    facts.dependency_changed = true;
    facts.other_owner = Some(OtherOwner {
        name: "media/owner".to_owned(),
        id: None,
        deleting: false,
        unproven: false,
        creating: false,
        afar: false,
    });
    let (_, status) = rested(&facts);
    assert_eq!((reason(&status), status.failures), ("Duplicate", Some(0)));
}

#[test]
fn what_was_only_looked_at_is_read_before_it_is_available() {
    let (mut facts, _, target) = settled();
    for condition in &mut facts.status.conditions {
        "ObserveOnly".clone_into(&mut condition.reason);
    }
    assert_eq!(decide(&facts), Step::ReadSecrets);
    facts.access = CloudAccess::Usable(target);
    facts.key = SignKeyState::Missing("no such Secret".to_owned());
    assert_eq!(reason(&rested(&facts).1), "SignKeyMissing");
}

#[test]
fn a_change_that_a_look_denies_is_a_failure() {
    let (mut facts, row, target) = settled();
    facts.access = CloudAccess::Usable(target);
    facts.key = SignKeyState::Unwanted;
    let failure = process::update_of_gone();
    facts.not_found = Some(failure.clone());
    assert!(matches!(decide(&facts), Step::Look(_)));
    facts.observed = Observed::seen(facts.now, vec![row], true);
    assert_eq!(decide(&facts), Step::ReportFailure(failure.clone()));
    let (status, again) = outcome::after_failure(&facts, &failure, None, facts.now);
    assert_eq!(reason(&status), "RequestRejected");
    assert!(again >= later(facts.now, Duration::from_secs(5)));
    facts.observed = Observed::seen(facts.now, Vec::new(), true);
    assert_eq!(decide(&facts), Step::GetById);
    facts.get_result = GetResult::Row(settled().1);
    assert_eq!(decide(&facts), Step::ReportFailure(failure.clone()));
    facts.get_result = GetResult::Gone;
    assert_eq!(decide(&facts), Step::Create);
}

#[test]
fn a_duplicate_forgets_an_id_that_the_owner_holds() {
    let (mut facts, row, target) = settled();
    facts.access = CloudAccess::Usable(target);
    facts.key = SignKeyState::Unwanted;
    facts.dependency_changed = true;
    facts.other_owner = Some(OtherOwner {
        name: "media/owner".to_owned(),
        id: None,
        deleting: false,
        unproven: false,
        creating: false,
        afar: false,
    });
    facts.claimed_elsewhere.insert(row.id.clone());
    let status = rested(&facts).1;
    assert_eq!(reason(&status), "Duplicate", "a third one holds the id");
    facts.other_owner.as_mut().unwrap().id = Some(row.id.clone());
    let forget = Step::Disown {
        id: row.id,
        owner: "media/owner".to_owned(),
    };
    assert_eq!(decide(&facts), forget);
    facts.status = release::after_disown(&facts);
    assert_eq!(facts.status.callback_id, None);
    assert_eq!(reason(&rested(&facts).1), "Duplicate");
}

#[test]
fn the_crd_decides_before_every_delete_in_whatever_state_it_waits() {
    let (mut facts, row, target) = settled();
    facts.object.deleting = true;
    let elsewhere = Target {
        region: "eu-west-101".to_owned(),
        ..target.clone()
    };
    let kinds: [fn(&mut Facts); 2] = [
        |facts| facts.policies.suspend = true,
        |facts| facts.settings.read_only = true,
    ];
    for state in kinds {
        let mut facts = facts.clone();
        state(&mut facts);
        assert_eq!(decide(&facts), Step::ReadCrd);
    }
    for access in [
        CloudAccess::Unread,
        CloudAccess::Unusable(
            crate::plan::facts::reason::Reason::CredentialsMissing,
            "gone".to_owned(),
        ),
        CloudAccess::Usable(elsewhere),
        CloudAccess::Usable(target),
    ] {
        facts.access = access;
        facts.crd = CrdPresence::Unread;
        assert_eq!(decide(&facts), Step::ReadCrd);
        facts.crd = CrdPresence::Going;
        let retained = Some(row.id.clone());
        assert_eq!(decide(&facts), Step::Release { retained });
        facts.crd = CrdPresence::Unknown("forbidden".to_owned());
        let (rest, status) = rested(&facts);
        assert!(rest.again.is_some());
        assert_eq!(reason(&status), "Deleting");
    }
}

#[test]
fn what_was_let_go_holds_no_id_and_tells_who_holds_it() {
    let (mut facts, _, _) = settled();
    facts.object.deleting = true;
    facts.object.finalizer = false;
    facts.object.held_by = vec!["example.com/other".to_owned()];
    // Somebody wiped the finalizer: the delete is still to be made.
    assert_eq!(decide(&facts), Step::ReadCrd);
    let status = release::after_release(&facts);
    assert_eq!(
        (reason(&status), status.callback_id.clone()),
        ("Deleting", None)
    );
    assert!(
        conditions::ready(&status)
            .unwrap()
            .message
            .contains("example.com/other")
    );
    facts.status = status.clone();
    assert_eq!(
        rested(&facts).1,
        status,
        "it is told once, also after a restart"
    );
}

#[test]
fn an_open_record_elsewhere_is_another_target_too() {
    let mut world = PlanWorld::new();
    world.fates = vec![EffectFate::ReplyLost];
    world.run(0);
    let mut facts = world.facts();
    facts.key = SignKeyState::Unwanted;
    facts.access = CloudAccess::Usable(Target {
        project_id: "another".to_owned(),
        ..world.target()
    });
    assert_eq!(reason(&rested(&facts).1), "TargetChanged");
}

#[test]
fn a_record_elsewhere_is_another_target_of_what_is_only_looked_at_too() {
    let (mut facts, row, target) = settled();
    facts.settings.read_only = true;
    facts.key = SignKeyState::Unwanted;
    facts.access = CloudAccess::Usable(target.clone());
    facts.observed = Observed::seen(facts.now, vec![row], true);
    facts.status = rested(&facts).1;
    assert_eq!(reason(&facts.status), "ObserveOnly");
    facts.observed = Observed::Unasked;
    facts.access = CloudAccess::Unread;
    assert!(matches!(decide(&facts), Step::Requeue(_)));

    let record = facts.record.as_mut().unwrap();
    "another".clone_into(&mut record.target.project_id);
    "newer".clone_into(&mut record.attempts[0].id);
    assert_eq!(decide(&facts), Step::ReadSecrets);
    facts.access = CloudAccess::Usable(target);
    assert_eq!(reason(&rested(&facts).1), "TargetChanged");
}

#[test]
fn a_create_of_unknown_outcome_is_not_repeated_before_its_backoff_ends() {
    let mut world = PlanWorld::new();
    world.fates = vec![EffectFate::Lost];
    world.run(0);
    world.now += 600;
    let mut facts = world.facts();
    facts.access = CloudAccess::Usable(world.target());
    facts.key = SignKeyState::Unwanted;
    facts.status.failures = Some(9);
    facts.observed = Observed::seen(facts.now, Vec::new(), true);
    facts.next_attempt = Some(later(facts.now, Duration::from_secs(20)));
    let (rest, _) = rested(&facts);
    assert_eq!(rest.again, facts.next_attempt);
    facts.next_attempt = Some(facts.now);
    assert_eq!(decide(&facts), Step::Create);
}

#[test]
fn the_first_update_time_after_our_write_is_the_baseline_if_it_can_be_ours() {
    let (facts, row, _) = settled();
    let mut status = facts.status.clone();
    let ours = operation_log::last_write(&status).unwrap();
    let sent = status.sent.as_mut().unwrap();
    sent.key_digest = Some("digest".to_owned());
    status.remote.as_mut().unwrap().update_time = None;
    let at = |secs| Row {
        update_time: Some(later(ours, Duration::from_secs(secs))),
        ..row.clone()
    };
    let is_news = |baseline, secs| drift::needs_decision(&status, baseline, &[at(secs)]);
    assert!(!is_news(None, 40), "two clocks");
    assert!(is_news(None, 120), "no clock is so wrong");
    let baseline = drift::baseline(Some(ours), &status, &at(40));
    assert!(!is_news(baseline, 40));
    assert!(is_news(baseline, 41), "somebody wrote it since");
    assert_eq!(drift::baseline(Some(ours), &status, &at(120)), None);
    let mut before = at(0);
    before.content.url = Some("https://hooks.example.com/before".to_owned().into());
    let baseline = drift::baseline(Some(ours), &status, &before);
    assert_eq!(
        baseline, None,
        "a list that lags shows what was there before"
    );
}

#[test]
fn three_answers_of_a_maintenance_are_over_in_15_seconds() {
    let failure = process::failure(Class::Maintenance);
    for seed in 0..200 {
        let uid = format!("uid-{seed}");
        let pauses = (1..=3).map(|count| backoff::delay(&failure, count, &uid));
        let all: Duration = pauses.sum();
        assert!(all <= Duration::from_secs(15), "{uid}: {all:?}");
    }
}
