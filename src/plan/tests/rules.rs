//! Single rules at their bounds, each by itself: what the histories meet only by chance.

use std::time::Duration;

use super::given::at;
use super::levels::settled;
use super::world::process::failure;
use super::world::{SETTLE, content};
use crate::api::status::ChangeStatus;
use crate::plan::facts::conditions::{self, ConditionKind};
use crate::plan::facts::observed::FRESH;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::time::later;
use crate::plan::facts::{Deletion, Facts, difference, operation_log};
use crate::plan::ownership::{FAILED_LOOK_COUNTS_FOR, reserves_place};
use crate::plan::step::backoff;
use crate::plan::step::decide::lane;
use crate::plan::step::situation::{Situation, Stage, describe_failure};
use crate::terms::failure::{Class, Failure, Operation};
use crate::terms::lane::Lane;

/// The facts with a record of one open attempt made so many seconds from now.
fn attempted(facts: &Facts, seconds: i64) -> (Facts, Record) {
    let target = settled().2;
    let attempt = Attempt::new("newest".to_owned(), at(facts, seconds), &content(0), None);
    let record = Record::new("uid", &target, attempt);
    let mut facts = facts.clone();
    facts.record = Some(record.clone());
    (facts, record)
}

#[test]
fn a_look_settles_a_create_by_its_date_unless_that_is_still_to_come() {
    let facts = settled().0;
    for (made, first_seen, posted_here, counts_from) in [
        (-5, -20, false, -5),
        (0, -10, false, 0),
        (100, -10, false, -10),
        (100, 200, false, 100),
        (-5, -2, true, -2),
        (-5, -20, true, -5),
    ] {
        let (mut facts, record) = attempted(&facts, made);
        facts.record_first_seen = at(&facts, first_seen);
        facts.posted_here = posted_here;
        assert_eq!(
            facts.settled_at(&record),
            at(&facts, counts_from + SETTLE),
            "{made} {first_seen} {posted_here}"
        );
    }
}

#[test]
fn what_was_adopted_stays_unless_a_create_may_have_replaced_it() {
    use Deletion::{Delete, Retain};
    let facts = settled().0;
    for (observe, policy, adopted, is_open, expected) in [
        (true, Some(Delete), Some(false), false, Retain),
        (false, Some(Delete), Some(true), false, Delete),
        (false, Some(Retain), Some(false), false, Retain),
        (false, None, Some(true), false, Retain),
        (false, None, Some(true), true, Delete),
        (false, None, Some(false), false, Delete),
        (false, None, None, false, Delete),
    ] {
        let mut facts = if is_open {
            attempted(&facts, 0).0
        } else {
            facts.clone()
        };
        facts.policies.observe = observe;
        facts.policies.deletion = policy;
        facts.status.adopted = adopted;
        assert_eq!(
            facts.deletion(),
            expected,
            "{observe} {policy:?} {adopted:?} {is_open}"
        );
    }
}

#[test]
fn a_record_reserves_its_place_while_a_look_may_miss_what_it_made() {
    let settle = Duration::from_secs(30);
    let bound = settle + FRESH.unsigned_abs();
    let just_before = bound.checked_sub(Duration::from_millis(1)).unwrap();
    let failed = Some(backoff::LONGEST + settle);
    let failed_long_ago = Some(FAILED_LOOK_COUNTS_FOR);
    for (seen_since, has_looked, failed_since, expected) in [
        (Duration::ZERO, false, None, true),
        (just_before, false, None, true),
        (bound, false, None, false),
        (bound, true, None, false),
        (bound, false, failed, false),
        (bound * 100, true, failed, true),
        (bound * 100, true, failed_long_ago, false),
        (Duration::ZERO, true, failed, true),
    ] {
        let reserves = reserves_place(seen_since, settle, has_looked, failed_since);
        assert_eq!(
            reserves, expected,
            "{seen_since:?} {has_looked} {failed_since:?}"
        );
    }
}

#[test]
fn a_difference_is_told_with_both_sides() {
    let change = |from: Option<&str>, to: Option<&str>| ChangeStatus {
        field: "signType".to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    let both = [
        change(Some("MD5"), None),
        change(Some(""), Some("HMACSHA256")),
    ];
    assert_eq!(
        difference::describe(&both),
        "signType: MD5 at the cloud, nothing here; signType: nothing at the cloud, HMACSHA256 here"
    );

    let mut reported = settled().1.reported();
    reported.events = Some(vec!["B".to_owned(), "A".to_owned()].into());
    let changes = difference::between(&reported, &content(0));
    assert_eq!(
        difference::describe(&changes),
        "notifyEventSubscription: A, B at the cloud, RECORD_FILE_COMPLETE here"
    );
    reported.events = None;
    assert_eq!(difference::between(&reported, &content(0)), []);
    let fields: Vec<_> = difference::from_nothing(&content(0))
        .into_iter()
        .map(|it| it.field)
        .collect();
    assert_eq!(
        fields,
        ["notifyCallbackURL", "notifyEventSubscription", "signType"]
    );
    let mut silent = content(0);
    silent.url = None;
    assert_eq!(difference::from_nothing(&silent).len(), 2);
}

/// Who waits for a person or an answer goes first, then who is new; who failed goes last.
#[test]
fn the_lane_follows_from_what_waits() {
    let facts = settled().0;
    let with = |change: &dyn Fn(&mut Facts)| {
        let mut facts = facts.clone();
        change(&mut facts);
        lane(&facts)
    };
    let failed = |facts: &mut Facts| facts.status.failures = Some(1);
    assert_eq!(with(&|_| {}), Lane::Urgent);
    assert_eq!(with(&|it| it.status.callback_id = None), Lane::Create);
    assert_eq!(with(&failed), Lane::Background);
    assert_eq!(
        with(&|it| {
            failed(it);
            it.dependency_changed = true;
        }),
        Lane::Urgent
    );
    assert_eq!(
        with(&|it| {
            failed(it);
            it.object.generation += 1;
        }),
        Lane::Urgent
    );
    assert_eq!(
        with(&|it| {
            failed(it);
            it.object.deleting = true;
        }),
        Lane::Urgent
    );
    assert_eq!(
        with(&|it| {
            failed(it);
            it.object.requested = Some("now".to_owned());
        }),
        Lane::Urgent
    );
    assert_eq!(
        with(&|it| {
            failed(it);
            *it = attempted(it, 0).0;
        }),
        Lane::Urgent
    );
}

#[test]
fn a_reason_is_new_for_the_settle_time() {
    let mut facts = settled().0;
    let since = facts.status.conditions[0].last_transition_time.unwrap();
    let settle = facts.settings.settle_time;
    assert_eq!(
        conditions::young_until(&facts, Reason::Duplicate),
        later(facts.now, settle)
    );
    assert_eq!(conditions::young_until(&facts, Reason::Available), since);
    let mut reconciling = facts.status.conditions[0].clone();
    ConditionKind::Reconciling
        .as_str()
        .clone_into(&mut reconciling.type_);
    reconciling.last_transition_time = Some(facts.now);
    facts.status.conditions.push(reconciling);
    assert_eq!(
        conditions::young_until(&facts, Reason::Available),
        later(facts.now, settle)
    );
}

#[test]
fn the_same_rejection_stalls_an_object_by_count_and_by_time() {
    let facts = settled().0;
    let rejected = Failure {
        operation: Operation::Update,
        ..failure(Class::Rejected)
    };
    let stage = |count: Option<i64>, since: i64, class: Class| {
        let mut facts = facts.clone();
        let told = Failure {
            class,
            ..rejected.clone()
        };
        let mut entry = operation_log::failure_entry(&told, facts.now, 1);
        entry.count = count;
        entry.first_time = Some(at(&facts, -since));
        facts.status.operations.insert(0, entry);
        Situation::failed(&facts, &told, None, facts.now).stage
    };
    let after = i64::try_from(facts.settings.stall_after.as_secs()).unwrap();
    for class in [Class::Rejected, Class::Exists, Class::Gone] {
        assert_eq!(stage(Some(4), after, class), Stage::Stalled);
        assert_eq!(stage(Some(3), after, class), Stage::Progressing);
        assert_eq!(stage(None, after, class), Stage::Progressing);
        assert_eq!(stage(Some(4), after - 1, class), Stage::Progressing);
    }
    assert_eq!(
        stage(Some(99), after, Class::Maintenance),
        Stage::Progressing
    );
    assert_eq!(stage(None, 0, Class::Credential), Stage::Stalled);
}

#[test]
fn a_failure_is_told_with_all_that_support_asks_for() {
    let told = |operation, class, status: Option<u16>, code: Option<&str>, advice| {
        let failure = Failure {
            http_status: status,
            code: code.map(str::to_owned),
            request_id: code.map(|_| "0815".to_owned()),
            ..Failure::new(operation, class, "it went wrong.")
        };
        describe_failure(&failure, advice)
    };
    assert_eq!(
        told(
            Operation::Update,
            Class::Rejected,
            Some(400),
            Some("LIVE.1"),
            Some("mend the spec.")
        ),
        "Update failed (HTTP 400, LIVE.1): it went wrong [request id 0815]. Mend the spec."
    );
    assert_eq!(
        told(Operation::Create, Class::CloudDown, Some(503), None, None),
        "Create may or may not have happened (HTTP 503): it went wrong."
    );
    assert_eq!(
        told(Operation::List, Class::CloudDown, None, None, None),
        "List failed: it went wrong."
    );
    assert_eq!(
        told(Operation::Create, Class::NotSent, None, None, None),
        "Create was not sent: it went wrong."
    );
}

/// The pause by its definition: FNV-1a of seed and salt, its highest byte of 255 parts of the most that is added.
#[test]
fn a_pause_is_lengthened_by_its_hash() {
    for (seed, salt, most) in [
        ("uid", 1, 0.05),
        ("uid", 3, 0.05),
        ("uid", 4, 0.2),
        ("other", 9, 0.2),
    ] {
        let mut hash: u128 = 14_695_981_039_346_656_037;
        for byte in seed.bytes().chain(u32::to_le_bytes(salt)) {
            hash = ((hash ^ u128::from(byte)) * 1_099_511_628_211) % (1 << 64);
        }
        let part = f64::from(u32::try_from(hash / (1 << 56)).unwrap()) / 255.0;
        let base = Duration::from_secs(100);
        let added = backoff::lengthened(base, salt, seed)
            .checked_sub(base)
            .unwrap();
        let expected = 100.0 * most * part;
        assert!(
            (added.as_secs_f64() - expected).abs() < 1e-6,
            "{seed} {salt}: {added:?}, not {expected}"
        );
    }
}

#[test]
fn the_first_pause_of_a_class_and_its_longest_are_fixed() {
    let pauses = |class| {
        let pause = |count| backoff::delay(&failure(class), count, "uid").as_secs_f64();
        (pause(1), pause(99))
    };
    for (class, first, longest) in [
        (Class::Rejected, 5.0, 600.0),
        (Class::Exists, 5.0, 600.0),
        (Class::Gone, 5.0, 600.0),
        (Class::Maintenance, 2.0, 120.0),
        (Class::CloudDown, 2.0, 120.0),
        (Class::NotSent, 2.0, 120.0),
        (Class::Throttled, 2.0, 120.0),
        (Class::Overloaded, 2.0, 120.0),
        (Class::Protocol, 2.0, 120.0),
        (Class::ClockSkew, 30.0, 30.0),
        (Class::Credential, 300.0, 300.0),
        (Class::Permission, 600.0, 600.0),
        (Class::Account, 600.0, 600.0),
    ] {
        let (least, most) = pauses(class);
        assert!(
            (first..=first * 1.05).contains(&least),
            "{class:?}: {least}"
        );
        assert!(
            (longest..=longest * 1.2).contains(&most),
            "{class:?}: {most}"
        );
    }
}
