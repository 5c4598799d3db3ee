//! What a status is trusted for without a look: of all that each such question depends on, each thing by itself.

use std::time::Duration;

use super::given::{FactsChange, requeue_of, with};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::api::status::PlanStatus;
use crate::plan::facts::conditions::{self, ConditionStatus};
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::time::later;
use crate::plan::facts::{Desired, Facts, Observed, SignKeyState, operation_log};
use crate::plan::outcome::{self, Receipt};
use crate::plan::step::decide::decide;
use crate::plan::step::settled as rules;
use crate::plan::step::situation::Stage;
use crate::terms::failure::{Class, Failure, Operation};

fn desired(facts: &Facts) -> Desired {
    facts.desired.clone().unwrap()
}

fn set_ready(facts: &mut Facts, word: &str, reason: Reason) {
    let condition = &mut facts.status.conditions[0];
    word.clone_into(&mut condition.status);
    reason.as_str().clone_into(&mut condition.reason);
}

/// A record of so many attempts, closed where `closed`.
fn record(facts: &mut Facts, attempts: usize, closed: bool) {
    let attempt = |number: usize| Attempt::new(number.to_string(), facts.now, &content(0), None);
    let first = Record::new("uid", &settled().2, attempt(1));
    let record = (2..=attempts).fold(first, |record, number| record.appended(attempt(number)));
    facts.status.closed_operation = record.newest().filter(|_| closed).map(|it| it.id.clone());
    facts.record = Some(record);
}

/// A settled object whose key was sent.
fn keyed() -> Facts {
    let mut facts = settled().0;
    facts.desired.as_mut().unwrap().wants_key = true;
    facts.status.sent.as_mut().unwrap().key_digest = Some("digest".to_owned());
    facts
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
    assert_each_ends(&facts, rules::is_settled, &changes);
    assert!(rules::is_settled(
        &with(&facts, &|it| record(it, 1, true)),
        &desired(&facts)
    ));

    let told_otherwise: [FactsChange<'_>; 3] = [
        &|it| set_ready(it, "True", Reason::ObserveOnly),
        &|it| it.object.generation += 1,
        &|it| it.look_due = true,
    ];
    assert_each_ends(&facts, rules::needs_no_reads, &told_otherwise);
    let normalized = with(&facts, &|it| set_ready(it, "True", Reason::Normalized));
    assert!(rules::needs_no_reads(&normalized, &desired(&facts)));
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
        rules::is_key_as_sent(&facts, &desired(&facts))
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
    assert_each_ends(&facts, rules::is_as_sent, &seen_otherwise);
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
fn suspending_leaves_ready_as_it_was_while_the_spec_is_what_was_sent() {
    let stage =
        |facts: &Facts, change: FactsChange<'_>| rules::stage_while_suspended(&with(facts, change));
    let facts = settled().0;
    assert_eq!(stage(&facts, &|_| {}), Stage::Kept);
    assert_eq!(
        stage(&facts, &|it| it.desired.as_mut().unwrap().content =
            content(1)),
        Stage::Unknown
    );
    assert_eq!(
        stage(&facts, &|it| it.desired = Err("no URL".to_owned())),
        Stage::Unknown
    );

    // Of another spec it is said only of a key that was read.
    let facts = keyed();
    assert_eq!(stage(&facts, &|_| {}), Stage::Kept);
    assert_eq!(
        stage(&facts, &|it| it.object.generation += 1),
        Stage::Unknown
    );
    let read = |it: &mut Facts| {
        it.object.generation += 1;
        it.key = SignKeyState::Digest("digest".to_owned());
    };
    assert_eq!(stage(&facts, &read), Stage::Kept);

    // Ready comes back where all that is stored tells that it was so.
    let back = with(&keyed(), &|it| {
        set_ready(it, "Unknown", Reason::Suspended);
        it.key = SignKeyState::Digest("digest".to_owned());
    });
    assert_eq!(stage(&back, &|_| {}), Stage::Ready);
    assert_eq!(
        stage(&back, &|it| it.status.last_operation = None),
        Stage::Ready
    );
    assert_eq!(stage(&back, &|it| it.status.failures = None), Stage::Ready);
    let troubles: [FactsChange<'_>; 11] = [
        &|it| set_ready(it, "False", Reason::Suspended),
        &|it| set_ready(it, "Unknown", Reason::Available),
        &|it| it.status.callback_id = None,
        &|it| it.status.remote = None,
        &|it| it.status.remote.as_mut().unwrap().sign_type = Some("MD5".to_owned()),
        &|it| record(it, 1, false),
        &|it| it.key = SignKeyState::Unread,
        &|it| it.status.failures = Some(1),
        &|it| it.status.rejected_credential = Some("digest".to_owned()),
        &|it| "Unknown".clone_into(&mut it.status.last_operation.as_mut().unwrap().outcome),
        &|it| "Rejected".clone_into(&mut it.status.last_operation.as_mut().unwrap().outcome),
    ];
    for (number, trouble) in troubles.into_iter().enumerate() {
        assert_eq!(stage(&back, trouble), Stage::Kept, "trouble {number}");
    }
}

/// What made Ready unknown is not always in the log: sweeps that fail are told by Ready alone, and suspending takes their word from it.
#[test]
fn what_nobody_saw_any_more_before_it_was_suspended_does_not_come_back() {
    let told = |facts: &Facts| {
        let mut facts = facts.clone();
        facts.policies.suspend = true;
        let requeue = requeue_of(decide(&facts));
        outcome::after_requeue(&facts, &requeue)
    };
    // Twice, as by who starts anew.
    let suspended = |facts: &Facts| {
        let mut facts = facts.clone();
        facts.status = told(&facts);
        assert_eq!(told(&facts), facts.status);
        facts
    };
    let ready = |facts: &Facts| conditions::ready_status(&facts.status);
    let edited = |facts: &Facts| {
        with(facts, &|it| {
            it.desired.as_mut().unwrap().content = content(1);
        })
    };
    let back = |facts: &Facts| with(facts, &|it| it.desired = settled().0.desired);
    for class in [
        Class::Credential,
        Class::Permission,
        Class::Account,
        Class::Rejected,
    ] {
        let unseen = with(&settled().0, &|it| {
            it.status = outcome::after_sweep_failure(it, &failure(class), None);
        });
        for facts in [suspended(&unseen), suspended(&edited(&unseen))] {
            let facts = suspended(&back(&facts));
            assert_eq!(ready(&facts), Some(ConditionStatus::Unknown), "{class:?}");
        }
    }
    // What Ready denied before is not seen either.
    for reason in [Reason::Contended, Reason::TargetChanged, Reason::Conflict] {
        let denied = with(&settled().0, &|it| set_ready(it, "False", reason));
        let facts = suspended(&back(&suspended(&edited(&denied))));
        assert_ne!(ready(&facts), Some(ConditionStatus::True), "{reason}");
        let facts = suspended(&back(&suspended(&edited(&suspended(&denied)))));
        assert_ne!(ready(&facts), Some(ConditionStatus::True), "{reason}");
    }
    let facts = suspended(&back(&suspended(&edited(&settled().0))));
    assert_eq!(ready(&facts), Some(ConditionStatus::True));
}
