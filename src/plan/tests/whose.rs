//! Whose a row, an id or a place is, and what is told of that: each case by itself.

use std::time::Duration;

use super::given::{at, held, requeue_of, usable, with};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::api::status::Status;
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{Adoption, CloudAccess, Facts, GetResult, Observed, OtherOwner};
use crate::plan::outcome::release;
use crate::plan::step::decide::decide;
use crate::plan::step::delete::left_unproven;
use crate::plan::step::foreign::{decide_foreign, report_several};
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Requeue, Step, dispute, maintain};
use crate::terms::failure::Class;
use crate::terms::target::Target;

#[test]
fn a_foreign_row_is_adopted_by_policy_and_by_who_knows_all() {
    let (facts, row) = (usable(), settled().1);
    let mut different = row.clone();
    different.content.url = content(3).url.map(Into::into);
    let step = |row: &Row, adoption, change: &dyn Fn(&mut Facts)| {
        let facts = with(&facts, change);
        let mut desired = facts.desired.clone().unwrap();
        desired.adoption = adoption;
        decide_foreign(&facts, &desired, row)
    };
    let conflict = |step| {
        let situation = requeue_of(step).situation;
        assert_eq!(
            (situation.reason, situation.stage),
            (Reason::Conflict, Stage::Stalled)
        );
        situation.message
    };
    let adopted = |row: &Row| Step::Adopt(row.clone());
    assert_eq!(step(&row, Adoption::IfIdentical, &|_| {}), adopted(&row));
    assert_eq!(
        step(&different, Adoption::Always, &|_| {}),
        adopted(&different)
    );
    let message = conflict(step(&different, Adoption::IfIdentical, &|_| {}));
    assert!(
        message.contains("it differs from the spec (notifyCallbackURL: "),
        "{message}"
    );
    let message = conflict(step(&row, Adoption::Never, &|_| {}));
    assert!(message.contains("adoptionPolicy is Never"), "{message}");
    let claim = |it: &mut Facts| {
        it.claimed_elsewhere.insert(row.id.clone());
    };
    let message = conflict(step(&row, Adoption::Always, &claim));
    assert!(
        message.contains("another RecordingCallback's status holds its id"),
        "{message}"
    );
    let waits = requeue_of(step(&row, Adoption::Always, &|it| it.knows_all = false));
    assert_eq!(
        (waits.situation.reason, waits.again),
        (
            Reason::Creating,
            Some(later(facts.now, Duration::from_secs(30)))
        )
    );

    let rows = |count: usize| vec![row.clone(); count];
    for (count, more) in [(2, false), (10, false), (11, true)] {
        let message = conflict(report_several(&facts, &rows(count)));
        assert_eq!(message.matches(&row.id).count(), count.min(10));
        assert_eq!(message.contains(", and more."), more, "{message}");
    }
}

#[test]
fn an_id_that_may_be_anothers_counts_only_where_it_was_seen_at_home() {
    let (facts, row) = (usable(), settled().1);
    let id = row.id.clone();
    let update = Step::Update {
        id: id.clone(),
        drift: None,
    };
    let delete = Step::Delete { id: id.clone() };
    let rest = Step::Requeue(Requeue::new(Situation::unchanged()));
    let mut elsewhere = row.clone();
    elsewhere.place = Place::new("push.example.com", "other");
    let claimed = with(&facts, &|it| {
        it.claimed_elsewhere.insert(id.clone());
    });
    let hearsay = with(&facts, &|it| it.is_hearsay = true);
    let down = failure(Class::CloudDown);
    for disputed in [claimed, hearsay] {
        let check = |get_result: GetResult, step: &Step| {
            dispute::check(
                &with(&disputed, &|it| it.get_result = get_result.clone()),
                step.clone(),
            )
        };
        for change in [&update, &delete] {
            assert_eq!(check(GetResult::Unasked, change), Step::GetById);
            assert_eq!(
                check(GetResult::Unknown(down.clone()), change),
                Step::ReportFailure(down.clone())
            );
            assert_eq!(check(GetResult::Gone, change), *change);
            assert_eq!(check(GetResult::Row(row.clone()), change), *change);
        }
        let invalid = with(&disputed, &|it| {
            it.desired = Err("adoptionPolicy".to_owned());
            it.get_result = GetResult::Row(row.clone());
        });
        assert_eq!(dispute::check(&invalid, delete.clone()), delete);
        assert_eq!(check(GetResult::Unasked, &rest), rest);
        assert_eq!(check(GetResult::Unknown(down.clone()), &rest), rest);
        for step in [&update, &rest] {
            let refused = requeue_of(check(GetResult::Row(elsewhere.clone()), step));
            assert_eq!(refused.situation.reason, Reason::Conflict);
            let going = with(&disputed, &|it| {
                it.object.deleting = true;
                it.get_result = GetResult::Row(elsewhere.clone());
            });
            let retained = Some(id.clone());
            assert_eq!(
                dispute::check(&going, step.clone()),
                Step::Release { retained }
            );
        }
    }
    let seen = with(&facts, &|it| {
        it.get_result = GetResult::Row(elsewhere.clone());
    });
    assert_eq!(
        dispute::check(&seen, update.clone()),
        update,
        "nobody else names it"
    );
    let nameless = with(&facts, &|it| {
        it.is_hearsay = true;
        it.status.callback_id = None;
    });
    assert_eq!(dispute::check(&nameless, update.clone()), update);
}

#[test]
fn a_duplicate_comes_back_when_something_may_have_changed() {
    let facts = with(&usable(), &|it| it.dependency_changed = true);
    let settle = facts.settings.settle_time;
    let told = |owner: OtherOwner, change: &dyn Fn(&mut Facts)| {
        let facts = with(&facts, &|it| {
            it.other_owner = Some(owner.clone());
            change(it);
        });
        let rest = requeue_of(decide(&facts));
        assert_eq!(rest.situation.reason, Reason::Duplicate);
        (
            rest.situation.stage,
            rest.again.map(|it| it.duration_since(facts.now).as_secs()),
        )
    };
    let owner = |id: Option<&str>, deleting, unproven| OtherOwner {
        name: "media/owner".to_owned(),
        id: id.map(str::to_owned),
        deleting,
        unproven,
        creating: false,
        afar: false,
    };
    let soon = Some(i64::try_from(settle.as_secs()).unwrap());
    assert_eq!(
        told(owner(Some("id"), false, false), &|_| {}),
        (Stage::Progressing, soon)
    );
    let long = |it: &mut Facts| {
        let ready = &mut it.status.conditions[0];
        "Duplicate".clone_into(&mut ready.reason);
        ready.last_transition_time = Some(it.now);
    };
    assert_eq!(
        told(owner(Some("id"), false, false), &long),
        (Stage::Stalled, None)
    );
    assert_eq!(
        told(owner(Some("id"), true, false), &long),
        (Stage::Progressing, None)
    );
    assert_eq!(
        told(owner(Some("id"), false, true), &long),
        (Stage::Progressing, soon),
        "what it claims counts for a while"
    );
    let afar = OtherOwner {
        afar: true,
        ..owner(Some("id"), false, false)
    };
    assert_eq!(
        told(afar, &long),
        (Stage::Stalled, Some(600)),
        "nobody tells when its callback is gone"
    );
    assert_eq!(
        told(owner(None, false, false), &long),
        (Stage::Stalled, soon)
    );
}

#[test]
fn another_project_or_another_address_is_told_with_both() {
    let facts = usable();
    let home = settled().2;
    let with_target = |target: &Target| {
        with(&facts, &|it| {
            it.access = CloudAccess::Usable(target.clone());
        })
    };
    let at_once = |facts: &Facts| with(facts, &|it| it.dependency_changed = true);
    let project = Target {
        project_id: "another".to_owned(),
        ..home.clone()
    };
    let situation = requeue_of(decide(&at_once(&with_target(&project)))).situation;
    assert_eq!(
        (situation.reason, situation.stage),
        (Reason::TargetChanged, Stage::Stalled)
    );
    for word in [home.project_id.as_str(), "another", &home.region] {
        assert!(situation.message.contains(word), "{}", situation.message);
    }
    let address = Target {
        endpoint: "https://other.example.com".to_owned(),
        ..home.clone()
    };
    let moved = at_once(&with_target(&address));
    assert!(matches!(decide(&moved), Step::Look(_)));
    let absent = with(&moved, &|it| {
        it.observed = Observed::seen(it.now, Vec::new(), true);
    });
    assert_eq!(decide(&absent), Step::GetById, "a list may lack it");
    let gone = with(&absent, &|it| it.get_result = GetResult::Gone);
    let rest = requeue_of(decide(&gone));
    let situation = &rest.situation;
    assert_eq!(situation.reason, Reason::TargetChanged);
    assert_eq!(rest.again, situation.next, "it is looked for again");
    assert!(rest.again.is_some_and(|again| again > facts.now));
    for word in [home.endpoint.as_str(), "https://other.example.com"] {
        assert!(situation.message.contains(word), "{}", situation.message);
    }
    // Who has no callback is nowhere.
    let nowhere = with(&moved, &|it| it.status.callback_id = None);
    assert!(matches!(decide(&nowhere), Step::Look(_)));
}

#[test]
fn who_is_let_go_may_leave_what_no_look_has_shown() {
    let (facts, row) = (usable(), settled().1);
    let attempt = |id: &str| Attempt::new(id.to_owned(), at(&facts, -100), &content(0), None);
    let record = Record::new("uid", &settled().2, attempt("first"));
    let several = record.clone().appended(attempt("newest"));
    let left = |change: &dyn Fn(&mut Facts)| {
        let facts = with(&facts, &|it| {
            it.object.deleting = true;
            it.record = Some(record.clone());
            change(it);
        });
        left_unproven(&facts).is_some()
    };
    let seen = |it: &mut Facts, rows: &[Row]| {
        it.observed = Observed::seen(it.now, rows.to_vec(), true);
    };
    let beside = Row {
        id: "beside".to_owned(),
        create_time: Some(at(&facts, -100)),
        ..row.clone()
    };
    assert!(left(&|_| {}));
    assert!(!left(&|it| it.object.deleting = false));
    assert!(!left(&|it| it.record = None));
    assert!(!left(
        &|it| it.status.closed_operation = it.newest_attempt_id()
    ));
    assert!(
        !left(&|it| seen(it, std::slice::from_ref(&row))),
        "it is told by its id"
    );
    assert!(left(&|it| seen(it, &[row.clone(), beside.clone()])));
    assert!(left(
        &|it| it.observed = Observed::seen(it.now, Vec::new(), false)
    ));
    assert!(left(&|it| {
        it.observed = Observed::seen(at(it, -80), Vec::new(), true);
    }));
    let closed = |it: &mut Facts| {
        it.record = Some(several.clone());
        it.status.closed_operation = it.newest_attempt_id();
    };
    assert!(left(&closed));
    assert!(!left(&|it| {
        closed(it);
        it.rechecked = true;
    }));
}

#[test]
fn what_the_cloud_keeps_in_other_words_is_told_field_by_field_and_by_place() {
    let (facts, row) = (usable(), settled().1);
    let desired = facts.desired.unwrap();
    let mut elsewhere = row.clone();
    elsewhere.place = Place::new("push.example.com", "other");
    let mut both = elsewhere.clone();
    both.content.sign_type = Some("MD5".to_owned());
    let other = Row {
        content: both.content.clone(),
        ..row
    };
    let place = "place: push.example.com/other at the cloud, push.example.com/live here";
    let field = "signType: MD5 at the cloud, HMACSHA256 here";
    for (row, words) in [
        (&elsewhere, place.to_owned()),
        (&other, field.to_owned()),
        (&both, format!("{place}; {field}")),
    ] {
        let message = maintain::normalized(row, &desired, held()).message;
        assert!(message.contains(&format!("({words})")), "{message}");
    }
}

#[test]
fn the_recorded_row_goes_before_an_older_one_that_an_attempt_made() {
    let (facts, row) = (usable(), settled().1);
    let older = Row {
        id: "older".to_owned(),
        create_time: None,
        ..row.clone()
    };
    let attempt = Attempt::new("newest".to_owned(), facts.now, &content(0), None);
    let record = Record::new("uid", &settled().2, attempt);
    let facts = with(&facts, &|it| {
        it.record = Some(record.clone());
        it.observed = Observed::seen(it.now, vec![row.clone(), older.clone()], true);
    });
    assert_eq!(facts.own_row(), Some(&row));
    let unknown = with(&facts, &|it| it.status.callback_id = None);
    assert_eq!(unknown.own_row(), Some(&older));
}

#[test]
fn who_parts_with_an_id_forgets_its_callback_and_nothing_else() {
    let facts = usable();
    let expected = Status {
        callback_id: None,
        target: None,
        adopted: None,
        sent: None,
        remote: None,
        ..facts.status.clone()
    };
    assert_eq!(release::after_disown(&facts), expected);
}
