//! What the conditions say of each stage, and of an object that waits or whose looks fail: each case by itself.

use std::time::Duration;

use super::given::{FactsChange, held, requeue_of, usable, with};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::api::status::Status;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{CrdPresence, Facts, Observed, SignKeyState, conditions, operation_log};
use crate::plan::outcome::{self, release, waiting};
use crate::plan::step::decide::decide;
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Requeue, Step};
use crate::terms::failure::{Class, Failure, Operation};

fn reason(status: &Status) -> &str {
    &conditions::ready(status).unwrap().reason
}

/// Type and status of each condition.
fn told(status: &Status) -> Vec<(&str, &str)> {
    let conditions = status.conditions.iter();
    conditions
        .map(|it| (it.type_.as_str(), it.status.as_str()))
        .collect()
}

#[test]
fn each_stage_has_its_conditions() {
    let facts = usable();
    for (stage, ready, also) in [
        (Stage::Ready(held()), "True", None),
        (Stage::Progressing, "False", Some("Reconciling")),
        (Stage::Stalled, "False", Some("Stalled")),
        (Stage::NotReady, "False", None),
        (Stage::Unknown, "Unknown", None),
        (Stage::UnknownProgressing, "Unknown", Some("Reconciling")),
        (Stage::Kept, "True", None),
        (Stage::AsItWas, "True", None),
    ] {
        let situation = Situation::new(Reason::Updating, stage, "as the test has it");
        let facts = with(&facts, &|it| it.object.generation += 1);
        let status = outcome::after_requeue(&facts, &Requeue::new(situation));
        let mut expected = vec![("Ready", ready)];
        expected.extend(also.map(|also| (also, "True")));
        assert_eq!(told(&status), expected, "{stage:?}");
        let generation = Some(facts.object.generation);
        assert_eq!(status.observed_generation, generation);
        assert!(
            status
                .conditions
                .iter()
                .all(|it| it.observed_generation == generation)
        );
        let expected = if stage == Stage::AsItWas {
            "Available"
        } else {
            "Updating"
        };
        assert_eq!(reason(&status), expected);
    }
}

#[test]
fn a_condition_tells_since_when_it_has_been_so() {
    let mut facts = usable();
    let begun = facts.now;
    let mut tell = |stage, reason, seconds: u64| {
        facts.now = later(begun, Duration::from_secs(seconds));
        let rest = Requeue::new(Situation::new(reason, stage, ""));
        facts.status = outcome::after_requeue(&facts, &rest);
        let since = facts.status.conditions.iter();
        let since = since.map(|it| {
            it.last_transition_time
                .unwrap()
                .duration_since(begun)
                .as_secs()
        });
        since.collect::<Vec<_>>()
    };
    assert_eq!(tell(Stage::Progressing, Reason::Updating, 1), [1, 1]);
    assert_eq!(tell(Stage::Progressing, Reason::Updating, 2), [1, 1]);
    assert_eq!(
        tell(Stage::Progressing, Reason::Creating, 3),
        [1, 3],
        "it waits for something else"
    );
    assert_eq!(tell(Stage::Stalled, Reason::Creating, 4), [1, 4]);
    assert_eq!(tell(Stage::Stalled, Reason::Updating, 5), [1, 4]);
    assert_eq!(tell(Stage::Ready(held()), Reason::Updating, 6), [6]);
}

#[test]
fn a_failed_look_says_of_what_was_settled_what_can_be_known() {
    let facts = usable();
    let after = |class, ready: &str, change: &dyn Fn(&mut Facts)| {
        let facts = with(&facts, &|it| {
            ready.clone_into(&mut it.status.conditions[0].status);
            change(it);
        });
        let look = Failure {
            operation: Operation::List,
            ..failure(class)
        };
        let status = outcome::after_failure(&facts, &look, None, facts.now).0;
        let is_told = reason(&status) != "Available";
        (told(&status)[0].1.to_owned(), is_told)
    };
    let so = |ready: &str, is_told| (ready.to_owned(), is_told);
    for class in [
        Class::Credential,
        Class::Permission,
        Class::Account,
        Class::Rejected,
    ] {
        assert_eq!(after(class, "True", &|_| {}), so("True", false));
        assert_eq!(after(class, "Unknown", &|_| {}), so("Unknown", true));
        assert_eq!(after(class, "False", &|_| {}), so("False", true));
    }
    for class in [Class::CloudDown, Class::Throttled] {
        assert_eq!(after(class, "True", &|_| {}), so("True", false));
        assert_eq!(after(class, "Unknown", &|_| {}), so("Unknown", false));
        assert_eq!(after(class, "False", &|_| {}), so("False", true));
        // Of what is not settled, or was not seen as whom the new spec names, it is a failure.
        assert_eq!(
            after(class, "True", &|it| it.status.callback_id = None),
            so("False", true)
        );
        assert_eq!(
            after(class, "True", &|it| it.desired.as_mut().unwrap().content =
                content(1)),
            so("False", true)
        );
        assert_eq!(
            after(class, "True", &|it| it.desired = Err("no URL".to_owned())),
            so("False", true)
        );
        assert_eq!(
            after(class, "True", &|it| it.account_has_seen = false),
            so("True", false)
        );
        assert_eq!(
            after(class, "True", &|it| it.object.generation += 1),
            so("True", false)
        );
        let unheard_of = |it: &mut Facts| {
            it.account_has_seen = false;
            it.object.generation += 1;
        };
        assert_eq!(after(class, "True", &unheard_of), so("False", true));
    }
}

#[test]
fn who_waits_for_the_quota_tells_what_was_seen_meanwhile() {
    let (facts, row) = (usable(), settled().1);
    let until = later(facts.now, Duration::from_mins(10));
    let mut other = row.clone();
    other.content.url = content(3).url.map(Into::into);
    let after = |rows: &[&Row], proven| {
        let rows = rows.iter().map(|row| (*row).clone()).collect();
        let facts = with(&facts, &|it| it.observed = Observed::Unasked);
        let facts = Facts {
            observed: Observed::seen(facts.now, rows, proven),
            ..facts
        };
        let status = waiting::while_queued(&facts, until);
        reason(&status).to_owned()
    };
    assert_eq!(after(&[], false), "Available");
    assert_eq!(after(&[], true), "RateLimited");
    assert_eq!(after(&[&row, &other], true), "Available");
    assert_eq!(after(&[&other, &other], true), "RateLimited");
}

#[test]
fn who_has_used_up_its_calls_says_so_where_nothing_worse_is_told() {
    let facts = usable();
    let until = later(facts.now, Duration::from_mins(10));
    let after = |change: &dyn Fn(&mut Facts)| {
        let facts = with(&facts, change);
        let status = waiting::while_exhausted(&facts, until);
        assert!(status == facts.status || status.next_attempt_time == Some(until));
        reason(&status).to_owned()
    };
    let unseen = |it: &mut Facts| {
        let look = Failure {
            operation: Operation::List,
            ..failure(Class::CloudDown)
        };
        let entry = operation_log::failure_entry(&look, it.now, 1);
        operation_log::record_failed_look(&mut it.status, entry);
    };
    let edited = |it: &mut Facts| it.desired.as_mut().unwrap().content = content(1);
    assert_eq!(after(&|_| {}), "CloudUnavailable");
    assert_eq!(after(&edited), "CloudUnavailable");
    assert_eq!(after(&unseen), "Available");
    assert_eq!(
        after(&|it| {
            unseen(it);
            edited(it);
        }),
        "CloudUnavailable"
    );
    assert_eq!(
        after(&|it| "False".clone_into(&mut it.status.conditions[0].status)),
        "Available"
    );
}

#[test]
fn an_object_that_can_not_be_let_go_says_why_and_tries_again() {
    for (deleting, expected) in [(true, "Deleting"), (false, "ObserveOnly")] {
        let mut facts = usable();
        facts.object.deleting = deleting;
        facts.status.failures = Some(2);
        let (status, again) =
            release::after_refused_release(&facts, "a webhook says no", facts.now);
        assert_eq!((reason(&status), status.failures), (expected, Some(3)));
        let wait = again.duration_since(facts.now).as_secs();
        assert!((8..=9).contains(&wait), "{wait}");
        assert!(status.next_attempt_time >= Some(again));
        assert_eq!(told(&status).len(), if deleting { 2 } else { 1 });
    }
}

#[test]
fn a_suspended_object_reads_the_key_of_another_spec_and_nothing_else() {
    let facts = with(&usable(), &|it| {
        it.policies.suspend = true;
        it.desired.as_mut().unwrap().wants_key = true;
        it.status.sent.as_mut().unwrap().key_digest = Some("digest".to_owned());
        it.key = SignKeyState::Unread;
        it.object.generation += 1;
    });
    assert_eq!(decide(&facts), Step::ReadSecrets);
    let reads_nothing: [FactsChange<'_>; 3] = [
        &|it| it.object.generation -= 1,
        &|it| it.key = SignKeyState::Missing("gone".to_owned()),
        &|it| it.desired.as_mut().unwrap().wants_key = false,
    ];
    for change in reads_nothing {
        let rest = requeue_of(decide(&with(&facts, change)));
        assert_eq!(rest.situation.reason, Reason::Suspended);
    }
}

#[test]
fn an_object_without_finalizer_is_let_go_where_nothing_of_its_own_is_left() {
    let facts = with(&usable(), &|it| {
        it.object.deleting = true;
        it.object.finalizer = false;
        it.crd = CrdPresence::Stays;
    });
    let step = |change: FactsChange<'_>| decide(&with(&facts, change));
    let id = facts.id().unwrap().to_owned();
    let gone = |it: &mut Facts| it.status.callback_id = None;
    let deleted = |it: &mut Facts| {
        it.deleted.insert(id.clone());
    };
    assert_eq!(step(&|_| {}), Step::Delete { id: id.clone() });
    assert!(matches!(step(&gone), Step::Requeue(_)));
    assert!(matches!(step(&|it| it.released = true), Step::Requeue(_)));
    let release = Step::Release { retained: None };
    assert_eq!(step(&deleted), release, "the status still names it");
    assert_eq!(
        step(&|it| {
            gone(it);
            it.object.finalizer = true;
        }),
        release
    );
}
