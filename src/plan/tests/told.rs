//! What the status says of each outcome, field by field: counts, times, which record is closed, what is forgotten.

use std::time::Duration;

use super::given::{held, usable};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::api::status::{OperationStatus, PlanStatus, RemoteStatus, Status};
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::facts::time::{later, next_second};
use crate::plan::facts::{CloudAccess, Desired, Facts, Observed, conditions, operation_log};
use crate::plan::outcome::{self, Receipt};
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Requeue, backoff};
use crate::terms::failure::{Class, Failure, Operation};

const CLASSES: [Class; 13] = [
    Class::Rejected,
    Class::Exists,
    Class::Gone,
    Class::Maintenance,
    Class::CloudDown,
    Class::NotSent,
    Class::Throttled,
    Class::Overloaded,
    Class::Credential,
    Class::ClockSkew,
    Class::Permission,
    Class::Account,
    Class::Protocol,
];

fn rest(reason: Reason, stage: Stage) -> Requeue {
    Requeue::new(Situation::new(reason, stage, "as the test has it"))
}

fn reason(status: &Status) -> &str {
    &conditions::ready(status).unwrap().reason
}

fn desired(facts: &Facts) -> Desired {
    facts.desired.clone().unwrap()
}

fn receipt(facts: &Facts) -> Receipt {
    Receipt {
        http_status: Some(200),
        request_id: Some("request".to_owned()),
        at: facts.now,
    }
}

/// Facts with a record of so many attempts, the newest at `facts.now` and open.
fn with_attempts(mut facts: Facts, count: i64) -> Facts {
    let CloudAccess::Usable(target) = &facts.access else {
        panic!("{:?}", facts.access);
    };
    let attempt = |number: i64| {
        let id = format!("attempt-{number}");
        Attempt::new(id, facts.now, &content(0), None)
    };
    let first = Record::new("uid", target, attempt(1));
    let record = (2..=count).fold(first, |record, number| record.appended(attempt(number)));
    facts.record = Some(record);
    facts.record_first_seen = facts.now;
    facts
}

#[test]
fn a_conflict_that_takes_a_person_and_credentials_that_may_come_are_counted() {
    let mut facts = usable();
    facts.status.failures = Some(3);
    let next = later(facts.now, Duration::from_mins(1));
    let asked_again = |reason| {
        let mut rest = rest(reason, Stage::Stalled);
        rest.situation = rest.situation.at(next);
        rest
    };
    for (rest, failures) in [
        (rest(Reason::Conflict, Stage::Stalled), 4),
        (rest(Reason::Conflict, Stage::Progressing), 3),
        (rest(Reason::InvalidSpec, Stage::Stalled), 3),
        (rest(Reason::CredentialsMissing, Stage::Stalled), 3),
        (asked_again(Reason::CredentialsMissing), 4),
        (asked_again(Reason::SignKeyMissing), 3),
        (rest(Reason::Suspended, Stage::Kept), 0),
        (rest(Reason::Available, Stage::Ready(held())), 0),
    ] {
        let status = outcome::after_requeue(&facts, &rest);
        assert_eq!(status.failures, Some(failures), "{rest:?}");
    }
}

#[test]
fn what_was_seen_is_remembered_as_far_as_it_is_news() {
    let facts = usable();
    let remembered = RemoteStatus {
        id: Some("remembered".to_owned()),
        ..RemoteStatus::default()
    };
    let only_looks = |looked: bool, sent: bool| {
        let mut facts = facts.clone();
        facts.policies.observe = true;
        facts.status.remote = Some(remembered.clone());
        facts.status.plan = Some(PlanStatus {
            action: "as before".to_owned(),
            ..PlanStatus::default()
        });
        facts.status.rejected_credential = Some("digest".to_owned());
        if looked {
            facts.observed = Observed::seen(facts.now, Vec::new(), true);
        }
        if !sent {
            facts.status.sent = None;
        }
        let status = outcome::after_requeue(&facts, &rest(Reason::ObserveOnly, Stage::NotReady));
        let replanned = status.plan.unwrap().action != "as before";
        (
            status.remote.is_some(),
            replanned,
            status.rejected_credential.is_some(),
        )
    };
    assert_eq!(only_looks(false, false), (true, false, true));
    assert_eq!(only_looks(false, true), (true, false, true));
    assert_eq!(only_looks(true, true), (true, true, false));
    assert_eq!(only_looks(true, false), (false, true, false));

    let (_, row, _) = settled();
    let seen = rest(Reason::Available, Stage::Ready(held())).with_row(Some(&row));
    let mut managed = facts;
    managed.status.remote = None;
    assert_eq!(
        outcome::after_requeue(&managed, &seen).remote,
        Some(RemoteStatus::from(&row))
    );
}

#[test]
fn who_comes_back_after_a_failure_does_not_wait_for_the_whole_second_of_the_status() {
    let mut facts = usable();
    let down = failure(Class::CloudDown);
    let update = Failure {
        operation: Operation::Update,
        ..down.clone()
    };
    let at = later(facts.now, Duration::from_millis(300));
    let exact = later(at, backoff::delay(&update, 1, &facts.object.uid));
    assert_ne!(
        exact,
        next_second(exact),
        "the test needs a part of a second"
    );
    let (status, again) = outcome::after_failure(&facts, &update, None, at);
    assert_eq!(
        (status.next_attempt_time, again),
        (Some(next_second(exact)), exact)
    );

    // A create of unknown outcome waits for the settle time.
    facts = with_attempts(facts, 1);
    let (status, again) = outcome::after_failure(&facts, &down, None, at);
    let settled_at = later(facts.now, facts.settings.settle_time);
    assert_eq!(
        (status.next_attempt_time, again),
        (Some(settled_at), settled_at)
    );
}

#[test]
fn a_refused_credential_is_remembered_until_something_else_is_said() {
    let mut facts = usable();
    facts.credential = Some("digest".to_owned());
    facts.status.rejected_credential = Some("former".to_owned());
    for class in CLASSES {
        let (status, _) = outcome::after_failure(&facts, &failure(class), None, facts.now);
        let is_refused = matches!(class, Class::Credential | Class::Permission);
        let expected = is_refused.then_some("digest");
        assert_eq!(status.rejected_credential.as_deref(), expected, "{class:?}");

        let status = outcome::after_sweep_failure(&facts, &failure(class), None);
        let expected = if class == Class::Credential {
            "digest"
        } else {
            "former"
        };
        assert_eq!(
            status.rejected_credential.as_deref(),
            Some(expected),
            "{class:?}"
        );
    }
}

#[test]
fn an_answer_closes_the_record_only_where_nothing_was_made_for_sure() {
    for class in CLASSES {
        let closes = match class {
            Class::CloudDown | Class::Overloaded | Class::Protocol => [false, false],
            // Which of two attempts made what exists, or whether the first came late, is not said.
            Class::Exists | Class::NotSent => [true, false],
            Class::Rejected
            | Class::Gone
            | Class::Maintenance
            | Class::Throttled
            | Class::Credential
            | Class::ClockSkew
            | Class::Permission
            | Class::Account => [true, true],
        };
        for (attempts, closes) in [1, 2].into_iter().zip(closes) {
            let facts = with_attempts(usable(), attempts);
            let (status, _) = outcome::after_failure(&facts, &failure(class), None, facts.now);
            let newest = format!("attempt-{attempts}");
            let is_closed = status.closed_operation.as_ref() == Some(&newest);
            assert_eq!(is_closed, closes, "{class:?}, {attempts} attempts");
            if !closes {
                let throttled = class == Class::Overloaded;
                let expected = if throttled {
                    "RateLimited"
                } else {
                    "OutcomeUnknown"
                };
                assert_eq!(reason(&status), expected, "{class:?}");
            }
        }
    }
}

#[test]
fn an_answer_of_a_server_in_trouble_says_nothing_of_what_a_create_made() {
    for (http_status, closes) in [(400, true), (499, true), (500, false), (502, false)] {
        let facts = with_attempts(usable(), 1);
        let refused = Failure {
            http_status: Some(http_status),
            ..failure(Class::Rejected)
        };
        let (status, _) = outcome::after_failure(&facts, &refused, None, facts.now);
        let is_closed = status.closed_operation.as_deref() == Some("attempt-1");
        assert_eq!(is_closed, closes, "{http_status}");
        assert_eq!(reason(&status), "RequestRejected", "its code is told");
    }
}

/// What was to be had first, such as a login, failed in trouble of its own: the create itself was not sent.
#[test]
fn a_server_in_trouble_that_was_asked_first_says_that_a_create_was_not_sent() {
    for class in [Class::NotSent, Class::Credential] {
        let facts = with_attempts(usable(), 1);
        let of_login = Failure {
            http_status: Some(503),
            before_sending: true,
            ..failure(class)
        };
        let (status, _) = outcome::after_failure(&facts, &of_login, None, facts.now);
        assert_eq!(status.closed_operation.as_deref(), Some("attempt-1"));
    }
}

/// The settle time of a PUT that may have been carried out begins with its answer.
#[test]
fn an_answer_of_a_server_in_trouble_says_nothing_of_what_an_update_did() {
    let (facts, _, _) = settled();
    for (http_status, outcome, is_open) in [(401, "Rejected", false), (502, "Unknown", true)] {
        let refused = Failure {
            operation: Operation::Update,
            http_status: Some(http_status),
            ..failure(Class::Credential)
        };
        let (status, _) = outcome::after_failure(&facts, &refused, None, facts.now);
        assert_eq!(status.operations[0].outcome, outcome);
        assert_eq!(operation_log::is_update_unknown(&status), is_open);
        assert_eq!(reason(&status), "CredentialsRejected", "its code is told");
    }
}

#[test]
fn the_log_tells_which_attempt_it_was() {
    let mut facts = usable();
    facts.status.failures = Some(2);
    let status = outcome::after_update(&facts, &desired(&facts), None, receipt(&facts));
    assert_eq!(status.operations[0].attempt, Some(3));
    let remote = status.remote.unwrap();
    assert_eq!(
        (remote.id.as_ref(), remote.notify_callback_url),
        (facts.id().map(str::to_owned).as_ref(), None)
    );
}

#[test]
fn a_callback_beside_another_is_not_ready_yet() {
    let facts = with_attempts(usable(), 1);
    let (_, row, _) = settled();
    let attempt = facts.record.as_ref().unwrap().newest().unwrap().clone();
    let mut other = row.clone();
    "other".clone_into(&mut other.id);
    let told = |rows: &[&Row], deleted: &[&str]| {
        let mut facts = facts.clone();
        let rows = rows.iter().map(|row| (*row).clone()).collect();
        facts.observed = Observed::seen(facts.now, rows, true);
        facts.deleted = deleted.iter().map(|id| (*id).to_owned()).collect();
        let status =
            outcome::after_create(&facts, &desired(&facts), &attempt, &row, receipt(&facts));
        reason(&status).to_owned()
    };
    assert_eq!(told(&[], &[]), "Available");
    assert_eq!(told(&[&row], &[]), "Available");
    assert_eq!(told(&[&row, &other], &["other"]), "Available");
    assert_eq!(told(&[&row, &other], &[]), "Creating");
    assert_eq!(told(&[&other], &[]), "Creating");
}

#[test]
fn what_was_adopted_is_ready_where_it_says_the_spec_and_no_key_is_wanted() {
    let facts = usable();
    let (_, row, _) = settled();
    let mut different = row.clone();
    different.content.url = Some("https://foreign.example.com/".to_owned().into());
    for (row, wants_key, expected) in [
        (&row, false, "Available"),
        (&row, true, "Updating"),
        (&different, false, "Updating"),
        (&different, true, "Updating"),
    ] {
        let mut desired = desired(&facts);
        desired.wants_key = wants_key;
        let status = outcome::after_adoption(&facts, &desired, row);
        assert_eq!((reason(&status), status.adopted), (expected, Some(true)));
    }
}

#[test]
fn a_callback_about_to_change_is_ready_no_more() {
    let mut facts = usable();
    let status = outcome::before_change(&facts);
    assert_eq!(
        (reason(&status), &status.sent),
        ("Updating", &facts.status.sent)
    );
    facts.status = status;
    assert_eq!(outcome::before_change(&facts), facts.status);
}

#[test]
fn after_a_delete_an_id_that_went_is_told_no_more() {
    let mut facts = usable();
    let (ready, sent) = (facts.status.conditions.clone(), facts.status.sent.clone());
    let status = outcome::after_delete(&facts, receipt(&facts));
    let OperationStatus { type_, outcome, .. } = &status.operations[0];
    assert_eq!((type_.as_str(), outcome.as_str()), ("Delete", "Succeeded"));
    assert_eq!((status.conditions, status.sent), (ready, sent));
    assert_eq!(status.callback_id.as_deref(), facts.id());
    facts.deleted.insert(facts.id().unwrap().to_owned());
    assert_eq!(
        outcome::after_delete(&facts, receipt(&facts)).callback_id,
        None
    );
}

#[test]
fn only_who_is_ready_with_this_very_spec_is_left_as_it_was_while_it_waits_for_the_quota() {
    let facts = usable();
    let until = later(facts.now, Duration::from_mins(10));
    let told = |facts: &Facts| reason(&outcome::waiting::while_queued(facts, until)).to_owned();
    assert_eq!(told(&facts), "Available");
    let mut edited = facts.clone();
    edited.desired.as_mut().unwrap().content = content(1);
    assert_eq!(told(&edited), "RateLimited");
    let mut unready = facts.clone();
    "False".clone_into(&mut unready.status.conditions[0].status);
    assert_eq!(told(&unready), "RateLimited");
    let mut going = facts;
    going.object.deleting = true;
    assert_eq!(told(&going), "RateLimited");
}

#[test]
fn an_answer_with_other_values_or_another_place_is_the_spec_in_the_clouds_words() {
    let facts = usable();
    let (_, row, _) = settled();
    let told = |row: &Row| {
        let status = outcome::after_update(&facts, &desired(&facts), Some(row), receipt(&facts));
        reason(&status).to_owned()
    };
    assert_eq!(told(&row), "Available");
    let mut elsewhere = row.clone();
    elsewhere.place = Place::new("push.example.com", "other");
    assert_eq!(told(&elsewhere), "Normalized");
    let mut other = row;
    other.content.sign_type = Some("MD5".to_owned());
    assert_eq!(told(&other), "Normalized");
}
