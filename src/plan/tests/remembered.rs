//! What a status is trusted for without a look: of all that each such question depends on, each thing by itself.

use std::time::Duration;

use super::given::{FactsChange, held, keyed, record, set_ready, with};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::api::status::{PlanStatus, RemoteStatus};
use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::later;
use crate::plan::facts::{Desired, Facts, Observed, SignKeyState, operation_log};
use crate::plan::outcome::{self, Receipt};
use crate::plan::step::Requeue;
use crate::plan::step::drift::{RowDrift, detect};
use crate::plan::step::held::{is_as_sent, is_key_as_sent};
use crate::plan::step::settled as rules;
use crate::plan::step::situation::{Situation, Stage};
use crate::terms::failure::{Class, Failure, Operation};

fn desired(facts: &Facts) -> Desired {
    facts.desired.clone().unwrap()
}

/// The rule holds for these facts, and no more after any one of these changes.
fn assert_each_ends(
    facts: &Facts,
    rule: impl Fn(&Facts, &Desired) -> bool,
    changes: &[FactsChange<'_>],
) {
    assert!(rule(facts, &desired(facts)));
    for (number, change) in changes.iter().enumerate() {
        let facts = with(facts, change);
        assert!(!rule(&facts, &desired(&facts)), "change {number}");
    }
}

fn is_settled(facts: &Facts, desired: &Desired) -> bool {
    rules::check_settled(facts, desired).is_some()
}

fn needs_no_reads(facts: &Facts, desired: &Desired) -> bool {
    rules::check_without_reads(facts, desired).is_some()
}

#[test]
fn a_settled_object_is_settled_no_more_by_any_one_thing() {
    let facts = settled().0;
    let changes: [FactsChange<'_>; 9] = [
        &|it| it.status.callback_id = None,
        &|it| {
            it.claimed_elsewhere.insert(it.id().unwrap().to_owned());
        },
        &|it| record(it, 1, false),
        &|it| it.desired.as_mut().unwrap().content = content(1),
        &|it| set_ready(it, "False", Reason::Available),
        &|it| it.object.requested = Some("now".to_owned()),
        &|it| it.look_due = true,
        &|it| it.observed = Observed::seen(it.now, Vec::new(), false),
        &|it| record(it, 2, true),
    ];
    assert_each_ends(&facts, is_settled, &changes);
    assert!(is_settled(
        &with(&facts, &|it| record(it, 1, true)),
        &desired(&facts)
    ));

    let told_otherwise: [FactsChange<'_>; 3] = [
        &|it| set_ready(it, "True", Reason::ObserveOnly),
        &|it| it.object.generation += 1,
        &|it| it.look_due = true,
    ];
    assert_each_ends(&facts, needs_no_reads, &told_otherwise);
    let normalized = with(&facts, &|it| set_ready(it, "True", Reason::Normalized));
    assert!(needs_no_reads(&normalized, &desired(&facts)));
}

#[test]
fn what_ready_does_not_say_the_remembered_row_may() {
    let remembers = |change: FactsChange<'_>| {
        let facts = with(&settled().0, change);
        rules::is_remembered(&facts, &desired(&facts))
    };
    let other_row = |it: &mut Facts| {
        it.status.remote.as_mut().unwrap().notify_callback_url =
            Some("https://c.example.com/".to_owned());
    };
    assert!(remembers(&|_| {}));
    assert!(remembers(&other_row), "it is told");
    let only_looked = |it: &mut Facts| set_ready(it, "True", Reason::ObserveOnly);
    assert!(remembers(&only_looked));
    assert!(!remembers(&|it| {
        only_looked(it);
        other_row(it);
    }));
    assert!(remembers(&|it| {
        only_looked(it);
        it.status.remote = None;
    }));
    assert!(!remembers(&|it| set_ready(
        it,
        "Unknown",
        Reason::Available
    )));
}

#[test]
fn the_key_is_as_sent_by_its_digest_or_as_far_as_it_is_known() {
    let facts = keyed();
    let as_sent = |key: SignKeyState, change: FactsChange<'_>| {
        let facts = with(&facts, &|it| {
            it.key = key.clone();
            change(it);
        });
        is_key_as_sent(&facts, &desired(&facts))
    };
    let digest = |word: &str| SignKeyState::Digest(word.to_owned());
    let unsent = |it: &mut Facts| it.status.sent.as_mut().unwrap().key_digest = None;
    let unwanted = |it: &mut Facts| it.desired.as_mut().unwrap().wants_key = false;
    let lost = |operation, class| {
        move |it: &mut Facts| {
            let lost = Failure {
                operation,
                ..failure(class)
            };
            let entry = operation_log::failure_entry(&lost, it.now, 1);
            operation_log::record_change(&mut it.status, entry);
        }
    };
    assert!(as_sent(digest("digest"), &|_| {}));
    assert!(!as_sent(digest("other"), &|_| {}));
    assert!(!as_sent(digest("digest"), &|it| it.key_in_doubt = true));
    assert!(!as_sent(
        digest("digest"),
        &lost(Operation::Update, Class::CloudDown)
    ));
    assert!(as_sent(
        digest("digest"),
        &lost(Operation::Update, Class::Rejected)
    ));
    assert!(as_sent(SignKeyState::Unwanted, &unsent));
    for unread in [
        SignKeyState::Unread,
        SignKeyState::Missing("gone".to_owned()),
    ] {
        assert!(as_sent(unread.clone(), &|_| {}));
        assert!(!as_sent(unread.clone(), &unsent));
        assert!(as_sent(unread, &|it| {
            unsent(it);
            unwanted(it);
        }));
    }
    // After an update without a key nobody knows which one there is.
    let given_up = |it: &mut Facts| {
        let without = with(it, &|it| {
            it.key = SignKeyState::Unwanted;
            unwanted(it);
        });
        let receipt = Receipt {
            http_status: Some(200),
            request_id: None,
            at: it.now,
        };
        it.status = outcome::after_update(&without, &desired(&without), None, receipt);
    };
    for key in [digest("digest"), digest("unknown"), SignKeyState::Unread] {
        assert!(!as_sent(key, &given_up));
    }
    assert!(as_sent(SignKeyState::Unwanted, &given_up));
    let never_sent = with(&settled().0, &given_up);
    assert_eq!(never_sent.status.sent.unwrap().key_digest, None);
    let invalid = SignKeyState::Invalid("short".to_owned());
    assert!(!as_sent(invalid.clone(), &|_| {}), "no such key was sent");
    assert!(as_sent(invalid, &unwanted));
    let nothing_sent = |it: &mut Facts| it.status.sent = None;
    assert!(!as_sent(digest("digest"), &nothing_sent));
    assert!(as_sent(SignKeyState::Unread, &|it| {
        nothing_sent(it);
        unwanted(it);
    }));
}

#[test]
fn what_was_not_sent_is_as_it_was_seen() {
    let facts = with(&settled().0, &|it| it.status.sent = None);
    let seen_otherwise: [FactsChange<'_>; 3] = [
        &|it| it.status.remote = None,
        &|it| it.status.remote.as_mut().unwrap().sign_type = Some("MD5".to_owned()),
        &|it| it.desired.as_mut().unwrap().wants_key = true,
    ];
    assert_each_ends(&facts, is_as_sent, &seen_otherwise);
}

#[test]
fn a_key_that_can_not_be_read_any_more_is_the_callbacks_while_nothing_else_was_told() {
    let changes: [FactsChange<'_>; 7] = [
        &|it| it.status.callback_id = None,
        &|it| it.object.generation += 1,
        &|it| set_ready(it, "True", Reason::Suspended),
        &|it| set_ready(it, "Unknown", Reason::Suspended),
        &|it| it.status.sent.as_mut().unwrap().key_digest = None,
        &|it| it.status.sent = None,
        &|it| it.desired.as_mut().unwrap().content = content(1),
    ];
    assert_each_ends(&keyed(), rules::has_its_key, &changes);
    let unseen = with(&keyed(), &|it| {
        set_ready(it, "Unknown", Reason::PermissionDenied);
    });
    let looked: [FactsChange<'_>; 2] =
        [&|it| it.status.plan = Some(PlanStatus::default()), &|it| {
            set_ready(it, "False", Reason::PermissionDenied);
        }];
    assert_each_ends(&unseen, rules::has_its_key, &looked);
}

#[test]
fn a_record_of_several_attempts_is_looked_at_once_more_after_the_settle_time() {
    let mut facts = with(&settled().0, &|it| record(it, 2, true));
    let closed = operation_log::last_change(&facts.status).unwrap();
    let due = later(closed, facts.settings.settle_time);
    assert_eq!(rules::recheck_at(&facts), Some(due));
    assert_eq!(facts.settings.settle_time, Duration::from_secs(30));
    facts.now = due;
    let second_before = later(closed, Duration::from_secs(29));
    let changes: [FactsChange<'_>; 3] = [
        &|it| it.now = second_before,
        &|it| it.rechecked = true,
        &|it| record(it, 1, true),
    ];
    assert_each_ends(&facts, |facts, _| rules::must_recheck(facts), &changes);
    for change in &changes[1..] {
        assert_eq!(rules::recheck_at(&with(&facts, change)), None);
    }
    facts.status.operations.clear();
    assert!(
        rules::must_recheck(&facts),
        "nobody knows when it was closed"
    );
}

#[test]
fn an_update_that_was_given_up_is_looked_after_when_its_settle_time_is_over() {
    let given_up = Failure::new(Operation::Update, Class::CloudDown, "");
    let mut facts = settled().0;
    let at = facts.now;
    let entry = operation_log::failure_entry(&given_up, at, 1);
    operation_log::record_change(&mut facts.status, entry);
    let answered = later(at, Duration::from_secs(3));
    let entry = operation_log::success_entry(Operation::Update, Some(200), None, answered, 1);
    operation_log::record_change(&mut facts.status, entry);
    facts.last_write = Some(answered);
    let due = later(at, facts.settings.settle_time);
    facts.now = due;
    let rest = Requeue::new(Situation::new(Reason::Available, Stage::Ready(held()), ""));
    let changes: [FactsChange<'_>; 3] = [
        &|it| it.now = later(at, Duration::from_secs(29)),
        &|it| it.lost_update.rechecked = Some(at),
        // However far ahead a clock was meanwhile.
        &|it| it.lost_update.given_up = Some(later(at, Duration::from_secs(1))),
    ];
    assert_each_ends(&facts, |facts, _| rules::must_recheck(facts), &changes);
    assert_eq!(rules::next_recheck(&facts), Some(due));
    assert_eq!(rules::rechecked_update(&facts, &rest), None);
    facts.observed = Observed::seen(due, Vec::new(), true);
    assert_eq!(rules::rechecked_update(&facts, &rest), Some(at));
    assert_eq!(rules::next_recheck(&facts), None);
    let put_off = Requeue {
        with_look: true,
        ..rest
    };
    assert_eq!(rules::rechecked_update(&facts, &put_off), None);
}

/// The answer to our last write had no body, and a `Date` that was an hour off: a process that came after it knows when it saw that first.
#[test]
fn what_others_write_after_a_write_that_was_dated_ahead_is_no_wording_of_the_cloud() {
    let (facts, row, _) = settled();
    let facts = with(&facts, &|it| {
        it.last_write = Some(it.now);
        it.status.operations[0].time = Some(later(it.now, Duration::from_hours(1)));
        it.status.remote = Some(RemoteStatus {
            id: it.status.callback_id.clone(),
            ..RemoteStatus::default()
        });
    });
    let stands = |changed| {
        let mut row = row.clone();
        row.content.url = content(3).url.map(Into::into);
        row.update_time = Some(changed);
        detect(&facts, &desired(&facts), &row)
    };
    assert!(matches!(stands(facts.now), RowDrift::Normalized(_)));
    let by_others = later(facts.now, Duration::from_secs(1));
    assert_eq!(stands(by_others), RowDrift::Different);
}
