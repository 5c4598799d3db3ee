//! Who wrote a row last, at each bound of what tells it; and what a look that came too soon is worth.

use std::time::Duration;

use jiff::Timestamp;

use super::given::{FactsChange, at, held, requeue_of, usable, with};
use super::levels::settled;
use super::world::content;
use super::world::process::{failure, update_of_gone};
use crate::api::status::{PlanStatus, RemoteStatus};
use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{Facts, GetResult, Observed, SignKeyState, operation_log};
use crate::plan::step::decide::decide;
use crate::plan::step::drift::{
    RowDrift, baseline, changed_after, detect, is_untouched, looks_count_from, needs_decision,
};
use crate::plan::step::situation::Stage;
use crate::plan::step::{Proof, Step, look, maintain};
use crate::terms::failure::{Class, Failure, Operation};

/// A settled object, whose last write was answered just now, and its row.
fn written() -> (Facts, Row) {
    let (mut facts, row) = (usable(), settled().1);
    let newest = facts.status.operations.first_mut().unwrap();
    newest.time = Some(facts.now);
    facts.last_write = Some(facts.now);
    (facts, row)
}

/// The row, last changed so many seconds after our last write.
fn changed(facts: &Facts, row: &Row, seconds: i64) -> Row {
    Row {
        update_time: Some(at(facts, seconds)),
        ..row.clone()
    }
}

fn with_key(facts: &mut Facts) {
    facts.desired.as_mut().unwrap().wants_key = true;
    facts.key = SignKeyState::Digest("digest".to_owned());
    facts.status.sent.as_mut().unwrap().key_digest = Some("digest".to_owned());
}

/// A write that was answered without a body.
fn unseen(facts: &mut Facts) {
    facts.status.remote = Some(RemoteStatus {
        id: facts.status.callback_id.clone(),
        ..RemoteStatus::default()
    });
}

#[test]
fn what_a_sweep_sees_asks_for_a_decision_only_where_it_is_news() {
    let (facts, row) = written();
    let needs = |rows: &[&Row], change: FactsChange<'_>| {
        let facts = with(&facts, change);
        let rows: Vec<Row> = rows.iter().map(|row| (*row).clone()).collect();
        needs_decision(&facts.status, None, &rows)
    };
    let mut other = row.clone();
    other.content.url = content(3).url.map(Into::into);
    assert!(!needs(&[&row], &|_| {}));
    assert!(needs(&[&other], &|_| {}));
    assert!(needs(&[], &|_| {}));
    assert!(needs(&[&row, &other], &|_| {}));
    let nothing = |it: &mut Facts| it.status.remote = None;
    assert!(!needs(&[], &nothing));
    assert!(needs(&[&row], &nothing));
    assert!(needs(&[&row], &|it| "Unknown"
        .clone_into(&mut it.status.conditions[0].status)));
    let failed_look = |it: &mut Facts| {
        let look = Failure {
            operation: Operation::List,
            ..failure(Class::CloudDown)
        };
        let entry = operation_log::failure_entry(&look, it.now, 1);
        operation_log::record_failed_look(&mut it.status, entry);
    };
    assert!(needs(&[&row], &failed_look));
    let plans = |action: &'static str| {
        move |it: &mut Facts| {
            it.status.plan = Some(PlanStatus {
                action: action.to_owned(),
                ..PlanStatus::default()
            });
        }
    };
    assert!(needs(&[&row], &plans("Update")));
    assert!(!needs(&[&row], &plans("None")));
    // Its time tells something only of a key, which does not show.
    let late = changed(&facts, &row, 3_000);
    assert!(!needs(&[&late], &|_| {}));
    assert!(needs(&[&late], &with_key));
    assert!(!needs(&[&row], &with_key));
}

#[test]
fn a_row_was_rewritten_if_it_is_younger_than_our_write_by_more_than_clocks_differ() {
    let (facts, row) = written();
    let rewritten = |seconds: i64, baseline: Option<i64>, remembered: Option<i64>| {
        let mut facts = with(&facts, &with_key);
        let remote = facts.status.remote.as_mut().unwrap();
        remote.update_time = remembered.map(|seconds| at(&written().0, seconds).to_string());
        let baseline = baseline.map(|seconds| at(&facts, seconds));
        needs_decision(&facts.status, baseline, &[changed(&facts, &row, seconds)])
    };
    for (seconds, expected) in [
        (-100, false),
        (-61, false),
        (0, false),
        (60, false),
        (61, true),
    ] {
        assert_eq!(rewritten(seconds, None, None), expected, "{seconds}");
    }
    // Where the first time after our write is known, that counts: if it can be that write's.
    for first in [-60, 0, 60] {
        for (from, of_status) in [
            (Some(first), None),
            (None, Some(first)),
            (Some(99), Some(first)),
        ] {
            assert!(!rewritten(first, from, of_status));
            assert!(rewritten(first + 1, from, of_status));
        }
    }
    for first in [-61, 61] {
        assert!(!rewritten(60, Some(first), None));
        assert!(rewritten(61, Some(first), None));
    }
}

#[test]
fn the_first_time_after_our_write_is_its_baseline_if_the_row_is_what_was_written() {
    let (facts, row) = written();
    let at_once = |seconds: i64| changed(&facts, &row, seconds);
    let kept = |row: &Row| baseline(facts.last_write, &facts.status, row);
    for (seconds, expected) in [(-61, false), (-60, true), (60, true), (61, false)] {
        let row = at_once(seconds);
        assert_eq!(
            kept(&row),
            row.update_time.filter(|_| expected),
            "{seconds}"
        );
    }
    let mut other = at_once(0);
    other.content.url = content(3).url.map(Into::into);
    assert_eq!(kept(&other), None, "it may be what was there before");
    let unseen = with(&facts, &unseen);
    assert_eq!(
        baseline(unseen.last_write, &unseen.status, &other),
        other.update_time
    );
    assert_eq!(baseline(None, &facts.status, &at_once(0)), None);
}

#[test]
fn a_row_is_untouched_if_it_is_older_than_any_clock_has_our_write() {
    let (facts, row) = written();
    let unseen = with(&facts, &unseen);
    assert!(is_untouched(&unseen, &changed(&facts, &row, -61)));
    assert!(!is_untouched(&unseen, &changed(&facts, &row, -60)));
    assert!(
        !is_untouched(&facts, &changed(&facts, &row, -61)),
        "the answer was seen"
    );
    assert!(changed_after(&facts, &changed(&facts, &row, 1)));
    assert!(!changed_after(&facts, &changed(&facts, &row, 0)));
}

#[test]
fn a_look_counts_from_the_settle_time_after_the_newest_write_on() {
    let (facts, _) = written();
    let (settle, early, late) = (Duration::from_secs(30), at(&facts, -50), facts.now);
    for (last_write, wrote) in [
        (Some(late), Some(early)),
        (Some(early), Some(late)),
        (Some(late), None),
        (None, Some(late)),
    ] {
        assert_eq!(
            looks_count_from(last_write, wrote, settle),
            later(late, settle)
        );
    }
    assert_eq!(looks_count_from(None, None, settle), Timestamp::MIN);
}

#[test]
fn a_row_stands_to_the_spec_as_what_was_sent_and_what_came_of_it_say() {
    let (facts, row) = written();
    let mut other = row.clone();
    other.content.url = content(3).url.map(Into::into);
    let stands = |row: &Row, change: FactsChange<'_>| {
        let facts = with(&facts, change);
        detect(&facts, facts.desired.as_ref().unwrap(), row)
    };
    let unsent = |it: &mut Facts| it.status.sent = None;
    assert_eq!(stands(&row, &|_| {}), RowDrift::Held(held()));
    assert_eq!(stands(&other, &|_| {}), RowDrift::Different);
    assert_eq!(
        stands(&row, &|it| it.desired.as_mut().unwrap().content =
            content(1)),
        RowDrift::Unsent
    );
    assert_eq!(stands(&row, &unsent), RowDrift::Held(held()));
    assert_eq!(stands(&other, &unsent), RowDrift::Unsent);
    assert_eq!(
        stands(&row, &|it| {
            unsent(it);
            it.desired.as_mut().unwrap().wants_key = true;
        }),
        RowDrift::Unsent
    );
    assert_eq!(
        stands(&other, &|it| it.status.remote = Some((&other).into())),
        RowDrift::Normalized(held())
    );
    let mut elsewhere = row.clone();
    elsewhere.place = crate::plan::facts::place::Place::new("push.example.com", "other");
    assert_eq!(stands(&elsewhere, &|_| {}), RowDrift::Normalized(held()));
    // What came of a write without an answer is that write's, unless its time denies it.
    assert_eq!(
        stands(&changed(&facts, &other, 0), &unseen),
        RowDrift::Normalized(held())
    );
    assert_eq!(
        stands(&changed(&facts, &other, 1), &unseen),
        RowDrift::Different
    );
    assert_eq!(
        stands(&changed(&facts, &other, -61), &unseen),
        RowDrift::Different
    );
    // Or unless it has the very time that was seen before, and the two can't have come within a second.
    let seen_at = |ago: i64| {
        let before = changed(&facts, &other, -ago);
        stands(&before, &|it| {
            unseen(it);
            let remote = it.status.remote.as_mut().unwrap();
            remote.update_time = before.update_time.map(|time| time.to_string());
        })
    };
    assert_eq!(seen_at(1), RowDrift::Normalized(held()));
    assert_eq!(seen_at(2), RowDrift::Different);
    assert_eq!(
        stands(&changed(&facts, &row, -61), &unseen),
        RowDrift::Held(held())
    );
    let keyed_unseen = |it: &mut Facts| {
        with_key(it);
        unseen(it);
    };
    assert_eq!(
        stands(&changed(&facts, &row, -61), &keyed_unseen),
        RowDrift::Different
    );
    assert_eq!(
        stands(&changed(&facts, &row, 61), &with_key),
        RowDrift::Different
    );
    assert_eq!(stands(&row, &with_key), RowDrift::Held(held()));
}

#[test]
fn what_only_the_status_tells_is_looked_at_where_it_can_not_tell() {
    let facts = written().0;
    let must_look = |change: FactsChange<'_>| {
        let facts = with(&facts, &|it| {
            it.dependency_changed = true;
            change(it);
        });
        let step = decide(&facts);
        if !matches!(step, Step::Requeue(_) | Step::Update { .. }) {
            assert_eq!(step, look(facts.now, Proof::Presence));
            return true;
        }
        false
    };
    let reason = |reason: Reason| {
        move |it: &mut Facts| {
            reason
                .as_str()
                .clone_into(&mut it.status.conditions[0].reason);
        }
    };
    let edited = |it: &mut Facts| it.desired.as_mut().unwrap().content = content(1);
    let new_generation = |it: &mut Facts| it.object.generation += 1;
    let unseen_by_account = |it: &mut Facts| it.account_has_seen = false;
    assert!(!must_look(&|_| {}));
    assert!(!must_look(&edited));
    assert!(must_look(&|it| it.look_due = true));
    assert!(must_look(&|it| it.object.requested = Some("now".to_owned())));
    assert!(must_look(&|it| it.not_found = Some(update_of_gone())));
    assert!(must_look(&reason(Reason::Creating)));
    assert!(must_look(&reason(Reason::Conflict)));
    assert!(must_look(
        &|it| "False".clone_into(&mut it.status.conditions[0].status)
    ));
    assert!(!must_look(&|it| {
        edited(it);
        "False".clone_into(&mut it.status.conditions[0].status);
    }));
    assert!(!must_look(&unseen_by_account));
    assert!(!must_look(&new_generation));
    assert!(must_look(&|it| {
        unseen_by_account(it);
        new_generation(it);
    }));
    assert!(!must_look(&|it| {
        unseen_by_account(it);
        new_generation(it);
        edited(it);
    }));
}

#[test]
fn what_is_available_says_what_to_know_of_it() {
    let facts = written().0;
    let message = |change: FactsChange<'_>| {
        let facts = with(&facts, change);
        maintain::available(&facts, facts.desired.as_ref().unwrap(), held()).message
    };
    let (silent, keeps) = (
        " No notifyCallbackURL is given, so nobody is notified.",
        " The sign key that was sent before may stay",
    );
    assert_eq!(message(&|_| {}), "The cloud holds this spec.");
    assert!(message(&|it| it.desired.as_mut().unwrap().content.url = None).ends_with(silent));
    assert_eq!(message(&with_key), "The cloud holds this spec.");
    let key_given_up = |it: &mut Facts| {
        with_key(it);
        it.desired.as_mut().unwrap().wants_key = false;
    };
    assert!(message(&key_given_up).contains(keeps));
}

#[test]
fn a_look_that_came_too_soon_is_made_again_when_it_counts() {
    let (facts, _) = written();
    let counts_at = later(facts.now, facts.settings.settle_time);
    let missing = |now: i64, begun: i64, proven, change: FactsChange<'_>| {
        let facts = with(&facts, &|it| {
            it.observed = Observed::seen(at(it, begun), Vec::new(), proven);
            it.now = at(it, now);
            it.dependency_changed = true;
            change(it);
        });
        (decide(&facts), facts.now)
    };
    let rest = requeue_of(missing(5, 0, true, &|_| {}).0);
    assert_eq!((rest.again, rest.with_look), (Some(counts_at), true));
    assert_eq!(rest.situation.stage, Stage::AsItWas);
    for (begun, proven) in [(29, true), (30, false)] {
        let (step, now) = missing(30, begun, proven, &|_| {});
        assert_eq!(step, look(now, Proof::Absence));
    }
    assert_eq!(missing(30, 30, true, &|_| {}).0, Step::GetById);
    let gone = |it: &mut Facts| it.get_result = GetResult::Gone;
    assert_eq!(missing(90, 30, true, &gone).0, Step::Create);
    let (step, now) = missing(91, 30, true, &gone);
    assert_eq!(step, look(now, Proof::Absence), "too old for a create");

    // Of a spec that was never sent Ready is not said.
    let edited = |it: &mut Facts| {
        it.object.generation += 1;
        it.desired.as_mut().unwrap().content = content(1);
    };
    let rest = requeue_of(missing(5, 0, true, &edited).0);
    assert_eq!(
        (rest.situation.reason, rest.with_look),
        (Reason::Updating, true)
    );
    let same_spec = |it: &mut Facts| it.object.generation += 1;
    assert_eq!(
        requeue_of(missing(5, 0, true, &same_spec).0)
            .situation
            .stage,
        Stage::AsItWas
    );
    let told = |it: &mut Facts| it.desired.as_mut().unwrap().content = content(1);
    assert_eq!(
        requeue_of(missing(5, 0, true, &told).0).situation.stage,
        Stage::AsItWas
    );
}
