//! How long each wait lasts and what ends it: of all that a wait depends on, each by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::given::{FactsChange, at, with};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::time::later;
use crate::plan::facts::{Facts, Observed, Rewrites, conditions, operation_log};
use crate::plan::outcome;
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{backoff, contention, preconditions};
use crate::terms::failure::{Class, Failure, Operation};

fn set_reason(facts: &mut Facts, reason: Reason) {
    reason
        .as_str()
        .clone_into(&mut facts.status.conditions[0].reason);
}

/// An object whose newest call failed so, and that waits for a minute.
fn failed(operation: Operation, class: Class) -> Facts {
    let mut facts = settled().0;
    let failure = Failure {
        operation,
        ..failure(class)
    };
    let entry = operation_log::failure_entry(&failure, facts.now, 1);
    operation_log::record_change(&mut facts.status, entry);
    facts.status.failures = Some(1);
    facts.next_attempt = Some(at(&facts, 60));
    facts
}

/// What ends every wait: something changed, or somebody asks.
const URGED: [FactsChange<'static>; 3] = [
    &|it| it.dependency_changed = true,
    &|it| it.object.requested = Some("now".to_owned()),
    &|it| it.object.generation += 1,
];

fn open_record(facts: &mut Facts) {
    let attempt = Attempt::new("newest".to_owned(), facts.now, &content(0), None);
    facts.record = Some(Record::new("uid", &settled().2, attempt));
}

#[test]
fn a_backoff_holds_until_its_end_or_until_something_changes() {
    let facts = failed(Operation::Update, Class::Rejected);
    let until = facts.next_attempt;
    let backoff = |change: FactsChange<'_>| preconditions::backoff(&with(&facts, change));
    assert_eq!(backoff(&|_| {}), until);
    for urged in URGED {
        assert_eq!(backoff(urged), None);
    }
    for over in [
        (&|it: &mut Facts| it.status.failures = Some(0)) as FactsChange<'_>,
        &|it| it.status.failures = None,
        &|it| it.next_attempt = None,
        &|it| it.next_attempt = Some(it.now),
        &|it| it.queued = true,
    ] {
        assert_eq!(backoff(over), None);
    }

    // What waits for a look is looked at before.
    let unknown = failed(Operation::Create, Class::CloudDown);
    assert_eq!(preconditions::backoff(&unknown), unknown.next_attempt);
    assert_eq!(preconditions::backoff(&with(&unknown, &open_record)), None);
    assert_eq!(backoff(&open_record), until, "it was refused");

    // And so is what a sweep saw, where that is all that it waits for.
    let seen = |it: &mut Facts| it.observed = Observed::seen(it.now, Vec::new(), true);
    let contended = |it: &mut Facts| set_reason(it, Reason::Contended);
    let unknown = |it: &mut Facts| "Unknown".clone_into(&mut it.status.conditions[0].status);
    for only in [&seen as FactsChange<'_>, &contended, &unknown] {
        assert_eq!(backoff(only), until);
    }
    assert_eq!(
        backoff(&|it| {
            seen(it);
            contended(it);
        }),
        None
    );
    assert_eq!(
        backoff(&|it| {
            seen(it);
            unknown(it);
        }),
        None
    );
}

#[test]
fn a_change_of_unknown_outcome_waits_for_its_backoff_looks_or_not() {
    let facts = with(&failed(Operation::Create, Class::CloudDown), &open_record);
    let backoff = |change: FactsChange<'_>| preconditions::backoff_of_change(&with(&facts, change));
    assert_eq!(backoff(&|_| {}), facts.next_attempt);
    for urged in URGED {
        assert_eq!(backoff(urged), None);
    }
    assert_eq!(backoff(&|it| it.status.failures = Some(0)), None);
    assert_eq!(backoff(&|it| it.next_attempt = Some(it.now)), None);
}

#[test]
fn a_create_that_a_hidden_callback_keeps_off_waits_like_a_first_rejection() {
    let mut facts = failed(Operation::Create, Class::Exists);
    set_reason(&mut facts, Reason::Conflict);
    let wait = backoff::first(Class::Exists, &facts.object.uid);
    assert!((6.0..=6.25).contains(&wait.as_secs_f64()), "{wait:?}");
    let backoff = |change: FactsChange<'_>| preconditions::backoff_of_hidden(&with(&facts, change));
    let until = later(facts.now, wait);
    assert_eq!(backoff(&|_| {}), Some(until));
    for urged in URGED {
        assert_eq!(backoff(urged), None);
    }
    let last = |it: &mut Facts, change: &dyn Fn(&mut crate::api::status::OperationStatus)| {
        change(it.status.last_operation.as_mut().unwrap());
    };
    let changes: [FactsChange<'_>; 6] = [
        &|it| it.now = until,
        &|it| it.now = at(it, -1),
        &|it| set_reason(it, Reason::RequestRejected),
        &|it| it.status.last_operation = None,
        &|it| last(it, &|last| "Update".clone_into(&mut last.type_)),
        &|it| last(it, &|last| "Unknown".clone_into(&mut last.outcome)),
    ];
    for change in changes {
        assert_eq!(backoff(change), None);
    }
}

/// What is seen in the way waits like a rejection, the longer the more often it was seen.
#[test]
fn a_conflict_is_looked_at_like_a_rejection() {
    let mut facts = settled().0;
    for (failures, least) in [
        (None, 5),
        (Some(0), 5),
        (Some(1), 10),
        (Some(2), 20),
        (Some(50), 600),
    ] {
        facts.status.failures = failures;
        let wait = backoff::next_look(&facts)
            .duration_since(facts.now)
            .as_secs_f64();
        let least = f64::from(least);
        assert!(
            (least..=least * 1.2).contains(&wait),
            "{failures:?}: {wait}"
        );
    }
}

#[test]
fn a_contest_is_left_alone_for_10_minutes_and_over_after_an_hour() {
    let mut facts = settled().0;
    facts.last_write = Some(at(&facts, -100));
    let (minutes, hour) = (SignedDuration::from_mins(10), SignedDuration::from_hours(1));
    let told = |count, repaired: Option<i64>, change: FactsChange<'_>| {
        let facts = with(&facts, &|it| {
            it.rewrites = Rewrites {
                count,
                repaired: repaired.map(|seconds| at(it, seconds)),
            };
            change(it);
        });
        let from_now =
            |until: Option<Timestamp>, least| until.map(|it| it.duration_since(facts.now) - least);
        let seconds = |it: Option<SignedDuration>| it.map(|it| it.as_secs());
        let left = from_now(contention::backoff_until(&facts), minutes);
        (
            seconds(left),
            seconds(from_now(contention::end(&facts), hour)),
        )
    };
    let contended = |it: &mut Facts| set_reason(it, Reason::Contended);
    assert_eq!(told(0, Some(-5), &|_| {}), (None, None));
    assert_eq!(told(1, Some(-5), &|_| {}), (Some(-5), None));
    assert_eq!(told(2, Some(-5), &|_| {}), (Some(-5), Some(-5)));
    assert_eq!(
        told(2, Some(50), &|_| {}),
        (Some(0), Some(0)),
        "no later than now"
    );
    assert_eq!(told(2, Some(-600), &|_| {}), (None, Some(-600)));
    assert_eq!(told(2, Some(-3600), &|_| {}), (None, None));
    assert_eq!(told(2, None, &|_| {}), (None, None));
    assert_eq!(
        told(0, None, &contended),
        (Some(-100), Some(-100)),
        "as a restart has it"
    );
    assert_eq!(told(0, Some(-5), &contended), (Some(-5), Some(-5)));
    for urged in URGED {
        assert_eq!(told(2, Some(-5), urged), (None, Some(-5)));
    }

    let available = || Situation::new(Reason::Available, Stage::Ready, "");
    facts.rewrites = Rewrites {
        count: 2,
        repaired: Some(facts.now),
    };
    let situation = contention::unless_contended(&facts, available());
    assert_eq!(
        (situation.reason, situation.stage),
        (Reason::Contended, Stage::Stalled)
    );
    let id = facts.id().unwrap();
    assert!(situation.message.contains(id), "{}", situation.message);
    let calm = with(&facts, &|it| it.rewrites.count = 1);
    assert_eq!(
        contention::unless_contended(&calm, available()),
        available()
    );
    let gone = with(&facts, &|it| it.status.callback_id = None);
    assert_eq!(
        contention::unless_contended(&gone, available()),
        available()
    );
}

/// However far ahead it was announced by whoever wrote the status, its clock included.
#[test]
fn what_was_announced_is_measured_by_the_clock_that_announced_it() {
    let mut facts = failed(Operation::Update, Class::Throttled);
    let longest = |facts: &Facts| backoff::longest(&facts.status, Duration::from_secs(30));
    set_reason(&mut facts, Reason::RateLimited);
    facts.status.next_attempt_time = Some(at(&facts, 40));
    assert_eq!(longest(&facts), Duration::from_secs(41));
    facts.status.next_attempt_time = Some(at(&facts, 4_000));
    assert_eq!(longest(&facts), backoff::LONGEST);
    facts.status.next_attempt_time = Some(at(&facts, -40));
    assert_eq!(longest(&facts), backoff::LONGEST, "no wait at all");
    facts.status.next_attempt_time = None;
    assert_eq!(longest(&facts), backoff::LONGEST);
}

/// Only a create has something to look for where something exists; a change of what is known is refused like any other.
#[test]
fn a_change_of_what_is_known_that_is_told_to_exist_waits_like_a_rejection() {
    for (operation, waits, reason) in [
        (Operation::Create, false, Reason::Conflict),
        (Operation::Update, true, Reason::RequestRejected),
        (Operation::Delete, true, Reason::RequestRejected),
    ] {
        let facts = settled().0;
        let failure = Failure {
            http_status: Some(409),
            ..Failure::new(operation, Class::Exists, "already exists")
        };
        let (status, again) = outcome::after_failure(&facts, &failure, None, facts.now);
        assert_eq!(again >= at(&facts, 5), waits, "{operation:?}");
        assert_eq!(
            conditions::ready_reason(&status),
            Some(reason),
            "{operation:?}"
        );
    }
}
